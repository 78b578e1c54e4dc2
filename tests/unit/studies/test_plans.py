"""Plans keep every unit on their way to disk and back."""

from dataclasses import replace

import numpy as np
import pytest

from sim.domain.plan import spend_usd
from sim.studies.plans import about, arrays_of, candidate_of, plan_tables
from tests.small_world import small_world
from tests.unit.studies.small_study import candidates


@pytest.mark.parametrize("policy", ["plan", "baseline"])
def test_a_candidate_comes_back_from_its_arrays_bit_by_bit(policy: str) -> None:
    made = replace(candidates()[policy], value=0.31)
    made = replace(made, plan=replace(made.plan, status="optimal", predicted=0.32))
    found = candidate_of(arrays_of(made), about(made), small_world(), start_year=2027)
    np.testing.assert_array_equal(found.plan.units, made.plan.units)
    assert (found.note, found.plan.name) == (made.note, made.plan.name)
    assert (found.value, found.plan.predicted, found.plan.status) == (0.31, 0.32, "optimal")
    np.testing.assert_equal(found.plan.gap, made.plan.gap)
    np.testing.assert_equal(found.duals, made.duals)


def test_tables_of_plans_list_every_purchase_and_how_it_came_about() -> None:
    tables = plan_tables(candidates(), years=15)
    bought = tables["plan"]
    assert set(bought["policy"]) == {"plan"}
    assert bought["units"].sum() == candidates()["plan"].plan.units.sum()
    plan = candidates()["plan"].plan
    spent = spend_usd(plan, years=15).sum()
    assert bought[["capex_usd", "later_usd"]].to_numpy().sum() == pytest.approx(spent)
    assert tables["optimisation"]["policy"].tolist() == ["baseline", "plan"]
    assert tables["optimisation"]["note"].tolist() == ["", "made by hand"]
