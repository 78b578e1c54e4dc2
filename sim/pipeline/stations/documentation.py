"""Documentation: stewards record who was examined; without it nobody can sample or audit by group.

A share of studies is documented where it is made. The rest is a backlog (`kernels.backlog`)
whose capacity is today's stewards and those a plan employs.
"""

import numpy as np

from sim.baseline.world import World
from sim.pipeline.account import Account
from sim.pipeline.kernels.backlog import work_off
from sim.pipeline.kernels.counts import thin
from sim.pipeline.random_keys import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


class Documentation(Station):
    """Stewards who record age, sex and group of archived studies."""

    name = "documentation"
    capacity_unit = "studies"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_station("documentation/groups")
        self.source_keys = luck.by_station("documentation/at source")
        self.entering = np.zeros(world.shape, dtype=np.int64)
        self.effort = np.ones(world.shape[:2])
        self.worked = np.zeros(world.shape[0])
        self.capacity = np.zeros(world.shape[0])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Let stewards work off what was not documented where it was made."""
        thin(tick, self.source_keys, flows.archived, state.documented_share, flows.at_source)
        today = self.world.data.steward_studies_per_year
        self.capacity = (today + self.bought(state, "steward")) / WEEKS_PER_YEAR
        work_off(
            tick,
            self.keys,
            np.subtract(flows.archived, flows.at_source, out=self.entering),
            self.capacity,
            self.effort,
            state.documentation_waiting,
            state.documentation_begun,
            flows.documented,
            self.worked,
        )
        flows.documented[...] += flows.at_source

    def account(self, state: State, flows: Flows) -> Account:
        """Nobody leaves: an undocumented study waits."""
        return Account(
            flows.archived,
            flows.documented,
            waiting=state.documentation_waiting,
            busy=self.worked,
            capacity=self.capacity,
        )
