"""Governance: which labelled studies may leave their region; sharing is a flag, not a copy.

Studies that may not leave can still be trained on where they lie, if their region federates.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.holdings import Holdings, worth_of_label, worth_of_synthetic
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario


@njit(cache=True)
def flag(
    week: int,
    keys: NDArray[np.uint64],
    labelled: Counts,
    share_that_leaves: Floats,
    leaving: Counts,
) -> None:
    """Flag which of the newly ``labelled`` studies may leave: ``leaving``, both (r, m, g)."""
    regions, modalities, groups = labelled.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                u = uniform(keys[r, m, g], week)
                leaving[r, m, g] = binomial(u, labelled[r, m, g], share_that_leaves[r])


class Governance(Station):
    """Consent and agreements: which studies others may train on."""

    name = "governance"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_cell("governance/sharing")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Flag studies labelled this week."""
        flag(tick, self.keys, flows.labelled, self.share_that_leaves(state), flows.leaving)
        state.shared += flows.leaving

    def share_that_leaves(self, state: State) -> Floats:
        """Return the share of new studies that may leave each region, shape (r,).

        An agreement is bought by the plan, or starts by itself as a policy step of the scenario.
        """
        bought = state.active[:, self.world.catalogue.index("agreement")].clip(max=1.0)
        agreed = np.maximum(bought, state.agreed)
        data = self.world.data
        return np.asarray(data.leave_share + agreed * (data.agreement_share - data.leave_share))

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: studies that serve their own region only."""
        return Account(flows.labelled, flows.leaving, rejected=flows.labelled - flows.leaving)


def federated(world: World, state: State) -> Counts:
    """Return labelled studies that may not leave but are trained on where they lie, (r, m)."""
    item = world.catalogue.index("federation")
    federates = (state.active[:, item] >= 1.0 - 1e-9)[:, None]
    return np.asarray((state.labelled - state.shared).sum(axis=2) * federates)


def holdings(world: World, state: State) -> Holdings:
    """Return what a training may use now: own and others' studies, shape (r, m, g).

    A cell's own studies are those of its region, whatever the group: the profile measured the
    place. Others' are what other regions share or federate, with public data sets. Synthetic
    studies stay where they were made.
    """
    data = world.data
    worth = worth_of_label(data.label_noise)
    real = state.labelled.sum(axis=2)
    synthetic = worth_of_synthetic(
        real, state.synthetic.sum(axis=2), worth=data.synthetic_worth, limit=data.synthetic_limit
    )
    own = data.local_studies + worth * (real + synthetic)
    in_place = data.federation_worth * federated(world, state)
    shared = data.local_studies + worth * (state.shared.sum(axis=2) + in_place)
    other = data.public_studies + shared.sum(axis=0) - shared
    groups = len(world.groups)
    return Holdings(
        own=np.repeat(own[:, :, None].astype(float), groups, axis=2),
        other=np.repeat(other[:, :, None].astype(float), groups, axis=2),
    )
