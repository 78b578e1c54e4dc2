"""Random streams: one key per named decision and cell, from which its numbers are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.streams import keys

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RandomKeys:
    """Hands out the keys of one replication; they depend on names, never on positions.

    A decision is named after its station, such as ``"imaging/service"``. Two plans, and two
    classes of one station, that use the same name draw the same numbers.
    """

    world: World
    seed: int
    replication: int

    def by_region(self, decision: str) -> Keys:
        """Return one key per region, shape (r,)."""
        return self._keys(decision, axes=1)

    def by_station(self, decision: str) -> Keys:
        """Return one key per region and modality, shape (r, m)."""
        return self._keys(decision, axes=2)

    def by_cell(self, decision: str) -> Keys:
        """Return one key per region, modality and group, shape (r, m, g)."""
        return self._keys(decision, axes=3)

    def _keys(self, decision: str, *, axes: int) -> Keys:
        world = self.world
        names = product(*(world.regions, world.modalities, world.groups)[:axes])
        made = keys(self.seed, self.replication, decision, ["/".join(name) for name in names])
        return made.reshape(world.shape[:axes])


@dataclass(frozen=True, slots=True)
class StackedKeys(RandomKeys):
    """The keys of runs that are moved side by side, one after the other along the region axis.

    Runs of one replication of one world share theirs, which are made once.
    """

    runs: tuple[RandomKeys, ...]

    def _keys(self, decision: str, *, axes: int) -> Keys:
        made: dict[tuple[int, int, int], Keys] = {}
        names = [(id(run.world), run.seed, run.replication) for run in self.runs]
        for name, run in zip(names, self.runs, strict=True):
            if name not in made:
                made[name] = run._keys(decision, axes=axes)
        return np.concatenate([made[name] for name in names])


def stacked_keys(world: World, runs: Sequence[RandomKeys]) -> StackedKeys:
    """Return the keys of runs whose worlds are stacked in one."""
    return StackedKeys(world, runs[0].seed, runs[0].replication, tuple(runs))
