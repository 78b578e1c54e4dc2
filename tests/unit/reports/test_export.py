"""Tables of a run for spreadsheets and others: complete, described, and never a formula."""

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from reports import export
from reports.export import DICTIONARY, data_dictionary, export_csv, export_xlsx, tables_of
from sim.cli import app
from sim.errors import RunFolderError
from sim.studies.result import StudyResult

Finished = tuple[Path, StudyResult]


def test_every_column_of_a_run_is_described(planned: Finished) -> None:
    described = tables_of(planned[0])[DICTIONARY].set_index(["table", "column"])
    assert described.index.is_unique
    assert set(described.index.get_level_values("table")) >= {"outcomes", "cells", "inputs"}
    assert list(described.index[described["meaning"] == ""]) == []
    assert described.loc[("outcomes", "ede"), "unit"] == "share of need"
    assert described.loc[("station_imaging", "busy"), "unit"] == "unit-weeks"


def test_csv_files_hold_what_the_run_does(planned: Finished, tmp_path: Path) -> None:
    folder = export_csv(planned[0], tmp_path / "csv")
    tables = tables_of(planned[0])
    assert {file.stem for file in folder.iterdir()} == set(tables)
    read = pd.read_csv(folder / "outcomes.csv")
    pd.testing.assert_frame_equal(
        read, tables["outcomes"], check_dtype=False, check_exact=False, rtol=1e-12
    )
    with pytest.raises(RunFolderError, match="exists already; --overwrite replaces it"):
        export_csv(planned[0], folder)
    export_csv(planned[0], folder, overwrite=True)


def test_a_workbook_opens_with_a_sheet_of_every_table(planned: Finished, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(export_xlsx(planned[0], tmp_path / "run.xlsx"))
    tables = tables_of(planned[0])
    assert book.sheetnames == list(tables)
    head, first, *_ = book["outcomes"].iter_rows(values_only=True)
    assert list(head) == list(tables["outcomes"].columns)
    assert first[head.index("ede")] == pytest.approx(tables["outcomes"]["ede"].iloc[0])
    with pytest.raises(RunFolderError, match="exists already"):
        export_xlsx(planned[0], tmp_path / "run.xlsx")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-65", "@sum", "https://example.org", "007"])
def test_text_stays_text(
    text: str, planned: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame({"group": [text], "ec": [-0.5]})
    monkeypatch.setattr(export, "tables_of", lambda *_: {"cells": table})
    book = openpyxl.load_workbook(export_xlsx(planned[0], tmp_path / "run.xlsx"))
    cell = book["cells"]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
    line = (export_csv(planned[0], tmp_path) / "cells.csv").read_text().splitlines()[1]
    guard = "'" if text.startswith(("=", "+", "-", "@")) else ""
    assert line == f"{guard}{text},-0.5"


def test_a_long_table_goes_on_in_a_further_sheet(
    planned: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "EXCEL_ROWS", 3)
    monkeypatch.setattr(export, "tables_of", lambda *_: {"x": pd.DataFrame({"n": range(7)})})
    book = openpyxl.load_workbook(export_xlsx(planned[0], tmp_path / "run.xlsx"))
    rows = [[row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] for sheet in book]
    assert book.sheetnames == ["x", "x 2", "x 3"]
    assert rows == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_column_of_another_version_has_no_words() -> None:
    table = pd.DataFrame({"policy": ["plan"], "of_old": [1.0]})
    assert data_dictionary({"cells": table})["meaning"].tolist()[1] == ""


def test_the_command_says_where_and_what_is_missing(planned: Finished, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(planned[0]), "--csv", str(tmp_path / "csv")])
    assert (done.exit_code, done.stdout) == (0, f"Tables: {tmp_path / 'csv'}\n")
    assert (tmp_path / "csv" / f"{DICTIONARY}.csv").is_file()
    none = CliRunner().invoke(app, ["export", str(planned[0])])
    assert none.exit_code == 2
    assert "--xlsx FILE or --csv DIR" in none.output
