"""What more of one thing costs in another: frontiers of a plan, every point simulated.

Plans are searched for that are best by the scenario's objective while one further outcome keeps a
limit (the epsilon-constraint method; Haimes, Lasdon and Wismer 1971), by the machinery that keeps a
treasury's limits. Found on search draws, they are valued on judge draws, all on the same random
numbers; what another plan betters in both is named, and is no point of the frontier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sim.answers.fronts import NONE, dominated_by
from sim.answers.intervals import t_interval
from sim.domain.plan import Plan
from sim.planning.limits import scaled_budget
from sim.planning.objectives import OBJECTIVES
from sim.scenario.schema import Scenario
from sim.scenario.treasury import OutcomeLimit
from sim.studies.answering import Answering
from sim.studies.asked_plans import Asked, find_asked, searching
from sim.studies.batch import Design, joined
from sim.studies.conditions import words_of_limit
from sim.studies.judging import outcomes_judged
from sim.studies.lots import Lot, seen
from sim.studies.outcomes import OUTCOMES, phrased
from sim.studies.stage_plans import CHOICE_DRAWS

AXES = ("ede", "mean_ec", "worst_ec", "group_gap", "spend_usd", "emissions_t_co2e")
"""Outcomes that the objective is held against, itself left out."""
BUDGETS = (0.25, 0.5, 0.75)
"""Shares of the budget that points of the frontier of cost spend at most."""
BETWEEN = (1 / 3, 2 / 3)
"""Where the limits of other outcomes lie: between the plan's and the best that is known."""
NARROWER = 0.3
"""Part of the plan's gap between groups that limits of the gap reach at most, where no plan that is
known is narrower still: to close all of it is to give up most of coverage."""
RUNS = 200
"""Runs of the search for a point, where it is not said."""
FRONTIER_COLUMNS = ("axis", "plan", "objective", "objective_low", "objective_high",
                    "value", "low", "high", "dominated_by", "draws")  # fmt: skip
PURCHASE_COLUMNS = ["plan", "year", "region", "item", "stage", "units", "capex_usd"]


@dataclass(frozen=True, slots=True)
class Frontier:
    """What the objective costs in other outcomes."""

    table: pd.DataFrame
    """axis (an outcome), plan (one searched for is called by what it had to keep), objective
    and value (of the axis), means over judge draws with their 95% intervals,
    dominated_by (a plan that betters it in both; empty on the frontier) and draws; by axis, the
    best by the objective first."""
    plans: pd.DataFrame
    """plan, year, region, item, stage, units, capex_usd: what the plans buy."""
    missed: pd.DataFrame
    """asked: what was searched for, and no plan was found that keeps it."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {
            "frontier": self.table,
            "frontier_plans": self.plans,
            "frontier_missed": self.missed,
        }

    def __str__(self) -> str:
        kept = self.table[self.table["dominated_by"] == ""]
        return str(kept[["axis", "plan", "objective", "value"]].to_string(index=False))


def frontier(
    design: Design, answering: Answering, plans: Mapping[str, Plan], *, runs: int = RUNS
) -> Frontier:
    """Return the frontiers of a scenario's objective against other outcomes.

    Parameters
    ----------
    plans : what is there already: the plan under that name, buying nothing as ``baseline``, rules.
    runs : of the search for each point.
    """
    known = {"plan": plans["plan"]} | dict(plans)  # of plans that are equal the first stands
    asking = searching(design.scenario, runs)
    ends = [
        Asked(f"best by {phrased(axis)}", asking, tuple(plans.values()), aim=axis)
        for axis in _axes(design.scenario)
        if axis in OBJECTIVES
    ]
    known |= find_asked(design, answering, "searching for the best by each", ends)
    points = _points(replace(design, scenario=asking), known)
    known |= find_asked(design, answering, "searching for the frontier", points)
    missed = [one.name for one in (*ends, *points) if one.name not in known]
    known = _unlike(known)
    values = outcomes_judged(
        design, answering, known, (design.scenario.objective, *_axes(design.scenario))
    )
    bought = [plan.table().assign(plan=name) for name, plan in known.items()]
    return Frontier(
        pd.concat(
            [_rows(values, design.scenario.objective, axis) for axis in _axes(design.scenario)],
            ignore_index=True,
        ),
        joined(bought)[PURCHASE_COLUMNS],
        pd.DataFrame({"asked": pd.Series(missed, dtype=str)}),
    )


def _unlike(plans: Mapping[str, Plan]) -> dict[str, Plan]:
    """Return the plans, of those that buy the same the first."""
    first = {plan.units.tobytes(): name for name, plan in reversed(list(plans.items()))}
    return {name: plan for name, plan in plans.items() if name in first.values()}


def _points(design: Design, known: Mapping[str, Plan]) -> list[Asked]:
    """Return the points between the plan and the best that is known, on every axis."""
    scenario, starts = design.scenario, tuple(known.values())
    axes = _axes(scenario)
    rows = seen(design, Lot(starts, CHOICE_DRAWS))
    means = {
        axis: dict(
            zip(known, np.mean([[OUTCOMES[axis].of(s.measured) for s in r] for r in rows], axis=0),
                strict=True)
        )
        for axis in axes
    }  # fmt: skip
    points = [
        Asked(f"at most {share:.0%} of the budget", scaled_budget(scenario, share), starts)
        for share in BUDGETS
    ]
    for axis in axes:
        if axis == "spend_usd" or axis in scenario.treasury.outcomes:
            continue  # money is limited by the budget; what the treasury limits is kept anyway
        points += [
            Asked(words_of_limit(axis, limit), _limited(scenario, axis, limit), starts)
            for limit in _limits(axis, means[axis])
        ]
    return points


def _limited(scenario: Scenario, axis: str, limit: OutcomeLimit) -> Scenario:
    """Return the scenario with a limit of an outcome besides."""
    treasury = scenario.treasury
    outcomes = {**treasury.outcomes, axis: limit}
    return scenario.model_copy(
        update={"treasury": treasury.model_copy(update={"outcomes": outcomes})}
    )


def _limits(axis: str, means: Mapping[str, float]) -> list[OutcomeLimit]:
    """Return limits of an axis between what the plan reaches and the best that is known."""
    higher = OUTCOMES[axis].better == "higher"
    mine, best = means["plan"], (max if higher else min)(means.values())
    if axis == "group_gap":
        best = min(best, (1.0 - NARROWER) * mine)
    levels = [mine + part * (best - mine) for part in BETWEEN]
    rounded = [float(f"{level:.3g}") for level in levels if best != mine]
    return [
        OutcomeLimit(at_least=level) if higher else OutcomeLimit(at_most=level)
        for level in dict.fromkeys(rounded)
    ]


def _axes(scenario: Scenario) -> tuple[str, ...]:
    """Return the outcomes that a scenario's objective is held against."""
    alike = {scenario.objective} | ({"group_gap"} if len(scenario.groups) < 2 else set())
    return tuple(axis for axis in AXES if axis not in alike)


def _rows(values: pd.DataFrame, objective: str, axis: str) -> pd.DataFrame:
    """Return the rows of one axis of ``Frontier.table``."""
    names = list(values.index.unique("plan"))
    means = values.groupby(level="plan", sort=False)[[objective, axis]].mean().loc[names]
    signs = [-1.0 if OUTCOMES.called(one).better == "lower" else 1.0 for one in (objective, axis)]
    better = dominated_by(means.to_numpy(dtype=float) * np.array(signs))
    rows = []
    for name, place in zip(names, better.tolist(), strict=True):
        mine = values.xs(name, level="plan")
        ends = [t_interval(mine[one], within=OUTCOMES.called(one).bounds)
                for one in (objective, axis)]  # fmt: skip
        rows.append(
            (axis, name, mine[objective].mean(), *ends[0], mine[axis].mean(),
             *ends[1], "" if place == NONE else names[place], len(mine))
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(FRONTIER_COLUMNS))
    return table.sort_values("objective", ascending=signs[0] < 0, kind="stable")
