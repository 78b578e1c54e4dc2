"""Run a measurement plan: every training once, resumable, by any executor."""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from sim.executors.executor import Executor, Serial
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.metering.energy import measured_alone
from sim.profiles.runs import PARTS, collect, finished, open_folder, write_runs
from sim.profiles.training.bench import MeasurementData, Setup, cases_of, digest, forget, survey
from sim.profiles.training.preparation import Prepared, preparations, saved
from sim.profiles.training.tasks import Finished, Preparation, Task, Training, needed, perform

SERIAL = Serial()


def measure(
    plan: MeasurementPlan,
    *,
    data: str | Path | None,
    out: str | Path,
    table: str | Path | None = None,
    executor: Executor = SERIAL,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Run what the plan still lacks in folder ``out`` and return the folder.

    Finished runs are kept and skipped, so that an interrupted measurement goes on where it
    stopped; a run that fails is a row with its error, and is tried again the next time. A group
    with too few cases to test is counted in every run and neither trained on nor scored, as are
    those that the plan names ``not_estimable``.

    With any executor the table is the same but for time and energy: runs that share a machine
    share its energy, and say so. Those that measure what an image costs run alone all the same
    (``energy.measured_alone``), and again where they were measured beside others.

    Parameters
    ----------
    data : file or folder of images or features, for all workers; ``None`` for a phantom plan.
    table : csv or parquet with one row per image; see ``images.source``.
    executor : who does the runs, each with the plan's number of threads; see ``executor_of``.
    progress : called with runs done, runs in all, and the id of the run just done.
    """
    folder = Path(out)
    inputs = MeasurementData(plan.model_dump_json(), _absolute(data), _absolute(table))
    forget()
    try:
        tasks = cases_of(inputs)
        open_folder(folder, plan, tasks)
        cells = tuple(cell for task, (own, _) in tasks.items() for cell in own.cells(task))
        alone = measured_alone(cells)
        done = finished(folder, {cell.run_id for cell in alone})
        missing = [cell for cell in cells if cell.run_id not in done]
        if missing:
            ((_, (device, torch)),) = executor.run(survey, {"choice of a device": plan})
            setup = Setup(inputs, digest(tasks), device, torch)
            start = len(cells) - len(missing) + 1
            with closing(_Measurement(folder, setup, executor).made(missing, alone)) as made:
                for number, run_id in enumerate(made, start=start):
                    if progress:
                        progress(number, len(cells), run_id)
    finally:
        forget()
    collect(folder, [cell.run_id for cell in cells])
    return folder


def _absolute(path: str | Path | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


@dataclass(frozen=True, slots=True)
class _Measurement:
    """One measurement under way: where its runs go, and who does them."""

    folder: Path
    setup: Setup
    executor: Executor
    prepared: dict[str, Prepared] = field(default_factory=dict)
    """By name."""

    def made(self, missing: Iterable[Cell], alone: Collection[Cell]) -> Generator[str]:
        """Make and write the runs; yield their ids as they finish.

        First those that nothing may run beside, one by one; then what others start from, and all
        that start from nothing; then these others.
        """
        rest = []
        for cell in missing:
            if cell in alone:
                yield from self._done({cell.run_id: Training(cell)})
            else:
                rest.append(cell)
        first: dict[str, Task] = {**self._unprepared(rest)}
        first |= {cell.run_id: Training(cell) for cell in rest if not preparations(cell)}
        yield from self._done(first)
        yield from self._done(
            {
                cell.run_id: Training(cell, {kind: self.prepared[n] for kind, n in names.items()})
                for cell in rest
                if (names := preparations(cell))
            }
        )

    def _unprepared(self, cells: Iterable[Cell]) -> dict[str, Preparation]:
        """Return what is still to be prepared; what an interrupted measurement made is kept."""
        wanted = needed(cells)
        for name in wanted:
            if found := saved(self._prepared_file(name), name):
                self.prepared[name] = found
        return {name: task for name, task in wanted.items() if name not in self.prepared}

    def _done(self, tasks: Mapping[str, Task]) -> Generator[str]:
        """Have tasks done, and write what comes of each; yield the ids of runs."""
        work = partial(perform, self.setup)
        done: Iterable[tuple[str, Finished]] = self.executor.run(work, tasks)
        for name, result in done:
            if isinstance(result, Prepared):
                self.prepared[name] = result
                if not result.error:
                    result.save(self._prepared_file(name))
            else:
                write_runs(pd.DataFrame(result), self.folder / PARTS / f"{name}.parquet")
                yield name

    def _prepared_file(self, name: str) -> Path:
        return self.folder / PARTS / f"{name}_{self.setup.device}.npz"
