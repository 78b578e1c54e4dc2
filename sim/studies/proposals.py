"""Plans that the optimisation model proposes to the search.

An optimisation model knows one world. Whether a release will pass its audits is the widest of all
unknowns, and a plan that counts on it loses where it does not. So several plans are proposed,
which buy from nothing up to everything as if AI never came to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import LEVERS, Floats, LeverName
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.learning.response import Response
from sim.pipeline.case import Case, Start
from sim.pipeline.run import simulate_many
from sim.planning.correction import YearlyFlows
from sim.planning.duals import dual_values
from sim.planning.limits import scaled_budget
from sim.planning.objectives import OBJECTIVES
from sim.planning.refinement import Effort, Observed, Refinement, Simulate, refine
from sim.planning.rules import RULES
from sim.scenario.schema import LeverBounds, Scenario
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.income_groups import by_income_group, duals_of_countries, is_large, share_out
from sim.studies.options import PARTS, best_by_country
from sim.studies.outcomes import measured_in
from sim.studies.plans import Candidate
from sim.studies.sample import Sample

SEARCH_DRAWS = 10
"""Search draws that correct the model, and whose thresholds it buys."""
HEDGES = (0.0, 0.5, 1.0)
"""Shares of the budget that proposals spend as if AI never came to read."""
ROUNDS = 1
"""Rounds of optimisation and simulation for each candidate. A second one took half a minute in East
Africa for a plan that was no better when simulated; the search goes on from there anyway."""
EFFORT = Effort(gap=2e-2, nodes=1, time_limit_s=300.0, switches_first=True)
"""Where a solve stops: at two percent of coverage, or at the root of the search, with units made
whole at last. What the model expects of a plan and what is simulated differ by more; all whole
numbers at once took four times as long, and twenty nodes eight times, for plans that were no better
when they were simulated. The clock is the last resort, because a plan that hangs on it may not
repeat to the bit."""
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
    if design.scenario.objective in PARTS:
        plan, chosen = best_by_country(design, plan)
        note = f"{note}; {chosen}"
    duals = None if group.duals is None else duals_of_countries(group.duals, design.scenario, world)
    return Candidate(plan, note, duals=duals)


def _candidate(design: Design, hedge: float) -> Candidate:
    scenario, draws = design.scenario, SearchDraws.of(design)
    central = design.sampler(scenario, None, "search")
    world = risk_averse(central.world, [sample.world for sample in draws.samples])
    try:
        found = _refined(world, central.response, draws, hedge=hedge)
    except UnsolvedError as error:
        return _by_rule(central.world, scenario, draws.observe, reason=str(error))
    return Candidate(found.plan, found.note, found.value, _duals(found))


def _refined(world: World, response: Response, draws: "SearchDraws", *, hedge: float) -> Refinement:
    """Return the plan that spends a share of the budget as if AI never came to read."""
    scenario, objective = draws.design.scenario, draws.design.objective
    simulate, effort = draws.observe, EFFORT
    found: Refinement | None = None
    if hedge > 0.0:
        alone = scaled_budget(scenario, hedge).model_copy(update={"levers": without_ai(scenario)})
        found = refine(
            world, response, alone, simulate, rounds=1, effort=effort, objective=objective
        )
    if hedge < 1.0:
        refined = bind(
            refine, world, response, scenario, simulate,
            rounds=ROUNDS, effort=effort, objective=objective,
        )  # fmt: skip
        try:
            found = refined(at_least=None if found is None else found.plan.units)
        except InfeasibleError:
            if not hedge or not scenario.treasury.spending:
                raise
            found = refined()  # what is sure stands in the way of what has to be spent on
    if found is None:
        raise ValueError(f"a hedge is a share of the budget, 0 to 1, got {hedge:g}")
    return found


def _by_rule(world: World, scenario: Scenario, simulate: Simulate, *, reason: str) -> Candidate:
    """Return the plan of the best rule, for want of one by the optimisation."""
    # the shipped ones: a worker knows no others
    plans = [rule(world, scenario) for rule in RULES.shipped]
    value, rule = max(((simulate(plan).value, plan) for plan in plans), key=lambda pair: pair[0])
    note = f"the optimisation gave no plan, so that of the rule {rule.name} stands in: {reason}"
    return Candidate(replace(rule, name="plan", status=BY_RULE), note, value)


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


@dataclass(frozen=True)
class SearchDraws:
    """The draws on which candidates are compared, each warmed up once."""

    design: Design
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, design: Design) -> "SearchDraws":
        """Return the search draws of a design."""
        quiet = replace(design, scenario=unrecorded(design.scenario))
        scenario, draws = design.scenario, range(SEARCH_DRAWS)
        return cls(quiet, tuple(design.sampler(scenario, draw, "search") for draw in draws))

    @cached_property
    def starts(self) -> list[Start]:
        """How the draws begin: only where plans are simulated here."""
        return starts_of(self.design, self.samples, [0] * len(self.samples))

    def observe(self, plan: Plan) -> Observed:
        """Return what a plan brings about: mean flows, and mean outcome, over the draws."""
        cases = [
            Case(start, plan, sample.respond())
            for start, sample in zip(self.starts, self.samples, strict=True)
        ]
        scenario = self.design.scenario
        runs = simulate_many(cases, scenario=scenario, stations=self.design.stations)

        def mean(name: str) -> Floats:
            cells = [run.records.cells[name].sum(axis=3) for run in runs]
            return np.asarray(np.mean(cells, axis=0))

        flows = YearlyFlows(
            arrived=mean("arrived"),
            exams=mean("exams"),
            read_by_ai=mean("read_by_ai"),
            read_by_human=mean("read_by_human"),
            annotated=mean("labelled"),
            benefit=mean("benefit"),
        )
        reached = [self.design.objective.of(measured_in(run, scenario.equity)) for run in runs]
        return Observed(flows, float(np.mean(reached)))


def _duals(found: Refinement) -> Floats | None:
    try:
        values: pd.DataFrame = dual_values(found.model, found.plan)
    except UnsolvedError:
        return None
    duals = values["d_log_ede_per_usd"].to_numpy(dtype=float)
    return np.asarray(duals.reshape(found.plan.units.shape[1:]))
