"""Curation: de-identification, quality control and removal of duplicates.

A backlog (`sim.pipeline.backlog`) of curators' work, after which a share is rejected.
"""

import numpy as np

from sim.baseline.world import World
from sim.pipeline.backlog import work_off
from sim.pipeline.flow import thin
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


class Curation(Station):
    """Curators who make documented studies fit for use."""

    name = "curation"
    capacity_unit = "studies"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_station("curation/groups")
        self.rejection_keys = luck.by_station("curation/rejection")
        self.rejected_share = np.tile(world.data.rejected_share, (world.shape[0], 1))
        self.effort = np.ones(world.shape[1])
        self.worked = np.zeros(world.shape[0])
        self.capacity = np.zeros(world.shape[0])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Curate studies of the week and of the backlog, and reject the bad ones."""
        data = self.world.data
        bought = self.bought(state, "curator")
        self.capacity = (data.curator_studies_per_year + bought) / WEEKS_PER_YEAR
        work_off(
            tick,
            self.keys,
            flows.documented,
            self.capacity,
            self.effort,
            state.curation_waiting,
            state.curation_begun,
            flows.curated,
            self.worked,
        )
        thin(tick, self.rejection_keys, flows.curated, self.rejected_share, flows.rejected)
        flows.curated[...] -= flows.rejected

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: duplicates and studies of no use."""
        return Account(
            flows.documented,
            # the audit takes its share out of ``curated`` later in the week
            flows.curated + flows.set_aside,
            rejected=flows.rejected,
            waiting=state.curation_waiting,
            busy=self.worked,
            capacity=self.capacity,
        )
