"""Keep a few tasks at workers, and yield each result as it arrives."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Pending(Protocol):
    """A task at a worker: the future of any library."""

    def result(self) -> Any:
        """Return the result, or raise the error that the task ended with."""

    def cancel(self) -> object:
        """Let nobody begin the task."""

    def add_done_callback(self, tell: Callable[[Any], object], /) -> object:
        """Call when the task has ended, in whatever thread."""


def as_finished(
    submit: Callable[[str, T], Pending], tasks: Mapping[str, T], most: Callable[[], int]
) -> Iterator[tuple[str, Any]]:
    """Yield the name and result of every task as it finishes.

    Parameters
    ----------
    submit : hands a task to a worker.
    most : tells how many tasks may be at workers now. Each holds its arguments in memory, so
        thousands should wait here.
    """
    waiting = iter(tasks.items())
    finished: SimpleQueue[str] = SimpleQueue()
    pending: dict[str, Pending] = {}
    try:
        while True:
            for name, task in islice(waiting, max(0, most() - len(pending))):
                pending[name] = submit(name, task)
                pending[name].add_done_callback(partial(_tell, finished, name))
            if not pending:
                return
            name = finished.get()
            yield name, pending.pop(name).result()
    finally:
        for future in pending.values():
            future.cancel()


def _tell(finished: "SimpleQueue[str]", name: str, _: object) -> None:
    finished.put(name)
