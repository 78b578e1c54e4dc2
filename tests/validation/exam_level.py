"""The reading desk again, exam by exam: one SimPy process each, through the hours of the week.

Readers work as one desk, evenly through the week, one exam after another and each for its fixed
minutes. An exam that AI has read is looked over before any other. Of the others, any one is as
likely to be next, so modalities share the hours in proportion to their work (docs/model.md §3).
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import simpy

from sim.streams import stream
from sim.units import DAYS_PER_WEEK, MINUTES_PER_HOUR
from tests.validation.desk import Desk, arrivals
from tests.validation.station import Means

Process = Generator[simpy.Event, object, None]


@dataclass
class Tally:
    """What happened since the end of the warm-up; times in weeks."""

    read: np.ndarray
    came: int = 0
    stale: int = 0
    ended: int = 0
    waits: float = 0.0
    """From the exam to when somebody begins to read it, or until it is of no more use."""
    waiting: float = 0.0
    """The part of all waits since the end of the warm-up."""
    here: dict[simpy.Event, float] = field(default_factory=dict)
    """Exams that nobody has begun to read, and when they came."""


class ExamLevel:
    """A simulation of one desk; time in weeks."""

    def __init__(self, desk: Desk, *, weeks: int, warm_up: int, replication: int) -> None:
        self.desk, self.warm_up = desk, warm_up
        self.env = simpy.Environment()
        self.luck = stream(2, "exams", replication)
        self.tally = Tally(np.zeros(len(desk.minutes)))
        self.with_ai: dict[simpy.Event, float] = {}
        """Exams that AI has read, in order, and their work in weeks."""
        self.without: list[dict[simpy.Event, float]] = [{} for _ in desk.minutes]
        self.wake = self.env.event()
        self.env.process(self.read())
        came, to_ai = arrivals(desk, weeks=weeks, replication=replication)
        for modality in range(len(desk.minutes)):
            self.env.process(self.arrivals(modality, came[:, modality], to_ai[:, modality]))

    def arrivals(self, modality: int, came: np.ndarray, to_ai: np.ndarray) -> Process:
        """Send one exam after another, each at any time of its week."""
        for week, (number, with_ai) in enumerate(zip(came, to_ai, strict=True)):
            flags = self.luck.permutation(np.arange(number) < with_ai)
            for when, flag in zip(np.sort(self.luck.random(number)), flags, strict=True):
                yield self.env.timeout(week + when - self.env.now)
                self.env.process(self.exam(modality, with_ai=bool(flag)))

    def exam(self, modality: int, *, with_ai: bool) -> Process:
        """Wait, be read or lose its use."""
        desk, tally, came, turn = self.desk, self.tally, self.env.now, self.env.event()
        tally.came += self.counts
        tally.here[turn] = came
        work = desk.minutes[modality] / (MINUTES_PER_HOUR * desk.hours_per_week)
        work *= desk.ai_minutes_ratio if with_ai else 1.0
        line = self.with_ai if with_ai else self.without[modality]
        line[turn] = work
        if not self.wake.triggered:
            self.wake.succeed()
        yield turn | self.env.timeout(self.luck.exponential(desk.patience_weeks[modality]))
        del tally.here[turn]
        if self.counts:
            tally.ended += 1
            tally.waits += self.env.now - came
            tally.waiting += self.env.now - max(came, self.warm_up)
        if not turn.triggered:
            del line[turn]
            tally.stale += self.counts
            return
        yield self.env.timeout(work)
        tally.read[modality] += self.counts

    @property
    def counts(self) -> bool:
        """Whether the warm-up is over."""
        return bool(self.env.now >= self.warm_up)

    def read(self) -> Process:
        """Take one exam after another, for ever."""
        while True:
            line = self.choose()
            if line is None:
                self.wake = self.env.event()
                yield self.wake
                continue
            turn = next(iter(line))
            work = line.pop(turn)
            turn.succeed()
            yield self.env.timeout(work)

    def choose(self) -> dict[simpy.Event, float] | None:
        """Return the line that is served next."""
        if self.with_ai:
            return self.with_ai
        upto = np.cumsum([len(line) for line in self.without])
        if not upto[-1]:
            return None
        return self.without[int(np.searchsorted(upto, self.luck.integers(upto[-1]), "right"))]


def by_exams(desk: Desk, *, weeks: int, warm_up: int, replication: int) -> Means:
    """Simulate the desk exam by exam."""
    model = ExamLevel(desk, weeks=weeks, warm_up=warm_up, replication=replication)
    model.env.run(until=weeks)
    tally, length = model.tally, weeks - warm_up
    still = sum(weeks - max(came, model.warm_up) for came in tally.here.values())
    return Means(
        exams_per_day=tally.read.sum() / (length * DAYS_PER_WEEK),
        unmet_share=tally.stale / tally.came,
        queue=(tally.waiting + still) / length,
        wait_days=tally.waits / tally.ended * DAYS_PER_WEEK,
        exam_shares=tuple(tally.read / tally.read.sum()),
    )
