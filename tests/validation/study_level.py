"""The way of data, from the archive to sharing: described once, by counts and study by study.

In the reference every study is a SimPy process. A desk works on one study at a time, each for its
fixed time, and any study that waits is as likely to be next, so that modalities and groups share a
desk in proportion to their work (docs/model.md §3).
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import simpy

from sim.baseline.world import World
from sim.pipeline.parts import flows_of, state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Flows, State
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.stations.station import Station
from sim.streams import stream
from sim.units import MINUTES_PER_HOUR, WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_world import small_world

Process = Generator[simpy.Event, object, None]

DONE = ("archived", "documented", "for_training", "set_aside", "labelled", "leaving")
"""What every station finishes: among the ``flows``."""
WAITING = ("documentation", "curation", "annotation")
"""Stations where studies wait."""


@dataclass(frozen=True)
class Chain:
    """The stations of one place; capacities are per week, tuples have one entry per modality."""

    exams_per_week: tuple[float, ...]
    stewards: float
    """Studies that they document."""
    curators: float
    """Studies that they see."""
    hours: float
    """Of specialists, for labels."""
    minutes: tuple[float, ...]
    """Of a specialist, per label."""
    audits: float = 0.0
    """Studies set aside."""
    digital: float = 0.9
    documented: float = 0.2
    rejected: float = 0.1
    leave: float = 0.7

    @property
    def load(self) -> float:
        """Work over capacity at the busiest desk, if the others let everything through."""
        archived = self.digital * sum(self.exams_per_week)
        minutes = self.digital * float(np.dot(self.exams_per_week, self.minutes))
        return max(
            archived * (1.0 - self.documented) / self.stewards,
            archived / self.curators,
            minutes * (1.0 - self.rejected) / (self.hours * MINUTES_PER_HOUR),
        )


@dataclass(frozen=True)
class Weeks:
    """What happened after the warm-up, per week."""

    done: dict[str, float]
    """Studies a week that a station finished, by ``DONE``."""
    waiting: dict[str, float]
    """Mean number of studies that wait at a station, by ``WAITING``."""
    label_shares: tuple[float, ...]
    """Share of each modality in the labels."""


def exams(chain: Chain, *, weeks: int, replication: int) -> np.ndarray:
    """Return the exams of every week and modality, the same for both models."""
    luck = stream(1, "exams of data", replication)
    return luck.poisson(chain.exams_per_week, (weeks, len(chain.exams_per_week)))


def by_counts(chain: Chain, *, weeks: int, warm_up: int, replication: int) -> Weeks:
    """Simulate the chain with the stations of `sim.pipeline`, the shipped classes."""
    world, state, flows = _place(chain)
    names = ("archive", "documentation", "curation", "evaluation", "annotation", "governance")
    luck = RandomKeys(world, 1, replication)
    stations: list[Station] = [STATIONS[name](world, scenario(), luck) for name in names]  # type: ignore[operator, misc]
    flows.reader_hours[:] = chain.hours / len(world.professions)
    item = world.catalogue.index("audit")
    state.active[:, item] = chain.audits * WEEKS_PER_YEAR / world.catalogue.capacity[0, item]
    done, labels = dict.fromkeys(DONE, 0.0), np.zeros(len(chain.minutes))
    waiting, before = dict.fromkeys(WAITING, 0.0), dict.fromkeys(WAITING, 0.0)
    length = weeks - warm_up
    for week, came in enumerate(exams(chain, weeks=weeks, replication=replication)):
        flows.exams[0, :, 0] = came
        for station in stations:
            station.step(state, flows, week)
        for name in WAITING:
            now = float(getattr(state, f"{name}_waiting").sum())
            waiting[name] += (before[name] + now) / 2.0 / length if week >= warm_up else 0.0
            before[name] = now
        if week >= warm_up:
            labels += flows.labelled.sum(axis=(0, 2))
            for name in DONE:
                done[name] += getattr(flows, name).sum() / length
    return Weeks(done, waiting, tuple(labels / labels.sum()))


def _place(chain: Chain) -> tuple[World, State, Flows]:
    world = small_world(1, 1, modalities=len(chain.minutes))
    care = replace(world.care, protected_share=np.ones(1))
    data = replace(
        world.data,
        digital_share=np.full(1, chain.digital),
        documented_share=np.full(1, chain.documented),
        steward_studies_per_year=np.full(1, chain.stewards * WEEKS_PER_YEAR),
        curator_studies_per_year=np.full(1, chain.curators * WEEKS_PER_YEAR),
        rejected_share=np.full(len(chain.minutes), chain.rejected),
        annotation_minutes=np.array(chain.minutes),
        leave_share=np.full(1, chain.leave),
    )
    world = replace(world, care=care, data=data)
    return world, state_today(world), flows_of(world)


class Desk:
    """Somebody who works on one study at a time; any that waits is as likely to be next."""

    def __init__(self, env: simpy.Environment, luck: np.random.Generator) -> None:
        self.env, self.luck = env, luck
        self.line: list[tuple[simpy.Event, float]] = []
        """Studies that wait, and their work in weeks."""
        self.wake, self.area, self.since = env.event(), 0.0, 0.0
        env.process(self.work())

    def work(self) -> Process:
        """Take one study after another."""
        while True:
            while not self.line:
                self.wake = self.env.event()
                yield self.wake
            self.note()
            place = int(self.luck.integers(len(self.line)))
            self.line[place], self.line[-1] = self.line[-1], self.line[place]
            finished, weeks = self.line.pop()
            yield self.env.timeout(weeks)
            finished.succeed()

    def see(self, weeks: float) -> simpy.Event:
        """Join the line with so much work; return what happens when it is done."""
        self.note()
        finished = self.env.event()
        self.line.append((finished, weeks))
        if not self.wake.triggered:
            self.wake.succeed()
        return finished

    def note(self) -> None:
        """Write down how many have waited for how long since the last change."""
        self.area += len(self.line) * (self.env.now - self.since)
        self.since = self.env.now


class StudyLevel:
    """A simulation of one chain; time in weeks."""

    def __init__(self, chain: Chain, *, weeks: int, warm_up: int, replication: int) -> None:
        self.chain, self.warm_up = chain, warm_up
        self.env, self.luck = simpy.Environment(), stream(2, "studies", replication)
        self.desks = {name: Desk(self.env, self.luck) for name in WAITING}
        self.done, self.labels = dict.fromkeys(DONE, 0), np.zeros(len(chain.minutes))
        self.audits_left = 0.0
        self.env.process(self.weeks(exams(chain, weeks=weeks, replication=replication)))

    def weeks(self, came: np.ndarray) -> Process:
        """Examine people at any time of their week, and give audits the allowance of each."""
        for week, by_modality in enumerate(came):
            # an allowance that was not used up does not wait for better weeks
            self.audits_left = self.chain.audits + (self.audits_left if self.audits_left < 1 else 0)
            modality = np.repeat(np.arange(len(by_modality)), by_modality)
            when = np.sort(self.luck.random(len(modality)))
            for moment, m in zip(when, self.luck.permutation(modality), strict=True):
                yield self.env.timeout(week + moment - self.env.now)
                self.env.process(self.study(int(m)))
            yield self.env.timeout(week + 1 - self.env.now)

    def study(self, m: int) -> Process:
        """Go from desk to desk until lost, rejected, set aside or labelled."""
        chain, chance = self.chain, self.luck.random
        if chance() >= chain.digital:
            return
        self.count("archived")
        if chance() >= chain.documented:
            yield self.desks["documentation"].see(1.0 / chain.stewards)
        self.count("documented")
        yield self.desks["curation"].see(1.0 / chain.curators)
        if chance() < chain.rejected:
            return
        if self.audits_left >= 1.0:
            self.audits_left -= 1.0
            self.count("set_aside")
            return
        self.count("for_training")
        yield self.desks["annotation"].see(chain.minutes[m] / MINUTES_PER_HOUR / chain.hours)
        self.count("labelled")
        self.labels[m] += self.env.now >= self.warm_up
        if chance() < chain.leave:
            self.count("leaving")

    def count(self, what: str) -> None:
        """Count one, after the warm-up."""
        self.done[what] += self.env.now >= self.warm_up

    def run(self, weeks: int) -> Weeks:
        """Run to the end and return what happened after the warm-up."""
        self.env.run(until=self.warm_up)
        for desk in self.desks.values():
            desk.note()
            desk.area = 0.0
        self.env.run(until=weeks)
        length = weeks - self.warm_up
        for desk in self.desks.values():
            desk.note()
        return Weeks(
            {name: count / length for name, count in self.done.items()},
            {name: desk.area / length for name, desk in self.desks.items()},
            tuple(self.labels / self.labels.sum()),
        )


def by_studies(chain: Chain, *, weeks: int, warm_up: int, replication: int) -> Weeks:
    """Simulate the chain study by study."""
    model = StudyLevel(chain, weeks=weeks, warm_up=warm_up, replication=replication)
    return model.run(weeks)
