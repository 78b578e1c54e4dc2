"""Marginal value of money: a plan plus a small addition of one item in one region."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.domain.levers import Floats
from sim.domain.plan import Plan, spend_usd
from sim.equity.coverage import discount
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.studies.comparison import t_interval
from sim.studies.experiment import Trial

CANDIDATES = 64
"""Most additions that are simulated; more are screened."""
AT_RANDOM = 0.25
"""Share of the screened additions drawn at random, to expose what screening misses."""
BUDGET_SHARE = 0.02
"""Least worth of an addition, as a share of a year's budget: noise hides a unit."""
USD_PER_MILLION = 1e6


MARGINAL_COLUMNS = (
    "region",
    "stage",
    "item",
    "units",
    "extra_usd",
    "ede_gain",
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
"""Why an addition is simulated: all are, by its dual, or at random."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A plan plus a ring-fenced amount of one item in one region."""

    plan: Plan
    region: str
    item: str
    stage: str
    units: float
    """Units added; every year for a service, once for an asset."""
    extra_usd: float
    """Cost of the addition over the scored years with running cost, discounted, US dollars."""
    dual: float
    """Optimisation model's estimate, log EDE per US dollar; NaN without an optimisation model."""
    chosen: Chosen


class _Place(NamedTuple):
    region: int
    item: int
    chosen: Chosen


def additions(
    scenario: Scenario, base: Plan, *, most: Floats, duals: Floats | None
) -> list[Addition]:
    """Return the additions to a plan that are worth simulating.

    Parameters
    ----------
    most : most units that may be bought in a year, shape (region, item).
    duals : screening values, shape (region, item); None where there is no optimisation model.
    """
    units = _amounts(base, most, worth_usd=BUDGET_SHARE * scenario.budget_usd_per_year)
    # rented GPU-hours are one pool for all regions: where they are paid for makes no difference
    pooled = [item.is_pooled for item in base.catalogue.items]
    units[1:, pooled] = 0.0
    values = np.full(units.shape, np.nan) if duals is None else duals
    rng = stream(scenario.uncertainty.seed, "marginal", "screening")
    return [
        _addition(scenario, base, place, units=float(units[at]), dual=float(values[at]))
        for at, place in ((p[:2], p) for p in _screened(units > 0, values, rng))
    ]


def added(tried: Sequence[Addition], base: Plan) -> list[Trial]:
    """Return what is simulated of additions to a plan."""
    return [Trial(extra.plan.name, extra.plan, base=base) for extra in tried]


def marginal_table(tried: Sequence[Addition], ede: pd.Series, *, base: str) -> pd.DataFrame:
    """Return equity gained per million dollars by each addition, the largest first.

    Parameters
    ----------
    ede : equity indexed by policy and draw, of the base and of every addition by its plan's
        name; same draws and random streams, so that each draw gives one paired difference.

    Returns
    -------
    region, stage, item, units, extra_usd, ede_gain (share of need), ede_gain_per_musd with low
    and high (interval over draws), p_positive (share of draws), draws, dual and chosen.
    """
    rows = []
    for extra in tried:
        gain = (ede.loc[extra.plan.name] - ede.loc[base]).dropna()
        per_million = gain * (USD_PER_MILLION / extra.extra_usd)
        low, high = t_interval(per_million)
        rows.append(
            {
                "region": extra.region,
                "stage": extra.stage,
                "item": extra.item,
                "units": extra.units,
                "extra_usd": extra.extra_usd,
                "ede_gain": float(gain.mean()),
                "ede_gain_per_musd": float(per_million.mean()),
                "low": low,
                "high": high,
                "p_positive": float((gain > 0).mean()),
                "draws": len(gain),
                "dual": extra.dual,
                "chosen": extra.chosen,
            }
        )
    table = pd.DataFrame(rows, columns=list(MARGINAL_COLUMNS))
    return table.sort_values(
        ["ede_gain_per_musd", "region", "item"], ascending=[False, True, True], ignore_index=True
    )


def _amounts(base: Plan, most: Floats, *, worth_usd: float) -> Floats:
    """Return units to add by region and item, as far as the yearly bounds leave room."""
    price = base.catalogue.capex_usd
    wanted = np.maximum(1.0, np.ceil(worth_usd / np.where(price > 0, price, np.inf)))
    service = np.array([item.is_service for item in base.catalogue.items])
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
    only = replace(plan, units=plan.units - base.units)
    extra = spend_usd(only, years=scenario.horizon.score_years).sum(axis=(1, 2))
    bought = base.catalogue.items[place.item]
    return Addition(
        plan=plan,
        region="all" if bought.is_pooled else base.regions[place.region],
        item=bought.name,
        stage=str(bought.stage),
        units=units,
        extra_usd=float(extra @ discount(len(extra), scenario.equity.discount_rate)),
        dual=dual,
        chosen=place.chosen,
    )
