"""Archive: a copy of a digital exam is kept; the other exams are lost to data use."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    digital_share: Floats,
    archived: Counts,
) -> None:
    """Archive this week's exams; writes ``archived`` (r, m, g).

    ``keys`` has shape (r, m, g), ``digital_share`` shape (r,).
    """
    regions, modalities, groups = exams.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                u = uniform(keys[r, m, g], week)
                archived[r, m, g] = binomial(u, exams[r, m, g], digital_share[r])


class Archive(Station):
    """Digital archives: the copy of an exam that data work begins with."""

    name = "archive"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_cell("archive")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Archive the exams of the week."""
        step(tick, self.keys, flows.exams, self.world.data.digital_share, flows.archived)
        state.archived += flows.archived

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams on film or on a device of their own, lost to data use."""
        return Account(flows.exams, flows.archived, rejected=flows.exams - flows.archived)
