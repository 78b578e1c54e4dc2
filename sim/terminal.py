# ruff: noqa: PLC0415 - rich loads only when something is drawn, so that --help answers at once
"""What the command line says and draws: text, tables that fit the terminal, a progress bar.

All that it prints passes ``plain``, as titles, names and errors may hold what others wrote.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan, nan
from pathlib import Path
from textwrap import fill
from time import monotonic
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import ProgressColumn, Task

Progress = Callable[..., None]
"""What is being done, steps finished, steps in all and, where known, seconds left for all."""
SECONDS_BETWEEN_LINES = 30.0
"""How often progress is a line where there is no terminal, as in the log of a batch job."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and new line
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # other directions and lines
    "\ud800-\udfff]"  # half characters, which cannot be printed
)


def plain(text: str) -> str:
    """Return text without what a terminal would obey rather than show.

    >>> plain(f"a{chr(27)}[2Jb") == f"a{chr(0xFFFD)}[2Jb"
    True
    """
    return _HIDDEN.sub("\ufffd", text)


def say(text: str, *, error: bool = False) -> None:
    """Print a line, on standard error where it is about an error."""
    typer.echo(plain(text), err=error)


def place(text: str) -> Path:
    """Return the place that was named on the command line; an empty name is none."""
    if not text.strip():
        raise typer.BadParameter("it is empty; the present folder is written as a dot.")
    return Path(text)


def pairs(rows: Mapping[str, str]) -> None:
    """Print names and texts side by side; long texts are wrapped."""
    from rich.console import Console
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        grid.add_row(plain(f"  {name}"), plain(text))
    Console(highlight=False, markup=False).print(grid)


def print_table(frame: "pd.DataFrame", *, title: str | None = None) -> None:
    """Print a table that fits the terminal; long words are folded, never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=None if title is None else Text(plain(title)), title_justify="left")
    for name in frame.columns:
        drawn.add_column(Text(plain(str(name))), overflow="fold")
    for row in frame.itertuples(index=False):
        cells = (_short(cell) for cell in row)
        drawn.add_row(*map(Text, cells))
    Console(highlight=False).print(drawn)


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if isnan(cell) else f"{cell:z.3g}"
    return plain(str(cell))


def bullets(sentences: Iterable[str]) -> None:
    """Print sentences as a list, wrapped to the terminal."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for sentence in sentences:
        console.print(fill(plain(f"- {sentence}"), width=console.width, subsequent_indent="  "))


def compact(value: float) -> str:
    """Return a number as tables show it.

    >>> compact(12345.6), compact(0.012345)
    ('12,346', '0.01235')
    """
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a callback that draws a bar and the time left; lines in a log where is no terminal."""
    if not sys.stderr.isatty():
        yield _log()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _left_column(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, ends=nan)

        def show(what: str, done: int, total: int, left_s: float = nan) -> None:
            ends = monotonic() + left_s
            bar.update(task, description=plain(what), completed=done, total=total, ends=ends)

        yield show


def _log() -> Progress:
    """Return a callback that prints a line now and then, as a bar would fill a file."""
    last = monotonic()

    def log(what: str, done: int, total: int, left_s: float = nan) -> None:
        nonlocal last
        if monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = monotonic()
            left = "" if isnan(left_s) else f", about {_minutes(left_s)} left"
            say(f"{what}: {done} of {total}{left}", error=True)

    return log


def _minutes(seconds: float) -> str:
    """Return a time as minutes and seconds.

    >>> _minutes(75.2)
    '1:15'
    """
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02d}"


def _left_column() -> "ProgressColumn":
    """Return a column that counts down to when all should be done."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: "Task") -> Text:
            left_s = float(task.fields["ends"]) - monotonic()
            return Text("" if isnan(left_s) else f"about {_minutes(left_s)} left")

    return Left()
