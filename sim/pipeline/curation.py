"""Curation: de-identification, quality control and removal of duplicates.

A backlog (`sim.pipeline.backlog`) of curators' work, after which a share is rejected.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, uniform
from sim.units import WEEKS_PER_YEAR


def capacity_per_week(world: World, active: Floats) -> Floats:
    """Return studies curated in a week, shape (r,), for active plan units (r, i)."""
    curator = world.catalogue.index("curator")
    bought = active[:, curator] * world.catalogue.capacity[:, curator]
    return np.asarray((world.data.curator_studies_per_year + bought) / WEEKS_PER_YEAR)


@njit(cache=True)
def reject(
    week: int,
    keys: NDArray[np.uint64],
    rejected_share: Floats,
    curated: Counts,
    tally: Counts,
) -> None:
    """Take duplicates and unusable studies out of ``curated`` (r, m, g), in place.

    ``keys`` has shape (r, m, g), ``rejected_share`` shape (m,). The weekly record moves them from
    done to rejected.
    """
    regions, modalities, groups = curated.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                u = uniform(keys[r, m, g], week)
                bad = binomial(u, curated[r, m, g], rejected_share[m])
                curated[r, m, g] -= bad
                tally[1, r] -= bad
                tally[3, r] += bad
