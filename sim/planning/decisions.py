"""Units bought, what they cost in every year, and the capacity that they bring."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.capacity import at_work_share
from sim.domain.levers import LEVERS, Floats, LeverName
from sim.domain.plan import active_share, cost_of_unit
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot, spelt
from sim.planning.limits import Limit
from sim.scenario.schema import Scenario


@dataclass(frozen=True, slots=True)
class Purchases:
    """The decisions of a model.

    Axes: a year of payment, y year of use, r region, i item.
    """

    world: World
    years: tuple[str, ...]
    """Labels of all scored years; those of decision come first."""
    units: Variables
    """Units paid in a year, shape (a, r, i)."""
    active: Floats
    """Share of year y in which a unit paid in year a works, shape (a, y, r, i)."""
    cost_usd: Floats
    """Dollars due in year y for a unit paid in year a, shape (a, y, r, i)."""

    def capacity(self, year: int, region: int, lever: LeverName, scope: str = "") -> Terms:
        """Return what bought units of an item can do in a year, in the unit of their station."""
        catalogue = self.world.catalogue
        item = catalogue.index(lever, scope)
        per_unit = catalogue.capacity[region, item]
        if LEVERS[lever].staff:
            weeks = catalogue.lead_weeks[region, item]
            per_unit *= at_work_share(float(catalogue.life_years[region, item]), float(weeks))
        return dot(self.active[:, year, region, item] * per_unit, self.units[:, region, item])


def add_purchases(
    problem: pulp.LpProblem,
    world: World,
    scenario: Scenario,
    *,
    years: tuple[str, ...],
    integer: bool,
    at_least: Floats | None = None,
) -> Purchases:
    """Add the units that can be bought; return them.

    Parameters
    ----------
    years : labels of all scored years; those of decision come first.
    at_least : units that must be bought, shape (year, region, item); none when not given.
    integer : whether assets come in whole units; services are bought by the hour or the study.
    """
    catalogue, horizon = world.catalogue, scenario.horizon
    names = tuple(spelt(item.name) for item in catalogue.items)
    asset = np.array([not item.is_service for item in catalogue.items])
    units = add_variables(
        problem,
        "units",
        (years[: horizon.decide_years], world.regions, names),
        low=0.0 if at_least is None else at_least,
        high=most_per_year(world, scenario)[None],
        whole=(integer & asset)[None, None, :],
    )
    active = active_share(catalogue, years=len(years))[: horizon.decide_years]
    cost = cost_of_unit(catalogue, years=len(years))[: horizon.decide_years]
    bought = Purchases(world, years, units, active, cost)
    for i, item in enumerate(catalogue.items):
        if item.is_one_each:
            for r, region in enumerate(world.regions):
                at_most(problem, f"one_{item.name}_{region}", [dot(1.0, units[:, r, i])], 1.0)
    return bought


def write_limits(
    problem: pulp.LpProblem,
    bought: Purchases,
    limits: Sequence[Limit],
    further_exam_costs: Variables | None = None,
    *,
    carry_over: bool = False,
) -> None:
    """Add the budget of every year, also of those after the last decision, and all other limits.

    Parameters
    ----------
    limits : the budgets of all years first.
    further_exam_costs : what the budget pays for besides, shape (y,); nothing when not given.
    carry_over : whether a budget is that of all years up to one.
    """
    for number, limit in enumerate(limits):
        paid = [dot(limit.claim, bought.units)]
        if further_exam_costs is not None and number < len(bought.years):
            first = 0 if carry_over else number
            paid += [[(further_exam_costs[y], 1.0)] for y in range(first, number + 1)]
        at_most(problem, limit.name, paid, limit.most)


def most_per_year(world: World, scenario: Scenario) -> Floats:
    """Return the most units that a year may buy, shape (r, i): tables and scenario together."""
    most = world.catalogue.max_per_year.astype(float).copy()
    for i, item in enumerate(world.catalogue.items):
        bounds = scenario.levers.get(item.lever)
        if bounds is None:
            continue
        limit = np.inf if bounds.max_per_year is None else bounds.max_per_year
        most[:, i] = np.minimum(most[:, i], limit) if bounds.allowed else 0.0
        for region, units in bounds.regions.items():
            if region in world.regions:  # others are in a world that is pooled for planning
                r = world.regions.index(region)
                most[r, i] = min(most[r, i], units)
    return most
