"""The page and the command line say what a run hangs on, and what knowing it is worth."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reports import render
from reports.shares import amount
from reports.uncertainties import unknowns
from sim.cli import app
from sim.studies.result import StudyResult, load
from tests.unit.studies.small_study import execute_small, small_scenario

POLICIES = ("baseline", "only_readers", "only_outreach")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "small"
    execute_small(small_scenario(draws=6).model_copy(update={"policies": POLICIES}), out)
    return out


@pytest.fixture(scope="module")
def result(run: Path) -> StudyResult:
    return load(run)


def called(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})


def test_the_page_says_what_knowing_is_worth(result: StudyResult) -> None:
    said, shown = unknowns(result), render(result)
    assert said["draws"] == 6
    assert 'id="unknowns-caption"' in shown
    assert amount(said["everything"]["value"], "ede") == (
        f"{100 * said['everything']['value']:+.3f} points"
    )
    assert f"in {said['failures']} of 6 draws" in shown


def test_a_study_of_one_policy_or_few_draws_says_that_it_cannot(tmp_path: Path) -> None:
    one = execute_small(
        small_scenario(draws=2).model_copy(update={"policies": POLICIES}), tmp_path / "few"
    )
    assert unknowns(one) == {}
    assert "that cannot be told" in render(one)


def test_other_units_are_named() -> None:
    assert amount(1234.0, "found") == "1,230 true positives"


@pytest.mark.parametrize(
    "words",
    [
        ("information",),
        ("drivers",),
        ("regret",),
        ("drivers", "--against", "baseline"),
        ("measuring", "AAA.need", "--error", "0.1", "--usd", "1000"),
    ],
)
def test_a_command_answers_within_80_columns(run: Path, words: tuple[str, ...]) -> None:
    what, *options = words
    found = called("answer", what, str(run), *options)
    assert found.exit_code == 0, found.stderr
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert any(word in found.stdout for word in ("AAA.need", "everything", "Readers only"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "sobol"), "no method 'sobol'; there are variance, delta, pawn, rbd_fast."),
        (("--method", "pawn"), "pawn needs at least 64 draws; this study has 6."),
        (("--against", "plan"), "no policy 'plan' beside only_outreach; there are baseline,"),
    ],
)
def test_wrong_options_end_with_a_reason(run: Path, options: tuple[str, ...], said: str) -> None:
    found = called("answer", "drivers", str(run), *options)
    assert found.exit_code == 2
    assert said in found.stderr


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    found = called("answer", "information", str(tmp_path / "none"))
    assert found.exit_code == 2
    assert "no run folder at" in found.stderr


def test_a_measurement_that_is_not_said_ends_with_a_reason(run: Path) -> None:
    found = called("answer", "measuring", str(run), "AAA.need")
    assert found.exit_code == 2
    assert "one of both" in found.stderr
    found = called("answer", "measuring", str(run), "AAA.neet", "--error", "0.1")
    assert found.exit_code == 2
    assert "AAA.need" in found.stderr
