"""Governance: which labelled studies may leave their region; sharing is a flag, not a copy.

Studies that may not leave can still be trained on where they lie, if their region federates.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.holdings import Holdings
from sim.domain.levers import Floats
from sim.learning.law import effective_studies, pooled, worth_of_label
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts, thin
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario


class Governance(Station):
    """Consent and agreements: which studies others may train on."""

    name = "governance"
    states = (
        Array("shared", "r m g", "labelled studies that may leave their region, so far"),
        Array("agreed", "r", "1 where an agreement holds by a policy step", float),
        Array("label_efficiency", "r m", "worth of a label after pre-training", float, begins=1),
    )
    flows = (Array("leaving", "r m g", "studies flagged as free to leave their region"),)

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_station("governance/sharing")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Flag studies labelled this week."""
        share = share_that_leaves(self.world, state)
        thin(tick, self.keys, flows.labelled, share, flows.leaving)
        state.shared += flows.leaving

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: studies that serve their own region only."""
        return Account(flows.labelled, flows.leaving, rejected=flows.labelled - flows.leaving)


def share_that_leaves(world: World, state: State) -> Floats:
    """Return the share of new studies that may leave each region, shape (r,).

    An agreement is bought by the plan, or starts by itself as a policy step of the scenario.
    """
    bought = state.active[:, world.catalogue.index("agreement")]
    # an agreement that is bought more than once is one
    agreed = np.maximum(np.minimum(bought, 1.0), state.agreed)
    data = world.data
    return np.asarray(data.leave_share + agreed * (data.agreement_share - data.leave_share))


def federates(world: World, state: State) -> NDArray[np.bool_]:
    """Return which regions can be trained in where their studies lie, shape (r,)."""
    return np.asarray(state.active[:, world.catalogue.index("federation")] >= 1.0 - 1e-9)


class Usable(NamedTuple):
    """What a training may use of the studies that regions have labelled or made, (r, m, g)."""

    worth: Floats
    """Of labelled and synthetic studies, in effective ones."""
    shared: Counts
    """Labelled studies that may leave their region."""
    federated: Counts
    """Labelled studies that may not leave but are trained on where they lie."""


def usable(world: World, state: State) -> Usable:
    """Return what a training may use now."""
    data, labelled, shared = world.data, state.labelled, state.shared
    worth = effective_studies(
        labelled,
        state.synthetic,
        noise=data.label_noise[None, :, None],
        worth=data.synthetic_worth,
        limit=data.synthetic_limit,
    )
    return Usable(worth, shared, (labelled - shared) * federates(world, state)[:, None, None])


def own_share_of_images(world: World, state: State) -> Floats:
    """Return the share of the images for pre-training that are of each place, shape (r, m).

    Archived images need no label and no record of who was examined, but they may only be used as
    far as studies may leave, or all of them where a region federates. Public sets join them.
    """
    usable = np.where(federates(world, state), 1.0, share_that_leaves(world, state))
    images = state.archived.sum(axis=2) * usable[:, None] + world.data.local_studies
    everything = images.sum(axis=0) + world.data.public_studies
    return np.asarray(
        np.divide(images, everything, out=np.zeros_like(images), where=everything > 0)
    )


def trained_on(world: World, usable: Usable) -> float:
    """Return how many labelled and public studies a training passes over."""
    public = world.data.local_studies.sum() + world.data.public_studies.sum()
    return float(usable.worth.sum() + public)


def holdings(
    world: World, state: State, usable: Usable, *, own: Literal["place", "group"] = "place"
) -> Holdings:
    """Return what a training may use now: own and others' studies, shape (r, m, g).

    Others' studies are what other regions share or federate, with public data sets; synthetic
    studies stay where they were made. All count as often as pre-training makes them worth.

    Parameters
    ----------
    own : what the profile measured as own. Studies of a ``place`` are its region's, whatever the
        group; those of a ``group`` are all that may be used here of people of the same group.
    """
    data, shares = world.data, world.care.population / world.care.population.sum(axis=1)[:, None]
    groups = shares[:, None, :]
    local = data.local_studies[:, :, None] * groups
    elsewhere = data.public_studies[None, :, None] * groups
    worth = worth_of_label(data.label_noise)[None, :, None]
    here = local + usable.worth
    shared = local + worth * (usable.shared + data.federation_worth * usable.federated)
    known = pooled(here, shared, elsewhere)
    if own == "place":
        mine, theirs = (part.sum(axis=2, keepdims=True) for part in (known.own, known.other))
        mine, theirs = np.broadcast_to(mine, world.shape), np.broadcast_to(theirs, world.shape)
    else:
        mine = known.own + known.other
        theirs = mine.sum(axis=2, keepdims=True) - mine
    return Holdings(mine, theirs).times(state.label_efficiency[:, :, None])
