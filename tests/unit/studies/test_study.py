"""The face of a study: plans by name, function, table or object; runs; comparisons."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.errors import PlanError, RegistryError
from sim.planning.rules import by_need
from sim.scenario.schema import Scenario
from sim.studies.measured_response import RESPONSES
from sim.studies.study import Study
from tests.unit.studies.small_study import candidates

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
RULES_ONLY = ["policies=[baseline, by_need]", "uncertainty.draws=3"]


@pytest.fixture(scope="module")
def study() -> Study:
    return sim.study(TINY, overrides=RULES_ONLY)


def test_a_study_says_what_it_is_of(study: Study) -> None:
    assert repr(study).startswith("Study of 'Two countries, three years, for a first look': 2 reg")
    assert repr(study.world()).startswith("World of KEN, RWA; dermoscopy; urban, rural: ")
    assert repr(study.plan("baseline")).startswith("Plan 'baseline' for 2 regions from 2027, 3 ye")
    assert "nothing; USD 0 of capital" in repr(study.plan("baseline"))


def test_rules_functions_plans_and_tables_enter_alike(study: Study) -> None:
    def mine(world: World, scenario: Scenario) -> Plan:
        return by_need(world, scenario)

    named = study.plan("by_need")
    assert named.units.sum() > 0
    for how in (mine, named, named.table()):
        np.testing.assert_array_equal(study.plan(how).units, named.units)
    first_year = pd.DataFrame({"region": ["KEN"], "item": ["outreach.rural"], "units": [2]})
    bought = study.plan(first_year)
    assert bought.table()[["year", "units"]].to_numpy().tolist() == [[2027, 2.0]]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("by_ned", "no rule is called 'by_ned'; there are baseline, .* 'by_need'"),
        (lambda *_: 3, "a rule returns a Plan, not int"),
        (pd.DataFrame({"region": ["KEN"]}), "no column item, units"),
        (
            pd.DataFrame({"region": ["KEN"], "item": ["outreach.rual"], "units": [1]}),
            "row 0 buys in item 'outreach.rual', which there is not. Did you mean 'outreach.rural'",
        ),
        (
            pd.DataFrame(
                {"region": ["KEN"], "item": ["outreach.rural"], "units": [1], "year": [2040]}
            ),
            "row 0 buys in 2040; money is decided from 2027 to 2029",
        ),
        (
            pd.DataFrame({"region": ["KEN"], "item": ["outreach.rural"], "units": [-1]}),
            "must be finite and not negative",
        ),
    ],
)
def test_what_is_no_plan_is_an_error(study: Study, how: object, message: str) -> None:
    with pytest.raises((PlanError, RegistryError), match=message):
        study.plan(how)  # type: ignore[arg-type]


def test_a_comparison_has_the_numbers_of_a_whole_run(study: Study, tmp_path: Path) -> None:
    found = study.compare({"by_need": "by_need", "baseline": "baseline"})
    whole = study.run(tmp_path / "run")
    pd.testing.assert_frame_equal(
        found.by_draw, whole.by_draw.loc[["by_need", "baseline"]], check_exact=True
    )
    row = found.differences.iloc[0]
    assert (row["policy"], row["baseline"], row["draws"]) == ("by_need", "baseline", 3)
    assert found.means.attrs["units"]["value"] == "share of need"
    assert "Equally distributed effective coverage, share of need" in str(found)
    with pytest.raises(PlanError, match="'by_ned' is not among the plans"):
        study.compare(["by_need", "baseline"], baseline="by_ned", draws=1)


def test_a_run_of_the_face_is_that_of_the_same_draw_in_a_comparison(study: Study) -> None:
    run = study.simulate("by_need", draw=2)
    found = study.compare(["by_need"], baseline="by_need", draws=3, replications=1)
    spent = run.records.spend_usd.sum()
    assert found.by_draw["spend_usd"]["by_need", 2] == pytest.approx(spent, rel=1e-12)
    assert repr(run).startswith("Run of plan 'by_need', 3 years from 2027: ")
    assert run.records.cells["need"].sum() != study.simulate("by_need").records.cells["need"].sum()


def test_the_response_has_units_and_an_interval(study: Study) -> None:
    table = study.respond(own=[0, 1_000, 10_000], other=500)
    assert table["own"].tolist() == [0, 1_000, 10_000]
    assert table["sensitivity"].is_monotonic_increasing
    assert (table["low"] < table["sensitivity"]).all()
    assert (table["sensitivity"] < table["high"]).all()
    assert table.attrs["units"]["sensitivity"] == "share"
    assert RESPONSES >= 100


def test_several_budgets_simulate_a_plan_of_every_budget(study: Study) -> None:
    table = study.by_budget([1e5, 1e6], plan="by_need", draws=5)
    assert table["budget_usd_per_year"].tolist() == [1e5, 1e6]
    assert table["spend_usd"].is_monotonic_increasing
    assert table["spend_usd"].iloc[0] < 3 * 1e5 * 1.001
    assert (table["ede_low"] <= table["ede"]).all()
    assert table.attrs["units"]["ede"] == "share of need"


def test_additions_are_valued_to_any_plan(study: Study) -> None:
    table = study.marginal("baseline", draws=1).query("kind == 'add'")
    assert table["ede_gain_per_musd"].is_monotonic_decreasing
    assert set(table["region"]) == {"KEN", "RWA", "all"}
    assert table["dual"].isna().all()


def test_plans_given_by_hand_need_not_be_of_the_central_world() -> None:
    made = candidates()["plan"].plan
    assert Study(sim.load_scenario(TINY)).plan(made) is made
