"""Two runs: what was asked differently, and what came out differently."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import ttest_ind, ttest_rel
from typer.testing import CliRunner

import sim
from reports.comparison_page import comparison_page, comparison_sentences
from sim.cli import app
from sim.scenario.schema import Scenario
from sim.studies.execution import Execution
from sim.studies.plans import Candidate
from sim.studies.result import StudyResult
from sim.studies.run_comparison import compare_runs
from tests.unit.studies.small_study import candidates, execute_small, plan_of, small_scenario

Finished = tuple[Path, StudyResult]


def finished(out: Path, scenario: Scenario, units: float) -> Finished:
    bought = {"reader.dermatologist": units, "scanner.dermoscopy": units}
    plans = candidates() | {"plan": Candidate(plan_of(bought))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Execution, "candidates", lambda *_: plans)
        return out, execute_small(scenario, out)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(tmp_path_factory.mktemp("first") / "run", small_scenario(draws=5), 0.0)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Return a run with more money, and a plan that buys more."""
    richer = small_scenario(draws=5).model_copy(update={"budget_usd_per_year": 400_000.0})
    return finished(tmp_path_factory.mktemp("second") / "run", richer, 2.0)


def values(run: Finished) -> list[float]:
    return run[1].by_draw["ede"].xs("plan", level="policy").to_list()


def test_draws_of_one_seed_are_compared_one_by_one(first: Finished, second: Finished) -> None:
    found = compare_runs(first[1], second[1])
    assert found.paired
    assert found.changes.to_numpy().tolist() == [["budget_usd_per_year", "200000.0", "400000.0"]]
    assert found.origins.empty
    row = found.outcomes.set_index(["policy", "metric"]).loc[("plan", "ede")]
    expected = ttest_rel(values(second), values(first)).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert row["difference"] != 0
    assert row["unit"] == "share of need"
    same = found.outcomes.set_index(["policy", "metric"]).loc[("baseline", "ede")]
    assert (same["difference"], same["low"], same["high"]) == (0.0, 0.0, 0.0)


def test_draws_of_other_designs_are_other_worlds(first: Finished, second: Finished) -> None:
    asked = second[1].scenario.uncertainty.model_copy(update={"latin_hypercube": 5})
    other = second[1].scenario.model_copy(update={"uncertainty": asked})
    assert not compare_runs(first[1], replace(second[1], scenario=other)).paired


def test_runs_of_other_code_are_independent_samples(first: Finished, second: Finished) -> None:
    other = replace(second[1].provenance, code_sha256="another")
    found = compare_runs(first[1], replace(second[1], provenance=other))
    assert not found.paired
    assert found.origins["key"].tolist() == ["code"]
    row = found.outcomes.set_index(["policy", "metric"]).loc[("plan", "ede")]
    expected = ttest_ind(values(second), values(first), equal_var=False).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    seeded = replace(second[1].provenance, seed=99)
    assert not compare_runs(first[1], replace(second[1], provenance=seeded)).paired


def test_a_run_differs_in_nothing_from_itself(first: Finished) -> None:
    found = compare_runs(first[1], first[1])
    assert found.changes.empty
    assert (found.outcomes["difference"] == 0).all()
    assert str(found).startswith("Outcomes, compared draw by draw")


def test_entries_of_lists_differ_in_words_and_by_key(first: Finished) -> None:
    whole = first[1].scenario.model_dump()
    stated = {"value": 20_000, "low": 15_000, "high": 26_000, "source": "our stores"}
    supply = {"modality": "dermoscopy", "regions": ["AAA"], "exams_per_year": stated}
    strike = {"of": "readers", "share": 0.0, "from_week": 40, "to_week": 43}
    rains = {"of": "imaging", "share": 0.5, "regions": ["BBB"], "modalities": ["dermoscopy"]}
    step = {"kind": "documentation_mandate", "share": 0.8, "year": 2027}
    other = Scenario.model_validate(
        whole
        | {
            "supplies": [supply, supply | {"regions": ["BBB"], "usd_per_exam": stated}],
            "capacity_calendar": [strike | {"year": 2027, "until": 2028}, rains],
            "policy_steps": [step],
        }
    )
    found = compare_runs(first[1], replace(first[1], scenario=other)).changes
    assert set(found["first"]) == {"-"}
    said = dict(zip(found["key"], found["second"], strict=True))
    supplies = "for 20,000 exams a year (15,000 to 26,000, our stores), in stores of 13 weeks"
    assert said["supplies.0"] == f"dermoscopy in AAA: {supplies}; no more can be bought"
    assert said["supplies.1"] == (
        f"dermoscopy in BBB: {supplies}; more for 20,000 US dollars an exam (15,000 to 26,000, our "
        "stores)"
    )
    assert said["capacity_calendar.0"] == "0% of readers work in weeks 40 to 43 of 2027"
    assert said["capacity_calendar.1"] == (
        "50% of imaging units (dermoscopy) work in weeks 1 to 52 of every year, in BBB"
    )
    assert said["policy_steps.0.share"] == "0.8"


def test_the_command_prints_changes_and_outcomes(first: Finished, second: Finished) -> None:
    command = ["compare", str(first[0]), str(second[0])]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert done.exit_code == 0, done.output
    assert "budget_usd_per_year" in done.stdout
    assert "Compared draw by draw" in done.stdout
    assert "The plan" in done.stdout
    assert "points" in done.stdout
    numbers = CliRunner().invoke(app, ["--json", *command])
    assert '"outcome": "ede, share of need"' in numbers.stdout
    absent = CliRunner().invoke(app, ["compare", str(first[0]), "nowhere"])
    assert (absent.exit_code, "no run folder at 'nowhere'" in absent.stderr) == (2, True)
    assert sim.compare_runs is compare_runs


def test_a_page_of_runs_says_what_differs_in_units_of_readers(
    first: Finished, second: Finished, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["compare", str(first[0]), str(second[0]), "--out", str(page), "--language", "fr"]
    )
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8").startswith('<!doctype html>\n<html lang="fr">')
    text = comparison_page("one", {"<two>": compare_runs(first[1], second[1])})
    assert "&lt;two&gt;" in text
    assert "<code>budget_usd_per_year</code></td><td>200000.0</td><td>400000.0" in text
    assert "Compared draw by draw" in text
    row = compare_runs(first[1], second[1]).outcomes.query("policy == 'plan'").iloc[0]
    assert f"{100 * row['difference']:+.2f} points" in text
    refused = CliRunner().invoke(
        app, ["compare", str(first[0]), str(second[0]), "--out", str(page)]
    )
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output


def test_runs_without_intervals_are_not_said_to_differ(first: Finished, second: Finished) -> None:
    found = compare_runs(first[1], second[1])
    blind = replace(found, outcomes=found.outcomes.assign(low=float("nan"), high=float("nan")))
    said = list(comparison_sentences(blind))
    assert "no interval of fewer than 5 draws" in said[0]
    assert said[1] == "That they differ is not shown."
