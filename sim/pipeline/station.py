"""What every station is: it moves the counts of one week, and accounts for them.

A station can be replaced by a class of one's own, or joined by a new one (docs/stations.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.flow import Counts
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    import simpy

    from sim.pipeline.calendar import Calendar

ControlProcess = Callable[["Calendar"], "Generator[simpy.Event, object, None] | None"]
"""What happens between the weeks: a SimPy process, or a function that schedules some."""
Stations = Mapping[str, "type[Station] | ControlProcess"]
"""Class of every station in pipeline order, and control processes that replace shipped ones."""

COUNTED = ("entered", "done", "left", "rejected", "waiting")
"""Counts of an account: waiting before + entered = done + left + rejected + waiting."""


@dataclass(frozen=True, slots=True)
class Account:
    """What passed a station in one week, shape (r, m, g), and how busy it was, shape (r,)."""

    entered: Counts
    done: Counts
    left: Counts | None = None
    """Gave up waiting; None where nobody can."""
    rejected: Counts | None = None
    """Went no further: lost, refused, or not chosen."""
    waiting: Counts | None = None
    """Waiting at the end of the week; None where nothing waits."""
    queue: Floats | None = None
    """Mean number waiting during the week; where None, the mean of its two ends is recorded."""
    busy: Floats | None = None
    """Capacity used, in the station's ``capacity_unit``; where None, as much as is done."""
    capacity: Floats | None = None
    """Capacity there was, in the same unit."""

    def counts(self) -> tuple[Counts | None, ...]:
        """Return the counts in the order of ``COUNTED``."""
        return self.entered, self.done, self.left, self.rejected, self.waiting


class Station(ABC):
    """One station in one run.

    ``step`` reads what earlier stations wrote into ``flows`` and writes its own results there;
    what lasts from week to week is kept in ``state``, never in the object, because plans branch
    from a copy of the state. A station of one's own keeps arrays in ``state.own[name]``. A new one
    may change what was written before: those in front of it are accounted for as they left it.
    """

    name: ClassVar[str]
    """Its own in the pipeline; that of a shipped station, whose place it takes, or a new one."""
    after: ClassVar[str] = ""
    """Station directly behind which a new one stands; empty for those in
    ``sim.pipeline.stations.STATIONS``, and for what takes their place."""
    unit: ClassVar[str] = "studies"
    """What it counts."""
    capacity_unit: ClassVar[str] = ""
    """Unit of capacity; empty where capacity has no meaning."""

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        self.world, self.scenario, self.luck = world, scenario, luck

    def begin(self, state: State) -> None:  # noqa: B027 - most stations have nothing to begin
        """Prepare the state before the first week of the warm-up; by default, nothing."""

    @abstractmethod
    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Move the counts of one week; ``tick`` counts weeks since the start of the warm-up."""

    @abstractmethod
    def account(self, state: State, flows: Flows) -> Account:
        """Return the account of the week that was just stepped."""

    def bought(self, state: State, lever: str) -> Floats:
        """Return what active plan units of a lever do in a year, shape (r,)."""
        item = self.world.catalogue.index(lever)
        return np.asarray(state.active[:, item] * self.world.catalogue.capacity[:, item])


def classes(stations: Stations) -> dict[str, type[Station]]:
    """Return the classes among stations and processes, in pipeline order."""
    return {name: given for name, given in stations.items() if isinstance(given, type)}
