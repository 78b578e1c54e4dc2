"""Options of every command: quiet, verbose, JSON, version; logs, examples, and tables in a pipe."""

import json
import os
import re
import shlex
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner, Result

from sim import cli_machine, terminal
from sim.cli import app
from sim.errors import RunFolderError
from sim.run_log import RunLog
from sim.studies.manifest import MANIFEST
from sim.studies.store import LOG
from tests.unit.studies.small_study import execute_small, small_scenario
from tests.unit.test_cli import TINY


def called(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})


def document(*words: str) -> dict[str, Any]:
    found = called(*words)
    return dict(json.loads(found.stdout)) | {"code": found.exit_code}


def commands(group: TyperGroup, before: str = "") -> dict[str, TyperCommand]:
    found = {}
    for name, command in group.commands.items():
        named = f"{before} {name}".strip()
        found |= commands(command, named) if isinstance(command, TyperGroup) else {named: command}
    return found


COMMANDS = commands(get_command(app))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_it_takes(name: str) -> None:
    command = COMMANDS[name]
    assert command.epilog
    words = shlex.split(command.epilog.removeprefix("Example: equiscan "))
    assert " ".join(words).startswith(name)
    options = {option for parameter in command.params for option in parameter.opts}
    used = {word for word in words if word.startswith("-")} - {"--json"}
    assert used <= options
    needed = [one for one in command.params if one.required]
    given = [one for one in needed if set(one.opts) & used or one.param_type_name == "argument"]
    assert given == needed
    assert called(*name.split(), "--help").stdout.count("Example: equiscan") == 1


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"equiscan \d+\.\d+\.\d+\S*\n", called("--version").stdout)


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in called("--help").stdout


@pytest.mark.parametrize("words", [("--json", "validate", TINY), ("validate", TINY, "--json")])
def test_json_is_one_document_wherever_the_option_stands(words: tuple[str, ...]) -> None:
    found = document(*words)
    assert (found["exit_code"], found["code"]) == (0, 0)
    text, facts = found["output"]
    assert text == {"text": f"{TINY} is valid."}
    assert facts["facts"]["groups"] == "urban, rural"


def test_errors_are_in_the_document_and_said(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    found = called("validate", missing, "--json")
    assert json.loads(found.stdout) == {
        "exit_code": 2,
        "output": [],
        "error": f"{missing}: there is no such file.",
    }
    assert found.exit_code == 2
    assert "there is no such file" in found.stderr
    assert called("validate", TINY).stdout.startswith(TINY)  # nothing is left of the manner before


def test_tables_are_rows_and_numbers_stay_numbers() -> None:
    rows = document("data", "list", "--json")["output"][0]["rows"]
    kenya = next(row for row in rows if row["iso3"] == "KEN")
    assert isinstance(kenya["published"], int | float)
    assert kenya["name"] == "Kenya"
    terminal.speak(as_json=True)
    terminal.print_table(pd.DataFrame({"a": [1.5, float("nan")], "b": ["x\x1b[2J", None]}))
    assert terminal.manner.kept[0]["rows"] == [
        {"a": 1.5, "b": "x\ufffd[2J"},
        {"a": None, "b": None},
    ]
    terminal.speak()


def test_what_prints_by_itself_has_no_document_behind_it() -> None:
    assert "properties" in json.loads(called("schema", "--json").stdout)


def test_quiet_says_nothing_but_tables_facts_and_errors() -> None:
    found = called("validate", TINY, "-q")
    assert "is valid" not in found.stdout
    assert "groups" in found.stdout
    assert called("validate", "none.yaml", "--quiet").stderr.startswith("error: none.yaml")
    clash = called("-q", "-v", "validate", TINY)
    assert clash.exit_code == 2
    assert "either --quiet or --verbose" in clash.stderr


def test_progress_is_silent_or_has_a_line_for_what_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for quiet, lines in ((True, []), (False, ["searching: 0 of 9", "simulating: 3 of 9"])):
        terminal.speak(quiet=quiet, verbose=not quiet)
        with terminal.progress_bar() as progress:
            progress("searching", 0, 9)
            progress("searching", 1, 9)
            progress("simulating", 3, 9)
        assert capsys.readouterr().err.splitlines() == lines
    terminal.speak()


def test_a_table_in_a_pipe_has_a_row_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", out := StringIO())
    long = "so many words that no terminal holds them " * 6
    terminal.print_table(pd.DataFrame({"name": ["a", "b"], "said": [long, "little"]}))
    head, first, second = out.getvalue().splitlines()
    assert head.split() == ["name", "said"]
    assert first.strip().split(maxsplit=1) == ["a", long.strip()]
    assert second.split() == ["b", "little"]


def test_a_table_on_a_terminal_has_lines_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", out := Screen())
    terminal.print_table(pd.DataFrame({"name": ["a"], "said": ["many words " * 20]}))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert max(map(len, plain.splitlines())) <= 80
    assert "┃ name" in plain


# the log of a run


class Clock:
    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> datetime:
        self.at += 1
        return datetime(2027, 1, 1, 0, 0, self.at, tzinfo=UTC)


def test_a_run_leaves_a_log_of_what_it_did_and_when(tmp_path: Path) -> None:
    out = tmp_path / "run"
    log = RunLog(out, now=Clock())
    log.add("begins")
    shown: list[str] = []
    with log.closing():
        following = log.following(lambda what, *_: shown.append(what))
        policies = {"policies": ("baseline", "only_readers")}
        scenario = small_scenario().model_copy(update=policies)
        execute_small(scenario, out, progress=following)
    lines = (out / LOG).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "2027-01-01T00:00:01Z begins"
    assert re.fullmatch(r"\S+ finished after \d+ s", lines[-1])
    assert {line.split(" ", 1)[1].split(":")[0] for line in lines[1:-1]} == set(shown)
    assert not (out / "partial").exists()
    assert (out / MANIFEST).is_file()
    again = RunLog(out)
    with pytest.raises(RunFolderError), again.closing():
        execute_small(scenario, out, progress=again.following(lambda *_: None))
    assert (out / LOG).read_text(encoding="utf-8").splitlines() == lines


def test_an_interrupted_run_says_so_and_its_log_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    log = RunLog(out, now=Clock())
    with pytest.raises(KeyboardInterrupt), log.closing():
        execute_small(small_scenario(), out, progress=log.following(stop))
    kept = (out / "partial" / LOG).read_text(encoding="utf-8").splitlines()
    assert kept[-1].endswith("interrupted; what is finished is kept")
    later = RunLog(out)
    later.take_up()
    assert later.lines == kept


# what the machine has


def test_doctor_says_what_there_is_and_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = document("doctor", "--json")["output"][0]["facts"]
    assert re.search(r"HiGHS \S+ by PuLP \S+ solves", facts["solver"])
    assert f"of {os.cpu_count()}" in facts["cores"]
    assert "GiB" in facts["memory"]
    assert "numpy" in facts["versions"]
    monkeypatch.setattr(cli_machine, "find_spec", lambda _: None)
    assert "pip install 'equiscan[answers," in cli_machine._extras()
    monkeypatch.setattr(cli_machine.shutil, "which", lambda _: "/nowhere/nvidia-smi")
    assert cli_machine._gpu() == "nvidia-smi fails"
    monkeypatch.setattr(cli_machine, "RAPL", Path("/nowhere"))
    assert cli_machine._meter().startswith("none")
