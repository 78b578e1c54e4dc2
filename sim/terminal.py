# ruff: noqa: PLC0415 - rich loads only when something is drawn, so that --help answers at once
"""What the command line draws: tables that fit the terminal, and a progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan, nan
from textwrap import fill
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import ProgressColumn, Task

Progress = Callable[..., None]
"""What is being done, steps finished, steps in all and, where known, seconds left for all."""


def pairs(rows: Mapping[str, str]) -> None:
    """Print names and texts side by side; long texts are wrapped."""
    from rich.console import Console
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        grid.add_row(f"  {name}", text)
    Console(highlight=False, markup=False).print(grid)


def table(frame: "pd.DataFrame", *, title: str | None = None) -> None:
    """Print a table that fits the terminal; long words are folded, never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left")
    for name in frame.columns:
        drawn.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        cells = (_short(cell) for cell in row)
        drawn.add_row(*map(Text, cells))
    Console(highlight=False).print(drawn)


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if isnan(cell) else f"{cell:.3g}"
    return str(cell)


def bullets(sentences: Iterable[str]) -> None:
    """Print sentences as a list, wrapped to the terminal."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for sentence in sentences:
        console.print(fill(f"- {sentence}", width=console.width, subsequent_indent="  "))


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give a callback that draws a bar and the time left; nothing where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _left_column())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, ends=nan)

        def show(what: str, done: int, total: int, left_s: float = nan) -> None:
            ends = monotonic() + left_s
            bar.update(task, description=what, completed=done, total=total, ends=ends)

        yield show


def _left_column() -> "ProgressColumn":
    """Return a column that counts down to when all should be done."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: "Task") -> Text:
            left_s = float(task.fields["ends"]) - monotonic()
            if isnan(left_s):
                return Text("")
            minutes, seconds = divmod(max(round(left_s), 0), 60)
            return Text(f"about {minutes}:{seconds:02d} left")

    return Left()
