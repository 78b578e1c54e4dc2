"""The search for a plan that holds up when the world is not as expected.

A programme knows one world. Whether a release will pass its audits is the widest of all unknowns,
and a plan that counts on it loses where it does not. So several candidates are made, which buy
from nothing up to everything as if AI never came to read, and the one with the best mean equity
over *search* draws is kept. None of these draws judges.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.lever import Floats, LeverName
from sim.domain.plan import Plan
from sim.errors import UnsolvedError
from sim.learning.response import Response
from sim.pipeline.records import Run
from sim.planning.agreement import Agreement, Effort, Observed, Simulate, agree
from sim.planning.calibration import Flows
from sim.planning.explanation import marginal_values
from sim.planning.rules import RULES
from sim.scenario.schema import LeverBounds, Scenario
from sim.study.experiment import Prepare, Setting
from sim.study.outcomes import cell_records, cell_table, equity_outcomes
from sim.study.pooling import duals_of_countries, is_large, pooled, share_out

SEARCH_DRAWS = 10
"""Draws on which candidates are compared; none of them judges."""
HEDGES = (0.0, 0.5, 1.0)
"""Shares of the budget that candidates spend as if AI never came to read."""
FOR_AI: tuple[LeverName, ...] = (
    "steward", "curator", "annotation", "synthesis", "pretraining", "federation", "gpu_hours",
    "gpu_server", "audit", "site", "agreement",
)  # fmt: skip
"""Levers that are worth nothing unless AI comes to read."""
ROUNDS = 2
"""Rounds of programme and simulation for each candidate."""
EFFORT = Effort(gap=5e-3, nodes=20, time_limit_s=300.0)
"""Where a solve stops: at half a percent of coverage, or after so many nodes. The clock is the last
resort, because a plan that hangs on it may not repeat to the bit."""
BY_RULE = "none solved"
"""Status of a plan that a rule made because the programme gave none."""
SURE = 0.75
"""Share of the search draws for which thresholds, of GPU-hours and audits, are bought."""

Spread = Callable[[Callable[[float], "Candidate"], Iterable[float]], Iterable["Candidate"]]
"""What makes candidates: ``map``, or the same on many processes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One plan that was considered."""

    hedge: float
    """Share of the budget spent as if AI never came to read."""
    plan: Plan
    ede: float
    """Mean equity over the search draws."""
    note: str
    duals: Floats | None
    """Log EDE per further US dollar, shape (region, item), from the programme."""


class Field(NamedTuple):
    """Where candidates are made and compared; it travels to the workers."""

    scenario: Scenario
    prepare: Prepare


def best_candidate(field: Field, *, spread: Spread = map) -> Candidate:
    """Return the candidate with the best mean equity over the search draws."""
    made = sorted(spread(bind(candidate, field), HEDGES), key=lambda one: one.hedge)
    best = max(made, key=lambda one: one.ede)
    table = ", ".join(_told(one) for one in made)
    note = (
        f"{best.note}. Of {len(made)} candidates, one for each share of the budget spent as if AI "
        f"never came to read, the best over {SEARCH_DRAWS} search draws ({table})"
    )
    return replace(best, note=note)


def _told(one: Candidate) -> str:
    by = " by a rule" if one.plan.status == BY_RULE else ""
    return f"{one.hedge:.0%}: {one.ede:.4f}{by}"


def candidate(field: Field, hedge: float) -> Candidate:
    """Return the plan of one hedge, with its mean equity over the search draws.

    Where the programme gives none, that of the best rule stands in, and says so; a scenario that
    excludes every plan raises ``InfeasibleError``.
    """
    scenario, prepare = field
    world = prepare(scenario, None, 0, "search").world
    if not is_large(world):
        return _candidate(field, hedge)
    group = _candidate(Field(pooled(scenario), prepare), hedge)
    plan = share_out(group.plan, scenario, world)
    draws = [prepare(scenario, draw, 0, "search") for draw in range(SEARCH_DRAWS)]
    note = f"{group.note}; planned for income groups, shared out to countries by need"
    duals = None if group.duals is None else duals_of_countries(group.duals, scenario, world)
    return replace(group, plan=plan, ede=observe(draws, plan).ede, note=note, duals=duals)


def _candidate(field: Field, hedge: float) -> Candidate:
    scenario, prepare = field
    draws = [prepare(scenario, draw, 0, "search") for draw in range(SEARCH_DRAWS)]
    central = prepare(scenario, None, 0, "search")
    world, response = prudent(central.world, [one.world for one in draws]), central.nature.response
    simulate = bind(observe, draws)
    try:
        found = _agreed(world, response, scenario, simulate, hedge=hedge)
    except UnsolvedError as error:
        return _by_rule(central.world, scenario, simulate, hedge=hedge, reason=str(error))
    return Candidate(hedge, found.plan, found.ede, found.note, _duals(found))


def _agreed(
    world: World, response: Response, scenario: Scenario, simulate: Simulate, *, hedge: float
) -> Agreement:
    """Return the plan that spends a share of the budget as if AI never came to read."""
    found: Agreement | None = None
    if hedge > 0.0:
        budget = {"budget_usd_per_year": hedge * scenario.budget_usd_per_year}
        alone = scenario.model_copy(update=budget | {"levers": without_ai(scenario)})
        found = agree(world, response, alone, simulate, rounds=1, effort=EFFORT)
    if hedge < 1.0:
        sure = None if found is None else found.plan.units
        found = agree(
            world, response, scenario, simulate, rounds=ROUNDS, effort=EFFORT, at_least=sure
        )
    if found is None:
        raise ValueError(f"a hedge is a share of the budget, 0 to 1, got {hedge:g}")
    return found


def _by_rule(
    world: World, scenario: Scenario, simulate: Simulate, *, hedge: float, reason: str
) -> Candidate:
    """Return the plan of the best rule, for want of one by the programme."""
    plans = [rule(world, scenario) for rule in RULES.values()]
    ede, rule = max(((simulate(plan).ede, plan) for plan in plans), key=lambda pair: pair[0])
    note = f"the programme gave no plan, so that of the rule {rule.name} stands in: {reason}"
    return Candidate(hedge, replace(rule, name="plan", status=BY_RULE), ede, note, duals=None)


def without_ai(scenario: Scenario) -> dict[LeverName, LeverBounds]:
    """Return the scenario's limits on levers, with those that only serve AI forbidden."""
    return dict(scenario.levers) | dict.fromkeys(FOR_AI, LeverBounds(allowed=False))


def prudent(central: World, drawn: Sequence[World]) -> World:
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


def observe(settings: Sequence[Setting], plan: Plan) -> Observed:
    """Return what a plan brings about: mean flows, and mean equity, over the settings."""
    runs = [one.run(plan) for one in settings]

    def mean(name: str) -> Floats:
        return np.asarray(np.mean([run.records.cells[name].sum(axis=3) for run in runs], axis=0))

    flows = Flows(
        arrived=mean("arrived"),
        exams=mean("exams"),
        read_by_ai=mean("read_by_ai"),
        read_by_human=mean("read_by_human"),
        annotated=mean("labelled"),
        benefit=mean("benefit"),
    )
    equity = [_equity(one.scenario, run) for one, run in zip(settings, runs, strict=True)]
    return Observed(flows, float(np.mean(equity)))


def _equity(scenario: Scenario, run: Run) -> float:
    weight: Mapping[str, float] = {str(m): share for m, share in scenario.modalities.items()}
    cells = cell_table(cell_records(run).assign(replication=0), dict(weight))
    return equity_outcomes(cells, scenario.equity)["ede"]


def _duals(found: Agreement) -> Floats | None:
    try:
        values: pd.DataFrame = marginal_values(found.programme, found.plan)
    except UnsolvedError:
        return None
    duals = values["d_log_ede_per_usd"].to_numpy(dtype=float)
    return np.asarray(duals.reshape(found.plan.units.shape[1:]))
