"""Generation: synthetic studies by group, from a generator that was trained on real ones.

Synthetic studies are bounded by a multiple of the labelled real studies of their own cell: where
there is nothing real there is nothing to imitate. What one is worth is measured (docs/model.md §4).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, serve, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@njit(cache=True)
def generate(
    week: int,
    keys: NDArray[np.uint64],
    capacity: Floats,
    room: Counts,
    begun: Floats,
    made: Counts,
) -> None:
    """Make synthetic studies, ``made`` (r, m, g), in proportion to the ``room`` of each cell.

    ``capacity`` is what each region can make this week, studies, shape (r,); ``keys`` (r,).
    """
    regions, modalities, groups = room.shape
    for r in range(regions):
        wanted = room[r].copy().reshape(modalities * groups)
        count, begun[r] = serve(wanted.sum(), capacity[r], begun[r])
        chosen = np.zeros(modalities * groups, dtype=np.int64)
        allot(count, wanted, uniform(keys[r], week), chosen)
        made[r] = chosen.reshape(modalities, groups)


class Generation(Station):
    """Generators of labelled synthetic studies, one per region, conditional on group and class."""

    name = "generation"
    capacity_unit = "studies"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_region("generation/groups")
        self.capacity = np.zeros(world.shape[0])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Fill the room that real studies leave, where a trained generator is at hand."""
        self.capacity = self.bought(state, "synthesis") / WEEKS_PER_YEAR
        if not self.capacity.any():
            flows.generated[:] = 0
            return
        most = np.floor(self.world.data.synthetic_limit * state.labelled).astype(np.int64)
        room = (most - state.synthetic).clip(min=0) * state.generator_ready[:, :, None]
        generate(tick, self.keys, self.capacity, room, state.generation_begun, flows.generated)
        state.synthetic += flows.generated

    def account(self, state: State, flows: Flows) -> Account:
        """Enter what is made: nothing waits, and nothing real is used up."""
        return Account(
            flows.generated,
            flows.generated,
            busy=flows.generated.sum(axis=(1, 2)).astype(float),
            capacity=self.capacity,
        )


def can_train_a_generator(world: World, state: State) -> NDArray[np.bool_]:
    """Return where there are enough labelled studies to train a generator on, shape (r, m)."""
    return np.asarray(state.labelled.sum(axis=2) >= world.data.synthetic_minimum)
