"""Random streams: one key per named decision and cell, from which its numbers are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        return keys(self.seed, self.replication, decision, list(self.world.regions))

    def by_station(self, decision: str) -> Keys:
        """Return one key per region and modality, shape (r, m)."""
        world = self.world
        places = [f"{r}/{m}" for r in world.regions for m in world.modalities]
        return keys(self.seed, self.replication, decision, places).reshape(world.shape[:2])

    def by_cell(self, decision: str) -> Keys:
        """Return one key per region, modality and group, shape (r, m, g)."""
        world = self.world
        cells = [
            f"{r}/{m}/{g}" for r in world.regions for m in world.modalities for g in world.groups
        ]
        return keys(self.seed, self.replication, decision, cells).reshape(world.shape)


@dataclass(frozen=True, slots=True)
class StackedKeys(RandomKeys):
    """The keys of runs that are moved side by side, one after the other along the region axis.

    Runs of one replication of one world share theirs, which are made once.
    """

    runs: tuple[RandomKeys, ...]

    def by_region(self, decision: str) -> Keys:
        """Return one key per region of every run, shape (r,)."""
        return self._of_every_run(lambda run: run.by_region(decision))

    def by_station(self, decision: str) -> Keys:
        """Return one key per region of every run and modality, shape (r, m)."""
        return self._of_every_run(lambda run: run.by_station(decision))

    def by_cell(self, decision: str) -> Keys:
        """Return one key per region of every run, modality and group, shape (r, m, g)."""
        return self._of_every_run(lambda run: run.by_cell(decision))

    def _of_every_run(self, draw: Callable[[RandomKeys], Keys]) -> Keys:
        drawn: dict[tuple[int, int, int], Keys] = {}
        names = [(id(run.world), run.seed, run.replication) for run in self.runs]
        for name, run in zip(names, self.runs, strict=True):
            if name not in drawn:
                drawn[name] = draw(run)
        return np.concatenate([drawn[name] for name in names])


def stacked_keys(world: World, runs: Sequence[RandomKeys]) -> StackedKeys:
    """Return the keys of runs whose worlds are stacked in one."""
    return StackedKeys(world, runs[0].seed, runs[0].replication, tuple(runs))
