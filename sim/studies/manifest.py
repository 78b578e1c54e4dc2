"""The manifest of a finished run folder: every file that was written, with its hash.

A folder may come from anyone. Nothing in it is read but what its manifest vouches for, and nothing
is replaced or removed but what it names.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from sim.errors import RunFolderError

TABLES = ("outcomes", "cells", "ledger", "events", "jobs", "releases", "audits", "plan",
          "optimisation", "search", "marginal", "robustness", "ai_quality",
          "inputs", "sample")  # fmt: skip
"""Tables of a complete run folder, each a Parquet file; with one for every recorded station."""
ANSWERS = {
    "stages": ("stage_value", "coalitions", "coalition_plans", "coalition_draws"),
    "matrix": ("matrix", "agreements", "money"),
    "claims": ("claims",),
    "frontier": ("frontier", "frontier_plans", "frontier_missed"),
    "ring_fence": ("ring_fence", "ring_fence_plans", "ring_fence_missed"),
    "gain": ("gain",),
    "certificate": ("stable_items", "variations"),
    "alternatives": ("alternatives", "shared_money", "alternative_plans"),
    "difference": ("difference",),
    "sobol": ("sobol", "sobol_leads"),
    "explore": ("sweep", "sweep_money"),
}
"""Tables of an answer, by the question; in a folder of its own, see ``answer_folder``."""
MANIFEST = "manifest.json"
SUMMARY = "summary.json"
PROVENANCE = "provenance.json"
PROFILE = "profile.json"
SCENARIO = "scenario.yaml"
REPORT = "report.html"
"""The report in English; see ``report_in`` for others."""
OWN_PROFILE = "profile"
"""Folder of the profile that was used, where it is not one that comes with the package."""
FORMAT = 2
_OURS = re.compile(
    rf"(?:{'|'.join((*TABLES, *(name for names in ANSWERS.values() for name in names)))}"
    r"|station_\w+)\.parquet"
    rf"|{'|'.join(map(re.escape, (SUMMARY, PROVENANCE, PROFILE, SCENARIO, REPORT)))}"
    rf"|{OWN_PROFILE}/[^/\\]+/fit\.json"
    r"|report\.[A-Za-z]+(?:-[A-Za-z0-9]+)*\.html"
)
_MOST_BYTES = 1_000_000
"""Size of the largest manifest."""


def report_in(language: str) -> str:
    """Return the name of the report in another language than English.

    >>> report_in("fr")
    'report.fr.html'
    """
    return f"report.{language}.html"


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run folder."""

    folder: Path
    files: Mapping[str, str]
    """SHA-256 of every file that a run wrote there, by its place in the folder."""

    @classmethod
    def at(cls, folder: Path | str) -> Self:
        """Return the finished study of a folder; ``RunFolderError`` where there is none."""
        folder = Path(folder)
        place = folder / MANIFEST
        if not folder.is_dir():
            raise RunFolderError(f"no run folder at '{folder}': equiscan run FILE --out {folder}")
        if not _exists(place):
            raise RunFolderError(
                f"'{folder}' holds no finished study: it has no {MANIFEST}. The command that began "
                "a study finishes it."
            )
        written, files = _read(place)
        if written != FORMAT:
            raise _unreadable(place, ValueError(f"it is of another version, {written!r}"))
        return cls(folder, files)

    def path(self, name: str) -> Path:
        """Return the place of a file; ``RunFolderError`` unless it is as the run wrote it."""
        place, expected = self.folder / name, self.files.get(name)
        if expected is None:
            raise RunFolderError(f"'{self.folder}' holds no '{name}', by its {MANIFEST}.")
        if sha256_of(place) != expected:
            raise RunFolderError(
                f"'{place}' is not as the run wrote it: it was corrupted or changed since. Run the "
                "study again."
            )
        return place

    def table(self, name: str) -> pd.DataFrame:
        """Return one table; ``RunFolderError`` when it is missing or broken."""
        place = self.path(f"{name}.parquet")
        try:
            return pd.read_parquet(place)
        except Exception as error:  # whatever a reader makes of bytes that are no table
            raise _unreadable(place, error) from error

    def json(self, name: str) -> dict[str, object]:
        """Return one JSON file; ``RunFolderError`` when it is missing or broken."""
        place = self.path(name)
        try:
            return dict(json.loads(place.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise _unreadable(place, error) from error


def manifest_text(files: Mapping[str, str]) -> str:
    """Return the manifest of files, by their hashes."""
    return f"{json.dumps({'format': FORMAT, 'files': dict(sorted(files.items()))}, indent=2)}\n"


def files_of(folder: Path) -> dict[str, str]:
    """Return the files of a finished study, of any version; none where there is none."""
    try:
        return _read(folder / MANIFEST)[1]
    except RunFolderError:
        return {}


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a finished study, of any version."""
    return bool(files_of(folder))


def may_be_ours(name: str) -> bool:
    """Whether a run may write a file of that name, by its place in the run folder."""
    return _OURS.fullmatch(name) is not None and ".." not in name.split("/")


def in_the_way(
    folder: Path, ours: Iterable[str], *, names: Collection[str] | None = None
) -> list[str]:
    """Return what lies where a run writes, though no run has written it.

    Parameters
    ----------
    names : files that are going to be written; all that a run may write when not given.
    """
    if not folder.is_dir():
        return []
    own, known = folder / OWN_PROFILE, set(ours)
    found = {entry.name for entry in folder.iterdir()}
    found |= {entry.relative_to(folder).as_posix() for entry in own.glob("*/*")}
    links = {path for path in (own, *own.glob("*")) if path.is_symlink()}
    return sorted(
        name
        for name in found | {path.relative_to(folder).as_posix() for path in links}
        if (may_be_ours(name) and name not in known) or folder / name in links
        if names is None or name in names
    )


def sha256_of(place: Path) -> str:
    """Return the hash of a file; ``RunFolderError`` where it is none that can be read."""
    try:
        if not place.is_file():  # neither a folder, nor a pipe or device that never ends
            raise RunFolderError(
                f"cannot read '{place}': {'not a file' if _exists(place) else 'it is missing'}. "
                "Run the study again."
            )
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(place, error) from error


def _read(place: Path) -> tuple[object, dict[str, str]]:
    """Return the version and the files of a manifest; ``RunFolderError`` where it is not one."""
    try:
        said = json.loads(_short_text(place))
        written = said["format"]
        files = {str(name): str(hash_) for name, hash_ in said["files"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _unreadable(place, error) from error
    if strange := [name for name in files if not may_be_ours(name)]:
        raise RunFolderError(f"'{place}' names '{strange[0]}', which no run writes.")
    return written, files


def _short_text(place: Path) -> str:
    if not place.is_file() or place.stat().st_size > _MOST_BYTES:
        raise ValueError(f"not a file of at most {_MOST_BYTES:,} bytes")
    return place.read_text(encoding="utf-8")


def _unreadable(place: Path, error: Exception) -> RunFolderError:
    said = error.strerror if isinstance(error, OSError) else None
    reason = said or str(error).partition("\n")[0] or type(error).__name__
    return RunFolderError(f"cannot read '{place}': {reason}. Run the study again.")


def _exists(place: Path) -> bool:
    return place.exists() or place.is_symlink()
