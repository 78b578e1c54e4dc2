"""Workers on this machine: processes of their own, replaced when they die."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from subprocess import PIPE, Popen
from threading import Lock
from typing import BinaryIO, TypeVar, cast

from sim.errors import ExecutorError
from sim.executors import worker
from sim.executors.dispatch import as_finished

ATTEMPTS = 3
"""Workers that one task may end before it is given up."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Variables that keep numerical libraries to one thread: workers share the cores already."""
_START = "import sys; sys.path[:] = {path!r}; from sim.executors.worker import serve; serve()"

T = TypeVar("T")
R = TypeVar("R")


class Process:
    """A process that answers one order at a time, and ends with the one that started it.

    It runs no script again, as those of ``multiprocessing`` do, so that a script needs no
    ``if __name__ == "__main__":``.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-c", _START.format(path=sys.path)]
        environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
        try:
            self._popen = Popen(
                command,
                stdin=PIPE,
                stdout=PIPE,
                env=environment,
                process_group=0,  # an interrupt is for the process that started this one
            )
        except OSError as error:
            raise ExecutorError(
                f"cannot start a worker: {error.strerror}. Run the same again with fewer workers."
            ) from error
        self._orders = cast(BinaryIO, self._popen.stdin)
        self._answers = cast(BinaryIO, self._popen.stdout)

    def ask(self, order: bytes) -> bytes:
        """Return the answer to an order; ``EOFError`` where the process dies before."""
        try:
            worker.send(self._orders, order)
        except OSError as error:
            raise EOFError from error
        return worker.receive(self._answers)

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._popen.kill()

    def close(self) -> str:
        """End the process, wait for that, and return how it ended."""
        ended = self._popen.poll()
        self.kill()
        code = self._popen.wait() if ended is None else ended
        with suppress(OSError):  # of an order that it did not read to its end
            self._orders.close()
        self._answers.close()
        return f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with code {code}"


class Busy:
    """The processes that do tasks of one run, and those that are idle."""

    def __init__(self, idle: "SimpleQueue[Process]") -> None:
        self._idle, self._busy = idle, set[Process]()
        self._open, self._lock = True, Lock()

    def take(self) -> Process:
        """Return a process for one task; ``CancelledError`` when the run has been stopped."""
        with self._lock:
            if not self._open:
                raise CancelledError
            try:
                process = self._idle.get_nowait()
            except Empty:
                process = Process()
            self._busy.add(process)
            return process

    def give_back(self, process: Process) -> None:
        """Let others have a process that has answered."""
        with self._lock:
            self._busy.discard(process)
        self._idle.put(process)

    def dismiss(self, process: Process) -> str:
        """Part with a process that has died, and return how."""
        with self._lock:
            self._busy.discard(process)
        return process.close()

    def stop(self) -> None:
        """End whatever is being done."""
        with self._lock:
            self._open = False
            for process in self._busy:
                process.kill()


class Processes:
    """Several processes; each has one thread, and one task at a time.

    Every process has a line of its own, so that it is known which task a dead one had: that task
    alone is done again, by a new process.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._idle: SimpleQueue[Process] = SimpleQueue()
        self._threads = ThreadPoolExecutor(workers)

    def run(self, work: Callable[[T], R], tasks: Mapping[str, T]) -> Iterator[tuple[str, R]]:
        """Yield the name and result of every task as it finishes."""
        for name, answer in self._answers(worker.packed(work), tasks):
            yield name, worker.opened(answer, name)

    def _answers(self, work: bytes, tasks: Mapping[str, T]) -> Iterator[tuple[str, bytes]]:
        busy = Busy(self._idle)

        def submit(name: str, task: T) -> "Future[bytes]":
            return self._threads.submit(_answer, busy, name, worker.order(work, task))

        try:
            yield from as_finished(submit, tasks, lambda: 2 * self.workers)
        finally:
            busy.stop()

    def close(self) -> None:
        """End all processes; no run goes on."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()


def allowed_cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores = len(os.sched_getaffinity(0))
    quotas = cpu_quotas(_control_group(), Path("/sys/fs/cgroup"))
    return max(1, int(min([cores, *quotas])))


def cpu_quotas(group: str, root: Path) -> list[float]:
    """Return the cores that a control group and those above it may keep busy, where limited.

    Containers and batch systems limit time on cores so, without a limit to certain cores.
    """
    quotas = []
    for folder in [root / group, *(root / group).parents]:
        if folder.is_relative_to(root):
            with suppress(OSError, ValueError):  # no such file, or "max" for a number
                quota, period = map(int, (folder / "cpu.max").read_text().split())
                quotas.append(quota / period)
    return quotas


def _control_group() -> str:
    """Return the control group (version 2, Linux) of this process, relative to the root of all."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")


def _answer(busy: Busy, name: str, order: bytes) -> bytes:
    """Return the answer to an order, of one process or another."""
    ended = ""
    for _ in range(ATTEMPTS):
        process = busy.take()
        try:
            answer = process.ask(order)
        except EOFError:
            ended = busy.dismiss(process)
            continue
        busy.give_back(process)
        return answer
    raise ExecutorError(
        f"task '{name}' was given to {ATTEMPTS} workers, and each died; the last ended {ended}. "
        "A want of memory would do that: run the same again with fewer workers. What has finished "
        "is kept."
    )
