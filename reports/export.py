"""A finished run as CSV files or an Excel workbook, with what every column means."""

import csv
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache, partial
from importlib.resources import files
from math import ceil
from operator import methodcaller
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pandas as pd

from reports.language import ENGLISH, speaking
from reports.language import gettext as _
from sim.atomic import replace_file, require_free
from sim.errors import RunFolderError
from sim.studies.answer_folder import answers_of
from sim.studies.manifest import TABLES, Finished
from sim.studies.outcomes import OUTCOMES
from sim.studies.result import load
from sim.studies.store import station_table

DICTIONARY = "data_dictionary"
"""Name of the table that says what the columns of all others mean."""
EXCEL_ROWS = 1_048_575
"""Rows of a worksheet below its head; a longer table goes on in further ones."""
TABLE_FORMATS = (".csv", ".parquet")
"""How a file's name ends that holds one table."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How text begins that a spreadsheet computes when it opens a CSV file."""


class Column(NamedTuple):
    """What a column of a table means."""

    table: str
    """``*``: of any table; ``station_*``: of those of the stations."""
    column: str
    unit: str
    """Empty where it has none."""
    meaning: str


def export_csv(
    run: str | Path, folder: str | Path, *, overwrite: bool = False, language: str = ENGLISH
) -> Path:
    """Write every table of a run as a CSV file, and the data dictionary; return their folder.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.

    Parameters
    ----------
    language : of the data dictionary, see ``reports.language``; tables are the same in all.

    Raises
    ------
    RunFolderError
        Where the run cannot be read, or a file is in the way.
    """
    return write_csv(tables_of(run, language), Path(folder), overwrite=overwrite)


def write_csv(tables: Mapping[str, pd.DataFrame], folder: Path, *, overwrite: bool = False) -> Path:
    """Write tables as CSV files by their names, and return their folder; see ``export_csv``."""
    places = {name: folder / f"{name}.csv" for name in tables}
    if there := [place for place in places.values() if place.exists() and not overwrite]:
        raise RunFolderError(f"{there[0]} exists already; --overwrite replaces it.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        text = _without_formulas(table).to_csv(index=False).encode()
        replace_file(places[name], methodcaller("write", text))
    return folder


def require_table_place(file: Path, *, overwrite: bool) -> None:
    """Raise where ``write_table`` could not write, before what takes long is done."""
    if file.suffix not in TABLE_FORMATS:
        raise RunFolderError(f"'{file}' must end in {' or '.join(TABLE_FORMATS)}.")
    require_free(file, overwrite=overwrite)


def write_table(table: pd.DataFrame, file: Path, *, overwrite: bool = False) -> Path:
    """Write one table as CSV or Parquet, by how the name of the file ends, and return the file.

    Raises
    ------
    RunFolderError
        Where the name ends otherwise, or a file is in the way.
    """
    require_table_place(file, overwrite=overwrite)
    if file.suffix == ".csv":
        replace_file(file, partial(_without_formulas(table).to_csv, index=False))
    else:
        replace_file(file, partial(table.to_parquet, index=False))
    return file


def export_xlsx(
    run: str | Path, file: str | Path, *, overwrite: bool = False, language: str = ENGLISH
) -> Path:
    """Write every table of a run as worksheets of one Excel file, the data dictionary first.

    Text stays text, whatever it begins with.

    Parameters
    ----------
    language : of the data dictionary, see ``reports.language``; tables are the same in all.

    Raises
    ------
    RunFolderError
        Where the run cannot be read, or the file is in the way.
    """
    tables, file = tables_of(run, language), Path(file)
    require_free(file, overwrite=overwrite)
    replace_file(file, partial(_write_book, tables))
    return file


def _write_book(tables: Mapping[str, pd.DataFrame], there: BinaryIO) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(there, engine="xlsxwriter", engine_kwargs={"options": options}) as book:
        for name, sheet in _sheets(tables):
            sheet.to_excel(book, sheet_name=name, index=False, freeze_panes=(1, 0))
            book.sheets[name].autofilter(0, 0, len(sheet), max(len(sheet.columns) - 1, 0))
            book.sheets[name].autofit(max_width=400)


def tables_of(run: str | Path, language: str = ENGLISH) -> dict[str, pd.DataFrame]:
    """Return the tables of a finished run and of its answers by name, the data dictionary first."""
    found, result = Finished.at(run), load(run)
    names = [*TABLES, *map(station_table, result.stations)]
    tables = {name: found.table(name) for name in names}
    for further in answers_of(run, result).values():
        tables |= further
    with speaking(language):
        return {DICTIONARY: data_dictionary(tables)} | tables


def data_dictionary(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return table, column, unit and meaning of every column of some tables."""
    rows = [
        one._replace(unit=_(one.unit), meaning=_(one.meaning))
        for name, table in tables.items()
        for column in table.columns
        for one in [described(name, str(column), table.attrs.get("units", {}))]
    ]
    return pd.DataFrame(rows, columns=list(Column._fields))


def described(table: str, column: str, units: Mapping[str, str]) -> Column:
    """Return what a column means; no words for one of a run of another version.

    Parameters
    ----------
    units : of the table's columns, where it says so itself.
    """
    if table == "outcomes" and column in OUTCOMES:
        return Column(table, column, OUTCOMES[column].unit, OUTCOMES[column].label)
    for known in columns():
        if known.column == column and fnmatch(table, known.table):
            return known._replace(table=table, unit=units.get(column) or known.unit)
    return Column(table, column, units.get(column, ""), "")


@cache
def columns() -> tuple[Column, ...]:
    """Return all descriptions, those of one table before those of any."""
    text = (files("reports") / "templates" / "columns.csv").read_text(encoding="utf-8")
    known = (Column(**row) for row in csv.DictReader(text.splitlines()))
    return tuple(sorted(known, key=lambda one: one.table == "*"))


def _sheets(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield worksheets by name; a table with too many rows for one goes on in others."""
    for name, table in tables.items():
        for part in range(max(ceil(len(table) / EXCEL_ROWS), 1)):
            title = f"{name} {part + 1}" if part else name
            yield title, table.iloc[part * EXCEL_ROWS : (part + 1) * EXCEL_ROWS]


def _without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    text = table.select_dtypes(include=["object", "string"])
    quoted = {str(name): column for name, column in text.map(_without_formula).items()}
    for name, column in table.select_dtypes(include="category").items():
        # millions of rows have a few names
        quoted[str(name)] = column.cat.rename_categories(_without_formula)
    return table.assign(**quoted)


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value
