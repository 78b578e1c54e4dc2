"""Which blocks of work are measured on this machine now, by whatever process.

The meter of a machine reads all that it draws, and cannot tell one run's part from another's. So
each process that measures leaves a file while it does, where the others of its user find it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import psutil  # type: ignore[import-untyped] # comes with codecarbon

from sim.atomic import replace_file
from sim.errors import ExecutorError

SAME_BIRTH_S = 10.0
"""Beginnings of a process further apart are of two: numbers of dead ones are used again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One block that is measured."""

    pid: int
    born: float
    """When the process began, seconds since 1970."""
    gpus: str
    """Which GPUs it may use; empty on a processor."""

    def lives(self) -> bool:
        """Whether its process still runs: one that is killed leaves its entry behind."""
        try:
            has_ended = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
            return not has_ended and abs(_birth(self.pid) - self.born) < SAME_BIRTH_S
        except psutil.NoSuchProcess:
            return False


def _usual_folder() -> Path:
    """Return the folder in which processes of this user on this machine find each other."""
    return Path(gettempdir()) / f"equiscan-measuring-{Path(psutil.Process().username()).name}"


def gpus_of(device: str) -> str:
    """Return which GPUs a process that computes on a device may use; empty on a processor."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "all") if device.startswith("cuda") else ""


@dataclass(frozen=True, slots=True)
class Register:
    """The blocks that are measured on this machine."""

    gpus: str = ""
    folder: Path = field(default_factory=_usual_folder)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let others know of a block of this process while it runs.

        Raises ``ExecutorError`` where one beside it uses other GPUs: what they draw could not be
        split.
        """
        mine = Entry(os.getpid(), _birth(os.getpid()), self.gpus)
        file = self.folder / f"{uuid4().hex}.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, lambda there: there.write(json.dumps(asdict(mine)).encode()))
        try:
            self._require_alike()
            yield
        finally:
            file.unlink(missing_ok=True)

    def count(self) -> int:
        """Return how many blocks run now."""
        return len(self._entries())

    def _require_alike(self) -> None:
        others = {entry.gpus for entry in self._entries()} - {self.gpus}
        if others:
            raise ExecutorError(
                f"a run on {_words(self.gpus)} and one on {_words(others.pop())} would be measured "
                "on this machine at once, and no meter tells what each draws. Let all workers of a "
                "machine use the same devices, or measure one after the other."
            )

    def _entries(self) -> list[Entry]:
        entries = []
        for file in self.folder.glob("*.json"):
            with suppress(FileNotFoundError):  # ended meanwhile
                entry = Entry(**json.loads(file.read_text()))
                if entry.lives():
                    entries.append(entry)
                else:
                    file.unlink(missing_ok=True)
        return entries


def _birth(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _words(gpus: str) -> str:
    return f"GPUs '{gpus}' (CUDA_VISIBLE_DEVICES)" if gpus else "the processor"
