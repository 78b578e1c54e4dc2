"""Several runs at once, each in a process of its own, on one machine with one meter.

The process that starts the others reads the meter, and is told when a block of work begins and
ends. It alone writes: a worker that is killed leaves nothing half done.
"""

import os
import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import cast

from sim.errors import ProfileError
from sim.profiles.cases import Cases
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.meter import Meter, Reading, take_energy, timed
from sim.profiles.network import choose_device
from sim.profiles.run import Bench, Row, fastest_at, preparations, rows_of, warm_up
from sim.profiles.sharing import Ledger

BEGIN, END, FREE = "begin", "end", "free"
"""What a worker says: a block of work begins, or ends; it has nothing to do."""
Said = str | tuple[Cell, list[Row]]
"""One of these, or a finished run."""


@dataclass(frozen=True, slots=True)
class DistantMeter:
    """The meter of the process that started this one."""

    line: Connection

    @contextmanager
    def block(self, name: str) -> Iterator[Reading]:  # noqa: ARG002 - one block at a time
        """Measure the block; the reading is complete when the block has ended."""
        reading = Reading()
        self.line.send(BEGIN)
        self.line.recv()
        try:
            with timed(reading):
                yield reading
        finally:
            self.line.send(END)
            take_energy(reading, self.line.recv())


def runs_beside(
    bench: Bench, meter: Meter, cells: Sequence[Cell], workers: int
) -> Generator[tuple[Cell, list[Row]]]:
    """Yield each run and its rows as it finishes, several at a time.

    Each worker has the plan's number of threads, as a single process has, so that no score depends
    on how many there are.

    Raises ``ProfileError`` when a worker dies, or cannot start beside the others.
    """
    for precision in {cell.treatment.precision for cell in cells}:
        with suppress(ProfileError):  # of a run that will fail, and say so
            fastest_at(bench, precision)  # before others slow the machine down
    ledger, waiting = Ledger(meter), iter(chains(cells))
    crew: dict[Connection, BaseProcess] = {}
    try:
        crew.update(_hired(bench) for _ in range(min(workers, len(cells))))
        for line, said in _all_said(crew):
            if isinstance(said, tuple):
                yield said
            elif said != FREE:
                _answer(line, _metered(ledger, id(line), said))
            elif work := next(waiting, None):
                _answer(line, work)
            else:
                _answer(line, None)
                crew.pop(line).join()
    finally:
        for process in crew.values():
            process.terminate()
            process.join()


def chains(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Return the runs, those in one list that share something prepared; the longest list first.

    One worker prepares it once: its energy is drawn once, as it is counted.
    """
    result: list[list[Cell]] = []
    for cell in cells:
        needs = set(preparations(cell).values())
        linked = [
            chain
            for chain in result
            if needs and any(needs & set(preparations(other).values()) for other in chain)
        ]
        result = [chain for chain in result if chain not in linked]
        result.append([*(other for chain in linked for other in chain), cell])
    return sorted(result, key=len, reverse=True)


def _hired(bench: Bench) -> tuple[Connection, BaseProcess]:
    # spawned: a fork of numerical libraries that hold threads may hang, and one of CUDA fails
    context = get_context("spawn")
    here, there = context.Pipe()
    about = (there, bench.plan, bench.cases, bench.common, bench.peaks)
    process = context.Process(target=_work, args=about, daemon=True)
    process.start()
    there.close()  # so that the line ends when the worker does
    return here, process


def _all_said(crew: dict[Connection, BaseProcess]) -> Iterator[tuple[Connection, Said]]:
    """Yield what each worker says, until there are none."""
    while crew:
        ready = wait(list(crew))
        for line in [line for line in crew if line in ready]:
            yield line, _said(line, crew[line])


def _said(line: Connection, process: BaseProcess) -> Said:
    try:
        said = line.recv()
    except (EOFError, ConnectionError):
        process.join()
        raise ProfileError(
            f"a worker process ended with code {process.exitcode}, perhaps for want of memory. "
            "Finished runs are kept: run the same again, with fewer workers."
        ) from None
    if isinstance(said, ProfileError):
        raise said
    return cast(Said, said)


def _answer(line: Connection, words: object) -> None:
    with suppress(ConnectionError):  # of a worker that has died: its line ends, and is read next
        line.send(words)


def _metered(ledger: Ledger, who: int, said: str) -> Reading | None:
    """Begin a worker's block, or end it and return what it drew."""
    if said == END:
        return ledger.stop(who)
    ledger.start(who)
    return None


def _work(
    line: Connection, plan: MeasurementPlan, cases: Cases, common: Row, peaks: dict[str, float]
) -> None:
    """Do the runs that are sent, until none is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who started this process
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        device = choose_device(plan)
        warm_up(plan, cases, device)
    except ProfileError as error:
        line.send(ProfileError(f"{error} Or lower the number of workers."))
        return
    bench = Bench(plan, cases, DistantMeter(line), device, common, peaks=peaks)
    line.send(FREE)
    while work := line.recv():
        for cell in work:
            line.send((cell, rows_of(bench, cell)))
        line.send(FREE)


def _end_with_parent() -> None:
    """Let no run outlive who would record it: a killed process cannot tell its workers to stop."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
