"""Training runs that people bring become runs of a profile, or are refused with line and column."""

import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import rmtree

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from sim.cli import app
from sim.errors import ProfileError, ScenarioError
from sim.learning.response import load_profile
from sim.profiles.card.page import write_card
from sim.profiles.fit.fitting import fit
from sim.profiles.importing.description import read_description
from sim.profiles.importing.own_runs import auc_variance, import_runs
from sim.profiles.importing.scored_runs import FEWEST_COUNTS
from sim.streams import stream
from tests.unit.profiles.importing.own_folder import (
    DESCRIPTION,
    VERSION_3,
    emissions,
    own_folder,
    runs,
    write_csv,
    write_mlflow,
    write_mlflow_database,
)

WIDE = """
columns:
  run: mlflow.runName
  own: n_{group}
  samples_trained: samples
  auc: test/auc_{group}
  sensitivity: test/sensitivity_{group}
  specificity: test/specificity_{group}
  test_positives: test/test_positives_{group}
  test_negatives: test/test_negatives_{group}
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("own")
    return import_runs(own_folder(place / "runs"), place / "profile").folder


@pytest.fixture(scope="module")
def fitted(imported: Path) -> Path:
    fit(imported, draws=10)
    return imported


def refused(folder: Path) -> str:
    with pytest.raises(ScenarioError) as told:
        import_runs(folder, folder / "out")
    assert not (folder / "out").exists()
    return str(told.value)


def test_runs_of_ones_own_are_fitted_as_ours(fitted: Path) -> None:
    profile = load_profile(fitted)
    law = {name: float(np.median(values)) for name, values in profile.draws.items()}
    own = law["floor"] + law["scale"] * (400 + law["offset"]) ** -law["power"]
    assert own == pytest.approx(0.1 + 1.5 * 440**-0.4, abs=0.01)
    assert profile.runs == 45
    assert profile.joules_per_training_sample == pytest.approx(1e-4 * 3.6e6 / 32_000)
    assert profile.joules_per_inference == pytest.approx(0.5)
    assert profile.power_source == "model"


def test_their_card_says_whose_they_are_and_what_is_not_known(fitted: Path) -> None:
    page = write_card(fitted).read_text(encoding="utf-8")
    assert "these runs were made elsewhere" in page
    assert "codecarbon 2.8.4, machine, as told by emissions.csv" in page
    assert "inference as stated: made up" in page
    assert "not told" in page  # the calibration error
    assert "nan" not in page.replace("maintenance", "")
    assert "3 positives and 10 negatives" in page


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine")
    told = CliRunner().invoke(app, ["profile", "import", str(folder), "--out", str(tmp_path / "p")])
    assert told.exit_code == 0, told.stderr
    assert "45 with 3 seeds" in told.stdout
    again = CliRunner().invoke(
        app, ["profile", "import", str(folder), "--out", str(tmp_path / "p")]
    )
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_other_runs_in_the_place_of_old_ones_take_the_old_fit_away(tmp_path: Path) -> None:
    folder, out = own_folder(tmp_path / "mine"), tmp_path / "profile"
    import_runs(folder, out)
    (out / "fit.json").write_text("{}")
    with pytest.raises(ProfileError, match="holds runs already"):
        import_runs(folder, out)
    import_runs(folder, out, overwrite=True)
    assert not (out / "fit.json").exists()


def test_the_load_of_a_run_is_kept_and_both_rules_are_shown(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine", version="3.3.2")
    write_csv(folder / "runs.csv", [row | {"cpu_load": 0.5} for row in runs()])
    out = import_runs(folder, tmp_path / "out").folder
    table = pd.read_parquet(out / "runs.parquet")
    assert (table["cpu_load"] == 0.5).all()
    by_rule = fit(out, draws=5)["energy"]["by_rule"]
    as_linear = (4e-5 + 6e-5 * 0.5 / 0.2125) * 3.6e6 / 32_000
    assert by_rule["training"]["linear"] == pytest.approx(as_linear)
    assert by_rule["inference"] is None  # it was stated, not drawn at any load
    assert "by another rule for the processor" in write_card(out).read_text(encoding="utf-8")


@pytest.mark.parametrize("written", ["folder", "table", "database"])
def test_what_mlflow_keeps_gives_the_same_runs(
    imported: Path, tmp_path: Path, written: str
) -> None:
    folder = own_folder(tmp_path / "mine", description=DESCRIPTION + WIDE)
    (folder / "runs.csv").unlink()
    write_mlflow(folder / "mlruns")
    if written == "database":
        write_mlflow_database(folder / "mlflow.db", folder / "mlruns")
        with pytest.raises(ProfileError, match=r"runs in mlruns and in mlflow\.db: say which"):
            import_runs(folder, tmp_path / "out")
        for about in (folder / "mlruns").glob("*/*/meta.yaml"):
            about.unlink()  # artifacts stay
    elif written == "table":  # as mlflow.search_runs().to_csv() has it
        rows = []
        for run in sorted((folder / "mlruns" / "0").glob("*/meta.yaml")):
            row: dict[str, object] = {"run_id": run.parent.name, "status": "FINISHED"}
            for kind in ("metrics", "params", "tags"):
                for file in sorted((run.parent / kind).rglob("*")):
                    if file.is_file():
                        text = file.read_text().split("\n")[1 if kind == "metrics" else 0]
                        value = text.split()[1] if kind == "metrics" else text
                        name = file.relative_to(run.parent / kind).as_posix()
                        row[f"{kind}.{name}"] = value
            rows.append(row)
        rmtree(folder / "mlruns")
        write_csv(folder / "runs.csv", rows)
    out = import_runs(folder, tmp_path / "out").folder
    tables = [pd.read_parquet(place / "runs.parquet") for place in (imported, out)]
    first, second = (t.sort_values(["run_id", "group"]).reset_index(drop=True) for t in tables)
    pd.testing.assert_frame_equal(first, second)


def test_a_database_that_is_none_of_mlflow_is_refused_with_the_way_out(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine", description=DESCRIPTION + WIDE)
    (folder / "runs.csv").unlink()
    with closing(sqlite3.connect(folder / "mlflow.db")) as there:
        there.execute("CREATE TABLE notes (text)")
    assert "mlflow.db: not a database of MLflow" in (said := refused(folder))
    assert "to_csv('runs.csv')" in said
    (folder / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes()[:700])
    assert "mlflow.db: not a database of MLflow" in refused(folder)


def test_a_metric_of_a_database_that_is_no_number_is_not_nought(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine", description=DESCRIPTION + WIDE)
    (folder / "runs.csv").unlink()
    write_mlflow(folder / "mlruns")
    write_mlflow_database(folder / "mlflow.db", folder / "mlruns")
    rmtree(folder / "mlruns")
    with closing(sqlite3.connect(folder / "mlflow.db")) as there:
        there.execute("UPDATE latest_metrics SET value = 0, is_nan = 1 WHERE key = 'test/auc_male'")
        there.commit()
    assert "test/auc_male: a share runs from 0 to 1, got nan" in refused(folder)


def test_runs_that_did_not_finish_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine")
    failed = {"run": "broken", "seed": 9, "group": "female", "status": "FAILED"}
    write_csv(folder / "runs.csv", [{**row, "status": "FINISHED"} for row in runs()] + [failed])
    assert import_runs(folder, tmp_path / "out").unfinished == 1


def test_energy_may_stand_in_the_table_of_runs(tmp_path: Path) -> None:
    about = "\nhardware: a machine\ncountry: KEN\nkg_co2e_per_kwh: 0.1\n"
    folder = own_folder(tmp_path / "mine", description=DESCRIPTION + about)
    (folder / "emissions.csv").unlink()
    drawn = {"seconds": 20, "cpu_kwh": 6e-5, "gpu_kwh": 3e-5, "ram_kwh": 1e-5}
    write_csv(folder / "runs.csv", [row | drawn for row in runs()], between=";")
    table = pd.read_parquet(import_runs(folder, tmp_path / "out").folder / "runs.parquet")
    assert table["kwh"].to_numpy() == pytest.approx(1e-4)
    assert table["emissions_kg"].to_numpy() == pytest.approx(1e-5)
    assert set(table["gpu_power_source"]) == {"measured"}


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("auc", "93.5", "runs.csv:2: auc: a share runs from 0 to 1; 93.5 looks like percent."),
        ("auc", "0,93", "runs.csv:2: auc: found '0,93'; must be a number. Write a decimal point."),
        ("auc", "", "runs.csv:2: auc: found nothing; required."),
        ("sensitivity", "nan", "runs.csv:2: sensitivity: a share runs from 0 to 1, got nan."),
        ("own", "2.5", "runs.csv:2: own: found 2.5; must be a whole number."),
        ("group", "femal", "no group 'femal' in profile.yaml. Did you mean 'female'?"),
        ("seed", "1", "runs.csv:3: seed: differs from the row of the same run on line 2."),
        ("run", "0-50-s1", "group 'female' of run '0-50-s1' is given twice."),
        ("run", "", "runs.csv:2: run: found nothing; required."),
        ("noise", "0.7", "noise: Input should be less than or equal to 0.5."),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    folder, rows = own_folder(tmp_path / "mine"), runs()
    rows = [row | {"noise": ""} for row in rows] if column == "noise" else rows
    rows[0][column] = value
    write_csv(folder / "runs.csv", rows)
    assert words in refused(folder)


def test_a_column_that_is_missing_is_told_once(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine")
    write_csv(
        folder / "runs.csv",
        [{("AUC" if k == "auc" else k): v for k, v in r.items()} for r in runs()],
    )
    said = refused(folder)
    assert said.count("\n") == 0
    assert "runs.csv:1: auc: required, but no such column." in said
    assert "'columns' in profile.yaml" in said


def test_too_few_counts_and_runs_twice_are_named(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine")
    few = [row for row in runs() if "150" not in str(row["run"])]
    write_csv(folder / "runs.csv", few)
    assert f"at least {FEWEST_COUNTS} different numbers above 0" in refused(folder)
    twice = [{**row, "run": f"again-{row['run']}"} for row in runs()[:2]]
    write_csv(folder / "runs.csv", runs() + twice)
    assert "same counts, treatment and seed as run '0-50-s0'" in refused(folder)
    write_csv(folder / "runs.csv", runs()[1:])
    assert "run '0-50-s0' has no row of female" in refused(folder)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("codecarbon_version", "3.0.0", "codecarbon_version: found '3.3.2', and '3.0.0' before"),
        ("pue", "1.5", "emissions.csv:2: pue: found '1.5'"),
        ("country_iso_code", "", "codecarbon knew no grid of that"),
        ("country_iso_code", "KENYA", "State 'country' and 'kg_co2e_per_kwh'"),
        ("emissions", "4.75e-5", "took the mean of the world, 0.475 kg/kWh"),
        ("cpu_energy", "-1", "emissions.csv:2: cpu_energy: must be from 0"),
        ("cpu_energy", "much", "emissions.csv:2: cpu_energy: found 'much'; must be a number."),
        ("project_name", "codecarbon", "no row for 0-50-s0. It holds"),
        ("tracking_mode", "process", "one draws for the process"),
        ("project_name", "0-150-s0", "has rows of several trackers (run_id)"),
    ],
)
def test_a_row_of_codecarbon_that_cannot_stand_is_refused(
    tmp_path: Path, column: str, value: str, words: str
) -> None:
    folder = own_folder(tmp_path / "mine", version="3.3.2")
    rows = emissions("3.3.2", VERSION_3)
    rows[0][column] = value
    write_csv(folder / "emissions.csv", rows)
    assert words in refused(folder)


def test_a_stated_intensity_stands_in_for_a_grid_that_nobody_knows(tmp_path: Path) -> None:
    about = DESCRIPTION + "\ncountry: XKX\nkg_co2e_per_kwh: 0.9\n"
    folder = own_folder(tmp_path / "mine", description=about)
    rows = emissions("3.3.2", VERSION_3)
    rows[0]["country_iso_code"] = ""
    write_csv(folder / "emissions.csv", [r | {"country_iso_code": ""} for r in rows])
    table = pd.read_parquet(import_runs(folder, tmp_path / "out").folder / "runs.parquet")
    assert table["emissions_kg"].to_numpy() == pytest.approx(9e-5)
    assert set(table["grid_country"]) == {"XKX"}


def test_a_tracker_that_flushed_counts_with_its_last_row(tmp_path: Path) -> None:
    folder, rows = own_folder(tmp_path / "mine"), emissions("3.3.2", VERSION_3)
    early = [{**row, "duration": 1.0, "cpu_energy": 1e-6} for row in rows]
    write_csv(folder / "emissions.csv", early + rows)
    table = pd.read_parquet(import_runs(folder, tmp_path / "out").folder / "runs.parquet")
    assert table["kwh"].to_numpy() == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "task: melanoma",
            "tsk: melanoma",
            "profile.yaml:2: tsk: unknown key. Did you mean 'task'",
        ),
        ("specificity: 0.9", "specificity: 90", "profile.yaml:13: specificity: found 90"),
        ("data: phantom\n", "", "data: required, but missing"),
        ("within: {female: 0.5, male: 0.5}", "within: {female: 0.5}", "must name the groups"),
        ("folds: 3", "columns: {acu: x}", "no column 'acu'. Did you mean 'auc'"),
        ("folds: 3", "runs: ../elsewhere.csv", "must lie in the folder of this file"),
    ],
)
def test_a_description_is_refused_with_its_line(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    about = DESCRIPTION.replace(before, after)
    assert words in refused(own_folder(tmp_path / "mine", description=about))


def test_the_description_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "profiles.md").read_text(encoding="utf-8")
    about = page.partition("### Runs of your own")[2].partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "profile.yaml").write_text(about, encoding="utf-8")
    assert read_description(tmp_path)[0].groups["female"].positives > 0


def test_a_folder_without_a_description_is_told_what_it_needs(tmp_path: Path) -> None:
    assert "profile.yaml: not found" in refused(tmp_path)


def test_the_variance_of_an_auc_is_near_its_spread_over_samples() -> None:
    """Hanley and McNeil's is exact for exponential scores, so it is held against these."""
    luck, aucs = stream(0, "hanley"), []
    for _ in range(400):
        scores = np.concatenate([luck.exponential(3.0, 60), luck.exponential(1.0, 90)])
        aucs.append(roc_auc_score(np.repeat([1, 0], [60, 90]), scores))
    expected = auc_variance(0.75, 60, 90) ** 0.5
    assert np.std(aucs) == pytest.approx(expected, rel=0.12)
