"""Governance: which labelled studies may leave their region; sharing is a flag, not a copy."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.holdings import Holdings, worth_of_label
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, uniform
from sim.pipeline.state import State


@njit(cache=True)
def share(
    week: int,
    keys: NDArray[np.uint64],
    labelled: Counts,
    share_that_leaves: Floats,
    shared: Counts,
) -> None:
    """Flag the newly ``labelled`` studies that may leave; adds to ``shared``, both (r, m, g)."""
    regions, modalities, groups = labelled.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                u = uniform(keys[r, m, g], week)
                shared[r, m, g] += binomial(u, labelled[r, m, g], share_that_leaves[r])


def share_that_leaves(world: World, active: Floats) -> Floats:
    """Return the share of studies that may leave each region, shape (r,)."""
    agreed = active[:, world.catalogue.index("agreement")].clip(max=1.0)
    data = world.data
    return np.asarray(data.leave_share + agreed * (data.agreement_share - data.leave_share))


def holdings(world: World, state: State) -> Holdings:
    """Return what a training may use now: own and others' studies, shape (r, m, g).

    A cell's own studies are those of its region, whatever the group: the profile measured the
    place. Others' are what other regions share, with public data sets.
    """
    worth = worth_of_label(world.data.label_noise)
    own = world.data.local_studies + worth * state.labelled.sum(axis=2)
    shared = world.data.local_studies + worth * state.shared.sum(axis=2)
    other = world.data.public_studies + shared.sum(axis=0) - shared
    groups = len(world.groups)
    return Holdings(
        own=np.repeat(own[:, :, None].astype(float), groups, axis=2),
        other=np.repeat(other[:, :, None].astype(float), groups, axis=2),
    )
