"""Logs of runs as records: a table with a row a run, or a run and group, or what MLflow keeps."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sim.errors import LONGEST_NAME, ScenarioError, cut
from sim.scenario.text_table import text_rows
from sim.scenario.tree import Place, read_tree

MOST_BYTES = 100_000_000
MOST_ROWS = 1_000_000
FINISHED = ("FINISHED", "3", "")
"""Of ``status``: MLflow's word and number, and a table that does not say it."""
KINDS = ("metrics", "params", "tags")
"""Folders of a run of MLflow, and beginnings of columns of its tables."""
DATABASE = b"SQLite format 3\0"
"""How a file begins in which MLflow keeps runs since it has used a database for that."""


class LogRecord(NamedTuple):
    """One row of a table, or one run of MLflow."""

    place: Place
    values: Mapping[str, str]
    """On one line each: a message quotes them."""

    def find(self, name: str) -> str | None:
        """Return what stands under a name, as it is or as MLflow writes it; ``None`` without."""
        for key in (name, *(f"{kind}.{name}" for kind in KINDS)):
            if key in self.values:
                return self.values[key]
        return None

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end, as far as the log says."""
        return self.values.get("status", "").strip() in FINISHED


def quoted(text: str) -> str:
    """Return what somebody's file holds as one line of a message, in quotes.

    >>> quoted("a" + chr(10)) == repr("a" + chr(10))
    True
    """
    return repr(cut(text, LONGEST_NAME))


def entries_of(path: Path) -> list[LogRecord]:
    """Return the records of a CSV table, or of a folder or database in which MLflow keeps runs.

    Raises ``ScenarioError`` with file and line for what cannot be read.
    """
    try:
        found = list(_mlflow(path) if path.is_dir() else _of_file(path))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text.") from None
    if not found:
        raise ScenarioError(f"{path}: holds no run.")
    return found


def _of_file(path: Path) -> Iterator[LogRecord]:
    if path.is_file():
        if path.stat().st_size > MOST_BYTES:
            raise ScenarioError(f"{path}: larger than {MOST_BYTES:,} bytes.")
        with path.open("rb") as file:
            if file.read(len(DATABASE)) == DATABASE:
                return _database(path)
    return _rows(path)


def _rows(path: Path) -> Iterator[LogRecord]:
    for number, (place, row) in enumerate(text_rows(path), start=1):
        if number > MOST_ROWS:
            raise ScenarioError(f"{place}: more than {MOST_ROWS:,} rows.")
        yield LogRecord(place, {name: _line(cell) for name, cell in row.items()})


def _mlflow(folder: Path) -> Iterator[LogRecord]:
    """Yield the runs of a file store of MLflow, of all experiments but deleted ones."""
    for about in sorted(folder.glob("[!.]*/*/meta.yaml")):
        said = read_tree(about).plain()
        if not isinstance(said, dict) or said.get("lifecycle_stage") == "deleted":
            continue
        if "run_id" in said or "run_uuid" in said:
            values = {key: _line(str(value)) for key, value in said.items() if value is not None}
            for kind in KINDS:
                values |= _files(about.parent / kind, kind)
            values.setdefault("run_id", values.get("run_uuid", ""))
            yield LogRecord(Place(str(about.parent), 0), values)


def _database(path: Path) -> Iterator[LogRecord]:
    """Yield the runs of MLflow's SQLite database, of all experiments but deleted ones."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as there:
            there.text_factory = lambda text: _line(text.decode("utf-8", "replace"))
            yield from _of_tables(there, path)
    except sqlite3.Error as error:
        raise ScenarioError(
            f"{path}: not a database of MLflow that can be read here ({error}). In Python, "
            "mlflow.search_runs(search_all_experiments=True).to_csv('runs.csv') writes its runs as "
            "a table."
        ) from None


def _of_tables(there: sqlite3.Connection, path: Path) -> Iterator[LogRecord]:
    runs = {
        run: {"run_id": run, "status": status or "", "tags.mlflow.runName": name or ""}
        for run, status, name in there.execute(
            "SELECT run_uuid, status, name FROM runs WHERE lifecycle_stage = 'active' AND "
            "experiment_id IN (SELECT experiment_id FROM experiments WHERE "
            "lifecycle_stage = 'active') ORDER BY start_time, run_uuid"
        )
    }
    # a metric that is no number is kept as 0, and marked
    of_kinds = {
        "metrics": "SELECT run_uuid, key, CASE is_nan WHEN 1 THEN 'nan' ELSE value END "
        "FROM latest_metrics",
        "params": "SELECT run_uuid, key, value FROM params",
        "tags": "SELECT run_uuid, key, value FROM tags",
    }
    kept = ((kind, *row) for kind, query in of_kinds.items() for row in there.execute(query))
    for number, (kind, run, key, value) in enumerate(kept):
        if number >= MOST_ROWS:
            raise ScenarioError(f"{path}: more than {MOST_ROWS:,} values.")
        if run in runs:
            runs[run][f"{kind}.{key}"] = str(value)
    for values in runs.values():
        yield LogRecord(Place(str(path), 0), values)


def _files(folder: Path, kind: str) -> dict[str, str]:
    """Return what each file of a run holds: a text, or the last of a metric's values."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(folder).as_posix()
            found[f"{kind}.{name}"] = _last(text, path) if kind == KINDS[0] else _line(text)
    return found


def _line(text: str) -> str:
    return " ".join(text.split())


def _last(text: str, path: Path) -> str:
    """Return the value of a metric's last step; a line is time, value, step, and maybe a data set.

    MLflow itself takes lines with a data set for step 0
    (``findings/mlflow_file_store_loses_step.sh``).
    """
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split()
        try:
            values.append((int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), parts[1]))
        except (ValueError, IndexError):
            raise ScenarioError(f"{path}:{number}: no time, value and step of a metric.") from None
    return max(values, key=lambda one: one[:2])[2] if values else ""
