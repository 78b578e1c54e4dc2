"""The station again, person by person: one SimPy process each, nothing counted in steps.

It shares with the kernel only the description of the station. It is slow and exact, and written
to be read beside `sim/pipeline/stations/imaging.py`.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, fields

import numpy as np
import simpy

from sim.streams import stream
from sim.units import DAYS_PER_WEEK
from tests.validation.station import Means, Station

Process = Generator[simpy.Event, object, None]


@dataclass(frozen=True)
class Person:
    """Who waits, and since when."""

    group: int
    came: float


@dataclass(eq=False)
class Facility:
    """Units with one queue: urgent people first, otherwise first come first served."""

    working: int
    busy: int = 0
    urgent: dict[simpy.Event, Person] = field(default_factory=dict)
    """The turns of urgent people who wait, in order."""
    routine: dict[simpy.Event, Person] = field(default_factory=dict)
    """The turns of all others who wait, in order."""

    def call(self) -> None:
        """Call people in as long as a working unit is free."""
        while (queue := self.urgent or self.routine) and self.busy < self.working:
            turn = next(iter(queue))
            del queue[turn]
            self.busy += 1
            turn.succeed(self)


@dataclass
class Tally:
    """What happened to each group since the end of the warm-up, shape (g,)."""

    exams: np.ndarray
    came: np.ndarray
    called: np.ndarray
    reneged: np.ndarray
    waits_days: np.ndarray
    """Whole waits of those who were called or gave up."""
    in_queue_days: np.ndarray
    """Time that people spent in a queue, the part since the end of the warm-up."""


class PatientLevel:
    """A simulation of one station.

    A unit that breaks finishes its exam first. People go to a facility that works, and go to
    another when the last unit of theirs breaks.
    """

    def __init__(self, station: Station, *, warm_up_days: float, replication: int) -> None:
        self.station, self.warm_up = station, warm_up_days
        self.env = simpy.Environment()
        self.luck = stream(2, "patients", replication)
        self.tally = Tally(*np.zeros((len(fields(Tally)), len(station.shares))))
        each = station.units // station.facilities
        self.place: dict[simpy.Event, Facility] = {}
        self.facilities = [Facility(each) for _ in range(station.facilities)]
        self.env.process(self.arrivals())
        for week, units in station.units_from_week.items():
            self.env.process(self.change(week * DAYS_PER_WEEK, units))
        if station.failures_per_week:
            for facility in self.facilities:
                for _ in range(each):
                    self.env.process(self.unit(facility))

    def arrivals(self) -> Process:
        """Send one person after another."""
        station, upto = self.station, np.cumsum(self.station.shares)
        while True:
            yield self.env.timeout(self.luck.exponential(1.0 / station.arrivals_per_day))
            self.env.process(self.person(int(np.searchsorted(upto, self.luck.random()))))

    def person(self, group: int) -> Process:
        """Wait, be examined or give up."""
        person, turn, tally = Person(group, self.env.now), self.env.event(), self.tally
        tally.came[group] += self.counts
        self.stand(turn, person)
        if not turn.triggered:
            yield turn | self.env.timeout(self.luck.exponential(self.station.patience_days))
        if self.counts:
            tally.waits_days[group] += self.env.now - person.came
            tally.in_queue_days[group] += self.env.now - max(person.came, self.warm_up)
        if not turn.triggered:
            del self.queue(self.place.pop(turn), group)[turn]
            tally.reneged[group] += self.counts
            return
        del self.place[turn]
        tally.called[group] += self.counts
        yield self.env.timeout(self.luck.exponential(1.0 / self.station.exams_per_unit_day))
        turn.value.busy -= 1
        turn.value.call()
        tally.exams[group] += self.counts

    @property
    def counts(self) -> bool:
        """Whether the warm-up is over."""
        return bool(self.env.now >= self.warm_up)

    def queue(self, facility: Facility, group: int) -> dict[simpy.Event, Person]:
        """Return the queue in which a group stands."""
        return facility.urgent if group < self.station.urgent else facility.routine

    def stand(self, turn: simpy.Event, person: Person) -> None:
        """Join the queue of a facility."""
        facility = self.place[turn] = self.choose()
        self.queue(facility, person.group)[turn] = person
        facility.call()

    def choose(self) -> Facility:
        """Return any facility, or any that works if some do."""
        if len(self.facilities) == 1:
            return self.facilities[0]
        if not self.station.failures_per_week:
            return self.facilities[int(self.luck.integers(len(self.facilities)))]
        open_now = [place for place in self.facilities if place.working] or self.facilities
        return open_now[int(self.luck.integers(len(open_now)))]

    def unit(self, facility: Facility) -> Process:
        """Break down and be repaired, for ever."""
        station, days = self.station, float(DAYS_PER_WEEK)
        while True:
            yield self.env.timeout(self.luck.exponential(days / station.failures_per_week))
            facility.working -= 1
            if not facility.working:
                waiting = facility.urgent | facility.routine
                facility.urgent, facility.routine = {}, {}
                for turn, person in waiting.items():
                    self.stand(turn, person)
            yield self.env.timeout(self.luck.exponential(days / station.repairs_per_week))
            facility.working += 1
            facility.call()

    def change(self, day: float, units: int) -> Process:
        """Set the number of units of the only facility on one day."""
        yield self.env.timeout(day)
        self.facilities[0].working = units
        self.facilities[0].call()


def by_patients(station: Station, *, weeks: int, warm_up: int, replication: int) -> Means:
    """Simulate the station person by person."""
    model = PatientLevel(station, warm_up_days=warm_up * DAYS_PER_WEEK, replication=replication)
    model.env.run(until=weeks * DAYS_PER_WEEK)
    tally, length = model.tally, (weeks - warm_up) * DAYS_PER_WEEK
    in_queue_days = tally.in_queue_days.copy()
    for facility in model.facilities:
        for person in (*facility.urgent.values(), *facility.routine.values()):
            in_queue_days[person.group] += model.env.now - max(person.came, model.warm_up)
    ended = tally.called + tally.reneged
    return Means(
        exams_per_day=tally.exams.sum() / length,
        unmet_share=tally.reneged.sum() / tally.came.sum(),
        queue=in_queue_days.sum() / length,
        wait_days=tally.waits_days.sum() / ended.sum(),
        exam_shares=tuple(tally.exams / tally.exams.sum()),
        group_queues=tuple(in_queue_days / length),
        group_waits_days=tuple(tally.waits_days / ended),
    )
