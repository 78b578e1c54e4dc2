"""Documentation: stewards record who was examined; without it nobody can sample or audit by group.

A share of studies is documented where it is made. The rest is a backlog (`kernels.backlog`)
whose capacity is today's stewards and those a plan employs.
"""

from operator import attrgetter

import numpy as np

from sim.baseline.world import World
from sim.pipeline.account import Account
from sim.pipeline.kernels.backlog import work_off
from sim.pipeline.kernels.counts import thin
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR

SHARE_TODAY = attrgetter("data.documented_share")


class Documentation(Station):
    """Stewards who record age, sex and group of archived studies."""

    name = "documentation"
    capacity_unit = "studies"
    states = (
        Array("documentation_waiting", "r m g", "studies to be documented"),
        Array("documentation_begun", "r m", "part of a study documented", float),
        Array("documented_share", "r", "documented where studies are made", float, SHARE_TODAY),
    )
    flows = (
        Array("at_source", "r m g", "studies documented where they are made"),
        Array("documented", "r m g", "all studies documented"),
        Array("documentation_capacity", "r", "studies that stewards can document", float),
        Array("documentation_worked", "r", "of that, what was used", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_station("documentation/groups")
        self.source_keys = random_keys.by_station("documentation/at source")
        self.entering = np.zeros(world.shape, dtype=np.int64)
        self.effort = np.ones(world.shape[:2])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Let stewards work off what was not documented where it was made."""
        thin(tick, self.source_keys, flows.archived, state.documented_share, flows.at_source)
        today = self.world.data.steward_studies_per_year
        flows.documentation_capacity[:] = (today + self.bought(state, "steward")) / WEEKS_PER_YEAR
        work_off(
            tick,
            self.keys,
            np.subtract(flows.archived, flows.at_source, out=self.entering),
            flows.documentation_capacity,
            self.effort,
            state.documentation_waiting,
            state.documentation_begun,
            flows.documented,
            flows.documentation_worked,
        )
        flows.documented[...] += flows.at_source

    def account(self, state: State, flows: Flows) -> Account:
        """Nobody leaves: an undocumented study waits."""
        return Account(
            flows.archived,
            flows.documented,
            waiting=state.documentation_waiting,
            busy=flows.documentation_worked,
            capacity=flows.documentation_capacity,
        )
