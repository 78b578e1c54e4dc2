"""Do the tasks of an answer once: in a folder that keeps what has finished, or without one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import TypeVar

from sim.executors.executor import Executor
from sim.studies.batch import Kept
from sim.studies.execution import Progress
from sim.studies.store import Store

T = TypeVar("T")


def silent(what: str, done: int, total: int, left_s: float) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Who does the tasks of an answer, and where what comes of them is kept."""

    executor: Executor
    store: Store | None = None
    """None where nothing is kept."""
    progress: Progress = silent

    def do(self, what: str, work: Callable[[T], Kept], tasks: Mapping[str, T]) -> dict[str, Kept]:
        """Return what comes of all tasks, by name, in their order; those kept are not done again.

        Parameters
        ----------
        what : what is being done, in a word or two.
        """
        kept = set() if self.store is None else self.store.finished()
        missing = {name: task for name, task in tasks.items() if name not in kept}
        found: dict[str, Kept] = {}
        done = len(tasks) - len(missing)
        self.progress(what, done, len(tasks), nan)
        for name, result in self.executor.run(work, missing):
            if self.store is not None:
                self.store.put(name, result.arrays, result.tables)
            found[name] = result
            done += 1
            self.progress(what, done, len(tasks), nan)
        if self.store is not None:
            found |= {name: Kept(*self.store.get(name)) for name in tasks}
        return {name: found[name] for name in tasks}
