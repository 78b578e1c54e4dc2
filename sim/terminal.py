# ruff: noqa: PLC0415 - rich loads only when something is drawn, so that --help answers at once
"""What the command line draws: tables that fit the terminal, and a progress bar."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, int, int], None]
"""What is being done, steps finished, steps in all."""


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
    """Give a callback that draws a bar; nothing where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show
