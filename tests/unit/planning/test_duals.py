from dataclasses import replace

import numpy as np
import pytest

from sim.planning.duals import _fixed, _unbounded, dual_values
from sim.planning.model import OptimisationModel, build_model
from sim.planning.solution import Solution, solve
from sim.planning.solver import run_solver
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_world import ITEMS, LAW, small_world


@pytest.fixture(scope="module")
def solved() -> tuple[OptimisationModel, Solution]:
    case = scenario(horizon=Horizon(decide_years=3, score_years=5))
    model = build_model(small_world(), LAW, case, budget_usd=60e3)
    return model, solve(model)


def test_marginal_values_are_a_tidy_table_of_values_per_dollar(
    solved: tuple[OptimisationModel, Solution],
) -> None:
    table = dual_values(solved[0], solved[1].plan)
    assert len(table) == 2 * len(ITEMS)
    assert (table["d_log_ede"] > -1e-9).all()
    assert table["d_log_ede_per_usd"].max() > 0
    ratio = table["d_log_ede"] / table["cost_usd"]
    np.testing.assert_allclose(table["d_log_ede_per_usd"], ratio)
    assert (table["cost_usd"] > 0).all()


def test_a_dual_lies_between_the_slopes_on_either_side(
    solved: tuple[OptimisationModel, Solution],
) -> None:
    """Finite differences of the right-hand side: right sign, right size."""
    model, plan = solved[0], solved[1].plan
    table = dual_values(model, plan)
    owned = plan.units[0].ravel() > 0
    assets = ~table["item"].isin(["annotation", "gpu_hours", "audit", "agreement"])
    dearest = table[owned & assets]["d_log_ede"].idxmax()
    region, item = divmod(int(dearest), len(plan.catalogue.items))
    name = f"fixed_{model.bought.units[0, region, item].name}"

    def welfare_and_dual(more: float) -> tuple[float, float]:
        units = plan.units.copy()
        units[0, region, item] += more
        with _unbounded(model.bought.units):
            _, problem = _fixed(model, replace(plan, units=units), narrower={})
            result = run_solver(problem, time_limit_s=30.0, gap=0.0, integer=False)
        dual = next(row.pi for row in problem.constraints() if row.name == name)
        return -result.bound, -dual

    step = 0.01
    (below, _), (here, dual), (above, _) = map(welfare_and_dual, (-step, 0.0, step))
    assert (here - below) / step > 1e-3
    assert (above - here) / step <= dual * 1.001 + 1e-9
    assert (here - below) / step >= dual * 0.999 - 1e-9


def test_bounds_of_units_come_back_after_an_explanation(
    solved: tuple[OptimisationModel, Solution],
) -> None:
    model, solution = solved
    dual_values(model, solution.plan)
    assert all(unit.lowBound == 0 for unit in model.bought.units.ravel())


def test_an_agreement_is_worth_no_more_than_what_it_shares(
    solved: tuple[OptimisationModel, Solution],
) -> None:
    """The model's own row would let a hundredth of an agreement share everything."""
    table = dual_values(solved[0], solved[1].plan).set_index(["region", "item"])
    agreements = table.loc[(slice(None), "agreement"), "d_log_ede"]
    assert agreements.max() < 0.1
