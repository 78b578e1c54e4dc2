"""Annotation: specialists label curated studies in protected and in bought hours.

A backlog (`sim.pipeline.backlog`) measured in minutes of specialist time.
"""

import numpy as np

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.backlog import work_off
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import MINUTES_PER_HOUR, WEEKS_PER_YEAR


class Annotation(Station):
    """Specialists who label studies for training."""

    name = "annotation"
    capacity_unit = "specialist hours"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys = luck.by_station("annotation/groups")
        self.minutes = np.zeros(world.shape[0])

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Label what the audit left of the week's curated studies, and the backlog."""
        flows.bought_hours[:] = self.bought(state, "annotation") / WEEKS_PER_YEAR
        work_off(
            tick,
            self.keys,
            flows.curated,
            self._hours(flows) * MINUTES_PER_HOUR,
            self.world.data.annotation_minutes,
            state.annotation_waiting,
            state.annotation_begun,
            flows.labelled,
            self.minutes,
        )
        flows.annotation_hours[:] = self.minutes / MINUTES_PER_HOUR
        state.labelled += flows.labelled

    def _hours(self, flows: Flows) -> Floats:
        """Return annotation hours of the week, protected and bought, shape (r,)."""
        protected = flows.reader_hours.sum(axis=1) * self.world.care.protected_share
        return np.asarray(protected + flows.bought_hours)

    def account(self, state: State, flows: Flows) -> Account:
        """Nobody leaves: an unlabelled study waits."""
        return Account(
            flows.curated,
            flows.labelled,
            waiting=state.annotation_waiting,
            busy=flows.annotation_hours,
            capacity=self._hours(flows),
        )
