"""Need and reach: who needs an exam this week, and who comes for one."""

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts, kernel, total
from sim.pipeline.kernels.draws import binomials, poissons
from sim.pipeline.random_keys import Keys, RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.schema import Scenario
from sim.units import DAYS_PER_WEEK, WEEKS_PER_YEAR


@kernel
def step(
    week: int,
    keys: Keys,
    day_keys: Keys,
    need_per_week: Floats,
    reach: Floats,
    unreached_per_week: Floats,
    outreach_per_week: Floats,
    need: Counts,
    arrived: Counts,
    expected: Floats,
    by_day: Counts,
    chance: Floats,
    listed: Counts,
) -> None:
    """Draw this week's need and arrivals, shape (r, m, g), and spread them over its days.

    Writes ``need``, ``arrived``, the mean of the arrivals, ``expected``, and ``by_day``. Need does
    not depend on any plan. Outreach brings ``outreach_per_week`` more persons of each group, spread
    over modalities in proportion to the need that does not arrive by itself,
    ``unreached_per_week``; both have shape (r, g). The last two are scratch, shape (cells,).
    """
    regions, modalities, groups = need.shape
    cell = 0
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                brought = 0.0
                if unreached_per_week[r, g] > 0.0:
                    brought = min(1.0, outreach_per_week[r, g] / unreached_per_week[r, g])
                chance[cell] = reach[r, m, g] + brought * (1.0 - reach[r, m, g])
                expected[r, m, g] = need_per_week[r, m, g] * chance[cell]
                cell += 1
    of_cell, needing = keys.reshape(cell), need.reshape(cell)
    poissons(of_cell, 2 * week, need_per_week.reshape(cell), needing, listed)
    binomials(of_cell, 2 * week + 1, needing, chance, arrived.reshape(cell), listed)
    spread_over_days(week, day_keys, arrived, by_day, chance, listed)


@kernel
def spread_over_days(
    week: int,
    keys: Keys,
    arrived: Counts,
    by_day: Counts,
    chance: Floats,
    listed: Counts,
) -> None:
    """Spread a week's arrivals over its days, each equally likely.

    Writes ``by_day``, shape (day, r, m): a multinomial split by successive binomials. The last two
    are scratch, of at least one element for each place.
    """
    regions, modalities, _ = arrived.shape
    places, last = regions * modalities, DAYS_PER_WEEK - 1
    days = by_day.reshape(DAYS_PER_WEEK, places)
    for r in range(regions):
        for m in range(modalities):
            by_day[last, r, m] = total(arrived, r, m)
    for day in range(last):
        for place in range(places):
            chance[place] = 1.0 / (DAYS_PER_WEEK - day)
        # day by day, as places do not wait for each other and the days of one place do
        step = DAYS_PER_WEEK * week + day
        binomials(keys.reshape(places), step, days[last], chance, days[day], listed)
        for place in range(places):
            days[last, place] -= days[day, place]


class Need(Station):
    """People who need an exam, and those of them who come for one."""

    name = "need"
    unit = "people"
    flows = (
        Array("need", "r m g", "people who need an exam", yearly=True),
        Array("arrived", "r m g", "those of them who come for one", yearly=True),
        Array("expected", "r m g", "mean of ``arrived``", float),
        Array("by_day", "d r m", "arrivals by day"),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys, self.day_keys = random_keys.by_cell("need"), random_keys.by_station("need/days")
        self.care, self.reach = world.care, np.ascontiguousarray(world.care.reach)
        self.chance, self.listed = np.zeros(self.keys.size), np.zeros(self.keys.size, np.int64)
        self.first_week = scenario.horizon.warm_up_years * WEEKS_PER_YEAR
        self._begin(year=0)
        self.clinics = [world.catalogue.index("outreach", name) for name in world.groups]
        self.per_clinic = world.catalogue.capacity.take(self.clinics, axis=1) / WEEKS_PER_YEAR

    def _begin(self, year: int) -> None:
        """Let need be that of a scored year, 0 the first."""
        care, self.year = self.care, year
        grown = care.need_per_year * care.growth_until(year)[:, None, None]
        self.need_per_week = grown / WEEKS_PER_YEAR
        self.unreached_per_week = (self.need_per_week * (1.0 - care.reach)).sum(axis=1)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Draw need and arrivals, and spread them over the days of the week.

        Need grows from year to year, as people do. All of the warm-up is as the first scored
        year: it is there to find the state that today's services are in.
        """
        year = max(tick - self.first_week, 0) // WEEKS_PER_YEAR
        if year != self.year:
            self._begin(year)
        brought = state.active.take(self.clinics, axis=1) * self.per_clinic
        step(
            tick,
            self.keys,
            self.day_keys,
            self.need_per_week,
            self.reach,
            self.unreached_per_week,
            brought,
            flows.need,
            flows.arrived,
            flows.expected,
            flows.by_day,
            self.chance,
            self.listed,
        )

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: need that does not reach the health service."""
        return Account(flows.need, flows.arrived, rejected=flows.need - flows.arrived)
