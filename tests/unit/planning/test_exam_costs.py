"""Budgets that pay for what exams cost beyond today."""

import numpy as np
import pytest

from sim.baseline.world import World
from sim.domain.plan import spend_usd
from sim.pipeline.records import EXAM_COSTS
from sim.planning.exam_costs import Rates
from sim.planning.model import build_model
from sim.planning.solution import Solution, solve
from sim.planning.today import Today
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_runs import run
from tests.small_world import LAW, changed, small_world

HORIZON = Horizon(decide_years=2, score_years=4)
BUDGET = 150e3


def dear(usd: float) -> World:
    """Return a world in which following up a reading costs so much."""
    return changed(small_world(), "care", true_positive_usd=np.full((2, 1), usd),
                   false_positive_usd=np.full((2, 1), usd))  # fmt: skip


def planned(world: World, who: str, budget_usd: float = BUDGET) -> tuple[Solution, np.ndarray]:
    """Return the plan, and what exams cost beyond today in each year, (y,)."""
    case = scenario(horizon=HORIZON, exam_costs=who)
    problem = build_model(world, LAW, case, budget_usd=budget_usd, integer=False)
    solution = solve(problem)
    names = {v.name: v for v in problem.problem.variables()}
    further = [names[f"further_exam_costs_{2027 + y}"].varValue or 0.0 for y in range(4)
               if who == "in_budget"]  # fmt: skip
    return solution, np.array(further)


def test_a_budget_that_pays_for_follow_up_buys_less() -> None:
    world = dear(200.0)
    beside, _ = planned(world, "beside")
    within, further = planned(world, "in_budget")
    own = spend_usd(within.plan, years=4).sum(axis=(1, 2))
    assert further.max() > 0.05 * BUDGET
    assert (own + further <= BUDGET * (1 + 1e-6)).all()
    assert within.expected.value < beside.expected.value
    assert own.sum() < spend_usd(beside.plan, years=4).sum()


def test_where_exams_cost_nothing_it_does_not_matter_who_pays() -> None:
    world = changed(dear(0.0), "data", storage_usd_per_study_year=np.zeros(1))
    world = changed(world, "compute", electricity_usd_per_kwh=np.zeros(2))
    beside, within = (planned(world, who)[0] for who in ("beside", "in_budget"))
    assert within.expected.value == pytest.approx(beside.expected.value, rel=1e-3)


def test_without_money_nothing_is_bought_and_today_is_paid_for() -> None:
    solution, further = planned(dear(200.0), "in_budget", budget_usd=0.0)
    assert solution.plan.units.max() == pytest.approx(0.0, abs=1e-6)
    assert further == pytest.approx(0.0, abs=1e-6)


def test_the_rates_are_those_of_the_simulation() -> None:
    world = small_world()
    need = Today.of(world, scenario()).need
    rates = Rates.of(world, need, np.full((2, 1), 0.9))
    result = run(world)
    exams, read = (result.records.cells[name].sum(axis=3) for name in ("exams", "read_by_human"))
    kept = exams.cumsum(axis=0) - exams / 2
    expected = rates.exams * exams + rates.by_human * read + rates.kept * kept
    total = result.records.exam_costs_usd.sum(axis=2)
    np.testing.assert_allclose(total, (expected / need).sum(axis=2), rtol=0.02)
    assert (result.records.exam_costs_usd.sum(axis=(0, 1)) > 0).all()
    assert len(EXAM_COSTS) == 3
