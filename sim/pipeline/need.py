"""Need and reach: who needs an exam this week, and who comes for one."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, poisson, uniform
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
) -> None:
    """Draw this week's need and arrivals; writes ``need`` and ``arrived``, shape (r, m, g).

    Need does not depend on any plan. Outreach brings ``outreach_per_week`` more persons, shape
    (r,), spread in proportion to the need that does not arrive by itself.
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
