"""Plans for many countries: optimised for income groups, shared out to countries by need.

Prices and delays in the tables are those of income groups, so a group's plan costs the same
whichever of its countries it is carried out in. What is lost is the difference between countries
of one group, which ``sim.studies.options`` brings back in part.
"""

from dataclasses import replace

import numpy as np

from sim.baseline.members import members
from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.planning.decisions import most_per_year
from sim.planning.limits import SLACK
from sim.scenario.schema import Scenario

MANY_REGIONS = 24
"""More regions than this are planned for pooled: the optimisation model would take hours."""


def is_large(world: World) -> bool:
    """Whether a world has too many regions for one optimisation model."""
    return len(world.regions) > MANY_REGIONS


def by_income_group(scenario: Scenario) -> Scenario:
    """Return the scenario with its countries pooled by income group."""
    return scenario.model_copy(update={"by": "income_group"})


def share_out(plan: Plan, scenario: Scenario, world: World) -> Plan:
    """Return a plan for income groups as a plan for their countries.

    Parameters
    ----------
    plan : units by year, income group and item.
    scenario, world : of the countries.
    """
    who = members(scenario)
    need = world.care.need_per_year.sum(axis=(1, 2))
    most = most_per_year(world, scenario)
    units = np.zeros((plan.years, len(world.regions), len(plan.catalogue.items)))
    for p, group in enumerate(plan.regions):
        mine = np.array([g == group for g in who.income_groups])
        share = np.where(mine, need, 0.0) / need[mine].sum()
        for i, item in enumerate(plan.catalogue.items):
            bought = plan.units[:, p, i]
            if item.is_one_each:  # one for a group is one for each of its countries
                units[:, mine, i] = bought[:, None]
            elif item.is_service:
                units[:, :, i] += bought[:, None] * share
            else:
                units[:, :, i] += whole(bought, share)
    return replace(
        plan,
        units=np.minimum(units, most[None]),
        regions=world.regions,
        catalogue=world.catalogue,
        gap=float("nan"),
        predicted=float("nan"),
    )


def duals_of_countries(duals: Floats, scenario: Scenario, world: World) -> Floats:
    """Return the screening values of income groups for each of their countries, by need.

    Parameters
    ----------
    duals : by income group and item, shape (group, item).

    Returns
    -------
    Shape (country, item). Within a group the values differ by a hair, so that of countries that
    the optimisation model cannot tell apart those with more need are simulated first.
    """
    groups = list(members(by_income_group(scenario)).regions)
    need = world.care.need_per_year.sum(axis=(1, 2))
    place = [groups.index(group) for group in members(scenario).income_groups]
    return np.asarray(duals[place] * (1.0 + 1e-6 * need / need.max())[:, None])


def whole(bought: Floats, share: Floats) -> Floats:
    """Return whole units by year and place, close to their shares over time.

    They add up to what is bought, and all units so far of a place are less than one from its share.

    Parameters
    ----------
    bought : whole units by year, shape (year,).
    share : of each place, adding up to 1, shape (place,).

    >>> whole(np.array([1.0, 1.0, 2.0]), np.array([0.5, 0.25, 0.25]))
    array([[1., 0., 0.],
           [0., 1., 0.],
           [1., 0., 1.]])
    """
    given = np.zeros((len(bought), len(share)))
    for year, count in enumerate(np.cumsum(bought)):
        owed = share * count - given[:year].sum(axis=0)
        sure = np.floor(np.maximum(owed, 0.0))
        left = round(float(bought[year] - sure.sum()))
        given[year] = sure
        if left > 0:
            given[year, np.argsort(-(owed - sure), kind="stable")[:left]] += 1.0
        elif left < 0:  # small shares had theirs early, and too little is left for the others
            return _by_deadline(bought, share)
    return given


def _by_deadline(bought: Floats, share: Floats) -> Floats:
    """Return the same unit by unit, each for the place that would next be one short of its share.

    Of those that have one coming (Tijdeman 1980, doi:10.1016/0012-365X(80)90269-1): no place is
    ever a whole unit from its share, whatever comes after.
    """
    given, some = np.zeros((len(bought), len(share))), np.flatnonzero(share > 0.0)
    parts, had, count = share[some], np.zeros(len(some)), 0
    early = 1.0 / max(2 * len(some) - 2, 1)
    for year, units in enumerate(bought):
        before = had.copy()
        for _ in range(round(float(units))):
            count += 1
            owed = parts * count - had
            due = np.where(owed >= early - SLACK, (1.0 - early - owed) / parts, np.inf)
            had[int(due.argmin())] += 1.0
        given[year, some] = had - before
    return given
