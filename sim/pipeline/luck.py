"""Who owns which random number: one key per named decision and cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.streams import keys

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Luck:
    """Hands out the keys of one replication; they depend on names, never on positions.

    A decision is named after its station, such as ``"imaging/service"``. Two plans, and two
    classes of one station, that use the same name meet the same chance.
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
