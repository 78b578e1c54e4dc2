"""What more money is worth where the plan is made anew: ring-fenced to a region or a stage, or not.

A single addition leaves all else as it was; here what it frees may go elsewhere, too, and what it
needs can be bought with it. The plan is searched for again, with the same further money for each
place of the best single additions: what is spent anywhere else keeps the old budget of every year.
As long a search with no more money is what gains are counted from; a plan that is no better than
that one, in draws on which neither was found, is given up for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bind
from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import t_interval
from sim.domain.levers import LEVERS, Floats, LeverName
from sim.domain.plan import Plan
from sim.equity.coverage import discount
from sim.planning.limits import fitted, yearly_budget
from sim.planning.moves import Purse, Step, taken
from sim.scenario.schema import Scenario
from sim.scenario.treasury import SpendingLimit
from sim.studies.answering import Answering
from sim.studies.asked_plans import Asked, find_asked, searching
from sim.studies.batch import Design, Kept, joined
from sim.studies.frontier import PURCHASE_COLUMNS
from sim.studies.judging import judged
from sim.studies.marginal import PURSE_SHARE, USD_PER_MILLION
from sim.studies.stage_plans import choice_worth

RUNS = 600
"""Runs of the search for each plan, where it is not said."""
TOP = 5
"""Regions, and stages, that the money is ring-fenced to, where it is not said."""
STARTS = 6
"""Single additions in a place from which its search begins, besides the plan."""
NO_MORE, ANYWHERE, REGION, STAGE = "no more money", "anywhere", "region", "stage"
"""Kinds of rows."""
RING_FENCE_COLUMNS = ("kind", "what", "extra_usd", "gain", "low", "high", "gain_per_musd",
                      "per_low", "per_high", "p_positive", "addition_region", "addition_item",
                      "addition_per_musd", "addition_low", "addition_high", "draws")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RingFence:
    """What the same further money is worth in different places, the plan made anew for each."""

    table: pd.DataFrame
    """kind and what (a region's code or a stage; the same word for ``NO_MORE`` and ``ANYWHERE``),
    extra_usd (further money of all scored years, discounted), gain in the objective with low and
    high (95% over judge draws; on the plan found with no more money, and of that one on the plan
    as it was), gain_per_musd with per_low and per_high, p_positive (share of draws that gain),
    addition_region and addition_item (the best single addition there; empty where there is none)
    with its equity per million dollars as the run simulated it, and draws; the most valuable first
    in each kind."""
    plans: pd.DataFrame
    """plan, year, region, item, stage, units, capex_usd: what the plans buy."""
    missed: pd.DataFrame
    """kind and what: places for which no plan was found that keeps what the scenario asks."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {
            "ring_fence": self.table,
            "ring_fence_plans": self.plans,
            "ring_fence_missed": self.missed,
        }

    def __str__(self) -> str:
        shown = ["kind", "what", "gain_per_musd", "per_low", "per_high"]
        return str(self.table[shown].to_string(index=False))


class Fence(NamedTuple):
    """Where further money may be spent."""

    kind: str
    what: str

    @property
    def name(self) -> str:
        """A name that no other place has."""
        return self.what if self.kind == self.what else f"{self.kind} {self.what}"


def ring_fence(
    design: Design,
    answering: Answering,
    plan: Plan,
    marginal: pd.DataFrame,
    *,
    top: int = TOP,
    runs: int = RUNS,
) -> RingFence:
    """Return what further money is worth, ring-fenced to a region, to a stage, or to nothing.

    Parameters
    ----------
    plan : as much of it as the scenario allows is what the searches begin from.
    marginal : single additions that a run simulated, the best first; see ``marginal_table``.
    top : regions, and stages, of the best of them that are looked at.
    runs : of the search for each plan.
    """
    scenario = searching(design.scenario, runs)
    world = design.sampler(scenario, None, "search").world
    purse = Purse(world, scenario)
    more = further_money(purse)
    none, anywhere = Fence(NO_MORE, NO_MORE), Fence(ANYWHERE, ANYWHERE)
    plan = replace(plan, name="plan", units=fitted(purse.limits, plan.units))
    asked = [Asked(none.name, scenario, (plan,))]
    searched = find_asked(design, answering, "searching with no more money", asked)
    found = {"plan": plan} | _better(design, answering, plan, searched)
    base = found.get(none.name, plan)
    places = fences_of(marginal, top, regions=base.regions)
    fenced = {
        place: with_further(scenario, more, *_elsewhere(place, base.regions)) for place in places
    }
    asked = [
        Asked(place.name, one, (base, *_starts(Purse(world, one), base, place, marginal, more)))
        for place, one in fenced.items()
    ]
    searched = find_asked(design, answering, "searching with further money", asked)
    found |= _better(design, answering, base, searched)
    # what keeps a ring-fence keeps none, too
    starts = (base, *(found[place.name] for place in places if place.name in found))
    asked = [Asked(anywhere.name, with_further(scenario, more), starts)]
    searched = find_asked(design, answering, "searching with money for anything", asked)
    found |= _better(design, answering, base, searched)
    reached = {name: one[:, 0] for name, one in judged(design, answering, found)[0].items()}
    rows = [_row(none, reached, "plan", 0.0, marginal)] if none.name in found else []
    usd = float(more @ discount(len(more), scenario.equity.discount_rate))
    against = none.name if none.name in found else "plan"
    rows += [
        _row(place, reached, against, usd, marginal)
        for place in (anywhere, *places)
        if place.name in found
    ]
    bought = [one.table().assign(plan=name) for name, one in found.items()]
    missed = [place for place in (none, anywhere, *places) if place.name not in found]
    return RingFence(
        _ranked(rows),
        joined(bought)[PURCHASE_COLUMNS],
        pd.DataFrame(missed, columns=list(Fence._fields), dtype=str),
    )


def further_money(purse: Purse) -> Floats:
    """Return the further money of every year, US dollars, shape (y,).

    A hundredth of the year's budget, and no less than the dearest unit costs in that year which is
    bought in the first: of what a year's budget can pay for.
    """
    budget, cost = yearly_budget(purse.scenario), purse.cost_usd[0]  # (y,) and (y, r, i)
    open_to = (purse.most >= 1.0) & (cost <= budget[:, None, None]).all(axis=0)
    dearest = np.where(open_to, cost, 0.0).max(axis=(1, 2))
    return np.asarray(np.maximum(PURSE_SHARE * budget, dearest))


def fences_of(marginal: pd.DataFrame, top: int, *, regions: Sequence[str]) -> list[Fence]:
    """Return the regions and the stages of the best single additions, the best first.

    Parameters
    ----------
    regions : all there are; one alone is everywhere.
    """
    added = marginal[marginal["kind"] == "add"]
    where = added.loc[added["region"].isin(regions), "region"].drop_duplicates()
    stages = added.loc[added["stage"] != "several", "stage"].drop_duplicates()
    some = list(where.head(top)) if len(regions) > 1 else []
    return [Fence(REGION, one) for one in some] + [Fence(STAGE, one) for one in stages.head(top)]


def with_further(
    scenario: Scenario,
    more: Floats,
    regions: Sequence[str] = (),
    levers: Sequence[LeverName] = (),
) -> Scenario:
    """Return the scenario with further money in every year.

    Parameters
    ----------
    more : US dollars, shape (y,).
    regions, levers : what keeps the old budget of each year, or, where money is carried over, of
        all years up to it; nothing when neither is given.
    """
    budget, first = yearly_budget(scenario), scenario.horizon.start_year
    years = [first + y for y in range(len(budget))]
    treasury, spending = scenario.treasury, scenario.treasury.spending
    if regions or levers:
        spending += tuple(
            SpendingLimit(
                at_most_usd=float(budget[: y + 1].sum() if treasury.carry_over else budget[y]),
                regions=tuple(regions),
                levers=tuple(levers),
                years=tuple(years[: y + 1] if treasury.carry_over else years[y : y + 1]),
            )
            for y in range(len(budget))
        )
    together = dict(zip(years, (budget + more).tolist(), strict=True))
    asked = {"budget_usd": together, "spending": spending}
    return scenario.model_copy(update={"treasury": treasury.model_copy(update=asked)})


def _elsewhere(
    place: Fence, regions: Sequence[str]
) -> tuple[tuple[str, ...], tuple[LeverName, ...]]:
    """Return what keeps the old budget where money is ring-fenced: other regions, or levers."""
    if place.kind == REGION:
        return tuple(one for one in regions if one != place.what), ()
    return (), tuple(name for name, lever in LEVERS.items() if str(lever.stage) != place.what)


def _better(
    design: Design, answering: Answering, base: Plan, found: Mapping[str, Plan]
) -> dict[str, Plan]:
    """Return the plans that were found, and the one given for those that are no better than it.

    On draws on which none of them was found: the best of a search is likely to be too good there.
    """
    tasks = {f"worth {name}": one for name, one in [(base.name, base), *found.items()]}
    done = answering.do("comparing plans", bind(_worth, design), tasks)
    worth = {name: float(kept.arrays["worth"].mean()) for name, kept in done.items()}
    return {
        name: one
        if worth[f"worth {name}"] > worth[f"worth {base.name}"]
        else replace(base, name=name)
        for name, one in found.items()
    }


def _worth(design: Design, plan: Plan) -> Kept:
    return Kept({"worth": choice_worth(design, [plan])[0]}, {})


def _starts(
    purse: Purse, base: Plan, place: Fence, marginal: pd.DataFrame, more: Floats
) -> Iterator[Plan]:
    """Yield the plan with all the money spent on one of the best single additions of a place."""
    targets = {(one.region or "all", one.item): one for one in purse.targets() if one.is_apart}
    for row in _additions(marginal, place).head(STARTS).itertuples():
        target = targets.get((str(row.region), str(row.item)))
        if target is None:
            continue
        units, cost = taken(purse, base.units, [Step("buy", target)], float(more.sum()))
        if cost > 0.0:
            yield replace(base, name=f"{base.name}+{target.name}", units=units)


def _additions(marginal: pd.DataFrame, place: Fence) -> pd.DataFrame:
    added = marginal[marginal["kind"] == "add"]
    return added if place.kind == ANYWHERE else added[added[place.kind] == place.what]


def _row(
    place: Fence, reached: Mapping[str, Floats], against: str, usd: float, marginal: pd.DataFrame
) -> tuple[object, ...]:
    """Return a row of ``RingFence.table``."""
    gain = pd.Series(reached[place.name] - reached[against])
    scale = USD_PER_MILLION / usd if usd else nan
    low, high = t_interval(gain)
    addition: tuple[object, ...] = ("", "", nan, nan, nan)
    if place.kind != NO_MORE and len(best := _additions(marginal, place)):
        addition = tuple(best[["region", "item", "ede_gain_per_musd", "low", "high"]].iloc[0])
    return (
        *place, usd, gain.mean(), low, high, gain.mean() * scale, low * scale, high * scale,
        float((gain > 0.0).mean()), *addition, len(gain),
    )  # fmt: skip


def _ranked(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return the rows of each kind by what they gain, the most first; kinds in their order."""
    table = pd.DataFrame(rows, columns=list(RING_FENCE_COLUMNS))
    order = [NO_MORE, ANYWHERE, REGION, STAGE]
    by_kind = table["kind"].map({kind: k for k, kind in enumerate(order)})
    return (
        table.assign(by_kind=by_kind)
        .sort_values(["by_kind", "gain"], ascending=[True, False], kind="stable", ignore_index=True)
        .drop(columns="by_kind")
    )
