"""Tables of text as spreadsheets and programs write them: a heading, and cells between signs."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sim.errors import LONGEST_NAME, ScenarioError, cut
from sim.scenario.tree import Place

SEPARATORS = (",", ";", "\t")


def text_rows(path: Path, *, skip: int = 0) -> Iterator[tuple[Place, dict[str, str]]]:
    """Yield each row of a table as text by column, as it is written, with its place.

    A cell is text whatever it looks like: a code keeps its zeros, a group may be called NA. Empty
    rows, and columns without a name, are left out.

    Parameters
    ----------
    path : UTF-8 text, separated by whichever of ``SEPARATORS`` the heading holds most of.
    skip : lines before the heading.

    Raises
    ------
    ScenarioError
        With file and line for what is no such table, two columns of one name, and a row that has
        other cells than the heading: its values would stand under the wrong names.
    """
    if not path.is_file():
        raise ScenarioError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = next(islice(file, skip, None), "")
            file.seek(0)
            list(islice(file, skip))
            between = max(SEPARATORS, key=head.count)
            rows = csv.reader(file, delimiter=between, strict=True)
            try:
                yield from _named(rows, path, skip)
            except csv.Error as error:
                place = Place(str(path), skip + rows.line_num)
                raise ScenarioError(f"{place}: not readable as CSV: {error}.") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text. Save it as 'CSV UTF-8'.") from None


def _named(rows: Any, path: Path, skip: int) -> Iterator[tuple[Place, dict[str, str]]]:
    names = [cut(" ".join(name.split()), LONGEST_NAME) for name in next(rows, [])]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise ScenarioError(f"{path}:{skip + 1}: {twice[0]}: two columns of that name.")
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        place = Place(str(path), skip + rows.line_num)
        if len(row) != len(names):
            raise ScenarioError(f"{place}: {len(row)} cells, and the heading has {len(names)}.")
        yield place, {name: cell for name, cell in zip(names, row, strict=True) if name}
