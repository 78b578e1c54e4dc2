"""Need and reach: who needs an exam this week, and who comes for one."""

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.flow import Counts, binomial, kernel, poisson, total, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import DAYS_PER_WEEK, WEEKS_PER_YEAR


@kernel
def step(
    week: int,
    keys: NDArray[np.uint64],
    need_per_week: Floats,
    reach: Floats,
    unreached_per_week: Floats,
    outreach_per_week: Floats,
    need: Counts,
    arrived: Counts,
    expected: Floats,
) -> None:
    """Draw this week's need and arrivals, shape (r, m, g).

    Writes ``need``, ``arrived`` and the mean of the arrivals, ``expected``. Need does not depend on
    any plan. Outreach brings ``outreach_per_week`` more persons, spread in proportion to the need
    that does not arrive by itself, ``unreached_per_week``; both have shape (r,).
    """
    regions, modalities, groups = need.shape
    for r in range(regions):
        brought = 0.0
        if unreached_per_week[r] > 0.0:
            brought = min(1.0, outreach_per_week[r] / unreached_per_week[r])
        for m in range(modalities):
            for g in range(groups):
                key, mean = keys[r, m, g], need_per_week[r, m, g]
                chance = reach[r, m, g] + brought * (1.0 - reach[r, m, g])
                need[r, m, g] = poisson(uniform(key, 2 * week), mean)
                arrived[r, m, g] = binomial(uniform(key, 2 * week + 1), need[r, m, g], chance)
                expected[r, m, g] = mean * chance


@kernel
def spread_over_days(week: int, keys: NDArray[np.uint64], arrived: Counts, by_day: Counts) -> None:
    """Spread a week's arrivals over its days, each equally likely.

    Writes ``by_day``, shape (day, r, m): a multinomial split by successive binomials.
    """
    regions, modalities, _ = arrived.shape
    for r in range(regions):
        for m in range(modalities):
            by_day[0, r, m] = total(arrived, r, m)
    # day by day, as places do not wait for each other and the days of one place do
    for day in range(DAYS_PER_WEEK - 1):
        chance = 1.0 / (DAYS_PER_WEEK - day)
        for r in range(regions):
            for m in range(modalities):
                left = by_day[day, r, m]
                u = uniform(keys[r, m], DAYS_PER_WEEK * week + day)
                by_day[day, r, m] = binomial(u, left, chance)
                by_day[day + 1, r, m] = left - by_day[day, r, m]


class Need(Station):
    """People who need an exam, and those of them who come for one."""

    name = "need"
    unit = "people"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys, self.day_keys = luck.by_cell("need"), luck.by_station("need/days")
        care = world.care
        self.need_per_week = care.need_per_year / WEEKS_PER_YEAR
        self.reach = np.ascontiguousarray(care.reach)
        unreached = self.need_per_week * (1.0 - care.reach)
        self.unreached_per_week = unreached.reshape(len(unreached), -1).cumsum(axis=1)[:, -1].copy()

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Draw need and arrivals, and spread them over the days of the week."""
        brought = self.bought(state, "outreach") / WEEKS_PER_YEAR
        step(
            tick,
            self.keys,
            self.need_per_week,
            self.reach,
            self.unreached_per_week,
            brought,
            flows.need,
            flows.arrived,
            flows.expected,
        )
        spread_over_days(tick, self.day_keys, flows.arrived, flows.by_day)

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: need that does not reach the health service."""
        return Account(flows.need, flows.arrived, rejected=flows.need - flows.arrived)
