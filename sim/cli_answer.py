# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Ask a question about a finished run, and say where the report has the answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sim import terminal

if TYPE_CHECKING:
    from sim.studies.answer_folder import Make, Tables


def answered(
    folder: Path,
    question: str,
    make: "Make",
    *,
    settings: Mapping[str, int],
    draws: int | None = None,
    workers: int | None = None,
) -> "Tables":
    """Return the tables of an answer about a run, with progress; see ``answer_about``."""
    from sim.studies.answer_folder import answer_about

    with terminal.progress_bar() as progress:
        return answer_about(
            folder, question, make, settings=settings, draws=draws, workers=workers,
            progress=progress,
        )  # fmt: skip


def say_where(folder: Path) -> None:
    """Write the report of a run again, with its answers, and say where it is."""
    from reports import write_report

    terminal.say(f"\nReport: {write_report(folder)}")
