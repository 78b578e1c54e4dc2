"""Annotation: specialists label curated studies in protected and in bought hours.

A backlog (`kernels.backlog`) measured in minutes of specialist time. What a mitigation has to
see again comes first.
"""

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.kernels.backlog import work_off
from sim.pipeline.kernels.counts import Counts, by_place, kernel
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import MINUTES_PER_HOUR, WEEKS_PER_YEAR


@kernel
def balance(count: int, waiting: Counts, have: Counts, r: int, m: int, chosen: Counts) -> None:
    """Choose so many studies of a place that its groups' labels become as even as they can.

    Writes ``chosen``, at most ``waiting`` of each group; arrays have shape (r, m, g). Every study
    goes to the group that has the fewest labels, those chosen before included; ties go to the
    first.
    """
    level, rest = _level(count, waiting, have, r, m), count
    for g in range(waiting.shape[2]):
        chosen[r, m, g] = min(waiting[r, m, g], max(level - have[r, m, g], 0))
        rest -= chosen[r, m, g]
    for g in range(waiting.shape[2]):
        more = chosen[r, m, g] < waiting[r, m, g] and have[r, m, g] + chosen[r, m, g] == level
        if more and rest > 0:
            chosen[r, m, g] += 1
            rest -= 1


@kernel
def _level(count: int, waiting: Counts, have: Counts, r: int, m: int) -> int:
    """Return the most labels that all groups can be brought up to with so many, by bisection."""
    low, high = 0, count
    for g in range(waiting.shape[2]):
        high = max(high, have[r, m, g] + count)
    while low < high:
        middle = (low + high + 1) // 2
        asked = 0
        for g in range(waiting.shape[2]):
            asked += min(waiting[r, m, g], max(middle - have[r, m, g], 0))
        if asked <= count:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def balanced(entering: Counts, counts: Counts, have: Counts, waiting: Counts, done: Counts) -> None:
    """Split labels of the week, ``counts`` (r, m), over groups; updates ``waiting`` (r, m, g)."""
    regions, modalities, groups = waiting.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                waiting[r, m, g] += entering[r, m, g]
            balance(counts[r, m], waiting, have, r, m, done)
            for g in range(groups):
                waiting[r, m, g] -= done[r, m, g]


class Annotation(Station):
    """Specialists who label studies for training."""

    name = "annotation"
    capacity_unit = "specialist hours"
    states = (
        Array("annotation_waiting", "r m g", "studies to be labelled"),
        Array("annotation_begun", "r m", "part of a study labelled", float),
        Array("labelled", "r m g", "labelled studies so far"),
        Array("review_hours", "r", "hours of review that a mitigation still asks for", float),
    )
    flows = (
        Array("labelled", "r m g", "studies labelled", yearly=True),
        Array("annotation_hours", "r", "hours spent on labels", float),
        Array("mitigation_hours", "r", "hours spent on what a mitigation has to see again", float),
        Array("bought_hours", "r", "hours bought, on top of readers' own", float),
        Array("annotation_capacity", "r", "hours protected and bought", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_station("annotation/groups")
        self.minutes_per_study = by_place(world.data.annotation_minutes, world)
        self.order = scenario.annotation.order

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Label what the audit left of the week's curated studies, and the backlog."""
        flows.bought_hours[:] = self.bought(state, "annotation") / WEEKS_PER_YEAR
        protected = flows.reader_hours.sum(axis=1) * self.world.care.protected_share
        hours = np.add(protected, flows.bought_hours, out=flows.annotation_capacity)
        np.minimum(hours, state.review_hours, out=flows.mitigation_hours)
        state.review_hours -= flows.mitigation_hours
        minutes = (hours - flows.mitigation_hours) * MINUTES_PER_HOUR
        if self.order == "balanced":
            self._label_balanced(state, flows, minutes, tick)
        else:
            waiting, done = state.annotation_waiting, flows.labelled
            self._work_off(tick, flows.for_training, minutes, waiting, state, flows, done)
        state.labelled += flows.labelled

    def _label_balanced(self, state: State, flows: Flows, minutes: Floats, tick: int) -> None:
        """Label as many studies as there are hours for, of the groups with the fewest labels."""
        entering = flows.for_training.sum(axis=2, keepdims=True)
        waiting = state.annotation_waiting.sum(axis=2, keepdims=True)
        count = np.zeros_like(waiting)
        self._work_off(tick, entering, minutes, waiting, state, flows, count)
        waiting, counts = state.annotation_waiting, count[..., 0]
        balanced(flows.for_training, counts, state.labelled, waiting, flows.labelled)

    def _work_off(
        self, tick: int, entering: Counts, minutes: Floats, waiting: Counts, state: State,
        flows: Flows, done: Counts,
    ) -> None:  # fmt: skip
        work_off(
            tick,
            self.keys,
            entering,
            minutes,
            self.minutes_per_study,
            waiting,
            state.annotation_begun,
            done,
            flows.annotation_hours,
        )
        flows.annotation_hours[:] /= MINUTES_PER_HOUR

    def account(self, state: State, flows: Flows) -> Account:
        """Nobody leaves: an unlabelled study waits. Hours of a mitigation count as used."""
        return Account(
            flows.for_training,
            flows.labelled,
            waiting=state.annotation_waiting,
            busy=flows.annotation_hours + flows.mitigation_hours,
            capacity=flows.annotation_capacity,
        )
