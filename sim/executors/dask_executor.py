"""Workers of a Dask cluster, on this machine or on many."""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import dask
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from sim.errors import ExecutorError
from sim.executors import worker
from sim.executors.dispatch import as_finished
from sim.executors.processes import ATTEMPTS

PATIENCE_S = 60
"""How long to wait for a scheduler to answer, and then for its first worker."""
_LOCAL = {
    # the scheduler counts failures that it allows: the worker after those is the last
    "distributed.scheduler.allowed-failures": ATTEMPTS - 1,
    # no queue at a worker: with it dies what it does, and nothing that only waits there
    "distributed.scheduler.worker-saturation": 1.0,
    # a worker that is starting again when this time has passed since a failure is given up
    "distributed.deploy.lost-worker-timeout": "1000 days",
}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Dask:
    """The workers of a Dask scheduler; those that join later take part."""

    client: Client

    @property
    def workers(self) -> int:
        """Threads of all workers there are now."""
        return max(1, sum(map(int, self.client.nthreads().values())))

    def run(self, work: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield the name and result of every task as it finishes.

        No more tasks are sent than there are threads: when a worker dies, Dask holds that against
        all that it was sent, begun or not.
        """
        for name, answer in self._answers(worker.packed(work), tasks):
            yield name, worker.opened(answer, name)

    def _answers(self, work: bytes, tasks: Mapping[str, T]) -> Iterator[tuple[str, bytes]]:
        # tasks of equal keys are one for a scheduler, which outlives studies and their code
        key = f"equiscan-{{}}-{uuid4().hex}"

        def submit(name: str, task: T) -> Any:
            order = worker.order(work, task)
            return self.client.submit(worker.answer, order, key=key.format(name), pure=False)

        try:
            yield from as_finished(submit, tasks, lambda: self.workers)
        except KilledWorker as error:
            raise ExecutorError(
                f"task '{error.task}' was given to {error.allowed_failures + 1} workers of the "
                "cluster, and each died. A want of memory would do that: give workers more of "
                "it, and one thread each. What has finished is kept."
            ) from error
        except (CancelledError, OSError) as error:
            raise ExecutorError(
                "the scheduler of the cluster was lost. Start it again, and run the same: what "
                "has finished is kept."
            ) from error


@contextmanager
def dask_of(address: str) -> Iterator[Dask]:
    """Offer the workers of a scheduler at ``tcp://HOST:PORT``, or of one made for ``local:N``."""
    if local := re.fullmatch(r"local:([1-9]\d*)", address):
        with _local_cluster(int(local[1])) as cluster, _client(cluster.scheduler_address) as client:
            yield Dask(client)
    elif re.fullmatch(r"(tcp|tls)://[^/\s]+:\d+", address):
        with _client(address) as client:
            yield Dask(client)
    else:
        raise ExecutorError(
            f"'{address}' is no cluster: write tcp://HOST:PORT (or tls://HOST:PORT) of a Dask "
            "scheduler, or local:N for N processes on this machine."
        )


@contextmanager
def _local_cluster(processes: int) -> Iterator[LocalCluster]:
    with dask.config.set(_LOCAL):
        try:
            cluster = LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                # without a dashboard too, a scheduler would take the port of one, 8787
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs="ERROR",
            )
        except RuntimeError as error:
            raise ExecutorError(
                f"the workers of a local cluster did not start ({error}). They import the script "
                'that asks for them: there, call this package below `if __name__ == "__main__":`.'
            ) from error
        with cluster:
            yield cluster


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)
    except OSError as error:
        raise ExecutorError(f"no Dask scheduler answers at {address}: {error}.") from error
    with client:
        _check(client, address)
        yield client


def _check(client: Client, address: str) -> None:
    """Raise ``ExecutorError`` unless there are workers, with the same installation as here."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError as error:
        raise ExecutorError(
            f"the scheduler at {address} has no worker: start some with "
            f"`dask worker {address} --nthreads 1`."
        ) from error
    try:
        client.run(worker.require, worker.installation())
    except ExecutorError:
        raise
    except Exception as error:  # Dask's own where a worker cannot even find the check
        raise ExecutorError(
            f"a worker of {address} has no equiscan of this version: {error}. Install the same "
            "there as here, and start the worker again."
        ) from error
