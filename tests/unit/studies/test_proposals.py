"""What the optimisation model proposes hedges against AI that never comes to read."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.domain.levers import LEVERS
from sim.domain.plan import Plan
from sim.equity.coverage import ede
from sim.errors import InfeasibleError
from sim.planning.model import OptimisationModel
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import RULES
from sim.planning.solution import Solution, solve
from sim.scenario.schema import LeverBounds
from sim.studies import income_groups, proposals
from sim.studies.batch import Design
from sim.studies.names import load_scenario
from sim.studies.plan_search import hedges_of
from sim.studies.proposals import (
    BY_RULE,
    HEDGES,
    SURE,
    Balanced,
    Effort,
    at_aversion_one,
    candidate,
    risk_averse,
    without_ai,
)
from sim.studies.totals import measured_in
from tests.small_world import small_world
from tests.unit.studies.small_study import Watched, run_small, sample_small, small_scenario

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
SCENARIO = small_scenario().model_copy(update={"levers": {}})
DESIGN = Design(SCENARIO, sample_small)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "SEARCH_DRAWS", 3)


ONLY_AI = [name for name, lever in LEVERS.items() if lever.only_ai]


def ai_units(plan_units: np.ndarray) -> float:
    catalogue = small_world().catalogue
    return float(sum(plan_units[:, :, catalogue.index(lever)].sum() for lever in ONLY_AI))


def ede_in(draw: int, plan: Plan) -> float:
    run = run_small(SCENARIO, plan, draw=draw, purpose="search")
    return ede(measured_in(run, SCENARIO.equity))


def test_a_candidate_asks_for_search_samples_only() -> None:
    watched = Watched()
    candidate(Design(SCENARIO, watched), 1.0)
    assert watched.asked == {(draw, "search") for draw in (None, 0, 1, 2)}


def test_a_hedge_spends_its_share_without_ai_and_the_rest_as_is_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budgets, found = [], []

    def watched(model: OptimisationModel, **options: object) -> Solution:
        budgets.append((model.scenario.budget_usd_per_year, model.scenario.levers))
        found.append(solve(model, **options))
        return found[-1]

    monkeypatch.setattr(proposals, "solve", watched)
    half = candidate(DESIGN, 0.5)
    budget = SCENARIO.budget_usd_per_year
    assert budgets == [(budget / 2, without_ai(SCENARIO)), (budget, SCENARIO.levers)]
    alone, both = found
    np.testing.assert_array_equal(half.plan.units, both.plan.units)
    assert alone.plan.units.sum() > 0
    assert (half.plan.units >= alone.plan.units - 1e-9).all()
    assert ai_units(alone.plan.units) == 0.0
    assert ai_units(half.plan.units) > 0.0


def test_a_full_hedge_buys_nothing_that_serves_only_ai() -> None:
    full = candidate(DESIGN, 1.0)
    assert full.plan.units.sum() > 0.0
    assert ai_units(full.plan.units) == 0.0


@pytest.mark.parametrize("hedge", HEDGES)
def test_without_a_solution_the_best_rule_stands_in_and_says_so(
    monkeypatch: pytest.MonkeyPatch, hedge: float
) -> None:
    monkeypatch.setattr(proposals, "EFFORT", Effort(time_limit_s=0.0))
    found = candidate(DESIGN, hedge)
    world = sample_small(SCENARIO, None, "search").world
    plans = [rule(world, SCENARIO) for rule in RULES.values()]
    best = max(plans, key=lambda plan: np.mean([ede_in(draw, plan) for draw in range(3)]))
    assert best.units.sum() > 0.0
    np.testing.assert_array_equal(found.plan.units, best.units)
    assert (found.plan.name, found.plan.status) == ("plan", BY_RULE)
    assert np.isnan(found.plan.gap)
    assert f"of the rule {best.name} stands in: HiGHS found no plan" in found.note
    assert "time limit reached" in found.note
    assert found.duals is None


def test_limits_that_exclude_every_plan_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def clash(*_: object, **__: object) -> Solution:
        raise InfeasibleError(("budget_usd_2027",))

    monkeypatch.setattr(proposals, "solve", clash)
    with pytest.raises(InfeasibleError, match="budget_usd_2027"):
        candidate(DESIGN, 0.0)


def test_no_hedge_is_a_mistake_in_the_code_and_said_to_be() -> None:
    with pytest.raises(ValueError, match="0 to 1, got nan"):
        candidate(DESIGN, float("nan"))


def test_without_ai_forbids_exactly_the_levers_that_only_serve_ai() -> None:
    limited = {"scanner": LeverBounds(max_per_year=3.0), "site": LeverBounds(max_per_year=1.0)}
    scenario = SCENARIO.model_copy(update={"levers": limited})
    found = without_ai(scenario)
    assert found["scanner"] == limited["scanner"]
    forbidden = {lever for lever, bounds in found.items() if not bounds.allowed}
    assert forbidden == set(LEVERS) - {"scanner", "supplies", "outreach", "reader", "tele_reading"}
    assert scenario.levers == limited  # the scenario is left as it was


def drawn_worlds(values: list[tuple[float, float, float]]) -> list[World]:
    central = small_world()
    return [
        replace(
            central,
            compute=replace(
                central.compute, gpu_hours_base=base, gpu_hours_per_1000_studies=per_1000
            ),
            care=replace(central.care, prevalence=np.full((2, 1), prevalence)),
        )
        for base, per_1000, prevalence in values
    ]


DRAW = st.tuples(st.floats(1.0, 1e4), st.floats(0.01, 100.0), st.floats(0.001, 0.9))


@given(st.lists(DRAW, min_size=1, max_size=12))
def test_prudence_buys_thresholds_that_suffice_in_most_draws(
    values: list[tuple[float, float, float]],
) -> None:
    central, drawn = small_world(), drawn_worlds(values)
    found = risk_averse(central, drawn)
    base, per_1000, prevalence = (np.array(column) for column in zip(*values, strict=True))
    assert found.compute.gpu_hours_base >= np.quantile(base, SURE) * (1 - 1e-12)
    assert found.compute.gpu_hours_per_1000_studies >= np.quantile(per_1000, SURE) * (1 - 1e-12)
    # the share is kept in whole draws, not between two of them
    assert np.mean(base <= found.compute.gpu_hours_base) >= SURE
    assert np.mean(prevalence >= found.care.prevalence[0, 0]) >= SURE
    assert (found.care.prevalence <= central.care.prevalence).all()
    assert found.compute.gpu_hours_base >= central.compute.gpu_hours_base


def test_prudence_changes_thresholds_and_nothing_else() -> None:
    central = small_world()
    found = risk_averse(central, drawn_worlds([(80.0, 3.0, 0.1), (90.0, 4.0, 0.3)]))
    assert found.compute.gpu_hours_base > central.compute.gpu_hours_base
    again = replace(
        found,
        compute=replace(
            found.compute,
            gpu_hours_base=central.compute.gpu_hours_base,
            gpu_hours_per_1000_studies=central.compute.gpu_hours_per_1000_studies,
        ),
        care=replace(found.care, prevalence=central.care.prevalence),
    )
    np.testing.assert_equal(asdict(again), asdict(central))


def test_many_countries_are_planned_for_pooled_and_judged_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(income_groups, "MANY_REGIONS", 1)
    monkeypatch.setattr(proposals, "SEARCH_DRAWS", 1)
    design = Design(load_scenario(TINY))
    found = candidate(design, 1.0)
    assert found.plan.regions == ("KEN", "RWA")
    assert "shared out to countries by need" in found.note
    assert found.duals is not None
    assert found.duals.shape == found.plan.units.shape[1:]
    assert np.isnan(found.value)  # the search simulates it


def test_a_balanced_plan_is_that_of_aversion_one_whatever_is_asked_for() -> None:
    asked = {
        "objective": "worst_ec",
        "equity": SCENARIO.equity.model_copy(update={"aversion": 4.0}),
    }
    other = replace(
        DESIGN, scenario=SCENARIO.model_copy(update=asked), objective=OBJECTIVES["worst_ec"]
    )
    found, usual = candidate(other, Balanced(0.0)), candidate(at_aversion_one(DESIGN), 0.0)
    np.testing.assert_array_equal(found.plan.units, usual.plan.units)
    assert hedges_of(other.scenario)["model, balanced"] == Balanced(HEDGES[1])
    assert "model, balanced" not in hedges_of(SCENARIO)
