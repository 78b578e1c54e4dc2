"""The run folder: built beside its place, part by part, and moved there when it is complete."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from sim.errors import RunFolderError

TABLES = ("outcomes", "cells", "ledger", "events", "jobs", "releases", "audits", "plan",
          "programme", "marginal", "robustness", "inputs")  # fmt: skip
"""Tables of a complete run folder, each a Parquet file; with one for every recorded station."""
SUMMARY = "summary.json"
PROVENANCE = "provenance.json"
PROFILE = "profile.json"
SCENARIO = "scenario.yaml"
_STAMP = "stamp.json"
_PARTS = "parts"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing right or a file in the way into an error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise RunFolderError(
            f"cannot write '{path}': {reason}. Free the disk or choose another folder; "
            "finished experiments are kept and the same command goes on from them."
        ) from error


def begin(out: Path, stamp: Mapping[str, str], *, overwrite: bool) -> Path:
    """Return the folder to work in, ``<out>.partial``: new, or of the same interrupted study.

    Parameters
    ----------
    stamp : what makes two studies the same: hashes of scenario, tables and profile, and version.
    overwrite : whether a complete run folder, or an interrupted one of another study, may be
        replaced. A folder that is not a run folder is never replaced.
    """
    _check_place(out, overwrite=overwrite)
    partial = out.with_name(f"{out.name}.partial")
    with writing(partial):
        if partial.exists() and _stamp_of(partial) != dict(stamp):
            if not overwrite:
                raise RunFolderError(
                    f"'{partial}' holds an interrupted study of another scenario or version. "
                    "Remove it, overwrite it, or choose another folder."
                )
            shutil.rmtree(partial)
        (partial / _PARTS).mkdir(parents=True, exist_ok=True)
        for torn in [*partial.rglob("*.torn*")]:
            shutil.rmtree(torn) if torn.is_dir() else torn.unlink()
        write_json(partial / _STAMP, stamp)
    return partial


def station_table(name: str) -> str:
    """Return the name of the table that holds the weekly series of a station."""
    return f"station_{name}"


def part(partial: Path, name: str) -> Path:
    """Return the place of one experiment's tables in a partial folder."""
    return partial / _PARTS / name


def write_part(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the tables of one finished experiment: all of them, or nothing that counts."""
    torn = folder.with_name(f"{folder.name}.torn{os.getpid()}")
    with writing(folder):
        torn.mkdir(parents=True)
        for name, table in tables.items():
            table.to_parquet(torn / f"{name}.parquet", index=False)
        torn.replace(folder)


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write one table of a folder atomically."""
    place = folder / f"{name}.parquet"
    torn = place.with_suffix(".torn")
    with writing(place):
        table.to_parquet(torn, index=False)
        torn.replace(place)


def write_json(place: Path, content: Mapping[str, object]) -> None:
    """Write one JSON file atomically."""
    write_text(place, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(place: Path, text: str) -> None:
    """Write one text file atomically."""
    torn = place.with_suffix(".torn")
    with writing(place):
        torn.write_text(text, encoding="utf-8")
        torn.replace(place)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Return one table of a folder; ``RunFolderError`` when it is missing or broken."""
    place = folder / f"{name}.parquet"
    try:
        return pd.read_parquet(place)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read '{place}': {error}. Run the study again.") from error


def read_json(place: Path) -> dict[str, object]:
    """Return one JSON file; ``RunFolderError`` when it is missing or broken."""
    try:
        return dict(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read '{place}': {error}. Run the study again.") from error


def finish(partial: Path, out: Path) -> None:
    """Move a partial folder with all its tables to its place, without its parts."""
    with writing(out):
        shutil.rmtree(partial / _PARTS)
        (partial / _STAMP).unlink()
        replaced = out.with_name(f"{out.name}.replaced")
        if is_complete(out):
            out.replace(replaced)
        partial.replace(out)
        if replaced.exists():
            shutil.rmtree(replaced)


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a finished study."""
    return (folder / SUMMARY).is_file() and (folder / PROVENANCE).is_file()


def _check_place(out: Path, *, overwrite: bool) -> None:
    if is_complete(out):
        if not overwrite:
            raise RunFolderError(
                f"'{out}' already holds a finished study. Choose another folder, or overwrite it."
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(
            f"'{out}' exists and is not a run folder; it is left alone. Choose another folder."
        )


def _stamp_of(partial: Path) -> dict[str, object] | None:
    try:
        return read_json(partial / _STAMP)
    except RunFolderError:
        return None
