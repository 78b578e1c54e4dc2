"""Solve, simulate, calibrate: with the model itself, and with the real simulation."""

from dataclasses import replace

import numpy as np
import pytest

from sim.domain.holdings import Holdings, Performance
from sim.domain.plan import Plan
from sim.equity.coverage import welfare
from sim.pipeline.run import simulate
from sim.planning.correction import Correction, YearlyFlows
from sim.planning.model import build_model
from sim.planning.refinement import Effort, Observed, refine
from sim.planning.solution import solve
from sim.scenario.schema import Horizon, LeverBounds
from tests.scenarios import scenario
from tests.small_world import LAW, small_world

CASE = scenario(horizon=Horizon(decide_years=2, score_years=4), budget_usd_per_year=150e3)
QUICK = Effort(gap=2e-2, nodes=1)


def respond(holdings: Holdings) -> Performance:
    error = LAW.error(holdings.own, holdings.other)
    return Performance(1.0 - error, np.full_like(error, 0.9))


def observed(plan: Plan) -> Observed:
    world = small_world()
    run = simulate(world, plan, respond, scenario=CASE, seed=1, replication=0)
    cells = run.records.cells
    names = ("arrived", "exams", "read_by_ai", "read_by_human", "benefit")
    flows = YearlyFlows(
        annotated=cells["labelled"].sum(axis=3), **{name: cells[name].sum(axis=3) for name in names}
    )
    coverage = (cells["benefit"] / cells["need"])[:, :, 0]
    return Observed(flows, welfare(coverage, world.care.people(len(coverage)), CASE.equity)[1])


def test_the_plan_beats_the_baseline_in_the_simulation() -> None:
    found = refine(small_world(), LAW, CASE, observed, rounds=2, effort=QUICK)
    assert found.rounds["simulated"].max() == pytest.approx(observed(found.plan).value)
    nothing = replace(found.plan, units=np.zeros_like(found.plan.units))
    assert observed(found.plan).value > 1.5 * observed(nothing).value
    assert len(found.rounds) <= 2
    assert ("not converged" in found.note) != found.converged


def test_a_simulation_that_agrees_converges() -> None:
    """Without outreach: whom it brings, the model lets pass the queue until it is told."""
    case = CASE.model_copy(update={"levers": {"outreach": LeverBounds(allowed=False)}})

    def promised(plan: Plan) -> Observed:
        model = build_model(small_world(), LAW, case)
        for unit, value in zip(model.bought.units.ravel(), plan.units.ravel(), strict=True):
            unit.lowBound = unit.upBound = value
        expected = solve(model).expected
        return Observed(expected.flows, expected.value)

    found = refine(small_world(), LAW, case, promised, rounds=4, effort=QUICK)
    assert found.converged
    last = found.rounds.iloc[-1]
    assert last["expected"] == pytest.approx(last["simulated"], rel=0.006)


def test_the_best_simulated_plan_is_kept_not_the_last() -> None:
    results = iter([0.4, 0.2, 0.3])

    def falling(plan: Plan) -> Observed:
        return replace(observed(plan), value=next(results))

    found = refine(small_world(), LAW, CASE, falling, rounds=3, effort=QUICK)
    assert found.rounds["best"].tolist() == [True, False, False]
    assert found.value == 0.4
    assert not found.converged


def test_what_must_be_bought_is_the_start_of_a_search_that_comes_to_nothing() -> None:
    """The rule that others start from would not leave the money for it."""
    world = small_world()
    sure = solve(build_model(world, LAW, CASE, budget_usd=0.9 * CASE.budget_usd_per_year)).plan
    found = refine(
        world, LAW, CASE, observed, rounds=1, effort=Effort(nodes=0), at_least=sure.units
    )
    assert (found.plan.units >= sure.units - 1e-9).all()
    assert found.solution.expected.value >= 0.995 * sure.predicted


def test_a_single_round_simulates_nothing() -> None:
    def never(_: Plan) -> Observed:
        raise AssertionError

    found = refine(small_world(), LAW, CASE, never, rounds=1, effort=QUICK)
    again = refine(small_world(), LAW, CASE, observed, rounds=2, effort=QUICK)
    assert found.solution.expected.value == again.rounds["expected"][0]
    assert np.isnan(found.value)
    assert not found.converged


def test_rounds_must_be_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        refine(small_world(), LAW, CASE, observed, rounds=0)


def test_factors_move_halfway_towards_what_was_observed() -> None:
    ones = np.ones((1, 1, 1))
    expected = YearlyFlows(4 * ones, 4 * ones, 2 * ones, 2 * ones, ones, 3 * ones)
    seen = replace(expected, exams=ones, read_by_ai=0.5 * ones, read_by_human=0.5 * ones)
    learnt = Correction(*[ones] * 5).learn(expected, seen, human_benefit=np.array([0.5]))
    assert learnt.imaging == pytest.approx(0.5)
    assert learnt.reading == pytest.approx(1.0)
    assert learnt.ai == pytest.approx(1.0)
    assert learnt.quality == pytest.approx(1.0)
    nothing = replace(expected, exams=0 * ones)
    assert Correction(*[ones] * 5).learn(
        expected, nothing, human_benefit=np.array([0.5])
    ).imaging == pytest.approx(0.1)
