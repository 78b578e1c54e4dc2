"""Plans that the optimisation model proposes to the search.

An optimisation model knows one world. Whether a release will pass its audits is the widest of all
unknowns, and a plan that counts on it loses where it does not. So several plans are proposed,
which buy from nothing up to everything as if AI never came to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import LEVERS, Floats, LeverName
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.learning.response import Response
from sim.planning.duals import dual_values
from sim.planning.limits import scaled_budget
from sim.planning.model import OptimisationModel, build_model
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import RULES, by_need
from sim.planning.solution import solve
from sim.scenario.schema import LeverBounds, Scenario
from sim.studies.batch import Design
from sim.studies.income_groups import by_income_group, duals_of_countries, is_large, share_out
from sim.studies.lots import Lot, simulated
from sim.studies.options import best_by_country
from sim.studies.plans import Candidate

SEARCH_DRAWS = 10
"""Search draws whose thresholds are bought; a rule is chosen in them where no plan was found."""
HEDGES = (0.0, 0.5, 1.0)
"""Shares of the budget that proposals spend as if AI never came to read."""


class Effort(NamedTuple):
    """Where a solve may stop: at a gap, after so many nodes, and at last by the clock.

    At two percent of coverage, or at the root of the search, with units made whole at last. What
    the model expects of a plan and what is simulated differ by more; all whole numbers at once took
    four times as long, and twenty nodes eight times, for plans that were no better when they were
    simulated. The clock is the last resort, because a plan that hangs on it may not repeat to the
    bit.
    """

    gap: float = 2e-2
    """Absolute gap, log EDE."""
    nodes: int = 1
    time_limit_s: float = 300.0


EFFORT = Effort()
BY_RULE = "none solved"
"""Status of a plan that a rule made because the optimisation gave none."""
SURE = 0.75
"""Share of the search draws for which thresholds, of GPU-hours and audits, are bought."""


class Balanced(NamedTuple):
    """A hedge of a plan that is made for equity at aversion 1, whatever plans are made for."""

    hedge: float


Hedge = float | Balanced


def at_aversion_one(design: Design) -> Design:
    """Return a study's design with plans made for equity at aversion 1.

    Such a plan is a start for a search that is for something else: spread over many cells, it is
    seldom caught where no single step helps.
    """
    equity = design.scenario.equity.model_copy(update={"aversion": 1.0})
    scenario = design.scenario.model_copy(update={"equity": equity, "objective": "ede"})
    return replace(design, scenario=scenario, objective=OBJECTIVES["ede"])


def candidate(design: Design, hedge: Hedge) -> Candidate:
    """Return the plan that spends a share of the budget as if AI never came to read.

    Where the optimisation gives none, that of the best rule stands in, and says so; a scenario
    that excludes every plan raises ``InfeasibleError``. What its plan reaches when simulated is
    left to the search, which does that anyway.
    """
    if isinstance(hedge, Balanced):
        return candidate(at_aversion_one(design), hedge.hedge)
    world = design.sampler(design.scenario, None, "search").world
    if not is_large(world):
        return _candidate(design, hedge)
    group = _candidate(replace(design, scenario=by_income_group(design.scenario)), hedge)
    plan = share_out(group.plan, design.scenario, world)
    note = f"{group.note}; planned for income groups, shared out to countries by need"
    if design.objective.parts is not None:
        plan, chosen = best_by_country(design, plan)
        note = f"{note}; {chosen}"
    duals = None if group.duals is None else duals_of_countries(group.duals, design.scenario, world)
    return Candidate(plan, note, duals=duals)


def _candidate(design: Design, hedge: float) -> Candidate:
    scenario = design.scenario
    samples = [design.sampler(scenario, draw, "search") for draw in range(SEARCH_DRAWS)]
    central = design.sampler(scenario, None, "search")
    world = risk_averse(central.world, [sample.world for sample in samples])
    try:
        model, plan = _optimised(design, world, central.response, hedge=hedge)
    except UnsolvedError as error:
        return _by_rule(design, central.world, reason=str(error))
    return Candidate(plan, "by the optimisation model", duals=_duals(model, plan))


def _optimised(
    design: Design, world: World, response: Response, *, hedge: float
) -> tuple[OptimisationModel, Plan]:
    """Return the plan that spends a share of the budget as if AI never came to read."""
    scenario = design.scenario
    solved = bind(_solved, design, world, response)
    found: tuple[OptimisationModel, Plan] | None = None
    if hedge > 0.0:
        alone = scaled_budget(scenario, hedge).model_copy(update={"levers": without_ai(scenario)})
        found = solved(alone)
    if hedge < 1.0:
        try:
            found = solved(scenario, at_least=None if found is None else found[1].units)
        except InfeasibleError:
            if not hedge or not scenario.treasury.spending:
                raise
            found = solved(scenario)  # what is sure stands in the way of what has to be spent on
    if found is None:
        raise ValueError(f"a hedge is a share of the budget, 0 to 1, got {hedge:g}")
    return found


def _solved(
    design: Design,
    world: World,
    response: Response,
    scenario: Scenario,
    *,
    at_least: Floats | None = None,
) -> tuple[OptimisationModel, Plan]:
    """Return the optimisation model of a scenario, and its plan.

    Parameters
    ----------
    at_least : units that the plan buys, shape (year, region, item); none when not given.

    Notes
    -----
    The solve begins with the rule ``by_need``, or with what every plan buys where that is demanded:
    the rule might leave it no money.
    """
    model = build_model(world, response, scenario, at_least=at_least, objective=design.objective)
    rule = by_need(world, scenario)
    start = rule if at_least is None else replace(rule, units=at_least)
    return model, solve(model, **EFFORT._asdict(), switches_first=True, start=start).plan


def _by_rule(design: Design, world: World, *, reason: str) -> Candidate:
    """Return the plan of the best rule, for want of one by the optimisation."""
    # the shipped ones: a worker knows no others
    plans = [rule(world, design.scenario) for rule in RULES.shipped]
    reached = simulated(design, Lot(tuple(plans), tuple(range(SEARCH_DRAWS))))[..., 0].mean(axis=1)
    best = plans[int(reached.argmax())]
    note = f"the optimisation gave no plan, so that of the rule {best.name} stands in: {reason}"
    return Candidate(replace(best, name="plan", status=BY_RULE), note, float(reached.max()))


def without_ai(scenario: Scenario) -> dict[LeverName, LeverBounds]:
    """Return the scenario's limits on levers, with those that only serve AI forbidden."""
    only_ai = [name for name, lever in LEVERS.items() if lever.only_ai]
    return dict(scenario.levers) | dict.fromkeys(only_ai, LeverBounds(allowed=False))


def risk_averse(central: World, drawn: Sequence[World]) -> World:
    """Return the central world with thresholds that suffice in most of the drawn ones.

    A training that is one GPU-hour short does not happen, and an audit with too few positives
    opens no gate: buying the mean of a threshold is buying nothing in half of the draws.
    """

    def enough(read: Callable[[World], float]) -> float:
        most = np.quantile([read(world) for world in drawn], SURE, method="higher")
        return max(float(most), read(central))

    prevalence = np.stack([world.care.prevalence for world in drawn])
    rare = np.quantile(prevalence, 1.0 - SURE, axis=0, method="lower")
    compute = replace(
        central.compute,
        gpu_hours_base=enough(lambda world: world.compute.gpu_hours_base),
        pretraining_gpu_hours=enough(lambda world: world.compute.pretraining_gpu_hours),
        gpu_hours_per_1000_studies=enough(lambda world: world.compute.gpu_hours_per_1000_studies),
    )
    care = replace(central.care, prevalence=np.minimum(rare, central.care.prevalence))
    return replace(central, compute=compute, care=care)


def _duals(model: OptimisationModel, plan: Plan) -> Floats | None:
    try:
        values: pd.DataFrame = dual_values(model, plan)
    except UnsolvedError:
        return None
    duals = values["d_log_ede_per_usd"].to_numpy(dtype=float)
    return np.asarray(duals.reshape(plan.units.shape[1:]))
