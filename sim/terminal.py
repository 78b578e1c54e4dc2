# ruff: noqa: PLC0415 - rich loads only when something is drawn, so that --help answers at once
"""What the command line says and draws: text, tables that fit the terminal, a progress bar.

All that it prints passes ``plain``, as titles, names and errors may hold what others wrote. What is
said as JSON is kept until the command ends, and printed as one document.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, isnan, nan
from pathlib import Path
from textwrap import fill
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.progress import ProgressColumn, Task

Progress = Callable[..., None]
"""What is being done, steps finished, steps in all and, where known, seconds left for all."""
INTERRUPTED = 130
"""Exit code of a command that was interrupted."""
SECONDS_BETWEEN_LINES = 30.0
"""How often progress is a line where there is no terminal, as in the log of a batch job."""
PIPED_WIDTH = 100_000
"""Characters of a line that goes to a file or another program, unless COLUMNS says otherwise."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and new line
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # other directions and lines
    "\ud800-\udfff]"  # half characters, which cannot be printed
)


@dataclass(slots=True)
class Manner:
    """How a command speaks, which its first options say."""

    quiet: bool = False
    """No progress and no prose: tables, facts and errors only."""
    verbose: bool = False
    """Progress as lines, one for everything that begins."""
    as_json: bool = False
    """Nothing until the end, and then one JSON document."""
    kept: list[dict[str, Any]] = field(default_factory=list)
    """What is to be in it."""


manner = Manner()


def speak(*, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
    """Say how this command is to speak; what an earlier one left is forgotten."""
    manner.quiet, manner.verbose, manner.as_json = quiet, verbose, as_json
    manner.kept = []


def close(*, error: str = "", exit_code: int = 0) -> None:
    """Print what was kept for a JSON document; nothing where nothing was."""
    if manner.as_json and (manner.kept or error):
        said: dict[str, Any] = {"exit_code": exit_code, "output": manner.kept}
        typer.echo(json.dumps(said | ({"error": plain(error)} if error else {}), indent=2))
    manner.kept = []


def plain(text: str) -> str:
    """Return text without what a terminal would obey rather than show.

    >>> plain(f"a{chr(27)}[2Jb") == f"a{chr(0xFFFD)}[2Jb"
    True
    """
    return _HIDDEN.sub("\ufffd", text)


def say(text: str, *, error: bool = False) -> None:
    """Print a line, on standard error where it is about an error."""
    if manner.as_json and not error:
        manner.kept.append({"text": plain(text).strip()})
        return
    if manner.quiet and not error:
        return
    typer.echo(plain(text), err=error)


def example(words: str) -> str:
    """Return what stands below the help of a command.

    >>> example("runs")
    'Example: equiscan runs'
    """
    return f"Example: equiscan {words}"


def place(text: str | Path) -> Path:
    """Return the place that was named, or is the default (a path); an empty name is none."""
    if not str(text).strip():
        raise typer.BadParameter("it is empty; the present folder is written as a dot.")
    return Path(text)


def pairs(rows: Mapping[str, str]) -> None:
    """Print names and texts side by side; long texts are wrapped."""
    if manner.as_json:
        manner.kept.append({"facts": {plain(name): plain(text) for name, text in rows.items()}})
        return
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        grid.add_row(plain(f"  {name}"), plain(text))
    _console(markup=False).print(grid)


def print_table(frame: "pd.DataFrame", *, title: str | None = None) -> None:
    """Print a table that fits the terminal; long words are folded, never cut.

    One that goes to a file or another program has no lines around its cells, and a row a line.
    """
    if manner.as_json:
        rows = [{str(k): _value(v) for k, v in row.items()} for row in frame.to_dict("records")]
        manner.kept.append({"title": plain(title or ""), "rows": rows})
        return
    from rich.box import HEAVY_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=None if title is None else Text(plain(title)),
        title_justify="left",
        box=HEAVY_HEAD if sys.stdout.isatty() else None,
        pad_edge=sys.stdout.isatty(),
    )
    for name in frame.columns:
        drawn.add_column(Text(plain(str(name))), overflow="fold")
    for row in frame.itertuples(index=False):
        cells = (_short(cell) for cell in row)
        drawn.add_row(*map(Text, cells))
    _console().print(drawn)


def _console(*, markup: bool = True) -> "Console":
    """Return what prints tables: as wide as the terminal, and as long as a line in a file."""
    from rich.console import Console

    width = shutil.get_terminal_size((PIPED_WIDTH, 0)).columns
    return Console(highlight=False, markup=markup, width=None if sys.stdout.isatty() else width)


def _value(cell: object) -> object:
    """Return a cell as JSON has it: numbers as numbers, what is not one as null."""
    value = cell.item() if hasattr(cell, "item") else cell
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | None) else plain(str(value))


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if isnan(cell) else f"{float(f'{cell:.3g}'):z,.15g}"
    return plain(str(cell))


def bullets(sentences: Iterable[str]) -> None:
    """Print sentences as a list, wrapped to the terminal."""
    if manner.as_json:
        manner.kept.append({"sentences": [plain(sentence) for sentence in sentences]})
        return
    if manner.quiet:
        return
    console = _console(markup=False)
    for sentence in sentences:
        console.print(fill(plain(f"- {sentence}"), width=console.width, subsequent_indent="  "))


def compact(value: float) -> str:
    """Return a number as tables show it.

    >>> compact(12345.6), compact(0.012345)
    ('12,346', '0.01235')
    """
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def intervals(table: "pd.DataFrame", low: str, high: str) -> list[str]:
    """Return the interval of every row between two columns, as tables show it."""
    return [
        "-" if isnan(a) else f"{compact(a)} to {compact(b)}"
        for a, b in zip(table[low], table[high], strict=True)
    ]


def stop(message: str, code: int) -> NoReturn:
    """End a command with a message and an exit code."""
    say(message, error=True)
    close(error=message.removeprefix("error: "), exit_code=code)
    raise typer.Exit(code)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a callback that draws a bar and the time left; lines in a log where is no terminal."""
    if manner.quiet:
        yield _silent
        return
    if manner.verbose or not sys.stderr.isatty():
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


def _silent(what: str, done: int, total: int, left_s: float = nan) -> None:
    """Say nothing."""


def _log() -> Progress:
    """Return a callback that prints a line now and then, as a bar would fill a file.

    Where more is asked for, whatever begins has a line, too.
    """
    last, before = monotonic(), ""

    def log(what: str, done: int, total: int, left_s: float = nan) -> None:
        nonlocal last, before
        begins = manner.verbose and what != before
        if begins or monotonic() - last >= SECONDS_BETWEEN_LINES:
            last, before = monotonic(), what
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
