# ruff: noqa: PLC0415 - Dask is optional, and the rest of the package does without
"""Who does the tasks: this process, others beside it, or a cluster.

One protocol for studies, calibrations and measured profiles. Results do not depend on the executor.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, TypeVar

from sim.errors import ExecutorError
from sim.executors.dispatch import as_finished
from sim.executors.processes import Processes, allowed_cores

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Who does tasks."""

    @property
    def workers(self) -> int:
        """Tasks that are done at a time."""

    def run(self, work: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield the name and result of every task as it finishes, in any order.

        An error that a task raises is raised here, and what others are doing is given up. A
        worker that dies is replaced; ``ExecutorError`` where that happens to one task again and
        again.
        """


@dataclass(frozen=True, slots=True)
class Serial:
    """No worker but this process: each task is done when its result is asked for."""

    workers: int = 1

    def run(self, work: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield the name and result of every task."""
        for name, task in tasks.items():
            yield name, work(task)


@dataclass(frozen=True, slots=True)
class Given:
    """An executor of ``concurrent.futures``, of whatever library."""

    executor: futures.Executor
    workers: int

    def run(self, work: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield the name and result of every task as it finishes."""
        try:
            yield from as_finished(
                lambda _, task: self.executor.submit(work, task), tasks, lambda: 2 * self.workers
            )
        except futures.BrokenExecutor as error:
            raise ExecutorError(
                f"the executor that was given broke: {error} What has finished is kept."
            ) from error


@contextmanager
def executor_of(
    *,
    workers: int | None = None,
    cluster: str | None = None,
    given: futures.Executor | None = None,
) -> Iterator[Executor]:
    """Offer an executor, and end the workers that were started for it.

    Parameters
    ----------
    workers : processes on this machine, with one thread each; 1 starts none. When not given, as
        many as cores that may be used.
    cluster : instead, the address of a Dask scheduler, ``tcp://HOST:PORT``; or ``local:N``, a
        Dask cluster of N processes here.
    given : instead, an executor of ``concurrent.futures``, with as many ``workers`` as said. It is
        not closed, and its own rules hold where a worker dies.
    """
    if cluster is not None and given is not None:
        raise ValueError("an executor is given or on a cluster, not both")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    with _executor(workers, cluster, given) as executor:
        yield executor


def _executor(
    workers: int | None, cluster: str | None, given: futures.Executor | None
) -> AbstractContextManager[Executor]:
    if given is not None:
        known = workers or getattr(given, "_max_workers", None) or allowed_cores()
        return nullcontext(Given(given, known))
    if cluster is not None:
        if workers is not None:
            raise ExecutorError(
                "the workers of a cluster are its own: leave out the number of workers, or write "
                f"it into the cluster, as in local:{workers}."
            )
        return _dask(cluster)
    number = workers or allowed_cores()
    return nullcontext(Serial()) if number == 1 else closing(Processes(number))


def _dask(cluster: str) -> AbstractContextManager[Executor]:
    if find_spec("distributed") is None:
        raise ExecutorError("a cluster needs Dask: pip install 'equiscan[cluster]'.")
    from sim.executors.dask_executor import dask_of

    return dask_of(cluster)
