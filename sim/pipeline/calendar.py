"""The calendar of one run: its SimPy environment and what its control processes share."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simpy

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.lever import Floats
from sim.domain.plan import Plan
from sim.pipeline.records import Event, Records, Release
from sim.pipeline.state import State
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.units import WEEKS_PER_YEAR

Process = Generator[simpy.Event, object, None]


@dataclass(slots=True)
class Cluster:
    """Accelerators that run one job at a time, the most urgent first."""

    name: Literal["rented", "owned"]
    machine: simpy.PriorityResource
    change: simpy.Event
    """Happens when the cluster fails or comes back."""
    up: bool = True

    @classmethod
    def of(cls, env: simpy.Environment, name: Literal["rented", "owned"]) -> "Cluster":
        """Return a cluster that works."""
        return cls(name, simpy.PriorityResource(env), env.event())


@dataclass(slots=True)
class Prepaid:
    """Rented GPU-hours for one kind of training, paid for by the regions and not used yet."""

    hours: simpy.Container
    paid: Floats
    """GPU-hours that each region has paid for so far, shape (r,)."""

    @classmethod
    def of(cls, env: simpy.Environment, regions: int) -> "Prepaid":
        """Return an account without any hours."""
        return cls(simpy.Container(env), np.zeros(regions))

    def payers(self) -> Floats:
        """Return the share of each region, shape (r,).

        Unused hours are kept, so those who have paid so far share the energy of what runs now.
        """
        return np.asarray(self.paid / self.paid.sum())


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
    grid_weeks: Floats
    """Carbon intensity of the grid by week, relative to its mean, shape (w,)."""
    newest: Release | None = None

    @property
    def year(self) -> int:
        """Year of the run, from 0."""
        return int(self.env.now // WEEKS_PER_YEAR)

    @property
    def last_year(self) -> int:
        """Last year of the books."""
        return len(self.records.energy_kwh) - 1

    def log(
        self, kind: str, region: str, detail: str, *, since: float = 0.0, lasts: float = 0.0
    ) -> None:
        """Write one event down; ``since`` is how long ago it began, ``lasts`` is how long it will.

        Both in weeks.
        """
        now = float(self.env.now)
        self.records.events.append(Event(now, kind, region, detail, now - since, now + lasts))

    def luck(self, *name: str | int) -> np.random.Generator:
        """Return the random numbers of one named process, the same under every plan."""
        return stream(self.seed, *name, self.replication)
