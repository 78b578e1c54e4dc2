"""Generation: synthetic studies by group, from a generator that was trained on real ones.

Synthetic studies are bounded by a multiple of the labelled real studies of their own cell: where
there is nothing real there is nothing to imitate. What one is worth is measured (docs/model.md §4).
"""

import math

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts, allot, by_region, kernel, serve, total, uniform
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@kernel
def generate(
    week: int,
    keys: NDArray[np.uint64],
    capacity: Floats,
    limit: Floats,
    ready: NDArray[np.bool_],
    labelled: Counts,
    synthetic: Counts,
    begun: Floats,
    made: Counts,
    together: Counts,
) -> None:
    """Make synthetic studies, in proportion to the room that real ones leave.

    Parameters
    ----------
    keys : random keys, shape (r,).
    capacity : what each region can make this week, studies, shape (r,).
    limit : most synthetic studies, as a multiple of the real ones of a cell, shape (r,).
    ready : where a generator has been trained, shape (r, m).
    labelled, synthetic : studies so far, real and synthetic; the latter is updated in place.
    begun : part of a study made so far, shape (r,); updated in place.
    made, together : result of the week, shape (r, m, g), and its view by region (r, 1, cells).
    """
    regions, modalities, groups = labelled.shape
    for r in range(regions):
        for m in range(modalities):
            most = limit[r] if capacity[r] > 0.0 and ready[r, m] else 0.0
            for g in range(groups):
                room = math.floor(most * labelled[r, m, g]) - synthetic[r, m, g]
                made[r, m, g] = max(room, 0)
        for m in range(together.shape[1]):
            if capacity[r] > 0.0:
                count, begun[r] = serve(total(together, r, m), capacity[r], begun[r])
                allot(count, together, r, m, uniform(keys[r], week), together)
        for m in range(modalities):
            for g in range(groups):
                synthetic[r, m, g] += made[r, m, g]


class Generation(Station):
    """Generators of labelled synthetic studies, one per region, conditional on group and class."""

    name = "generation"
    capacity_unit = "studies"
    states = (
        Array("synthetic", "r m g", "synthetic studies so far"),
        Array("generation_begun", "r", "part of a study made", float),
        Array("generator_ready", "r m", "where a generator has been trained", bool),
    )
    flows = (
        Array("generated", "r m g", "synthetic studies made"),
        Array("generation_capacity", "r", "synthetic studies that are paid for", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_region("generation/groups")
        self.limit = np.broadcast_to(world.data.synthetic_limit, world.shape[:1]).copy()

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Fill the room that real studies leave, where a trained generator is at hand."""
        flows.generation_capacity[:] = self.bought(state, "synthesis") / WEEKS_PER_YEAR
        if not flows.generation_capacity.any():
            # sooner, and where nobody ever buys it nothing is compiled
            flows.generated[:] = 0
            return
        generate(
            tick,
            self.keys,
            flows.generation_capacity,
            self.limit,
            state.generator_ready,
            state.labelled,
            state.synthetic,
            state.generation_begun,
            flows.generated,
            by_region(flows.generated),
        )

    def account(self, state: State, flows: Flows) -> Account:
        """Enter what is made: nothing waits, and nothing real is used up."""
        return Account(flows.generated, flows.generated, capacity=flows.generation_capacity)


def can_train_a_generator(world: World, state: State) -> NDArray[np.bool_]:
    """Return where there are enough labelled studies to train a generator on, shape (r, m)."""
    return np.asarray(state.labelled.sum(axis=2) >= world.data.synthetic_minimum)
