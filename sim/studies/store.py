"""The run folder: results of tasks as they finish, then the tables of the whole study.

Everything is written beside its place and moved there when it is on the disk, so that whatever
stops a run leaves nothing half written. A study that is not finished lies in ``partial`` within
its run folder, which may therefore be a link, a volume, or the present folder. One process writes
there at a time, or several with a part of the study each.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial as bind
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self
from urllib.parse import quote, unquote

import pandas as pd
from numpy.typing import NDArray

from sim.atomic import TORN, replace_file, sync_folder
from sim.errors import RunFolderError
from sim.studies.lock import Lock, acquire, busy, remove_strays, who_holds
from sim.studies.manifest import (
    MANIFEST,
    REPORT,
    Finished,
    files_of,
    in_the_way,
    is_complete,
    manifest_text,
    may_be_ours,
    sha256_of,
)
from sim.studies.result_file import CorruptedError, Result, is_whole, read_archive, write_archive

PARTIAL = "partial"
"""Folder, within a run folder, of a study that is not finished."""
FAULT = "fault-*.txt"
"""Files that say how a run ended which it should not."""
LOG = "run.log"
"""What a run did and when; while it is not finished, among what is kept of it."""
_STAMP, _RESULTS, _FINAL, _LOCKS, _OURS = "stamp.json", "results", "final", "locks", "ours.json"
_SUFFIX, _LOCK = ".npz", ".lock"
_WRITER = "equiscan"
"""Key by which a stamp is known as one of ours."""
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
    _written: set[str] = field(default_factory=set, repr=False)

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
        """Return what came of a task; ``RunFolderError`` where it is missing or corrupted."""
        place = self._place(task)
        try:
            return read_archive(place)
        except CorruptedError as error:
            raise RunFolderError(f"cannot read '{place}': {error}. Run the study again.") from error

    def finished(self) -> set[str]:
        """Return the tasks that are done, by this process or others.

        A file that is corrupted does not count: its task is done again.
        """
        there = {place: unquote(place.name.removesuffix(_SUFFIX)) for place in self._results()}
        self._known.intersection_update(there.values())
        self._known.update(
            task for place, task in there.items() if task not in self._known and is_whole(place)
        )
        return set(self._known)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the finished study."""
        self._write_final(f"{name}.parquet", bind(table.to_parquet, index=False))

    def write_json(self, name: str, content: Mapping[str, object]) -> None:
        """Write a JSON file of the finished study."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        self.write_bytes(name, f"{text}\n".encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file of the finished study, by its place in the run folder."""
        self._write_final(name, lambda file: file.write(content))

    def finish(self) -> None:
        """Put the tables and files in their place, and remove the results of tasks.

        The manifest comes last: with it the study is finished, and stopped before, the same study
        goes on. What the manifest of a study that is replaced does not name is left alone.
        """
        if self.part is not None:
            raise ValueError("a part of a study does not finish it")
        self.lock.require()
        final = self.folder / _FINAL
        with writing(self.out):
            new = {name: sha256_of(final / name) for name in sorted(self._written)}
            old = _ours(self.out)
            _require_way(self.out, in_the_way(self.out, old))
            # whatever happens from here on, these are known as ours
            self._write(self.folder / _OURS, _as_json(sorted(old | new.keys())))
            (self.out / MANIFEST).unlink(missing_ok=True)
            for name in sorted(old - new.keys()):
                _remove(self.out, name)
            for name in new:
                (self.out / name).parent.mkdir(parents=True, exist_ok=True)
                (final / name).replace(self.out / name)
            for folder in {(self.out / name).parent for name in new}:
                sync_folder(folder)
            self._write(final / MANIFEST, _as_text(manifest_text(new)))
            (final / MANIFEST).replace(self.out / MANIFEST)
            sync_folder(self.out)
            remove_strays(self.lock.place.parent)
            _clear_all(self.folder)

    def _write_final(self, name: str, content: Callable[[BinaryIO], object]) -> None:
        if not may_be_ours(name):
            raise ValueError(f"no file of a finished study is called '{name}'")
        place = self.folder / _FINAL / name
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
        self._write(place, content)
        self._written.add(name)

    def _results(self) -> Iterator[Path]:
        return (self.folder / _RESULTS).glob(f"*{_SUFFIX}")

    def _place(self, task: str) -> Path:
        return self.folder / _RESULTS / f"{quote(task, safe=' +=,@')}{_SUFFIX}"

    def _write(self, place: Path, content: Callable[[BinaryIO], object]) -> None:
        with writing(place):
            replace_file(place, content, by=self.lock.place.stem)


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


def add_report(finished: Finished, page: str, *, name: str = REPORT) -> Path:
    """Write the report of a finished study into its folder, in place of one that was made before.

    Parameters
    ----------
    name : of the file; see ``report_in``.

    Raises
    ------
    RunFolderError
        Where it cannot be written, or a file lies there that no run has written.
    """
    folder, content = finished.folder, page.encode()
    place = folder / name
    with writing(place):
        if name not in finished.files:
            _require_way(folder, in_the_way(folder, [], names=(name,)))
        files = {**finished.files, name: hashlib.sha256(content).hexdigest()}
        # first: a page that nobody knows as ours could not be replaced
        replace_file(folder / MANIFEST, _as_text(manifest_text(files)))
        replace_file(place, lambda file: file.write(content))
    return place


def fault_folder(out: Path) -> Path | None:
    """Return where to say how a run ended which it should not; None outside run folders."""
    if _stamp_of(out / PARTIAL):
        return out / PARTIAL
    return out if is_complete(out) else None


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
                    torn=f"*.{lock.place.stem}{TORN}" if part else f"*{TORN}",
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
    complete = is_complete(out)
    if complete and not overwrite:
        _sweep(out)
        raise RunFolderError(
            f"'{out}' already holds a finished study: `equiscan report {out}` writes its report. "
            "Choose another folder, or --overwrite it."
        )
    others = (out / PARTIAL).exists() and not _is_begun(out / PARTIAL)
    if others or (out.exists() and not complete and not _is_own(out)):
        raise RunFolderError(
            f"'{out / PARTIAL if others else out}' exists and is not a run folder; it is left "
            "alone. Choose another folder."
        )
    _require_way(out, in_the_way(out, _ours(out)))


def _is_own(out: Path) -> bool:
    """Whether a folder is empty, or holds a study that is not finished.

    A volume is never quite empty, nor is what a file manager has shown.
    """
    if not out.is_dir():
        return False
    others = (entry for entry in out.iterdir() if not entry.name.startswith("."))
    return (out / PARTIAL).is_dir() or all(entry.name == "lost+found" for entry in others)


def _is_begun(folder: Path) -> bool:
    """Whether a folder holds a study that is not finished, or the beginning of one."""
    before_a_stamp = {_LOCKS, _OURS, f"{_STAMP}.{_WHOLE_RUN}{TORN}"}
    return bool(_stamp_of(folder)) or (
        folder.is_dir() and {entry.name for entry in folder.iterdir()} <= before_a_stamp
    )


def _ours(out: Path) -> set[str]:
    """Return the files of a run folder that a run has written there, or was about to."""
    begun: list[object] = []
    with suppress(OSError, ValueError, TypeError):
        begun = list(json.loads((out / PARTIAL / _OURS).read_text(encoding="utf-8")))
    return set(files_of(out)) | {str(name) for name in begun if may_be_ours(str(name))}


def _require_way(out: Path, others: Sequence[str]) -> None:
    """Raise ``RunFolderError`` where files of others bear the names of files that a run writes."""
    if others:
        raise RunFolderError(
            f"'{out / others[0]}' is in the way: no run has written it, so it is left alone. Move "
            "it, or choose another folder."
        )


def _remove(out: Path, name: str) -> None:
    """Remove a file of a study that is replaced, and its folder where nothing else is in it."""
    place = out / name
    if not place.parent.resolve().is_relative_to(out.resolve()):
        return  # its folder is a link to elsewhere
    place.unlink(missing_ok=True)
    for folder in place.relative_to(out).parents[:-1]:
        with suppress(OSError):
            (out / folder).rmdir()


def _sweep(out: Path) -> None:
    """Remove what a finished study has left that was stopped just when it removed that."""
    folder = out / PARTIAL
    moved = (folder / _OURS).is_file() and not any(map(Path.is_file, (folder / _FINAL).rglob("*")))
    if not moved or not _is_begun(folder):
        return
    with suppress(RunFolderError, OSError):
        lock = acquire(folder / _LOCKS / f"{_WHOLE_RUN}{_LOCK}")
        _clear_all(folder)
        lock.release()
        _remove_empty(lock.place.parent)


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
                "folder, or --overwrite it."
            )
        _clear(folder)
        replace_file(folder / _STAMP, _as_json({_WRITER: dict(stamp)}), by=_WHOLE_RUN)
    for needed in (results, folder / _FINAL):
        needed.mkdir(exist_ok=True)
        for left in needed.rglob(torn):
            left.unlink()


def _stamp_of(folder: Path) -> dict[str, object]:
    """Return the stamp of the study in a folder; empty where there is none of ours."""
    try:
        if (folder / _STAMP).is_file():
            return dict(json.loads((folder / _STAMP).read_text(encoding="utf-8"))[_WRITER])
    except (OSError, ValueError, TypeError, LookupError):
        pass
    return {}


def _clear(folder: Path) -> None:
    """Remove what a study holds, and its stamp last: it says whose the rest is."""
    for name in (_RESULTS, _FINAL):
        if (folder / name).exists():
            shutil.rmtree(folder / name)
    for left in (*folder.glob(FAULT), folder / LOG, folder / _STAMP):
        left.unlink(missing_ok=True)


def _clear_all(folder: Path) -> None:
    """Remove all but the locks, when the run folder itself says what is ours in it."""
    _clear(folder)
    (folder / _OURS).unlink(missing_ok=True)


def _remove_empty(locks: Path) -> None:
    with suppress(OSError):  # others have locks, or a study is there
        locks.rmdir()
        locks.parent.rmdir()


def _as_json(content: object) -> Callable[[BinaryIO], object]:
    return _as_text(json.dumps(content, indent=2))


def _as_text(text: str) -> Callable[[BinaryIO], object]:
    return lambda file: file.write(text.encode())
