"""Marginal value of money: what more of an item brings to a plan, what less of it takes away.

Every change is of one purse, the same for all items, and whether it could be paid for makes no
difference to what it is worth; exchanges within the budget show whether the plan can be bettered.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.answers.intervals import t_interval
from sim.domain.levers import Floats
from sim.domain.plan import Plan, cost_of_unit
from sim.equity.coverage import discount
from sim.planning.limits import yearly_budget
from sim.planning.moves import BUNDLE, Purse, Step, taken
from sim.planning.rules import CHAIN
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.studies.experiment import Trial
from sim.studies.plans import Candidate

CANDIDATES = 64
"""Most additions that are simulated; more are screened."""
AT_RANDOM = 0.25
"""Share of the screened additions drawn at random, to expose what screening misses."""
PURSE_SHARE = 0.01
"""The purse that is added or saved, as a share of the budget of all years. Of what is dearer, one
unit is."""
MOST_SAVINGS = 24
"""Most savings that are simulated, those of the largest purchases."""
MOST_BUNDLES = 24
"""Regions in which the links of AI are added together."""
EXCHANGES = 20
"""Exchanges within the budget that are simulated, drawn at random."""
USD_PER_MILLION = 1e6


MARGINAL_COLUMNS = (
    "kind",
    "region",
    "stage",
    "item",
    "units",
    "extra_usd",
    "ede_gain",
    "gain_low",
    "gain_high",
    "ede_gain_per_musd",
    "low",
    "high",
    "p_positive",
    "draws",
    "dual",
    "chosen",
)
"""Columns of the marginal table; see ``marginal_table``."""

Chosen = Literal["all", "dual", "random"]
"""Why a change is simulated: all are, by its dual, or at random."""
Kind = Literal["add", "save", "exchange"]
"""More of something; less of something; less of one thing for more of another, in the budget."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A plan with a small change: a ring-fenced amount of one item in one region, or less of it."""

    kind: Kind
    plan: Plan
    region: str
    item: str
    stage: str
    units: float
    """Units added, of a service in every year; negative where saved, NaN for several items."""
    extra_usd: float
    """Cost of the change over the scored years with running cost, discounted, US dollars."""
    dual: float
    """Optimisation model's estimate, log EDE per US dollar; NaN without an optimisation model."""
    chosen: Chosen


class _Place(NamedTuple):
    region: int
    item: int
    chosen: Chosen


def changes_of(purse: Purse, base: Candidate) -> list[Addition]:
    """Return the changes of a plan that are simulated: additions, savings and exchanges."""
    more = additions(purse.scenario, base.plan, most=purse.most, duals=base.duals)
    return [*more, *savings(purse, base.plan), *exchanges(purse, base.plan)]


def additions(
    scenario: Scenario, base: Plan, *, most: Floats, duals: Floats | None
) -> list[Addition]:
    """Return the additions to a plan that are worth simulating.

    Parameters
    ----------
    most : most units that may be bought in a year, shape (region, item).
    duals : screening values, shape (region, item); None where there is no optimisation model.
    """
    purse_usd = _purse_usd(scenario)
    units = _amounts(scenario, base, most, worth_usd=purse_usd)
    # rented GPU-hours are one pool for all regions: where they are paid for makes no difference
    pooled = [item.is_pooled for item in base.catalogue.items]
    units[1:, pooled] = 0.0
    values = np.full(units.shape, np.nan) if duals is None else duals
    rng = stream(scenario.uncertainty.seed, "marginal", "screening")
    items = [
        _addition(scenario, base, place, units=float(units[at]), dual=float(values[at]))
        for at, place in ((p[:2], p) for p in _screened(units > 0, values, rng))
    ]
    return items + _bundles(scenario, base, most, purse_usd)


def _bundles(scenario: Scenario, base: Plan, most: Floats, purse_usd: float) -> list[Addition]:
    """Return the links of AI together, in every region where they can be bought."""
    links = [i for i, item in enumerate(base.catalogue.items) if item.lever in CHAIN]
    amounts = _amounts(scenario, base, most, worth_usd=purse_usd / max(len(links), 1))
    found = []
    for r, region in enumerate(base.regions[:MOST_BUNDLES]):
        plan = base
        for i in links:
            if amounts[r, i] > 0.0:
                plan = plan.plus(r, i, units=float(amounts[r, i]))
        if len(links) > 1 and plan is not base:
            found.append(_change(scenario, base, plan.units, "add", region, BUNDLE))
    return found


def savings(purse: Purse, base: Plan) -> list[Addition]:
    """Return the plan with less of every item in every region, the largest savings first."""
    usd, found = _purse_usd(purse.scenario), []
    for target in purse.targets():
        if target.is_apart:
            units, cost = taken(purse, base.units, [Step("drop last", target)], usd)
            if cost < 0.0:
                region = target.region or "all"
                found.append(_change(purse.scenario, base, units, "save", region, target.item))
    return sorted(found, key=lambda one: one.extra_usd)[:MOST_SAVINGS]


def exchanges(purse: Purse, base: Plan) -> list[Addition]:
    """Return random exchanges of about a purse, or two, that keep every year's budget."""
    rng = stream(purse.scenario.uncertainty.seed, "marginal", "exchanges")
    targets = purse.targets()
    found: dict[bytes, Addition] = {}
    for _ in range(4 * EXCHANGES):
        usd = _purse_usd(purse.scenario) * float(rng.uniform(0.5, 2.0))
        less, more = (targets[k] for k in rng.integers(len(targets), size=2))
        kind = "drop last" if rng.random() < 0.5 else "drop first"
        fewer, saved = taken(purse, base.units, [Step(kind, less)], usd)
        units, cost = taken(purse, fewer, [Step("buy", more)], max(-saved, usd))
        if cost <= 0.0 or less == more or not purse.is_kept_by(units):
            continue
        if (units == base.units).all() or units.tobytes() in found:
            continue
        what = f"{more.name} for {less.name}" if saved < 0.0 else more.name
        found[units.tobytes()] = _change(purse.scenario, base, units, "exchange", "", what)
        if len(found) == EXCHANGES:
            break
    # two of the same things, of other years or amounts, are two plans
    return [
        replace(one, plan=replace(one.plan, name=f"{one.plan.name} {number}"))
        for number, one in enumerate(found.values(), start=1)
    ]


def added(tried: Sequence[Addition], base: Plan) -> list[Trial]:
    """Return what is simulated of changes to a plan."""
    return [Trial(extra.plan.name, extra.plan, base=base) for extra in tried]


def marginal_table(tried: Sequence[Addition], ede: pd.Series, *, base: str) -> pd.DataFrame:
    """Return equity gained by each change, and per million dollars, the largest first.

    Parameters
    ----------
    ede : equity indexed by policy and draw, of the base and of every addition by its plan's
        name; same draws and random streams, so that each draw gives one paired difference.

    Returns
    -------
    kind, region, stage, item, units, extra_usd, ede_gain (share of need) with gain_low and
    gain_high (interval over draws), the same per million dollars as ede_gain_per_musd with low and
    high (of savings: what a million less takes away; NaN for exchanges), p_positive (share of
    draws), draws, dual and chosen.
    """
    rows = []
    for extra in tried:
        gain = (ede.loc[extra.plan.name] - ede.loc[base]).dropna()
        low, high = t_interval(gain)
        usd = extra.extra_usd if extra.kind != "exchange" else np.nan
        scale = USD_PER_MILLION / usd if usd else np.nan
        ends = sorted((low * scale, high * scale))
        rows.append(
            {
                "kind": extra.kind,
                "region": extra.region,
                "stage": extra.stage,
                "item": extra.item,
                "units": extra.units,
                "extra_usd": extra.extra_usd,
                "ede_gain": float(gain.mean()),
                "gain_low": low,
                "gain_high": high,
                "ede_gain_per_musd": float(gain.mean()) * scale,
                "low": ends[0],
                "high": ends[1],
                "p_positive": float((gain > 0).mean()),
                "draws": len(gain),
                "dual": extra.dual,
                "chosen": extra.chosen,
            }
        )
    table = pd.DataFrame(rows, columns=list(MARGINAL_COLUMNS))
    return table.sort_values(
        ["kind", "ede_gain_per_musd", "region", "item"],
        ascending=[True, False, True, True],
        ignore_index=True,
    )


def _purse_usd(scenario: Scenario) -> float:
    return PURSE_SHARE * float(yearly_budget(scenario).sum())


def _amounts(scenario: Scenario, base: Plan, most: Floats, *, worth_usd: float) -> Floats:
    """Return units to add by region and item, as far as the yearly bounds leave room."""
    cost = cost_of_unit(base.catalogue, years=scenario.horizon.score_years)
    due = cost[: base.years].sum(axis=1)  # (a, r, i)
    service = np.array([item.is_service for item in base.catalogue.items])
    price = np.where(service, due.sum(axis=0), due[0])
    wanted = np.maximum(1.0, np.floor(worth_usd / np.where(price > 0, price, np.inf) + 1e-9))
    switch = np.array([item.is_one_each for item in base.catalogue.items])
    taken = np.where(service, base.units.max(axis=0), base.units[0])
    taken = np.where(switch, base.units.sum(axis=0), taken)
    room = np.floor(np.maximum(np.where(switch, np.minimum(most, 1.0), most) - taken, 0.0) + 1e-9)
    return np.asarray(np.minimum(wanted, room))


def _screened(
    possible: NDArray[np.bool_], values: Floats, rng: np.random.Generator
) -> list[_Place]:
    """Return all places, or the best by value and some of the others at random."""
    places = [(int(r), int(i)) for r, i in np.argwhere(possible)]
    if len(places) <= CANDIDATES:
        return [_Place(r, i, "all") for r, i in places]
    known = [place for place in places if math.isfinite(values[place])]
    ranked = sorted(known, key=lambda place: -values[place])
    best = ranked[: CANDIDATES - round(AT_RANDOM * CANDIDATES)]
    others = [place for place in places if place not in best]
    drawn = sorted(rng.choice(len(others), size=CANDIDATES - len(best), replace=False))
    chosen = [_Place(r, i, "dual") for r, i in best]
    return chosen + [_Place(r, i, "random") for r, i in (others[n] for n in drawn)]


def _addition(
    scenario: Scenario, base: Plan, place: _Place, *, units: float, dual: float
) -> Addition:
    plan = base.plus(place.region, place.item, units=units)
    bought = base.catalogue.items[place.item]
    region = "all" if bought.is_pooled else base.regions[place.region]
    found = _change(scenario, base, plan.units, "add", region, bought.name)
    return replace(found, units=units, dual=dual, chosen=place.chosen)


SIGNS: dict[Kind, str] = {"add": "+", "save": "-", "exchange": "~"}
"""Signs of the kinds in the names of changed plans."""


def _change(
    scenario: Scenario, base: Plan, units: Floats, kind: Kind, region: str, item: str
) -> Addition:
    name = f"{base.name}{SIGNS[kind]}{region}.{item}"
    plan = replace(base, name=name, units=units, status="given")
    more = units - base.units
    cost = cost_of_unit(base.catalogue, years=scenario.horizon.score_years)[: base.years]
    extra = np.einsum("ari,ayri->y", more, cost)
    stages = {one.name: str(one.stage) for one in base.catalogue.items}
    return Addition(
        kind=kind,
        plan=plan,
        region=region,
        item=item,
        stage=stages.get(item, "several"),
        units=float(more.sum()) if item in stages else math.nan,
        extra_usd=float(extra @ discount(len(extra), scenario.equity.discount_rate)),
        dual=math.nan,
        chosen="random" if kind == "exchange" else "all",
    )
