"""Deployment: sites go live at a roll-out rate and decide which exams are read with AI."""

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
def step(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    gate_open: Counts,
    active: Floats,
    site: int,
    sites_per_week: Floats,
    exams_per_site: Floats,
    power_share: Floats,
    power: Floats,
    live: Counts,
    begun: Floats,
    to_ai: Counts,
) -> None:
    """Bring sites live, then send exams to AI where a release may read and sites have room.

    Parameters
    ----------
    keys : random keys, shape (r,).
    exams, gate_open : exams of the week, and 1 where a release may read them, shape (r, 1, cells):
        all cells of a region are one place here.
    active, site : units in use, shape (r, i), and which item of them is a site.
    sites_per_week : most sites that go live in a week, shape (r,).
    exams_per_site : exams that a site can read in a year with power, shape (r,).
    power_share, power : share of the time that a site has power, and what an outage leaves of
        it, shape (r,).
    live, begun : sites that are live, and part of an exam read, shape (r,); updated in place.
    to_ai : exams that go to AI, shape (r, 1, cells).
    """
    regions, places, cells = exams.shape
    for r in range(regions):
        # at least one a week: a rate below one is a longer lead time, which the tables carry
        more = max(1, math.floor(sites_per_week[r]))
        live[r] = min(math.floor(active[r, site] + 1e-9), live[r] + more)
        room = live[r] * (power_share[r] * power[r]) * exams_per_site[r] / WEEKS_PER_YEAR
        for m in range(places):
            for cell in range(cells):
                to_ai[r, m, cell] = exams[r, m, cell] * gate_open[r, m, cell]
            served, begun[r] = serve(total(to_ai, r, m), room, begun[r])
            allot(served, to_ai, r, m, uniform(keys[r], week), to_ai)


class Deployment(Station):
    """Sites that run a release: power, network and a computer beside the reader."""

    name = "deployment"
    unit = "exams"
    capacity_unit = "exams"
    states = (
        Array("sites_live", "r", "sites that run a release"),
        Array("ai_begun", "r", "part of an exam read", float),
        Array("power", "r", "share of a site's hours that an outage leaves", float, begins=1),
    )
    flows = (Array("to_ai", "r m g", "exams that go to AI", yearly=True),)

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_region("deployment/route")
        self.site = world.catalogue.index("site")
        self.exams_per_site = world.catalogue.capacity[:, self.site].copy()

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Bring sites live, then decide which exams of the week are read with AI."""
        compute = self.world.compute
        step(
            tick,
            self.keys,
            by_region(flows.exams),
            by_region(state.gate_open),
            state.active,
            self.site,
            compute.sites_per_week,
            self.exams_per_site,
            compute.site_power_share,
            state.power,
            state.sites_live,
            state.ai_begun,
            by_region(flows.to_ai),
        )

    def _room(self, state: State) -> Floats:
        """Return the exams that live sites with power can take in a week, shape (r,)."""
        powered = self.world.compute.site_power_share * state.power
        return np.asarray(state.sites_live * powered * self.exams_per_site / WEEKS_PER_YEAR)

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams that go to a reader without AI."""
        return Account(
            flows.exams,
            flows.to_ai,
            rejected=flows.exams - flows.to_ai,
            capacity=self._room(state),
        )
