"""A user's own numbers: a CSV file, every row of which is an override of a scenario."""

import csv
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from sim.errors import LONGEST_NAME, cut, listed, nearest
from sim.scenario.problems import Problem, stop_if, unknown
from sim.scenario.tree import MAX_DIGITS, Budget, Node, Place, Scalar, odd_character, read_text

COLUMNS = (
    "region",
    "variable",
    "value",
    "low",
    "high",
    "unit",
    "year",
    "source",
    "status",
    "distribution",
)
"""What a file may say of a number; beside region and variable, as ``spec.Override`` has it."""
NEEDED = ("variable", "value", "unit", "source")
"""Columns without which no number can be judged."""
NUMBERS = ("value", "low", "high", "year")
INCOME_GROUPS = ("LIC", "LMC", "UMC", "HIC")
"""Regions that a name has behind it: ``dermoscopy.need_per_1000.LIC``."""
EVERYWHERE = ("", "all")
OFF = "#"
"""How a row begins that is not read: a number that is not replaced yet."""
SEPARATORS = (",", ";")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LONGEST_CELL = 40
"""Characters of a wrong number that are shown."""


def read_numbers(path: Path, budget: Budget) -> dict[str, Node]:
    """Return the overrides in a CSV file as trees, by dotted name; every value knows its line.

    Parameters
    ----------
    path : UTF-8 text with a heading of ``COLUMNS``, those of ``NEEDED`` at least, separated by
        commas or semicolons. Rows that begin with ``#`` and empty ones are left out.
    budget : what may still be read of the scenario.

    Raises
    ------
    ScenarioError
        With every wrong cell of the file, by line and column.
    """
    lines = list(_lines(path, budget))
    if not lines:
        stop_if([Problem(Place(str(path), 1), "", "the file is empty.")], file=str(path))
    (place, head), *rows = lines
    names = [cell.strip().casefold() for cell in head]
    stop_if(_heading_problems(place, names), file=str(path))
    problems: list[Problem] = []
    found: dict[str, Node] = {}
    for place, cells in rows:
        budget.take(len(cells), place)
        if len(cells) != len(names):
            reason = f"{len(cells)} cells, but the heading has {len(names)}."
            problems.append(Problem(place, "", reason))
            continue
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        problems += _row_problems(place, row, found)
        found.setdefault(_dotted_name(row), _override_of(place, row))
    stop_if(problems, file=str(path))
    return found


def _lines(path: Path, budget: Budget) -> Iterator[tuple[Place, list[str]]]:
    """Yield the cells of every line that is read, with its place."""
    text = read_text(path, budget)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True)
    begins = 1
    try:
        for cells in reader:
            place, begins = Place(str(path), begins), reader.line_num + 1
            odd = next((sign for cell in cells if (sign := odd_character(cell))), None)
            if odd is not None:
                reason = f"character U+{ord(odd):04X} is no text."
                stop_if([Problem(place, "", reason)], file=str(path))
            if any(map(str.strip, cells)) and not cells[0].startswith(OFF):
                yield place, cells
    except csv.Error as error:
        place = Place(str(path), begins)
        stop_if([Problem(place, "", f"not readable as CSV: {error}.")], file=str(path))


def _heading_problems(place: Place, names: Sequence[str]) -> Iterator[Problem]:
    for name in names:
        if name not in COLUMNS:
            reason = f"unknown column '{cut(name, LONGEST_NAME)}'. "
            yield Problem(place, "", reason, partial(unknown, name, COLUMNS))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield Problem(place, "", f"columns named twice: {listed(twice)}.")
    if missing := [name for name in NEEDED if name not in names]:
        yield Problem(place, "", f"columns missing: {listed(missing)}.")


def _row_problems(place: Place, row: dict[str, str], before: dict[str, Node]) -> Iterator[Problem]:
    for name in NEEDED:
        if not row[name]:
            yield Problem(place, f"column {name}", "empty; every number needs it.")
    for name in NUMBERS:
        cell = row.get(name, "")
        if cell and (len(cell) > MAX_DIGITS or not _NUMBER.fullmatch(cell)):
            reason = f"found '{cut(cell, _LONGEST_CELL)}'; must be a number such as 1200 or 0.4, \
with a point and without spaces, percent or separators of thousands."
            yield Problem(place, f"column {name}", reason)
    if (name := _dotted_name(row)) in before and row["variable"]:
        line = before[name].place.line
        yield Problem(place, "column variable", f"'{name}' is already given on line {line}.")


def _dotted_name(row: dict[str, str]) -> str:
    """Return what overrides call a row's number."""
    region, variable = row.get("region", ""), row["variable"]
    if region.casefold() in EVERYWHERE:
        return variable
    if region.upper() in INCOME_GROUPS:
        return f"{variable}.{region.upper()}"
    return f"{region}.{variable}"


def _override_of(place: Place, row: dict[str, str]) -> Node:
    """Return a row as an override; one without a range has none, whatever it is merged over."""
    given: dict[str, Scalar] = {
        name: _scalar(name, cell)
        for name, cell in row.items()
        if cell and name not in ("region", "variable")
    }
    edges = {"low": given.get("value"), "high": given.get("value")}
    return Node(place, {name: Node(place, value) for name, value in (edges | given).items()})


def _scalar(name: str, cell: str) -> Scalar:
    if name not in NUMBERS or not _NUMBER.fullmatch(cell):
        return cell
    return int(cell) if name == "year" and cell.isdigit() else float(cell)


def nearest_file(name: str, folder: Path) -> str:
    """Return the likely spelling of a CSV file's name in a folder, as ``nearest`` words it."""
    return nearest(name, [other.name for other in folder.glob("*.csv")])
