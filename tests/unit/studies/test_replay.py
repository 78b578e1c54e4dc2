"""Any run of a finished study can be simulated again, and is the same to the last bit."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import sim
from reports.export import data_dictionary
from sim.cli import app
from sim.errors import AnswerError
from sim.scenario.schema import Scenario
from sim.studies.provenance import Provenance, provenance
from sim.studies.replay import Replay, replay

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"


def called(*words: str) -> Result:
    return CliRunner().invoke(app, ["replay", *words], env={"COLUMNS": "80"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "small"
    overrides = [
        "policies=[baseline, by_need]",
        "horizon={decide_years: 2, score_years: 2, warm_up_years: 0}",
        "uncertainty={draws: 3, replications: 2}",
    ]
    sim.study(TINY, overrides=overrides).run(out)
    return out


@pytest.fixture(scope="module")
def shown(made: Path) -> Replay:
    return replay(made, "by_need", draw=0)


def test_it_is_the_run_that_was_kept(made: Path, shown: Replay) -> None:
    assert shown.same
    other = replay(made, "by_need", draw=2, replication=1)
    assert other.same
    assert not other.outcomes["kept"].equals(shown.outcomes["kept"])


def test_it_has_the_events_that_the_folder_has_of_the_first(made: Path, shown: Replay) -> None:
    kept = sim.load(made).events.query("policy == 'by_need'").drop(columns="policy")
    pd.testing.assert_frame_equal(
        shown.tables["events"], kept.reset_index(drop=True), check_dtype=False
    )


def test_what_happened_is_written_for_others(made: Path, tmp_path: Path) -> None:
    found = called(str(made), "--policy", "by_need", "--draw", "1", "--csv", str(tmp_path / "csv"))
    assert found.exit_code == 0, found.output
    assert "The same as kept, to the last bit." in found.stdout
    jobs = pd.read_csv(tmp_path / "csv" / "events.csv")
    assert {"week", "kind"} <= set(jobs.columns)
    assert (tmp_path / "csv" / "station_imaging.csv").is_file()
    assert "exists already" in called(
        str(made), "--policy", "by_need", "--csv", str(tmp_path / "csv")
    ).stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--policy", "by_ned"), "no policy 'by_ned' in this run; it has baseline, by_need. Did"),
        (("--policy", "by_need", "--draw", "3"), "no draw 3 in this run; they run from 0 to 2."),
        (("--policy", "by_need", "--replication", "2"), "no replication 2 in this run"),
    ],
)
def test_a_run_that_there_is_not_is_said(made: Path, words: tuple[str, ...], message: str) -> None:
    found = called(str(made), *words)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_a_run_that_differs_is_said(made: Path, tmp_path: Path) -> None:
    copy = Path(copytree(made, tmp_path / "copy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sim.studies.replay.outcomes_of",
            lambda *_: dict.fromkeys(("ede", "mean_ec"), 0.5),
        )
        found = called(str(copy), "--policy", "by_need")
    assert found.exit_code == 2
    assert "not the one that was kept" in " ".join(found.stderr.split())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.studies.answer_folder.provenance", _other)
        with pytest.raises(AnswerError, match="the code has changed since this run"):
            replay(copy, "by_need")


def _other(scenario: Scenario) -> Provenance:
    return replace(provenance(scenario), code_sha256="other")


def test_a_log_by_person_is_written_that_adds_up(made: Path, shown: Replay, tmp_path: Path) -> None:
    cells = shown.run.cells().query("region == 'KEN'")
    for name in ("people.csv", "people.parquet"):
        found = called(
            str(made), "--policy", "by_need", "--region", "KEN", "--modality", "dermoscopy",
            "--people", str(tmp_path / name),
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        log = (pd.read_csv if name.endswith("csv") else pd.read_parquet)(tmp_path / name)
        assert f"{len(log):,} people: " in found.stdout
        assert set(log["region"]) == {"KEN"}
        for outcome, count in (
            ("read with AI", "read_by_ai"),
            ("read without AI", "read_by_human"),
            ("lost its use", "unread"),
            ("reneged", "reneged"),
        ):
            assert (log["outcome"] == outcome).sum() == cells[count].sum()
        assert log["arrived_week"].notna().sum() == cells["arrived"].sum()
    described = data_dictionary({"people": log})
    assert (described["meaning"] != "").all()
    assert list(described["unit"][4:7]) == ["weeks"] * 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--people", "people.xls"), "'people.xls' must end in .csv or .parquet."),
        (("--people", "none/people.csv"), "cannot write 'none/people.csv'"),
        (("--people", "p.csv", "--region", "KNE"), "no region 'KNE' in this run; it has KEN, RWA."),
        (("--region", "KEN"), "--region and --modality choose whose log --people FILE writes."),
    ],
)
def test_a_log_that_cannot_be_written_is_said(
    made: Path, words: tuple[str, ...], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found = called(str(made.resolve()), "--policy", "by_need", *words)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.replace("│", " ").split())
