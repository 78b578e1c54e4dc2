"""The log of a run: what it did and when, in a file of its folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from time import monotonic

from sim.studies.store import LOG, fault_folder
from sim.terminal import Progress, plain

SECONDS_BETWEEN = 60.0
"""How often what goes on has a line."""


@dataclass(slots=True)
class RunLog:
    """Lines with their times, written whenever one is added.

    A log that cannot be written stops no run.
    """

    out: Path
    """Folder of the run; while it is not finished, the log lies with what is kept of it."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    lines: list[str] = field(default_factory=list)
    begun: float = field(default_factory=monotonic)

    def add(self, text: str, *, finished: bool = False) -> None:
        """Add a line; that of a run that was finished before is left alone until it is again."""
        self.lines.append(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {plain(text)}")
        with suppress(OSError):
            folder = fault_folder(self.out)
            if folder is not None and (finished or folder != self.out):
                (folder / LOG).write_text("\n".join([*self.lines, ""]), encoding="utf-8")

    def take_up(self) -> None:
        """Keep what an interrupted run has written so far."""
        folder = fault_folder(self.out)
        with suppress(OSError):
            if folder is not None and folder != self.out:
                kept = (folder / LOG).read_text(encoding="utf-8", errors="replace")
                self.lines = kept.splitlines()

    def following(self, progress: Progress) -> Progress:
        """Return a callback that says the same, and has a line for what begins and goes on."""
        before, last = "", monotonic()

        def followed(what: str, done: int, total: int, left_s: float = nan) -> None:
            nonlocal before, last
            if what != before or monotonic() - last >= SECONDS_BETWEEN:
                before, last = what, monotonic()
                self.add(f"{what}: {done} of {total}")
            progress(what, done, total, left_s)

        return followed

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Say how it ended, and how long it took."""
        try:
            yield
        except KeyboardInterrupt:
            self.add("interrupted; what is finished is kept")
            raise
        except Exception as error:
            self.add(f"ended by {type(error).__name__}: {error}".partition("\n")[0])
            raise
        self.add(f"finished after {monotonic() - self.begun:.0f} s", finished=True)
