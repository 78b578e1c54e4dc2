"""The command line: right output within 80 columns, wrong input as clear text and exit code."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import sim
from sim import terminal
from sim.cli import app
from sim.errors import InfeasibleError, RunFolderError
from sim.executors.executor import executor_of
from sim.studies.batch import Design
from sim.studies.execution import Execution, execute
from sim.studies.names import load_scenario
from sim.studies.store import open_store
from tests.unit.studies.small_study import candidates, sample_small, small_scenario

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
        "extends: base.yaml\nbudget_usd_per_yr: 3\nregions: [Kenia, UG]\n", encoding="utf-8"
    )
    result = called("validate", str(bad), "--set", "budget_usd_per_year=-1")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"error: {bad} has 4 problems:" in result.stderr
    assert (
        f"{bad}:2: budget_usd_per_yr: unknown key. Did you mean 'budget_usd_per_year'?"
        in result.stderr
    )
    assert f"{bad}:3: regions.0: unknown region 'Kenia'. Did you mean 'KEN'?" in result.stderr
    assert f"{bad}:3: regions.1: unknown region 'UG'. Did you mean 'UGA'?" in result.stderr
    assert "--set budget_usd_per_year=-1: budget_usd_per_year: found -1;" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("validate", "none.yaml"), 2, "error: none.yaml: there is no such file."),
        (("run", "none.yaml"), 2, "error: none.yaml: there is no such file."),
        (("report", "none"), 2, "error: no run folder at 'none"),
        (("trace", "none"), 2, "error: no run folder at 'none"),
        (("data", "show", "KEM"), 2, "error: no country or group of countries is called 'KEM'."),
        (("profile", "card", "none"), 2, "error: no profile 'none'"),
        (("profile", "fit", "none"), 2, "error: "),
        (("run", TINY, "--workers", "0"), 2, "--workers"),
        (("validat",), 2, "'validate'"),
        (
            ("validate", TINY, "--set", "overrides.KEN.urban_share={value: 28, source: made up}"),
            2,
            "overrides.KEN.urban_share.value: a share runs from 0 to 1; 28 looks like percent (",
        ),
        (("data", "variables", "zzz"), 2, "error: no variable holds 'zzz'."),
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


def test_a_run_ends_with_recommendations_the_answer_and_the_report(
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
        return SimpleNamespace(marginal=lambda: marginal)

    monkeypatch.setattr("sim.studies.study.execute", execute)
    monkeypatch.setattr("reports.write_report", lambda folder: Path(folder) / "report.html")
    monkeypatch.setattr("reports.headline.headline", lambda _: "Nothing is shown.")
    monkeypatch.setattr("reports.answer.answer_box", lambda _: ["It is undecided."])
    out = tmp_path / "run"
    result = called(
        "run", TINY, "--out", str(out), "--workers", "2", "--overwrite", "--set",
        "budget_usd_per_year=2e6", "--until", "0.01",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    asked_for = {"workers": 2, "overwrite": True, "until": 0.01, "out": out, "budget": 2e6}
    assert callable(asked.pop("progress"))
    assert asked == asked_for
    assert "+0.10 to +0.20" in result.stdout
    assert "too few draws" in result.stdout
    assert "Nothing is shown.\n- It is undecided." in result.stdout
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
    with open_store(tmp_path, {}) as store:
        store.write_table("events", events)
        store.write_table("optimisation", events[["policy"]])
        store.finish()
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
    assert result.stdout.startswith("Kenya (KEN), LMC (fiscal year 2027), Eastern Africa")
    assert "World Bank" in result.stdout
    assert widest(result.stdout) <= 80


def test_places_are_named_by_code_or_by_name() -> None:
    named = called("data", "show", "Kenya")
    assert named.stdout == called("data", "show", "KEN").stdout
    group = called("data", "show", "LIC")
    assert "Uganda" in group.stdout
    assert "Kenya" not in group.stdout
    assert widest(group.stdout) <= 80
    unknown = called("data", "show", "Kenyya")
    assert unknown.exit_code == 2
    assert "no country or group of countries is called 'Kenyya'. Did you mean 'KEN'?" in (
        unknown.stderr
    )


def test_a_scenario_may_name_countries(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_bytes((SCENARIOS / "east_africa.yaml").read_bytes())
    file = tmp_path / "named.yaml"
    file.write_text(
        "extends: base.yaml\nregions: [Kenya, uganda, RWA]\n"
        "levers: {site: {regions: {Kenya: 3}}}\n"
        "treasury: {spending: [{at_least: 0.2, regions: [Rwanda]}]}\n",
        encoding="utf-8",
    )
    scenario = load_scenario(file)
    assert scenario.regions == ("KEN", "UGA", "RWA")
    assert scenario.levers["site"].regions == {"KEN": 3.0}
    assert scenario.treasury.spending[0].regions == ("RWA",)


def test_variables_are_shown_with_unit_and_bounds() -> None:
    result = called("data", "variables", "patience")
    assert result.exit_code == 0
    assert "must be from 0.01 to 520 weeks" in " ".join(result.stdout.split())
    assert "urban_share" not in result.stdout
    assert widest(result.stdout) <= 80


def test_numbers_are_checked_by_age_and_need_against_disease() -> None:
    result = called("data", "check")
    assert result.exit_code == 0
    assert widest(result.stdout) <= 80
    said = " ".join(result.stdout.split())
    assert re.search(r"chest_xray \* 1\.3\d lies in 1\.34 \(0\.67 to 2\.68\) cases", said)
    assert "is beyond" not in said
    assert re.search(r"gdp @822019c\): 213 numbers; opened \d{4}-\d\d-\d\d, data/top-", said)
    assert "global_energy_mix.json of the package, from PyPI: all 203 values as here" in said
    table = pd.read_csv(StringIO(called("data", "check", "--csv").stdout))
    assert list(table.columns[:4]) == ["table", "name", "people", "value"]
    assert table["source"].notna().all()
    assert called("data", "check", "--cvs").exit_code == 2


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


# printing, faults, and what the command line may not do


def small_run(out: Path) -> None:
    with executor_of(workers=1) as executor, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Execution, "candidates", lambda *_: candidates())
        execute(Design(small_scenario(draws=1, replications=1), sample_small), out, executor)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small finished study."""
    out = tmp_path_factory.mktemp("done") / "run"
    small_run(out)
    return out


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(copytree(done, tmp_path / "run"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``run`` do a small study, whatever the scenario."""

    def execute(_: Any, out: Path, *__: Any, **___: Any) -> Any:
        small_run(out)
        return sim.load(out)

    monkeypatch.setattr("sim.studies.study.execute", execute)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("failure", [BrokenPipeError(), OSError(errno.ENOSPC, "No space left")])
def test_the_report_is_written_before_anything_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: OSError
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(terminal, "bullets", fail)
    monkeypatch.setattr(terminal, "print_table", fail)
    result = called("run", TINY, "--out", str(tmp_path / "run"))
    assert result.exit_code == (1 if isinstance(failure, BrokenPipeError) else 2)
    assert (tmp_path / "run" / "report.html").is_file()
    assert f"Report: {tmp_path / 'run' / 'report.html'}" in result.stderr


def test_the_log_of_a_batch_job_shows_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal.progress_bar() as progress:
        progress("simulating", 1, 9)
        monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
        progress("simulating", 3, 9, 61.0)
        progress("reporting", 0, 1)
    assert capsys.readouterr().err.splitlines() == [
        "simulating: 3 of 9, about 1:01 left",
        "reporting: 0 of 1",
    ]


@pytest.mark.usefixtures("small")
def test_a_report_that_fails_can_be_made_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Twice told: at once, and by the same command again."""

    def fail(*_: object) -> None:
        raise KeyError(0)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("reports.policy.render", fail)
        result = called("run", TINY, "--out", str(out))
    assert result.exit_code == 1
    assert f"The study is finished: `equiscan report {out}` writes its report" in result.stderr
    assert "error: KeyError: 0. This is a fault of equiscan" in result.stderr
    (fault,) = out.glob("fault-*.txt")
    assert str(fault) in result.stderr
    assert "Traceback (most recent call last)" in fault.read_text()
    with pytest.raises(RunFolderError, match=rf"`equiscan report {out}` writes its report"):
        small_run(out)
    assert called("report", str(out)).exit_code == 0
    assert (out / "report.html").is_file()


def test_a_fault_is_one_sentence_and_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside the results of a study that is not finished; elsewhere where there are none."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    out = tmp_path / "run"
    monkeypatch.setattr("sim.studies.study.execute", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for folder in (tmp_path / "equiscan-*", out / "partial"):
        result = called("run", TINY, "--out", str(out))
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("error: ZeroDivisionError: division. This is a fault of")
        (fault,) = tmp_path.glob(f"{folder.relative_to(tmp_path)}/fault-*.txt")
        assert str(fault) in result.stderr
        assert "in fail" in fault.read_text()
        with open_store(out, {"scenario": "a"}) as store:
            store.put("a", {"a": np.zeros(1)})
    with open_store(out, {"scenario": "a"}) as store:
        store.write_json("summary.json", {})
        store.finish()
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "summary.json"]


@pytest.mark.parametrize(
    "words",
    [
        *((name,) for name in ("report", "explore", "claims", "trace")),
        ("export", "--csv", "o"), ("replay", "--policy", "plan", "--draw", "0"),
        *(("answer", name) for name in ("information", "drivers", "assumptions", "regret", "stages",
          "matrix", "gain", "ring-fence", "frontier", "alternatives", "certificate")),
        ("answer", "measuring", "reach", "--people", "400"),
    ],
)  # fmt: skip
def test_a_fault_of_every_command_about_a_run_is_written_in_its_folder(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with open_store(out, {"scenario": "a"}) as store:
        store.write_json("summary.json", {})
        store.finish()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("sim.studies.manifest.Finished.path", fail)
    monkeypatch.chdir(tmp_path)
    at = 2 if words[0] == "answer" else 1
    result = called(*words[:at], str(out), *words[at:])
    assert result.exit_code == 1, result.stderr
    assert isinstance(result.exception, SystemExit)
    (fault,) = out.glob("fault-*.txt")
    assert f"is written in '{fault}'" in result.stderr


def test_a_fault_in_comparing_is_written_in_the_run_that_it_is_about(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        with open_store(out, {"scenario": "a"}) as store:
            store.write_json("summary.json", {})
            store.finish()

    def load(folder: Path) -> object:
        return folder if folder == first else 1 / 0

    monkeypatch.setattr("sim.studies.result.load", load)
    result = called("compare", str(first), str(second))
    assert result.exit_code == 1, result.stderr
    (fault,) = second.glob("fault-*.txt")
    assert f"is written in '{fault}'" in result.stderr
    assert not list(first.glob("fault-*.txt"))


def test_a_fault_that_also_keeps_from_writing_in_the_folder_is_written_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("sim.studies.manifest.Finished.at", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = called("report", str(tmp_path))
    assert result.exit_code == 1
    (fault,) = tmp_path.glob("equiscan-*/fault-*.txt")
    assert f"is written in '{fault}'" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", TINY, "--out", ""),
        ("report", ""),
        ("trace", " "),
        ("calibrate", TINY, "--out", ""),
        ("profile", "card", "dermoscopy_site", "--out", ""),
        ("profile", "measure", "--plan", TINY, "--out", ""),
    ],
)
def test_an_empty_place_is_not_the_present_folder(
    words: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a variable of a shell is that was never set."""
    monkeypatch.chdir(tmp_path)
    result = called(*words)
    assert result.exit_code == 2
    assert "it is empty; the present folder is" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


WILD = "clear\x1b[2J\x9b31m\u202eback\x07\x00"
TAMED = "clear\ufffd[2J\ufffd31m\ufffdback\ufffd\ufffd"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_a_terminal_gets_nothing_to_obey(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever titles, names, details and paths hold."""
    wild = tmp_path / "wild.yaml"
    title = json.dumps(WILD.replace("\x00", ""))
    wild.write_text(f"extends: tiny.yaml\ntitle: {title}\n", encoding="utf-8")
    for name in ("tiny.yaml", "east_africa.yaml"):
        (tmp_path / name).write_bytes((SCENARIOS / name).read_bytes())
    said = [called("validate", str(wild))]
    wild.write_text(f"extends: tiny.yaml\n{title}: 1\nregions: [{title}]\n", encoding="utf-8")
    said += [called("validate", str(wild)), called("validate", str(tmp_path / "a\x1bb.yaml"))]
    said += [called("report", str(tmp_path / "a\x1bb")), called("data", "show", "\x1bKEN")]
    said += [called("trace", str(run), "--policy", "\x1bplan"), called("profile", "card", "a\x1bb")]
    printed = "".join(one.stdout + one.stderr for one in said)
    assert printed.count("\ufffd") >= 5
    assert OBEYED.findall(printed) == []
    terminal.pairs({WILD: WILD})
    terminal.print_table(pd.DataFrame({WILD: [WILD]}), title=WILD)
    terminal.bullets([WILD])
    terminal.say(WILD)
    drawn = capsys.readouterr().out
    assert "".join(drawn.split()).count("".join(TAMED.split())) >= 6
    assert OBEYED.findall(drawn) == []


def test_a_profile_card_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    place = tmp_path / "card.html"
    place.write_text("mine")
    words = ("profile", "card", "dermoscopy_site", "--out", str(place))
    result = called(*words)
    assert (result.exit_code, place.read_text()) == (2, "mine")
    assert f"error: {place} exists already; --overwrite replaces it." in result.stderr
    assert called(*words, "--overwrite").exit_code == 0
    assert place.read_text().startswith("<!")


def test_a_scenario_is_begun_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    begun = called("new", str(file), "--regions", "Kenya, uganda", "--modality", "fundus")
    assert begun.exit_code == 0
    assert "is written, and valid" in begun.stdout
    assert load_scenario(file).regions == ("KEN", "UGA")
    for words, message in (
        (("--regions", "Kenyya"), "called 'Kenyya'. Did you mean 'KEN'?"),
        (("--regions", "Kenya"), "exists already"),
        (("--regions", " ,"), "name a country or a group"),
    ):
        again = called("new", str(file), *words)
        assert again.exit_code == 2
        assert message in " ".join(again.stderr.split())


@pytest.mark.parametrize("command", ["runs", "scenarios"])
def test_lists_look_in_the_usual_folder_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    absent = called(command)
    assert (absent.exit_code, f"there is no folder '{command}'" in absent.stderr) == (2, True)


def test_scenarios_are_listed_also_those_that_are_not_valid(tmp_path: Path) -> None:
    shipped = called("scenarios", str(Path(TINY).parent))
    assert shipped.exit_code == 0
    assert "tiny.yaml" in shipped.stdout
    assert "KEN, RWA" in shipped.stdout
    assert "not valid" not in shipped.stdout
    none = called("scenarios", str(tmp_path))
    assert none.exit_code == 2
    assert "no scenario (a YAML file) lies in" in none.stderr
    (tmp_path / "mine.yaml").write_text("title: [bold]\n", encoding="utf-8")
    broken = called("scenarios", str(tmp_path))
    assert broken.exit_code == 0
    assert "not valid" in broken.stdout
    absent = called("scenarios", str(tmp_path / "nowhere"))
    assert (absent.exit_code, "there is no folder" in absent.stderr) == (2, True)


def test_runs_are_listed_also_those_that_cannot_be_read(tmp_path: Path) -> None:
    small_run(tmp_path / "first")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{}", encoding="utf-8")
    listed = called("runs", str(tmp_path))
    assert listed.exit_code == 0
    assert "Two made-up" in listed.stdout
    assert "cannot be" in listed.stdout
    assert widest(listed.stdout) <= 80
    empty = called("runs", str(tmp_path / "first"))
    assert empty.exit_code == 2
    assert "no finished run lies in" in empty.stderr
