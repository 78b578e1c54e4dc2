"""Documentation: stewards record who was examined; without it nobody can sample or audit by group.

A backlog (`sim.pipeline.backlog`) whose capacity is today's stewards and those a plan employs.
"""

import numpy as np

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.units import WEEKS_PER_YEAR


def capacity_per_week(world: World, active: Floats) -> Floats:
    """Return records documented in a week, shape (r,), for active plan units (r, i)."""
    steward = world.catalogue.index("steward")
    bought = active[:, steward] * world.catalogue.capacity[:, steward]
    return np.asarray((world.data.steward_studies_per_year + bought) / WEEKS_PER_YEAR)
