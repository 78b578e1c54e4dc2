"""Archive: a copy of a digital exam is kept; the other exams are lost to data use."""

import numpy as np

from sim.baseline.world import World
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import thin
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario


class Archive(Station):
    """Digital archives: the copy of an exam that data work begins with."""

    name = "archive"
    states = (Array("archived", "r m g", "images kept so far, labelled or not"),)
    flows = (Array("archived", "r m g", "images kept", yearly=True),)

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_station("archive")
        self.share = np.ascontiguousarray(world.data.digital_share)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Archive the exams of the week."""
        thin(tick, self.keys, flows.exams, self.share, flows.archived)
        state.archived += flows.archived

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams on film or on a device of their own, lost to data use."""
        return Account(flows.exams, flows.archived, rejected=flows.exams - flows.archived)
