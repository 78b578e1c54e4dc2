"""One week of every station, in order, for all regions at once."""

from collections.abc import Container

import numpy as np

from sim.baseline.world import World
from sim.errors import StationError
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts
from sim.pipeline.parts import Stations, classes, flows_of, replaced
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario


class Week:
    """Steps every station by one week, of one run or of many that are stacked."""

    def __init__(
        self, world: World, scenario: Scenario, stations: Stations, random_keys: RandomKeys
    ) -> None:
        self.flows = flows_of(world, stations)
        self.stations: tuple[Station, ...] = tuple(
            station(world, scenario, random_keys) for station in classes(stations).values()
        )
        self._own = replaced(classes(stations))
        self._changes: dict[str, Counts] = {}
        """What new stations changed this week of the counts before them, by name."""

    def step(self, state: State, tick: int) -> None:
        """Move every station by one week; ``state`` is updated in place.

        Parameters
        ----------
        tick : weeks since the start of the warm-up, the step of every random draw.
        """
        before = {name: _waiting(one) for name, one in self.accounts(state, self._own).items()}
        for station in self.stations:
            if station.after:
                found = self.flows.counts.copy()
                station.step(state, self.flows, tick)
                self._changes[station.name] = self.flows.counts - found
            else:
                station.step(state, self.flows, tick)
        if before:
            after = self.accounts(state, self._own)
            for station in self.stations:
                if station.name in before:
                    _check(station, after[station.name], before[station.name])

    def accounts(self, state: State, names: Container[str]) -> dict[str, Account]:
        """Return the accounts of some stations for the week that was just stepped."""
        flows, found = self.flows, {}
        for station in reversed(self.stations):
            if station.name in names:
                found[station.name] = station.account(state, flows)
            if station.name in self._changes:
                flows = flows.with_counts(flows.counts - self._changes[station.name])
        return found


def _waiting(account: Account) -> Counts:
    """Return a copy of who waits: the account itself may show arrays that the week changes."""
    return np.zeros_like(account.entered) if account.waiting is None else account.waiting.copy()


def _check(station: Station, account: Account, before: Counts) -> None:
    """Hold a station of one's own to conservation: the shipped ones are tested for it."""
    counts = [np.asarray(count) for count in account.counts() if count is not None]
    if any((count < 0).any() for count in counts):
        raise StationError(f"station '{station.name}' counts fewer than none: see its account.")
    lost = before + counts[0] - sum(counts[1:])
    if np.any(lost):
        amount = int(np.abs(lost).sum())
        raise StationError(
            f"station '{station.name}' does not conserve {station.unit}: {amount} are lost or made "
            "up in one week. waiting before + entered must equal done + left + rejected + waiting."
        )
