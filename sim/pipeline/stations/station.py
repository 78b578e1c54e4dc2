"""What every station is: it moves the counts of one week, and accounts for them.

A station can be replaced by a class of one's own, or joined by a new one (docs/stations.md).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR

UNITS = (
    Array("active", "r i", "units in use that the plan owns or pays", float),
    Array("vacant", "r i", "posts that the plan pays and nobody holds", float),
)
"""States that belong to the plan: what it bought may change any station."""


class Station(ABC):
    """One station in one run.

    ``step`` reads what earlier stations wrote into ``flows`` and writes its own results there;
    what lasts from week to week is kept in ``state``, never in the object, because plans branch
    from a copy of the state: an object holds what follows from its arguments, and scratch. A new
    station may change what was written before: those in front of it are accounted for as they
    left it.
    """

    name: ClassVar[str]
    """Its own in the pipeline; that of a shipped station, whose place it takes, or a new one."""
    after: ClassVar[str] = ""
    """Station directly behind which a new one stands; empty for those in
    ``sim.pipeline.stations.order.STATIONS``, and for what takes their place."""
    unit: ClassVar[str] = "studies"
    """What it counts."""
    capacity_unit: ClassVar[str] = ""
    """Unit of capacity; empty where capacity has no meaning."""
    states: ClassVar[tuple[Array, ...]] = ()
    """What it keeps from week to week. What takes the place of a shipped station has that one's
    states and flows too."""
    flows: ClassVar[tuple[Array, ...]] = ()
    """What it counts in a week."""

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        self.world, self.scenario, self.random_keys = world, scenario, random_keys

    @abstractmethod
    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Move the counts of one week; ``tick`` counts weeks since the start of the warm-up."""

    @abstractmethod
    def account(self, state: State, flows: Flows) -> Account:
        """Return the account of the week that was just stepped."""

    def date(self, tick: int) -> tuple[int, int]:
        """Return the calendar year of a week, and its number in the year, from 0."""
        horizon, (year, week) = self.scenario.horizon, divmod(tick, WEEKS_PER_YEAR)
        return horizon.start_year - horizon.warm_up_years + year, week

    def bought(self, state: State, lever: str) -> Floats:
        """Return what active plan units of a lever do in a year, shape (r,)."""
        item = self.world.catalogue.index(lever)
        return np.asarray(state.active[:, item] * self.world.catalogue.capacity[:, item])
