"""Who owns which random number: one key per named decision and cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.streams import keys

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Luck:
    """Keys of every random draw of the weekly stations, by decision and cell."""

    need: Keys  # (r, m, g)
    days: Keys  # (r, m)
    wear: Keys  # (r, m)
    imaging: Keys  # (3, r, m)
    route: Keys  # (r,)
    reading: Keys  # (2, r, m)
    archive: Keys  # (r, m, g)
    documentation: Keys  # (r, m)
    curation: Keys  # (r, m)
    rejection: Keys  # (r, m, g)
    audit: Keys  # (r,)
    annotation: Keys  # (r, m)
    sharing: Keys  # (r, m, g)

    @classmethod
    def of(cls, world: World, *, seed: int, replication: int) -> "Luck":
        """Return the keys of one replication; they depend on names, never on positions."""
        by_region = list(world.regions)
        by_station = [f"{r}/{m}" for r in world.regions for m in world.modalities]
        by_cell = [f"{cell}/{g}" for cell in by_station for g in world.groups]
        shape = world.shape

        def of(decision: str, cells: list[str], *axes: int) -> Keys:
            return keys(seed, replication, decision, cells).reshape(axes)

        def pairs(decision: str) -> Keys:
            return of(decision, by_station, *shape[:2])

        def cells(decision: str) -> Keys:
            return of(decision, by_cell, *shape)

        return cls(
            need=cells("need"),
            days=pairs("need/days"),
            wear=pairs("imaging/wear"),
            imaging=np.stack([pairs(f"imaging/{d}") for d in ("service", "patience", "groups")]),
            route=of("deployment/route", by_region, shape[0]),
            reading=np.stack([pairs(f"reading/{d}") for d in ("groups", "stale")]),
            archive=cells("archive"),
            documentation=pairs("documentation/groups"),
            curation=pairs("curation/groups"),
            rejection=cells("curation/rejection"),
            audit=of("evaluation/groups", by_region, shape[0]),
            annotation=pairs("annotation/groups"),
            sharing=cells("governance/sharing"),
        )
