"""Plans at several budgets, aversions and limits, each searched for and judged: what could be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bind
from itertools import product
from typing import NamedTuple
from zlib import crc32

import pandas as pd

from sim.answers.intervals import t_interval
from sim.domain.levers import LEVERS, LeverName
from sim.domain.plan import Plan
from sim.equity.coverage import Measured, ede, mean_coverage
from sim.planning.rules import baseline
from sim.scenario.schema import Scenario
from sim.scenario.treasury import SpendingLimit
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept
from sim.studies.judging import ALL, measured_judged, of, who_of
from sim.studies.plan_search import find_plan
from sim.studies.plans import about, arrays_of, candidate_of
from sim.studies.stage_plans import InProcess

BUDGETS = (0.5, 1.0, 2.0)
"""Budgets, times that of the scenario."""
AVERSIONS = (0.0, 1.0, 3.0)
"""Aversions to inequality, beside that of the scenario."""
AI_SHARES = (0.0, 0.25, 1.0)
"""Largest share of what is spent that may go to what serves AI only; 1 is no limit."""
SWEEP_RUNS = 150
"""Runs of each search, where it is not said."""
AI_LEVERS: tuple[LeverName, ...] = tuple(name for name, one in LEVERS.items() if one.only_ai)
NOTHING = "nothing"
EDE, MEAN = "ede", "mean coverage"
"""What of some people is said: of all the equally distributed coverage, of others the mean."""


class Position(NamedTuple):
    """What one plan is made for."""

    budget_usd: float
    """US dollars a year."""
    aversion: float
    ai_share: float
    runs: int

    @property
    def name(self) -> str:
        """A name that no other point has."""
        return f"{self.budget_usd:.12g} USD, aversion {self.aversion:g}, AI {self.ai_share:g}"

    def of(self, scenario: Scenario) -> Scenario:
        """Return the scenario at this point; budgets of single years change in proportion."""
        times = self.budget_usd / (scenario.budget_usd_per_year or 1.0)
        treasury = scenario.treasury
        limits = treasury.spending
        if self.ai_share < 1.0:
            limits = (*limits, SpendingLimit(at_most=self.ai_share, levers=AI_LEVERS))
        yearly = {year: times * usd for year, usd in treasury.budget_usd.items()}
        asked = {"spending": limits, "budget_usd": yearly}
        return scenario.model_copy(
            update={
                "budget_usd_per_year": self.budget_usd,
                "treasury": treasury.model_copy(update=asked),
                "equity": scenario.equity.model_copy(update={"aversion": self.aversion}),
                "search": scenario.search.model_copy(update={"effort": self.runs}),
            }
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the plan of every point brings, and what it buys."""

    table: pd.DataFrame
    """budget_usd_per_year, aversion, ai_share; kind and who (all, a region or a group); value (of
    all the equally distributed coverage at that aversion, of others the mean; share of need) with
    low and high, gain on buying nothing with gain_low and gain_high (95%), and draws."""
    money: pd.DataFrame
    """budget_usd_per_year, aversion, ai_share, region, stage, item, units and capex_usd."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Both by the names of files."""
        return {"sweep": self.table, "sweep_money": self.money}


def points_of(
    scenario: Scenario,
    *,
    budgets: Sequence[float] = BUDGETS,
    aversions: Sequence[float] = AVERSIONS,
    ai_shares: Sequence[float] = AI_SHARES,
    runs: int = SWEEP_RUNS,
) -> list[Position]:
    """Return the points of a sweep, the scenario's own aversion among them.

    Parameters
    ----------
    budgets : times the scenario's.
    """
    usd = [factor * scenario.budget_usd_per_year for factor in sorted(set(budgets))]
    known = sorted({*aversions, scenario.equity.aversion})
    return [Position(*at, runs) for at in product(usd, known, sorted(set(ai_shares)))]


def number_of(points: Sequence[Position]) -> int:
    """Return a number by which to tell the points of a sweep from others."""
    return crc32("; ".join(point.name for point in points).encode())


def sweep(design: Design, answering: Answering, points: Sequence[Position]) -> Sweep:
    """Return what the best plan of every point brings; each is searched for and judged.

    Plans are searched for on search draws and valued on judge draws, all on the same.
    """
    scenario = design.scenario
    tasks = {point.name: point for point in points}
    done = answering.do("searching for plans", bind(search_at, design), tasks)
    world = design.sampler(scenario, None, "search").world
    start = scenario.horizon.start_year
    plans: dict[str, Plan] = {NOTHING: replace(baseline(world, scenario), name=NOTHING)}
    for name, kept in done.items():
        plan = candidate_of(kept.arrays, kept.tables["about"], world, start_year=start).plan
        plans[name] = replace(plan, name=name)
    found = measured_judged(design, answering, plans)
    rows = [row for point in points for row in _rows(point, found)]
    money = [
        plans[point.name].table().assign(**_axes(point)).drop(columns="year") for point in points
    ]
    keys = [*_axes(points[0]), "region", "stage", "item"]
    bought = pd.concat(money, ignore_index=True).groupby(keys, as_index=False, sort=False).sum()
    return Sweep(pd.DataFrame(rows), bought)


def search_at(design: Design, point: Position) -> Kept:
    """Return the best plan of a point, as ``candidate_of`` reads it."""
    there = replace(design, scenario=point.of(design.scenario))
    found = find_plan(there, InProcess(there)).best
    return Kept(arrays_of(found), {"about": about(found)})


def _axes(point: Position) -> dict[str, float]:
    return {
        "budget_usd_per_year": point.budget_usd,
        "aversion": point.aversion,
        "ai_share": point.ai_share,
    }


def _rows(point: Position, found: Mapping[str, Sequence[Measured]]) -> Iterator[dict[str, object]]:
    """Yield what a point's plan brings to all, to every region and to every group."""
    before, after = found[NOTHING], found[point.name]
    equity = before[0].equity.model_copy(update={"aversion": point.aversion})
    for who in who_of(before[0]):
        measure = ede if who.kind == ALL else mean_coverage
        reached, without = (
            pd.Series([measure(replace(of(one, who), equity=equity)) for one in draws])
            for draws in (after, before)
        )
        low, high = t_interval(reached)
        gain_low, gain_high = t_interval(reached - without)
        yield _axes(point) | {
            "kind": who.kind,
            "who": who.name,
            "measure": EDE if who.kind == ALL else MEAN,
            "value": float(reached.mean()),
            "low": low,
            "high": high,
            "gain": float((reached - without).mean()),
            "gain_low": gain_low,
            "gain_high": gain_high,
            "draws": len(reached),
        }
