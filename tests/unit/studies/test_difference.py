"""Why runs differ: what counts as a change, mixtures of scenarios, and parts that add up."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import sim
from sim.cli import app
from sim.domain.levers import LEVERS
from sim.errors import AnswerError
from sim.scenario.consumables import Supply
from sim.scenario.schema import Scenario
from sim.studies.difference import THE_PLAN, changed_settings, mixed
from sim.studies.result import StudyResult
from tests.scenarios import fixed
from tests.unit.studies.small_study import small_scenario

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
KEPT = {"scanner", "outreach", "reader"}
ONE = small_scenario()


def with_reach(scenario: Scenario, reach: float) -> Scenario:
    group = scenario.groups["group1"].model_copy(update={"reach": fixed(reach)})
    return scenario.model_copy(update={"groups": scenario.groups | {"group1": group}})


def test_settings_that_change_what_is_simulated_are_found_by_name() -> None:
    other = with_reach(ONE, 0.9).model_copy(
        update={
            "title": "Another",
            "budget_usd_per_year": 1.0,
            "equity": ONE.equity.model_copy(update={"aversion": 2.0}),
        }
    )
    assert changed_settings(ONE, ONE) == []
    assert changed_settings(ONE, other) == ["groups.group1", "equity"]
    assert changed_settings(ONE, mixed(ONE, other, ["equity"])) == ["equity"]
    assert changed_settings(other, mixed(ONE, other, ["groups.group1", "equity"])) == []


def test_supplies_are_told_apart_unless_one_plan_can_buy_what_the_other_cannot() -> None:
    few = Supply(modality="dermoscopy", regions=("AAA",), exams_per_year=fixed(20_000.0))
    more = few.model_copy(update={"exams_per_year": fixed(30_000.0)})
    priced = few.model_copy(update={"usd_per_exam": fixed(2.0)})
    none, scarce, ample, sold, dearer = (
        ONE.model_copy(update={"supplies": supplies})
        for supplies in (
            (), (few,), (more,), (priced,),
            (priced.model_copy(update={"usd_per_exam": fixed(3.0)}),),
        )
    )  # fmt: skip
    assert changed_settings(none, scarce) == ["supplies"]
    assert changed_settings(scarce, ample) == ["supplies"]
    assert changed_settings(sold, dearer) == ["supplies"]
    assert mixed(none, scarce, ["supplies"]) == scarce
    with pytest.raises(AnswerError, match="differ in supplies"):
        changed_settings(none, sold)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"regions": ("AAA",)}, "differ in regions"),
        ({"objective": "mean_ec"}, "is made for ede, the other's for mean_ec"),
        (
            {"uncertainty": ONE.uncertainty.model_copy(update={"seed": 9})},
            "the seeds 3 and 9",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        changed_settings(ONE, ONE.model_copy(update=change))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of Kenya for a year: the second reaches more people, with less money."""
    overrides = [
        "regions=[KEN]",
        "policies=[baseline, plan]",
        "search.effort=50",
        "uncertainty.draws=5",
        "horizon={decide_years: 1, score_years: 1, warm_up_years: 0}",
        f"levers={{{', '.join(f'{n}: {{allowed: false}}' for n in LEVERS if n not in KEPT)}}}",
    ]
    out = tmp_path_factory.mktemp("runs")
    changed = [
        "groups.rural.reach={value: 0.5, low: 0.4, high: 0.6, source: a test}",
        "budget_usd_per_year=2e5",
    ]
    sim.study(TINY, overrides=overrides).run(out / "first")
    sim.study(TINY, overrides=overrides + changed).run(out / "second")
    return out / "first", out / "second"


def objective(result: StudyResult) -> float:
    return float(result.by_draw["ede"].xs("plan", level="policy").mean())


def test_parts_add_up_to_the_difference_of_the_runs(runs: tuple[Path, Path]) -> None:
    first, second = map(sim.load, runs)
    table = sim.why_different(first, second)
    assert set(table["what"]) == {"groups.rural", THE_PLAN}
    assert table["value"].sum() == pytest.approx(objective(second) - objective(first))
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["what"].iloc[0] == "groups.rural"
    done = CliRunner().invoke(
        app, ["compare", *map(str, runs), "--why", "--workers", "1"],
        env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"},
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "because of" in done.stdout
    assert "groups.rural" in done.stdout
    page = (runs[1] / "report.html").read_text(encoding="utf-8")
    assert 'id="difference"' in page
    assert "groups.rural" in page
