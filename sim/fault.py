"""Report an unexpected error: one sentence, and a file with the details."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any


def concerns(folder: Path, ctx: Any) -> Path:
    """Note in a command's context which run folder it is about, and return the folder."""
    ctx.find_root().obj = folder
    return folder


def said_of(error: Exception, out: Path | None) -> str:
    """Write down how a command ended, and return one sentence that says where.

    Parameters
    ----------
    out : folder of the run that the command was about; the file lies there where it is a run
        folder, and else among the temporary files of this machine.
    """
    what = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")
    return (
        f"{what}. This is a fault of equiscan, not of what it was given; how it came about "
        f"is written in '{_written(''.join(format_exception(error)), out)}'."
    )


def _written(trace: str, out: Path | None) -> Path:
    from sim.studies.store import FAULT, fault_folder  # noqa: PLC0415 - only after a fault

    name = FAULT.replace("*", f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
    try:
        folder = fault_folder(out) if out is not None else None
        if folder is not None:
            with (folder / name).open("x", encoding="utf-8", errors="replace") as file:
                file.write(trace)
            return folder / name
    except Exception:  # as where there is no run folder: this may fail as the command did
        pass
    place = Path(tempfile.mkdtemp(prefix="equiscan-")) / name
    place.write_text(trace, encoding="utf-8", errors="replace")
    return place
