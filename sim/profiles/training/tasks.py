"""What a worker of a measurement is given to do, whichever executor it is of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from sim.profiles.design import Cell
from sim.profiles.training.bench import Row, Setup, bench_of
from sim.profiles.training.preparation import Prepared, preparations, prepare
from sim.profiles.training.run import rows_of

_TURN = Lock()
"""Threads of one process take turns: random numbers, threads and peak memory of torch are the
process's, and so would be mixed."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Make what several runs start from."""

    cell: Cell
    """One of them."""
    kind: str


@dataclass(frozen=True, slots=True)
class Training:
    """Do one run."""

    cell: Cell
    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    """What it starts from, by kind."""


Task = Preparation | Training
Finished = Prepared | list[Row]
"""What comes of a task: of a training its rows."""


def perform(setup: Setup, task: Task) -> Finished:
    """Do a task."""
    with _TURN:
        bench = bench_of(setup, task.cell.task)
        if isinstance(task, Preparation):
            return prepare(bench, task.cell, task.kind)
        return rows_of(bench, task.cell, task.prepared)


def needed(cells: Iterable[Cell]) -> dict[str, Preparation]:
    """Return what must be prepared for some runs, by name; each once."""
    return {
        name: Preparation(cell, kind) for cell in cells for kind, name in preparations(cell).items()
    }
