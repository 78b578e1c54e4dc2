"""Annotation: specialists label curated studies in protected and in bought hours.

A backlog (`sim.pipeline.backlog`) measured in minutes of specialist time.
"""

import numpy as np

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.units import WEEKS_PER_YEAR


def reader_hours_per_week(world: World, active: Floats) -> Floats:
    """Return all reader hours in a week, shape (r, p), for active plan units (r, i)."""
    hours = world.care.reader_hours_per_year.copy()
    for p, profession in enumerate(world.professions):
        item = world.catalogue.index("reader", profession)
        hours[:, p] += active[:, item] * world.catalogue.capacity[:, item]
    return np.asarray(hours / WEEKS_PER_YEAR)


def bought_hours_per_week(world: World, active: Floats) -> Floats:
    """Return annotation hours bought from outside in a week, shape (r,)."""
    item = world.catalogue.index("annotation")
    return np.asarray(active[:, item] * world.catalogue.capacity[:, item] / WEEKS_PER_YEAR)


def hours_per_week(world: World, active: Floats) -> Floats:
    """Return annotation hours in a week, shape (r,): a protected share and what is bought."""
    protected = reader_hours_per_week(world, active).sum(axis=1) * world.care.protected_share
    return np.asarray(protected + bought_hours_per_week(world, active))
