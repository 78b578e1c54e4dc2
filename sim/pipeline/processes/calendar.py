"""The calendar of one run: its SimPy environment and what its control processes share."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import simpy

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.pipeline.facts import Event, Release
from sim.pipeline.processes.jobs import Cluster, Owner, Prepaid, Tally
from sim.pipeline.records import Records
from sim.pipeline.state import State
from sim.scenario.schema import Scenario
from sim.streams import exponentials
from sim.units import WEEKS_PER_YEAR

Process = Generator[simpy.Event, object, None]
ControlProcess = Callable[["Calendar"], Process | None]
"""What happens between the weeks: a SimPy process, or a function that schedules some."""


@dataclass(slots=True)
class Calendar:
    """One run: every control process is a function of it, in a module named after what it does."""

    env: simpy.Environment
    world: World
    plan: Plan
    respond: Respond
    scenario: Scenario
    state: State
    records: Records
    seed: int
    replication: int
    rented: Cluster
    owned: Cluster
    """All regions' own accelerators together."""
    for_pretraining: Prepaid
    for_fine_tuning: Prepaid
    audit_uniforms: Floats
    """Uniforms of audits, shape (r, m, g): one for all audits of a place or group. Studies are kept
    and extended, and successive releases err on much the same, so looking again does not pass."""
    grid_weeks: Floats
    """Carbon intensity of the grid by week, relative to its mean, shape (w,)."""
    newest: Release | None = None
    under_review: Release | None = None
    """Release that the hours in ``state.review_hours`` were asked for."""
    pretraining_booked: float = 0.0
    """GPU-hours of pre-training that are done or under way."""
    pretraining_done: float = 0.0
    """GPU-hours of pre-training done so far."""
    promised_t_co2e: dict[int, float] = field(default_factory=dict)
    """What trainings that started in a year were expected to emit, t CO2e, by year."""
    started: Counter[str] = field(default_factory=Counter)
    """Jobs that have started, by kind."""
    under_way: list[Tally] = field(default_factory=list)
    """Jobs that have started and not ended."""

    @property
    def year(self) -> int:
        """Year of the run, from 0."""
        return int(self.env.now // WEEKS_PER_YEAR)

    def log(
        self, kind: str, region: str, detail: str, *, since: float = 0.0, lasts: float = 0.0
    ) -> None:
        """Write one event down; ``since`` is how long ago it began, ``lasts`` is how long it will.

        Both in weeks.
        """
        log_all((self,), kind, region, detail, since=since, lasts=lasts)

    def cluster(self, owner: Owner) -> Cluster:
        """Return the rented or the owned cluster."""
        return self.rented if owner == "rented" else self.owned

    def after(self, weeks: float, happens: Callable[[], None]) -> None:
        """Let something happen after so many weeks: a process that waits but once."""
        self.env.timeout(weeks).callbacks.append(lambda _: happens())

    def exponentials(self, *name: str | int) -> Iterator[float]:
        """Yield standard exponentials of one named process, the same under every plan."""
        return exponentials(self.seed, *name, self.replication)


def log_all(
    calendars: Sequence[Calendar],
    kind: str,
    region: str,
    detail: str,
    *,
    since: float = 0.0,
    lasts: float = 0.0,
) -> None:
    """Write one event down in several runs; see ``Calendar.log``."""
    now = float(calendars[0].env.now)
    event = Event(now, kind, region, detail, now - since, now + lasts)
    for calendar in calendars:
        calendar.records.events.append(event)
