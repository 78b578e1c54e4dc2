"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sim import terminal
from sim.fault import concerns


def _about(ctx: typer.Context, folder: Path) -> Path:
    return concerns(folder, ctx)


def place_option(metavar: str, words: str, shown: str | bool = True) -> Any:
    """Return the option of a place to write to, with its default in words, where it has one."""
    return typer.Option(parser=terminal.place, metavar=metavar, help=words, show_default=shown)


def overwrite_option(words: str) -> Any:
    """Return the option without which nothing that is there is replaced."""
    return typer.Option("--overwrite", help=words)


RunFolder = Annotated[
    Path,
    typer.Argument(
        parser=terminal.place, callback=_about, metavar="RUN", help="Folder of a finished run."
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="all cores")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Dask: tcp://HOST:8786, or local:4 for 4 processes."),
]
Draws = Annotated[int | None, typer.Option(min=2, help="Judge draws.", show_default="the run's")]
Language = Annotated[
    str,
    typer.Option(metavar="CODE|FILE", help="en, fr, or a catalogue of your own: FILE.po."),
]
"""The language of what is written."""
