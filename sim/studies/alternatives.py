"""Other plans that are nearly as good: how different they are, and what all of them share.

One optimum hides how flat it is. From the plan, and from what else is nearly as good, a search goes
as far away as it can in what is spent on every lever in every region, while what is simulated stays
within a few percent (modelling to generate alternatives; Brill, Chang and Hopkins 1982,
doi:10.1287/mnsc.28.3.221). What every plan that was found spends, no good plan was found without.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import t_interval
from sim.domain.levers import Floats
from sim.domain.plan import Plan, spend_usd
from sim.planning.moves import Purse, Step, Target, taken
from sim.streams import stream
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept, joined
from sim.studies.frontier import PURCHASE_COLUMNS
from sim.studies.judging import outcomes_judged
from sim.studies.stage_plans import CHOICE_DRAWS, choice_worth

WITHIN = (0.01, 0.02, 0.05)
"""Parts of the plan's objective that an alternative may lose."""
RUNS = 500
"""Runs of the search for the plans of each, where it is not said."""
FEW = 6
"""Choice draws in which a step is tried first; what stays within is simulated in all."""
TRIED = 12
"""Steps that are tried at a time."""
LARGEST, SMALLEST = 0.32, 0.01
"""Parts of the budget that a step moves at most and at least."""
SHOWN = 3
"""Alternatives shown for each, as unlike the plan and each other as were found."""
LITTLE = 0.005
"""Part of the money below which what is spent on a lever in a region is not listed."""
ALTERNATIVE_COLUMNS = ("within", "plan", "moved", "objective", "low", "high", "lost", "lost_low",
                       "lost_high", "holds", "draws")  # fmt: skip
SHARED_COLUMNS = ("within", "region", "lever", "plan_usd", "least_usd", "most_usd", "plans")


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Plans that are nearly as good as the plan, and what they share."""

    table: pd.DataFrame
    """within (part of the plan's objective that may be lost on choice draws), plan, moved (part of
    the plan's money that is spent on something else, or elsewhere), objective with low and high,
    lost (relative to the plan, on judge draws) with lost_low and lost_high, holds (whether it stays
    within there too) and draws. The first row is the plan."""
    shared: pd.DataFrame
    """within, region, lever, plan_usd (what the plan spends in all years, not discounted),
    least_usd and most_usd (over all plans found within) and plans (their number)."""
    plans: pd.DataFrame
    """plan, year, region, item, stage, units, capex_usd: what the plans buy."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {
            "alternatives": self.table,
            "shared_money": self.shared,
            "alternative_plans": self.plans,
        }

    def __str__(self) -> str:
        return str(self.table[["within", "plan", "moved", "lost", "holds"]].to_string(index=False))


class Near(NamedTuple):
    """Plans within a part of a plan's objective; where their search begins, and its runs."""

    plan: Plan
    starts: tuple[Plan, ...]
    within: float
    runs: int


class Good(NamedTuple):
    """Plans that were found, and what they reach on the choice draws."""

    units: list[Floats]
    worth: list[Floats]

    def is_within(self, part: float) -> list[bool]:
        """Return which of them lose no more than a part of what the first, the plan, reaches."""
        least = (1.0 - part) * self.worth[0].mean()
        return [bool(worth.mean() >= least) for worth in self.worth]


def alternatives(
    design: Design, answering: Answering, plans: Mapping[str, Plan], *, runs: int = RUNS
) -> Alternatives:
    """Return the most different plans that are nearly as good as the plan.

    Parameters
    ----------
    plans : what is there already: the plan under that name, and others to begin from.
    runs : of the search within each part of ``WITHIN``.
    """
    plan, starts = plans["plan"], tuple(one for name, one in plans.items() if name != "plan")
    tasks = {f"within {part:g}": Near(plan, starts, part, runs) for part in WITHIN}
    done = answering.do("searching for other plans", bind(search_near, design), tasks)
    found = _unlike(done.values())
    years = design.scenario.horizon.score_years
    spent = [spending(replace(plan, units=units), years=years) for units in found.units]
    chosen = {
        f"alternative {number} within {part:.0%}": (part, k)
        for part in WITHIN
        for number, k in enumerate(_most_unlike(spent, found.is_within(part)), start=1)
    }
    named = {
        name: replace(plan, units=found.units[k], name=name) for name, (_, k) in chosen.items()
    }
    metric = design.scenario.objective
    values = outcomes_judged(design, answering, {"plan": plan} | named, (metric,))[metric]
    apart = {name: (part, moved(spent[0], spent[k])) for name, (part, k) in chosen.items()}
    bought = [one.table().assign(plan=name) for name, one in ({"plan": plan} | named).items()]
    return Alternatives(
        _table(values, apart),
        _shared(plan, spent, found),
        joined(bought)[PURCHASE_COLUMNS],
    )


def search_near(design: Design, near: Near) -> Kept:
    """Return the plans within a part of a plan's objective that a search came by.

    ``units`` of each, the plan first, and ``worth`` on the choice draws. From the good plan that is
    furthest away, steps give up what it still shares with the plan for something else; of those
    that stay within in a few draws the furthest is simulated in all, and is the next to begin from.
    """
    purse = Purse(design.sampler(design.scenario, None, "search").world, design.scenario)
    rng = stream(design.scenario.uncertainty.seed, "alternatives", f"{near.within:g}")
    all_ = [near.plan, *(one for one in near.starts if purse.is_kept_by(one.units))]
    worth = choice_worth(design, all_)
    good = Good([near.plan.units], [worth[0]])
    for one, value in zip(all_[1:], worth[1:], strict=True):
        _keep(good, one.units, value, near.within)
    runs = worth.size
    while runs < near.runs:
        tried = _steps_away(purse, near.plan, _furthest(near.plan, good), rng)
        if not tried:
            break
        runs += _try(design, near, good, tried)
    return Kept({"units": np.stack(good.units), "worth": np.stack(good.worth)}, {})


def spending(plan: Plan, *, years: int) -> Floats:
    """Return what a plan spends in all years, by region and lever, US dollars.

    Shape (region + 1, lever), levers in the order of the catalogue; what all regions share, whoever
    pays for it, is in the last row.
    """
    items = plan.catalogue.items
    usd = spend_usd(plan, years=years).sum(axis=0)  # (r, i)
    pooled = np.array([item.is_pooled for item in items])
    by_item = np.vstack([np.where(pooled, 0.0, usd), np.where(pooled, usd.sum(axis=0), 0.0)])
    belongs = np.array([[item.lever == lever for lever in _levers(plan)] for item in items])
    return np.asarray(by_item @ belongs)


def moved(one: Floats, other: Floats) -> float:
    """Return what part of the money of two plans goes elsewhere; what is not spent counts as money.

    >>> moved(np.array([[2.0, 2.0]]), np.array([[1.0, 2.0]]))
    0.25
    """
    most = max(float(one.sum()), float(other.sum()))
    unlike = float(np.abs(one - other).sum()) + abs(float(one.sum() - other.sum()))
    return unlike / 2.0 / most if most > 0.0 else 0.0


def _try(design: Design, near: Near, good: Good, tried: Sequence[Plan]) -> int:
    """Keep what stays within of some steps, the furthest of those; return the runs that it took."""
    few = choice_worth(design, [near.plan, *tried], draws=CHOICE_DRAWS[:FEW])
    least = (1.0 - near.within) * few[0].mean()
    left = [one for one, value in zip(tried, few[1:], strict=True) if value.mean() >= least][:SHOWN]
    worth = choice_worth(design, [near.plan, *left])[1:] if left else np.zeros((0, 0))
    for one, value in zip(left, worth, strict=True):
        _keep(good, one.units, value, near.within)
    return few.size + worth.size


def _keep(good: Good, units: Floats, worth: Floats, within: float) -> None:
    """Add a plan where it stays within a part of the first."""
    if worth.mean() >= (1.0 - within) * good.worth[0].mean():
        good.units.append(units)
        good.worth.append(worth)


def _furthest(plan: Plan, good: Good) -> Plan:
    """Return the good plan that is furthest from the plan."""
    apart = [_apart(plan, units) for units in good.units]
    return replace(plan, units=good.units[int(np.argmax(apart))])


def _apart(plan: Plan, units: Floats) -> float:
    # years do not matter for where to go: the decisions alone are compared
    other = replace(plan, units=units)
    return moved(spending(plan, years=plan.years), spending(other, years=plan.years))


def _steps_away(purse: Purse, plan: Plan, here: Plan, rng: np.random.Generator) -> list[Plan]:
    """Return steps from a plan that lead away from another, the furthest first.

    Each gives up a part of what both buy, and spends as much on one to three other things.
    """
    targets = [one for one in purse.targets() if one.is_apart]
    shared = [one for one in targets if _bought(one, np.minimum(here.units, plan.units))]
    before = _apart(plan, here.units)
    found: dict[bytes, tuple[float, Plan]] = {}
    for _ in range(4 * TRIED):
        if not shared or len(found) == TRIED:
            break
        usd = purse.total_usd * float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        drop = Step("drop last", shared[int(rng.integers(len(shared)))])
        units, cost = taken(purse, here.units, [drop], usd)
        buys = [Step("buy", targets[k]) for k in rng.integers(len(targets), size=3)]
        buys = [one for one in buys if one.target != drop.target][: int(rng.integers(1, 4))]
        units, _ = taken(purse, units, buys, -cost / max(len(buys), 1))
        apart = _apart(plan, units)
        if apart > before and purse.is_kept_by(units):
            found[units.tobytes()] = (apart, replace(here, units=units))
    return [one for _, one in sorted(found.values(), key=lambda pair: -pair[0])]


def _bought(target: Target, units: Floats) -> bool:
    return any(units[:, r, i].any() for r, i, _ in target.parts)


def _unlike(done: Iterable[Kept]) -> Good:
    """Return the plans of several searches, each once."""
    found: dict[bytes, tuple[Floats, Floats]] = {}
    for kept in done:
        for units, worth in zip(kept.arrays["units"], kept.arrays["worth"], strict=True):
            found.setdefault(units.tobytes(), (units, worth))
    return Good([units for units, _ in found.values()], [worth for _, worth in found.values()])


def _most_unlike(spent: Sequence[Floats], allowed: Sequence[bool]) -> list[int]:
    """Return the plans furthest from the first and from each other, one after the other."""
    chosen = [0]
    for _ in range(SHOWN):
        apart = [
            min(moved(spent[j], one) for j in chosen) if ok else 0.0
            for one, ok in zip(spent, allowed, strict=True)
        ]
        if max(apart) <= LITTLE:
            break
        chosen.append(int(np.argmax(apart)))
    return chosen[1:]


def _table(values: pd.Series, apart: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """Return ``Alternatives.table``."""
    mine, rows = values.xs("plan", level="plan"), []
    for name, (part, far) in ({"plan": (0.0, 0.0)} | dict(apart)).items():
        one = values.xs(name, level="plan")
        lost = (mine - one) / mine.mean()
        rows.append(
            (part, name, far, one.mean(), *t_interval(one), lost.mean(), *t_interval(lost),
             bool(lost.mean() <= part), len(one))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(ALTERNATIVE_COLUMNS))


def _shared(plan: Plan, spent: Sequence[Floats], found: Good) -> pd.DataFrame:
    """Return ``Alternatives.shared``, the most that all share first."""
    places, rows = [*plan.regions, "all"], []
    for part in WITHIN:
        good = np.stack([one for one, ok in zip(spent, found.is_within(part), strict=True) if ok])
        least, most = good.min(axis=0), good.max(axis=0)
        listed = np.argwhere(most > LITTLE * max(float(spent[0].sum()), 1.0))
        for r, k in sorted(listed.tolist(), key=lambda at: -least[at[0], at[1]]):
            rows.append(
                (part, places[r], _levers(plan)[k], float(spent[0][r, k]), float(least[r, k]),
                 float(most[r, k]), len(good))
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(SHARED_COLUMNS))


def _levers(plan: Plan) -> list[str]:
    return list(dict.fromkeys(str(item.lever) for item in plan.catalogue.items))
