"""Curation: de-identification, quality control and removal of duplicates.

A backlog (`kernels.backlog`) of curators' work, after which a share is rejected. Which studies
are bad is drawn for the studies and not for the week in which somebody looks at them, so that more
curators never mean fewer curated studies.
"""

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.kernels.backlog import work_off
from sim.pipeline.kernels.counts import Counts, binomial, by_place, kernel, uniform
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@kernel
def bad_among(
    key: np.uint64, before: int, after: int, found: int, share: float, block: int
) -> tuple[int, int]:
    """Return how many studies of a cell are bad of those after ``before``, in their order.

    Each block of studies has one uniform, and of its first n a binomial count is bad: so the total
    up to any study does not depend on where weeks end, and one more study adds one or none.

    The second number counts bad ones since the last block began; ``found`` is what it was before.
    """
    last, bad = after // block, -found
    if before < last * block:  # a division is slow, and most weeks end in the block they begin in
        for whole in range(before // block, last):
            bad += binomial(uniform(key, whole), block, share)
    now = binomial(uniform(key, last), after - last * block, share)
    return bad + now, now


@kernel
def reject(
    keys: NDArray[np.uint64],
    share: Floats,
    block: Counts,
    reviewed: Counts,
    found: Counts,
    curated: Counts,
    rejected: Counts,
) -> None:
    """Move bad studies from ``curated`` to ``rejected``, both (r, m, g).

    Parameters
    ----------
    keys : random keys of which studies are bad, shape (r, m, g).
    share : of bad studies, shape (r, m).
    block : studies that share a uniform, shape (r, m, g).
    reviewed, found : studies that curators have seen so far, and bad ones among those of the block
        under way, shape (r, m, g); updated in place.
    """
    regions, modalities, groups = curated.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                rejected[r, m, g] = 0
                if curated[r, m, g]:
                    seen = reviewed[r, m, g]
                    reviewed[r, m, g] = seen + curated[r, m, g]
                    rejected[r, m, g], found[r, m, g] = bad_among(
                        keys[r, m, g], seen, reviewed[r, m, g], found[r, m, g], share[r, m],
                        block[r, m, g],
                    )  # fmt: skip
                    curated[r, m, g] -= rejected[r, m, g]


class Curation(Station):
    """Curators who make documented studies fit for use."""

    name = "curation"
    capacity_unit = "studies"
    states = (
        Array("curation_waiting", "r m g", "studies to be curated"),
        Array("curation_begun", "r m", "part of a study curated", float),
        Array("reviewed", "r m g", "studies that curators have seen so far"),
        Array("found_bad", "r m g", "bad ones of the block of studies under way"),
    )
    flows = (
        Array("curated", "r m g", "studies fit for use"),
        Array("rejected", "r m g", "duplicates and studies of no use"),
        Array("curation_capacity", "r", "studies that curators can see", float),
        Array("curation_worked", "r", "of that, what was used", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_station("curation/groups")
        self.rejection_keys = random_keys.by_cell("curation/rejection")
        # about as many as are needed in a week: one or two draws then, for any population
        need = world.care.need_per_year / WEEKS_PER_YEAR
        self.block = np.maximum(need.astype(np.int64), 1)
        self.rejected_share = by_place(world.data.rejected_share, world)
        self.effort = np.ones(world.shape[:2])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Curate studies of the week and of the backlog, and reject the bad ones."""
        data = self.world.data
        bought = self.bought(state, "curator")
        flows.curation_capacity[:] = (data.curator_studies_per_year + bought) / WEEKS_PER_YEAR
        work_off(
            tick,
            self.keys,
            flows.documented,
            flows.curation_capacity,
            self.effort,
            state.curation_waiting,
            state.curation_begun,
            flows.curated,
            flows.curation_worked,
        )
        reject(
            self.rejection_keys,
            self.rejected_share,
            self.block,
            state.reviewed,
            state.found_bad,
            flows.curated,
            flows.rejected,
        )

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: duplicates and studies of no use."""
        return Account(
            flows.documented,
            flows.curated,
            rejected=flows.rejected,
            waiting=state.curation_waiting,
            busy=flows.curation_worked,
            capacity=flows.curation_capacity,
        )
