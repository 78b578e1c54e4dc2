"""The command line: right output within 80 columns, wrong input as clear text and exit code."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import sim
from sim.cli import app
from sim.errors import InfeasibleError

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TINY = str(SCENARIOS / "tiny.yaml")


def called(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_help_names_every_command() -> None:
    result = called("--help")
    assert result.exit_code == 0
    for command in ("validate", "schema", "run", "report", "trace", "data", "profile"):
        assert command in result.stdout


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_valid_scenario_is_summed_up_in_80_columns(file: Path) -> None:
    result = called("validate", str(file))
    assert result.exit_code == 0, result.stderr
    first, *lines = result.stdout.splitlines()
    assert first == f"{file} is valid."
    assert widest("\n".join(lines)) <= 80


def test_an_invalid_scenario_ends_with_all_problems_and_exit_code_2(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    (tmp_path / "base.yaml").write_bytes((SCENARIOS / "east_africa.yaml").read_bytes())
    bad.write_text(
        "extends: base.yaml\nbudget_usd_per_yr: 3\nregions: [Kenya, UG]\n", encoding="utf-8"
    )
    result = called("validate", str(bad), "--set", "budget_usd_per_year=-1")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"error: {bad} has 4 problems:" in result.stderr
    assert (
        f"{bad}:2: budget_usd_per_yr: unknown key. Did you mean 'budget_usd_per_year'?"
        in result.stderr
    )
    assert f"{bad}:3: regions.0: unknown region 'Kenya'. Did you mean 'KEN'?" in result.stderr
    assert f"{bad}:3: regions.1: unknown region 'UG'. Did you mean 'UGA'?" in result.stderr
    assert "--set budget_usd_per_year=-1: budget_usd_per_year: found -1;" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("validate", "none.yaml"), 2, "error: none.yaml: there is no such file."),
        (("run", "none.yaml"), 2, "error: none.yaml: there is no such file."),
        (("report", "none"), 2, "error: cannot read 'none"),
        (("trace", "none"), 2, "error: no run folder at 'none"),
        (("data", "show", "KEM"), 2, "error: countries.csv: there is no 'KEM'."),
        (("profile", "card", "none"), 2, "error: no profile 'none'"),
        (("profile", "fit", "none"), 2, "error: "),
        (("run", TINY, "--workers", "0"), 2, "--workers"),
        (("validat",), 2, "'validate'"),
    ],
)
def test_wrong_input_ends_as_clear_text(words: Sequence[str], code: int, message: str) -> None:
    result = called(*words)
    assert result.exit_code == code
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit)  # no traceback


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    out = tmp_path / "file" / "run"
    result = called("run", TINY, "--out", str(out))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert str(out.parent) in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted; finished replications are kept, run again"),
        (InfeasibleError(("budget", "floor")), 3, "error: no plan meets all of: budget, floor"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/x"),
            2,
            "error: 'runs/x': No space",
        ),
    ],
)
def test_a_run_that_fails_says_why(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    failure: BaseException,
    code: int,
    message: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("sim.studies.study.execute", fail)
    result = called("run", TINY, "--out", str(tmp_path / "run"))
    assert result.exit_code == code
    assert message in result.stderr


def test_a_run_ends_with_recommendations_verdicts_and_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    marginal = pd.DataFrame(
        {
            "region": ["Somewhere", "KEN"],
            "stage": ["data creation", "deployment"],
            "item": ["reader.ophthalmologist", "site"],
            "ede_gain_per_musd": [0.00123, -0.5],
            "low": [0.001, float("nan")],
            "high": [0.002, float("nan")],
            "p_positive": [1.0, 0.45],
            "draws": [20, 20],
        }
    )
    asked: dict[str, object] = {}

    def execute(design: Any, out: Path, executor: Any, **options: object) -> SimpleNamespace:
        asked.update(options, out=out, workers=executor.workers)
        asked["budget"] = design.scenario.budget_usd_per_year
        return SimpleNamespace(marginal=lambda: marginal, verdicts=lambda: ["It is undecided."])

    monkeypatch.setattr("sim.studies.study.execute", execute)
    monkeypatch.setattr("reports.write_report", lambda folder: Path(folder) / "report.html")
    out = tmp_path / "run"
    result = called(
        "run", TINY, "--out", str(out), "--workers", "2", "--overwrite", "--set",
        "budget_usd_per_year=2e6", "--until", "0.01",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    asked_for = {"workers": 2, "overwrite": True, "until": 0.01, "out": out, "budget": 2e6}
    assert asked == asked_for | {"progress": None}
    assert "+0.10 to +0.20" in result.stdout
    assert "too few draws" in result.stdout
    assert "- It is undecided." in result.stdout
    assert f"Report: {out / 'report.html'}" in result.stdout
    assert widest(result.stdout.partition("Report:")[0]) <= 80


def test_a_dry_run_says_how_much_and_writes_nothing(tmp_path: Path) -> None:
    result = called("run", TINY, "--out", str(tmp_path / "run"), "--workers", "2", "--dry-run")
    assert result.exit_code == 0, result.stderr
    for word in ("runs", "time", "memory", "disk"):
        assert re.search(rf"^ +{word} +.*\d", result.stdout, flags=re.MULTILINE)
    assert "with 2 processes" in " ".join(result.stdout.split())
    assert list(tmp_path.iterdir()) == []
    assert widest(result.stdout) <= 80


@pytest.mark.parametrize("part", ["2", "0/3", "4/3", "a/b", "1/2/3"])
def test_a_part_that_there_is_not_is_an_error(part: str, tmp_path: Path) -> None:
    result = called("run", TINY, "--out", str(tmp_path / "run"), "--part", part)
    assert result.exit_code == 2
    assert f"'{part}' is no part: write K/N" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_cluster_is_an_error(tmp_path: Path) -> None:
    result = called("run", TINY, "--out", str(tmp_path / "run"), "--cluster", "here")
    assert result.exit_code == 2
    assert "'here' is no cluster: write tcp://HOST:PORT" in result.stderr


def test_the_event_log_of_a_run_is_printed_by_policy(tmp_path: Path) -> None:
    events = pd.DataFrame(
        {
            "policy": ["plan", "baseline"],
            "week": [12.0, 13.0],
            "kind": ["release", "audit"],
            "region": ["KEN", "UGA"],
            "detail": ["1", "2"],
        }
    )
    events.to_parquet(tmp_path / "events.parquet")
    events[["policy"]].to_parquet(tmp_path / "programme.parquet")
    result = called("trace", str(tmp_path))
    assert "release" in result.stdout
    assert "audit" not in result.stdout
    result = called("trace", str(tmp_path), "--policy", "by_need")
    assert result.exit_code == 2
    assert "no policy 'by_need' in this run; it has plan, baseline." in result.stderr
    result = called("trace", str(tmp_path), "--table", "job")
    assert result.exit_code == 2
    assert "there are events, jobs, releases, audits. Did you mean 'jobs'?" in result.stderr


def test_a_country_is_shown_with_ranges_and_sources() -> None:
    result = called("data", "show", "ken")
    assert result.exit_code == 0
    assert result.stdout.startswith("Kenya (KEN), LMC, Eastern Africa")
    assert "World Bank" in result.stdout
    assert widest(result.stdout) <= 80


def test_countries_are_listed() -> None:
    result = called("data", "list")
    assert "RWA" in result.stdout
    assert widest(result.stdout) <= 80


def test_the_schema_is_printed_as_json_and_as_a_table() -> None:
    assert json.loads(called("schema").stdout)["title"] == "Scenario"
    assert "| `budget_usd_per_year` |" in called("schema", "--fields").stdout


def test_help_loads_nothing_that_takes_long() -> None:
    code = (
        "import sys, sim.cli\n"
        "try: sim.cli.app(['--help'])\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "profile" in done.stdout
    slow = {"numpy", "pandas", "pydantic", "scipy", "numba", "simpy", "pulp", "highspy", "pyarrow"}
    slow |= {"ruamel", "matplotlib", "jinja2", "cloudpickle", "dask", "distributed", "torch"}
    assert slow & set(done.stderr.split()) == set()


def test_every_public_name_loads_and_importing_the_package_loads_nothing() -> None:
    for name in sim.__all__:
        found = getattr(sim, name)
        assert getattr(found, "__name__", name) == name
        assert getattr(import_module(sim._HOME[name]), name) is found
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = sim.nothing  # type: ignore[attr-defined]
    code = "import sys, sim, sim.cli; print({'numpy', 'pandas', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
