"""What every plan keeps: the budget of each year, and what a treasury asks of its spending.

Each limit is one row, ``sum of claim x units <= most``; the optimisation model, the simple rules
and the search all read it from here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.baseline.members import countries_of, members
from sim.baseline.world import World
from sim.domain.levers import Floats, Stage
from sim.domain.plan import Plan, cost_of_unit
from sim.errors import listed
from sim.scenario.schema import Scenario
from sim.scenario.treasury import SpendingLimit

SLACK = 1e-9
"""Part of a unit, or of the budget, that is lost to rounding."""
TOLERANCE = 1e-6
"""Part of the largest yearly budget by which a limit may be passed."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A row that plans keep."""

    name: str
    """Of the row in the optimisation model."""
    words: str
    claim: Floats
    """Dollars per unit by year of payment, region and item, shape (a, r, i); negative where more of
    it is asked for."""
    most: float
    """US dollars."""
    hair: float
    """Dollars by which it may be passed: what rounding leaves of many purchases, a part of the
    largest yearly budget and not of this row, which may be of any size."""


def yearly_budget(scenario: Scenario) -> Floats:
    """Return the budget of every scored year, US dollars, shape (y,)."""
    horizon, stated = scenario.horizon, scenario.treasury.budget_usd
    years = range(horizon.start_year, horizon.start_year + horizon.score_years)
    return np.array([stated.get(year, scenario.budget_usd_per_year) for year in years])


def scaled_budget(scenario: Scenario, share: float) -> Scenario:
    """Return the scenario with a share of its money, and nothing that has to be spent on."""
    treasury = scenario.treasury
    spending = [
        one.model_copy(update={"at_least": None, "at_least_usd": None})
        for one in treasury.spending
        if one.at_most is not None or one.at_most_usd is not None
    ]
    fewer = {year: share * usd for year, usd in treasury.budget_usd.items()}
    return scenario.model_copy(
        update={
            "budget_usd_per_year": share * scenario.budget_usd_per_year,
            "treasury": treasury.model_copy(
                update={"budget_usd": fewer, "spending": tuple(spending)}
            ),
        }
    )


def limits_of(world: World, scenario: Scenario) -> list[Limit]:
    """Return every limit of spending; a world of pooled countries keeps those that it can tell."""
    horizon = scenario.horizon
    cost = cost_of_unit(world.catalogue, years=horizon.score_years)[: horizon.decide_years]
    return [*_budgets(scenario, cost), *_asked(world, scenario, cost)]


def budget_rows(scenario: Scenario, cost_usd: Floats) -> tuple[Floats, Floats]:
    """Return what counts against the budget of each year, and how much there is.

    Parameters
    ----------
    cost_usd : dollars due in year y of what is paid in year a, shape (a, y, r, i).

    Returns
    -------
    Dollars of shape (a, y, r, i) and (y,): of the year alone, or, where money is carried over, of
    all years up to it.
    """
    budget = yearly_budget(scenario)
    if scenario.treasury.carry_over:
        return np.cumsum(cost_usd, axis=1), np.cumsum(budget)
    return cost_usd, budget


def fitted(limits: list[Limit], units: Floats) -> Floats:
    """Return as much of a plan as keeps every limit, shape (a, r, i).

    What has to be spent on comes first; then everything is bought again year by year, as far as
    there is room. A plan that keeps the limits comes back as it is.
    """
    claim = np.stack([limit.claim for limit in limits])
    room = np.array([limit.most for limit in limits])
    hair = np.array([limit.hair for limit in limits])
    if (np.einsum("ari,kari->k", units, claim) <= room + hair).all():
        return units
    asked = (claim < 0.0).any(axis=0)
    found = np.zeros_like(units)
    for first in (True, False):
        for place in zip(*np.nonzero((units > 0.0) & (asked == first)), strict=True):
            due = claim[(slice(None), *place)]
            binds = due > 0.0
            can = float(((room[binds] + SLACK) / due[binds]).min(initial=np.inf))
            wanted = float(units[place])
            count = wanted if can >= wanted else float(np.floor(max(can, 0.0) + SLACK))
            found[place] = count
            room = room - count * due
    return found


def broken(limits: list[Limit], plan: Plan) -> list[str]:
    """Return the limits that a plan does not keep, in words."""
    return [
        limit.words
        for limit in limits
        if float((limit.claim * plan.units).sum()) > limit.most + limit.hair
    ]


def _hair(scenario: Scenario) -> float:
    return TOLERANCE * max(float(yearly_budget(scenario).max()), 1.0)


def _budgets(scenario: Scenario, cost: Floats) -> Iterator[Limit]:
    claims, budgets = budget_rows(scenario, cost)
    upto = "the budget up to" if scenario.treasury.carry_over else "the budget of"
    for y, most in enumerate(budgets):
        year = scenario.horizon.start_year + y
        yield Limit(
            f"budget_usd_{year}", f"{upto} {year}", claims[:, y], float(most), _hair(scenario)
        )


def _asked(world: World, scenario: Scenario, cost: Floats) -> Iterator[Limit]:
    for number, one in enumerate(scenario.treasury.spending, start=1):
        weight = _weight(one, world, scenario)
        if weight is None:
            continue
        first = scenario.horizon.start_year
        years = [year - first for year in one.years] or range(cost.shape[1])
        due = cost[:, years].sum(axis=1)
        on = due * weight
        for asked in _asks(one):
            claim = on if asked.share is None else on - asked.share * due
            row = f"spending_{number}_{asked.name}"
            most = asked.sign * asked.usd
            yield Limit(row, asked.words, asked.sign * claim, most, _hair(scenario))


class _Ask(NamedTuple):
    name: str
    sign: float
    """1 for at most, -1 for at least."""
    share: float | None
    usd: float
    words: str


def _asks(one: SpendingLimit) -> Iterator[_Ask]:
    on = spent_on(one)
    for name, sign in (("at_least", -1.0), ("at_most", 1.0)):
        words, share, usd = name.replace("_", " "), getattr(one, name), getattr(one, f"{name}_usd")
        if share is not None:
            yield _Ask(name, sign, share, 0.0, f"{words} {share:.0%} of the money {on}")
        if usd is not None:
            yield _Ask(f"{name}_usd", sign, None, usd, f"{words} USD {usd:,.0f} {on}")


def spending_asked(scenario: Scenario) -> list[str]:
    """Return what a treasury asks of spending, in words."""
    return [asked.words for one in scenario.treasury.spending for asked in _asks(one)]


def spent_on(one: SpendingLimit) -> str:
    """Return what a limit of spending is about, in words.

    >>> spent_on(SpendingLimit(at_least=0.4, regions=("LIC",), years=(2027, 2028)))
    'for LIC in 2027, 2028'
    """
    parts = [
        f"{word} {listed(list(map(str, names)))}"
        for word, names in (
            ("for", one.regions),
            ("for", one.groups),
            ("on", one.stages),
            ("on", one.levers),
            ("in", one.years),
        )
        if names
    ]
    return " ".join(parts) or "in all"


def _weight(one: SpendingLimit, world: World, scenario: Scenario) -> Floats | None:
    """Return the part of an item's cost that a limit is about, shape (r, i).

    None in a world of pooled countries where some of a region's are meant, and some not.
    """
    items, catalogue = world.catalogue.items, world.catalogue
    weight = np.ones((len(world.regions), len(items)))
    if one.regions:
        share = _meant(one.regions, world, scenario)
        if ((share > 0.0) & (share < 1.0)).any():
            return None
        weight *= share[:, None]
    if one.stages:
        named = [stage in one.stages for stage in Stage]
        weight = weight * catalogue.in_stage[..., named].sum(axis=2)
    if one.levers:
        weight = weight * [item.lever in one.levers for item in items]
    if one.groups:
        weight = weight * [
            item.what.scope == "group" and item.scope in one.groups for item in items
        ]
    return weight


def _meant(entries: Sequence[str], world: World, scenario: Scenario) -> Floats:
    """Return the share of a region's countries that entries name, shape (r,)."""
    share = np.array([float(region in entries) for region in world.regions])
    if groups := [entry for entry in entries if entry not in world.regions]:
        who = members(scenario)
        meant = {country for group in groups for country in countries_of(group)}
        inside = who.belongs @ np.array([float(country in meant) for country in who.countries])
        share = np.maximum(share, inside / who.belongs.sum(axis=1))
    return share
