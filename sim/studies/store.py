"""The run folder: results of tasks as they finish, then the tables of the whole study.

Everything is written beside its place and moved there when it is on the disk, so that whatever
stops a run leaves nothing half written. A study that is not finished lies in ``partial`` within
its run folder, which may therefore be a link, a volume, or the present folder. One process writes
there at a time, or several with a part of the study each.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self
from urllib.parse import quote, unquote

import pandas as pd
from numpy.typing import NDArray

from sim.errors import RunFolderError
from sim.studies.archive import DamagedError, Result, is_whole, read_archive, write_archive
from sim.studies.lock import Lock, acquire, busy, who_holds

TABLES = ("outcomes", "cells", "ledger", "events", "jobs", "releases", "audits", "plan",
          "programme", "marginal", "robustness", "inputs")  # fmt: skip
"""Tables of a complete run folder, each a Parquet file; with one for every recorded station."""
SUMMARY = "summary.json"
PROVENANCE = "provenance.json"
PROFILE = "profile.json"
SCENARIO = "scenario.yaml"
PARTIAL = "partial"
"""Folder, within a run folder, of a study that is not finished."""
_MARKS = (PROVENANCE, SUMMARY)
"""Files that a folder has when it holds a finished study, and not before."""
_TABLES = (*(f"{name}.parquet" for name in TABLES), "station_*.parquet")
_REPLACED = (*_TABLES, PROFILE, SCENARIO, "report.html")
"""Other files that go with a study that is replaced."""
_STAMP, _RESULTS, _FINAL, _LOCKS = "stamp.json", "results", "final", "locks"
_SUFFIX, _TORN, _LOCK = ".npz", ".torn", ".lock"
_WHOLE_RUN = "run"
_PATIENCE_S = 60.0
"""How long to wait for others that are just beginning in the same folder."""


class Part(NamedTuple):
    """Some of the tasks of a study, done by a process of its own: the second of eight, say."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the part written as ``2/8``; ``RunFolderError`` where there is no such part."""
        number, _, of = text.partition("/")
        if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
            return cls(int(number), int(of))
        raise RunFolderError(f"'{text}' is no part: write K/N, from 1/N to N/N.")

    def __str__(self) -> str:
        return f"part-{self.number}-of-{self.of}"


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of a study that is being run, held by this process."""

    out: Path
    lock: Lock
    part: Part | None = None
    _known: set[str] = field(default_factory=set, repr=False)

    @property
    def folder(self) -> Path:
        """Where the study lies until it is finished."""
        return self.out / PARTIAL

    def put(
        self,
        task: str,
        arrays: Mapping[str, NDArray[Any]],
        tables: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        """Write what came of a task, in place of what there was: all of it, or nothing."""
        self.lock.require()
        place = self._place(task)
        self._write(place, lambda file: write_archive(file, Result(arrays, tables or {})))
        self._known.add(task)

    def get(self, task: str) -> Result:
        """Return what came of a task; ``RunFolderError`` where it is missing or damaged."""
        place = self._place(task)
        try:
            return read_archive(place)
        except DamagedError as error:
            raise RunFolderError(f"cannot read '{place}': {error}. Run the study again.") from error

    def finished(self) -> set[str]:
        """Return the tasks that are done, by this process or others.

        A file that is damaged does not count: its task is done again.
        """
        there = {place: unquote(place.name.removesuffix(_SUFFIX)) for place in self._results()}
        self._known.intersection_update(there.values())
        self._known.update(
            task for place, task in there.items() if task not in self._known and is_whole(place)
        )
        return set(self._known)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the finished study."""
        place = self.folder / _FINAL / f"{name}.parquet"
        self._write(place, bind(table.to_parquet, index=False))

    def write_json(self, name: str, content: Mapping[str, object]) -> None:
        """Write a JSON file of the finished study."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        self.write_text(name, f"{text}\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the finished study."""
        self._write(self.folder / _FINAL / name, lambda file: file.write(text.encode()))

    def finish(self) -> None:
        """Put the tables and files in their place, and remove the results of tasks.

        The folder counts as finished with the last file; stopped before, the same study goes on.
        """
        if self.part is not None:
            raise ValueError("a part of a study does not finish it")
        self.lock.require()
        with writing(self.out):
            for old in _MARKS:  # first: from now on nothing is finished here
                (self.out / old).unlink(missing_ok=True)
            for pattern in _REPLACED:
                for replaced in self.out.glob(pattern):
                    replaced.unlink()
            for new in sorted(
                (self.folder / _FINAL).iterdir(), key=lambda file: file.name in _MARKS
            ):
                new.replace(self.out / new.name)
            _sync(self.out)
            _clear(self.folder)

    def _results(self) -> Iterator[Path]:
        return (self.folder / _RESULTS).glob(f"*{_SUFFIX}")

    def _place(self, task: str) -> Path:
        return self.folder / _RESULTS / f"{quote(task, safe=' +=,@')}{_SUFFIX}"

    def _write(self, place: Path, content: Callable[[BinaryIO], object]) -> None:
        with writing(place):
            _replace(place, content, by=self.lock.place.stem)


@contextmanager
def open_store(
    out: Path, stamp: Mapping[str, str], *, overwrite: bool = False, part: Part | None = None
) -> Iterator[Store]:
    """Offer the run folder to this process alone, new or with an interrupted run of the study.

    Parameters
    ----------
    stamp : what makes two studies the same: hashes of scenario, tables, profile and code, say. Its
        keys are named where they differ.
    overwrite : whether a finished study, or an interrupted one of another stamp, may be replaced.
        Files that no study writes are left alone.
    part : the part of the study that this process does; others may do other parts meanwhile.

    Raises
    ------
    RunFolderError
        Where the folder holds something else, cannot be written, or another run writes there.
    """
    lock = _enter(out, stamp, overwrite=overwrite, part=part)
    try:
        yield Store(out, lock, part)
    finally:
        lock.release()
        _remove_empty(lock.place.parent)


def station_table(name: str) -> str:
    """Return the name of the table that holds the weekly series of a station."""
    return f"station_{name}"


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a finished study."""
    return all((folder / name).is_file() for name in _MARKS)


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


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing right or a file in the way into an error that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        advice = "Free the disk" if full else "Get the right to write there"
        raise RunFolderError(
            f"cannot write '{path}': {error.strerror or error}. {advice}, or choose another "
            "folder; what has finished is kept, and the same command goes on from there."
        ) from error


def _enter(out: Path, stamp: Mapping[str, str], *, overwrite: bool, part: Part | None) -> Lock:
    """Take the lock of a run, or part of one, and prepare the folder for it."""
    folder = out / PARTIAL
    locks = folder / _LOCKS
    with writing(folder):
        _require_free(out, overwrite=overwrite)
        # those that begin together do so one after another: each must see what the last has made
        entry = acquire(locks / "entry", patience_s=_PATIENCE_S)
        try:
            _require_free(out, overwrite=overwrite)
            lock = acquire(locks / f"{part or _WHOLE_RUN}{_LOCK}")
            try:
                _require_alone(lock, stamp, part)
                _prepare(
                    folder,
                    stamp,
                    overwrite=overwrite,
                    torn=f"*.{lock.place.stem}{_TORN}" if part else f"*{_TORN}",
                )
            except BaseException:
                lock.release()
                raise
        finally:
            entry.release()
            _remove_empty(locks)
    return lock


def _require_free(out: Path, *, overwrite: bool) -> None:
    """Raise ``RunFolderError`` where the folder holds what must not be replaced."""
    if out.is_symlink() and not out.exists():
        raise RunFolderError(f"'{out}' is a link to '{out.readlink()}', which does not exist.")
    if is_complete(out):
        if not overwrite:
            raise RunFolderError(
                f"'{out}' already holds a finished study. Choose another folder, or overwrite it."
            )
    elif out.exists() and not _is_own(out):
        raise RunFolderError(
            f"'{out}' exists and is not a run folder; it is left alone. Choose another folder."
        )


def _is_own(out: Path) -> bool:
    """Whether a folder is empty, or holds a study that is not finished.

    A volume is never quite empty, nor is what a file manager has shown.
    """
    if not out.is_dir():
        return False
    begun = (out / PARTIAL / _STAMP).is_file() or (out / PARTIAL / _LOCKS).is_dir()
    others = (entry for entry in out.iterdir() if not entry.name.startswith("."))
    return begun or all(entry.name == "lost+found" for entry in others)


def _require_alone(lock: Lock, stamp: Mapping[str, str], part: Part | None) -> None:
    """Raise ``RunFolderError`` where another run is in the way.

    A whole run and its parts are in each other's way; parts are only where their study differs.
    """
    locks = lock.place.parent
    differ = _stamp_of(locks.parent) != dict(stamp)
    for place in locks.glob(f"*{_LOCK}"):
        apart = part is not None and place.stem != _WHOLE_RUN
        if place != lock.place and (differ or not apart) and (holder := who_holds(place)):
            raise busy(place, holder)


def _prepare(folder: Path, stamp: Mapping[str, str], *, overwrite: bool, torn: str) -> None:
    """Make the folder of a study, which keeps the results of an interrupted run of the same."""
    known, results = _stamp_of(folder), folder / _RESULTS
    if known != dict(stamp):
        if not overwrite and any(results.glob(f"*{_SUFFIX}")):
            names = sorted(n for n in {*known, *stamp} if known.get(n) != stamp.get(n))
            raise RunFolderError(
                f"'{folder}' holds an interrupted run of another study, or version: "
                f"{', '.join(names)} {'differ' if len(names) > 1 else 'differs'}. Choose another "
                "folder, or overwrite it."
            )
        _clear(folder)
        text = json.dumps(dict(stamp), indent=2)
        _replace(folder / _STAMP, lambda file: file.write(text.encode()), by=_WHOLE_RUN)
    for needed in (results, folder / _FINAL):
        needed.mkdir(exist_ok=True)
        for left in needed.glob(torn):
            left.unlink()


def _stamp_of(folder: Path) -> dict[str, object]:
    try:
        return read_json(folder / _STAMP)
    except RunFolderError:
        return {}


def _clear(folder: Path) -> None:
    """Remove what a study holds but its locks, and its stamp last: it says whose the rest is."""
    for name in (_RESULTS, _FINAL):
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    (folder / _STAMP).unlink(missing_ok=True)


def _remove_empty(locks: Path) -> None:
    with suppress(OSError):  # others have locks, or a study is there
        locks.rmdir()
        locks.parent.rmdir()


def _replace(place: Path, content: Callable[[BinaryIO], object], *, by: str) -> None:
    """Write a file beside its place, and move it there once it is on the disk."""
    torn = place.with_name(f"{place.name}.{by}{_TORN}")
    try:
        with torn.open("wb") as file:
            content(file)
            file.flush()
            os.fsync(file.fileno())
        torn.replace(place)
    except BaseException:
        torn.unlink(missing_ok=True)
        raise
    _sync(place.parent)


def _sync(folder: Path) -> None:
    """Have the names of a folder's files on the disk too, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
