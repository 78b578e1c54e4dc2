"""A sweep plans and judges every point by itself, and what it says of a point holds."""

import json
import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import sim
from reports.explore import AXES, content_of, explorer, for_script, plotly_script
from reports.export import DICTIONARY, tables_of
from sim.cli import app
from sim.domain.levers import LEVERS
from sim.executors.executor import executor_of
from sim.scenario.schema import Scenario
from sim.studies.answer_folder import answers_of
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.result import load
from sim.studies.sweep import AI_LEVERS, NOTHING, Position, Sweep, points_of, sweep
from tests.unit.studies.small_study import sample_small, small_scenario

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
KEPT = {"scanner", "outreach", "reader"}
RUNS = 50
HOSTILE = "<b>x</b></script>&$\\alpha$"


def swept(scenario: Scenario, points: list[Position]) -> Sweep:
    with executor_of(workers=1) as executor:
        return sweep(Design(scenario, sample_small), Answering(executor), points)


def scenario_of(draws: int = 5) -> Scenario:
    return small_scenario(draws=draws, replications=1)


@pytest.fixture(scope="module")
def small() -> Sweep:
    scenario = scenario_of()
    points = points_of(scenario, budgets=(0.0, 1.0), aversions=(0.0,), ai_shares=(1.0,), runs=RUNS)
    return swept(scenario, points)


def test_points_are_every_combination_and_hold_the_scenarios_own() -> None:
    scenario = small_scenario()
    points = points_of(scenario, runs=RUNS)
    assert len({point.name for point in points}) == len(points) == 27
    own = [p for p in points if (p.budget_usd, p.aversion, p.ai_share) == (2e5, 1.0, 1.0)]
    assert len(own) == 1
    there = own[0].of(scenario)
    assert there.treasury.spending == ()
    assert there.model_copy(update={"search": scenario.search}) == scenario
    least = points[0].of(scenario)
    assert least.budget_usd_per_year == 1e5
    assert least.treasury.spending[0].at_most == 0.0
    assert set(least.treasury.spending[0].levers) == set(AI_LEVERS)
    assert "reader" not in AI_LEVERS
    Scenario.model_validate(least.model_dump())


def test_without_money_nothing_is_bought_and_with_it_more_people_are_covered(small: Sweep) -> None:
    table = small.table
    assert set(table["budget_usd_per_year"]) == {0.0, 2e5}
    poor, rich = (table[table["budget_usd_per_year"] == usd] for usd in (0.0, 2e5))
    assert (poor["gain"] == 0.0).all()
    everyone = rich[rich["kind"] == "all"]
    assert (everyone["gain_low"] > 0.0).all()
    assert set(small.money["budget_usd_per_year"]) == {2e5}
    assert small.money["capex_usd"].sum() > 0.0
    assert not np.isnan(table["low"]).any()


def test_a_larger_aversion_values_the_same_coverage_less(small: Sweep) -> None:
    nothing = small.table[
        (small.table["kind"] == "all") & (small.table["budget_usd_per_year"] == 0.0)
    ].set_index("aversion")["value"]
    assert list(nothing.index) == [0.0, 1.0]
    assert nothing[1.0] <= nothing[0.0]
    parts = small.table[(small.table["kind"] == "region") & (small.table["aversion"] == 0.0)]
    assert parts["value"].min() <= nothing[0.0] <= parts["value"].max()


def test_the_same_sweep_is_the_same_at_any_time(small: Sweep) -> None:
    scenario = scenario_of()
    points = [Position(2e5, 1.0, 1.0, RUNS)]
    again = swept(scenario, points).table
    before = small.table[
        (small.table["budget_usd_per_year"] == 2e5) & (small.table["aversion"] == 1.0)
    ]
    pd.testing.assert_frame_equal(again, before.reset_index(drop=True))
    assert NOTHING not in set(again["who"])


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_page_holds_every_point_and_begins_at_the_scenarios_own(small: Sweep) -> None:
    scenario = scenario_of()
    page = explorer(small.tables, scenario, "/* drawing */")
    data = data_of(page)
    assert data["axes"] == {name: sorted(small.table[name].unique().tolist()) for name in AXES}
    assert set(data["points"]) == {"0-0-0", "0-1-0", "1-0-0", "1-1-0"}
    assert data["start"] == [1, 1, 0]
    shown = data["points"]["1-1-0"]["who"][0]
    row = small.table[
        (small.table["kind"] == "all")
        & (small.table["budget_usd_per_year"] == 2e5)
        & (small.table["aversion"] == 1.0)
    ].iloc[0]
    assert shown["value"] == row["value"]
    assert shown["range"] == [max(row["low"], 0.0), min(row["high"], 1.0)]
    assert not re.search(r'(src|href)="', page)
    assert "default-src 'none'" in page


def test_few_draws_have_no_intervals(small: Sweep) -> None:
    few = {**small.tables, "sweep": small.table.assign(draws=4)}
    data = content_of(few, scenario_of())
    ranges = [one["range"] for point in data["points"].values() for one in point["who"]]
    assert set(map(str, ranges)) == {"None"}
    assert "So few draws give no intervals" in explorer(few, scenario_of(4), "")


def test_the_page_is_in_the_language_and_its_countries_too(small: Sweep) -> None:
    tables = {**small.tables, "sweep": small.table.replace({"AAA": "ETH"})}
    page = explorer(tables, scenario_of(), "", language="fr")
    data = data_of(page)
    assert '<html lang="fr">' in page
    assert "<label>Budget par an<output" in page
    assert data["signs"] == ",\u202f"
    assert data["said"][0] == ["0 USD", "200\u202f000 USD"]  # type: ignore[index]
    names = [one["name"] for one in data["points"]["1-1-0"]["who"]]  # type: ignore[index]
    assert names[0] == "Tous, également répartie"
    assert "Éthiopie" in names


def test_names_are_text_whatever_they_hold(small: Sweep) -> None:
    plain = scenario_of().model_dump() | {"title": HOSTILE}
    tables = {**small.tables, "sweep": small.table.replace({"AAA": HOSTILE})}
    page = explorer(tables, Scenario.model_validate(plain), "")
    assert "<b>x" not in page
    assert page.count("</script>") == 3
    names = [one["name"] for one in data_of(page)["points"]["1-1-0"]["who"]]  # type: ignore[index]
    assert "<" not in "".join(names)
    assert HOSTILE in map(unescape, names)
    assert json.loads(for_script({"a": HOSTILE})) == {"a": HOSTILE}


def test_a_run_is_explored_from_the_command_line_and_python(tmp_path: Path) -> None:
    overrides = [
        "regions=[KEN]",
        "policies=[baseline, only_readers]",
        "horizon={decide_years: 1, score_years: 1, warm_up_years: 0}",
        f"levers={{{', '.join(f'{n}: {{allowed: false}}' for n in LEVERS if n not in KEPT)}}}",
    ]
    study, out = sim.study(TINY, overrides=overrides), tmp_path / "small"
    study.run(out)
    asked = ["explore", str(out), "--budget", "2", "--ai-share", "1", "--aversion", "1"]

    def called() -> str:
        found = CliRunner().invoke(
            app, [*asked, "--runs", "50", "--workers", "1"], env={"COLUMNS": "80"}
        )
        assert found.exit_code == 0, found.output
        return " ".join(found.output.split())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.explore.plotly_script", lambda: "/* drawing */")
        assert called().startswith("1 plans. Page:")
        page = (out / "answers" / "explore.html").read_text(encoding="utf-8")
        patch.setattr("sim.studies.sweep.search_at", None)  # nothing is searched for again
        called()
    found = study.sweep(budgets=[2.0], aversions=[1.0], ai_shares=[1.0], runs=50)
    kept = answers_of(out, load(out))["explore"]
    pd.testing.assert_frame_equal(kept["sweep"], found.table)
    tables = tables_of(out)
    described = tables[DICTIONARY].set_index(["table", "column"])["meaning"]
    assert set(kept) <= set(tables)
    assert (described.loc[list(kept)] != "").all()
    assert data_of(page)["axes"] == {
        "budget_usd_per_year": [2e6], "aversion": [1.0], "ai_share": [1.0]
    }  # fmt: skip


def test_without_plotly_it_is_said_before_anything_is_searched(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "plotly.offline", None)
        found = CliRunner().invoke(app, ["explore", str(tmp_path)], env={"COLUMNS": "80"})
    assert found.exit_code == 2
    assert "pip install 'equiscan[explore]'" in " ".join(found.output.split())


def test_plotly_brings_its_script() -> None:
    pytest.importorskip("plotly", reason="the extra explore is not installed")
    assert "Plotly" in plotly_script()[-5_000_000:]
