"""Plans keep every unit on their way to disk and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.domain.plan import spend_usd
from sim.planning.rules import RULES
from sim.studies.plans import about, arrays_of, candidate_of, plan_tables
from tests.small_world import small_world
from tests.unit.studies.small_study import candidates, execute_small, small_scenario


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


def test_the_best_rule_beside_the_plan_came_furthest_in_the_race(
    tmp_path: Path,
) -> None:
    scenario = small_scenario().model_copy(
        update={
            "policies": ("baseline", "equal_split", "by_need", "plan"),
            "search": small_scenario().search.model_copy(update={"effort": 200}),
        }
    )
    result = execute_small(scenario, tmp_path / "run")
    raced = result.search[result.search["what"] == "proposal"]
    rules = raced[raced["plan"].isin(RULES) & (raced["plan"] != "baseline")]
    last = rules[rules["draws"] == rules["draws"].max()]
    assert result.best_rule == last["plan"].iloc[0]  # the best first
    assert result.best_rule in result.policies


def test_what_a_study_compares_without_a_plan_has_no_best_rule(tmp_path: Path) -> None:
    scenario = small_scenario().model_copy(update={"policies": ("baseline", "by_need")})
    assert execute_small(scenario, tmp_path / "run").best_rule == ""
