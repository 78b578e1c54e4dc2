"""Need and reach: who needs an exam this week, and who comes for one."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, poisson, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import DAYS_PER_WEEK, WEEKS_PER_YEAR


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    need_per_year: Floats,
    reach: Floats,
    outreach_per_week: Floats,
    need: Counts,
    arrived: Counts,
    expected: Floats,
) -> None:
    """Draw this week's need and arrivals, shape (r, m, g).

    Writes ``need``, ``arrived`` and the mean of the arrivals, ``expected``. Need does not depend on
    any plan. Outreach brings ``outreach_per_week`` more persons, shape (r,), spread in proportion
    to the need that does not arrive by itself.
    """
    regions, modalities, groups = need_per_year.shape
    for r in range(regions):
        unreached = 0.0
        for m in range(modalities):
            for g in range(groups):
                unreached += need_per_year[r, m, g] / WEEKS_PER_YEAR * (1.0 - reach[r, m, g])
        brought = min(1.0, outreach_per_week[r] / unreached) if unreached > 0.0 else 0.0
        for m in range(modalities):
            for g in range(groups):
                key = keys[r, m, g]
                need[r, m, g] = poisson(
                    uniform(key, 2 * week), need_per_year[r, m, g] / WEEKS_PER_YEAR
                )
                chance = reach[r, m, g] + brought * (1.0 - reach[r, m, g])
                expected[r, m, g] = need_per_year[r, m, g] / WEEKS_PER_YEAR * chance
                arrived[r, m, g] = binomial(uniform(key, 2 * week + 1), need[r, m, g], chance)


@njit(cache=True)
def spread_over_days(week: int, keys: NDArray[np.uint64], arrived: Counts, by_day: Counts) -> None:
    """Spread a week's arrivals over its days, each equally likely.

    Writes ``by_day``, shape (day, r, m): a multinomial split by successive binomials.
    """
    regions, modalities, _ = arrived.shape
    for r in range(regions):
        for m in range(modalities):
            left = arrived[r, m].sum()
            for day in range(DAYS_PER_WEEK):
                u = uniform(keys[r, m], DAYS_PER_WEEK * week + day)
                by_day[day, r, m] = binomial(u, left, 1.0 / (DAYS_PER_WEEK - day))
                left -= by_day[day, r, m]


class Need(Station):
    """People who need an exam, and those of them who come for one."""

    name = "need"
    unit = "people"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        self.keys, self.day_keys = luck.by_cell("need"), luck.by_station("need/days")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Draw need and arrivals, and spread them over the days of the week."""
        care = self.world.care
        brought = self.bought(state, "outreach") / WEEKS_PER_YEAR
        step(
            tick,
            self.keys,
            care.need_per_year,
            care.reach,
            brought,
            flows.need,
            flows.arrived,
            flows.expected,
        )
        spread_over_days(tick, self.day_keys, flows.arrived, flows.by_day)

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: need that does not reach the health service."""
        return Account(flows.need, flows.arrived, rejected=flows.need - flows.arrived)
