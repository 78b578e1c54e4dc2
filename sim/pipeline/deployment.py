"""Deployment: sites go live at a roll-out rate and decide which exams are read with AI."""

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
def roll_out(commissioned: Floats, sites_per_week: Floats, live: Counts) -> None:
    """Bring commissioned sites live, at most so many a week; shape (r,)."""
    for r in range(len(live)):
        # at least one a week: a rate below one is a longer lead time, which the tables carry
        step = max(1, int(sites_per_week[r]))
        live[r] = min(int(commissioned[r] + 1e-9), live[r] + step)


@njit(cache=True)
def route(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    gate_open: Counts,
    capacity_per_week: Floats,
    begun: Floats,
    to_ai: Counts,
) -> None:
    """Send exams to AI where a release may read and sites have room; writes ``to_ai`` (r, m, g).

    ``capacity_per_week`` is what the live, powered sites can read in a week, exams, shape (r,).
    """
    regions, modalities, groups = exams.shape
    candidates = np.empty(modalities * groups, dtype=np.int64)
    chosen = np.empty(modalities * groups, dtype=np.int64)
    for r in range(regions):
        total = 0
        for m in range(modalities):
            for g in range(groups):
                candidates[m * groups + g] = exams[r, m, g] * gate_open[r, m, g]
                total += candidates[m * groups + g]
        if total == 0:
            to_ai[r] = 0
            begun[r] = 0.0
            continue
        served, begun[r] = serve(total, capacity_per_week[r], begun[r])
        allot(served, candidates, uniform(keys[r], week), chosen)
        to_ai[r] = chosen.reshape(modalities, groups)


class Deployment(Station):
    """Sites that run a release: power, network and a computer beside the reader."""

    name = "deployment"
    unit = "exams"
    capacity_unit = "exams"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_region("deployment/route")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Bring sites live, then decide which exams of the week are read with AI."""
        world = self.world
        commissioned = state.active[:, world.catalogue.index("site")]
        roll_out(commissioned, world.compute.sites_per_week, state.sites_live)
        route(
            tick,
            self.keys,
            flows.exams,
            state.gate_open,
            self._room(state),
            state.ai_begun,
            flows.to_ai,
        )

    def _room(self, state: State) -> Floats:
        """Return the exams that live sites with power can take in a week, shape (r,)."""
        world = self.world
        per_site = world.catalogue.capacity[:, world.catalogue.index("site")]
        powered = world.compute.site_power_share * state.power
        return np.asarray(state.sites_live * powered * per_site / WEEKS_PER_YEAR)

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams that go to a reader without AI."""
        return Account(
            flows.exams,
            flows.to_ai,
            rejected=flows.exams - flows.to_ai,
            busy=flows.to_ai.sum(axis=(1, 2)).astype(float),
            capacity=self._room(state),
        )
