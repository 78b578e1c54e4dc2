"""Run a measurement plan: every training once, resumable, one table of a row per run and group."""

import json
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from sim.atomic import replace_file
from sim.errors import ProfileError
from sim.executors.executor import Executor, Serial
from sim.profiles.baseline import no_image_baseline
from sim.profiles.bench import MeasurementData, Setup, cases_of, forget, survey
from sim.profiles.cases import Cases
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.energy import is_apportioned, told_alone
from sim.profiles.network import require_torch
from sim.profiles.preparation import Prepared, preparations, saved
from sim.profiles.tasks import Finished, Preparation, Task, Training, needed, perform
from sim.profiles.treatment import completed

RUNS, ABOUT, PARTS = "runs.parquet", "measurement.json", "parts"
UNFINISHED = "unfinished"
"""Part of the names of files that are not whole yet: the next attempt replaces them."""
GROWING = ("seeds", "contrasts", "device")
"""Fields of a plan that may change: finished runs stay valid, each says what it ran on."""
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
    share its energy, and say so. Those that tell what an image costs run alone all the same
    (``energy.told_alone``), and again where they were measured beside others.

    Parameters
    ----------
    data : npz file or folder of the images, for all workers; ``None`` for a phantom plan.
    table : csv or parquet with one row per image; see ``reading.open_source``.
    executor : who does the runs, each with the plan's number of threads; see ``executor_of``.
    progress : called with runs done, runs in all, and the id of the run just done.
    """
    require_torch()
    folder = Path(out)
    inputs = MeasurementData(plan.model_dump_json(), _absolute(data), _absolute(table))
    forget()
    try:
        plan, cases = cases_of(inputs)
        _open(folder, plan, cases)
        cells = plan.cells()
        alone = told_alone(cells)
        done = _finished(folder, {cell.run_id for cell in alone})
        missing = [cell for cell in cells if cell.run_id not in done]
        if missing:
            ((_, (device, torch)),) = executor.run(survey, {"choice of a device": plan})
            setup = Setup(inputs, cases.digest(), device, torch)
            start = len(cells) - len(missing) + 1
            with closing(_Measurement(folder, setup, executor).made(missing, alone)) as made:
                for number, run_id in enumerate(made, start=start):
                    if progress:
                        progress(number, len(cells), run_id)
    finally:
        forget()
    _collect(folder, [cell.run_id for cell in cells])
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
                _write(pd.DataFrame(result), self.folder / PARTS / f"{name}.parquet")
                yield name

    def _prepared_file(self, name: str) -> Path:
        return self.folder / PARTS / f"{name}_{self.setup.device}.npz"


def _open(folder: Path, plan: MeasurementPlan, cases: Cases) -> None:
    """Describe the measurement in its folder; refuse a folder that holds another one.

    Only ``GROWING`` fields may differ.
    """
    path = folder / ABOUT
    about = _about(plan, cases)
    if path.exists():
        before, sha256 = _described(path)
        growing = {name: about["plan"][name] for name in GROWING}
        _check_same(folder, before | growing, about["plan"])
        if sha256 != about["data_sha256"]:
            raise ProfileError(f"{folder} holds runs on other data. Choose a new folder.")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    text = json.dumps(about, indent=1) + "\n"
    replace_file(path, lambda there: there.write(text.encode()), by=UNFINISHED)


def _check_same(folder: Path, held: dict[str, Any], asked: dict[str, Any]) -> None:
    other = [
        f"{name} is {held[name]} there and {asked[name]} now"
        for name in asked
        if held[name] != asked[name]
    ]
    if other:
        raise ProfileError(f"{folder} holds another plan: {'; '.join(other)}. Choose a new folder.")


def _described(path: Path) -> tuple[dict[str, Any], str]:
    """Return the plan that a folder holds, new fields at their defaults, and its data's checksum.

    Raises ``ProfileError`` when the file is cut short or describes no measurement.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        plan = MeasurementPlan.model_validate(about["plan"])
        return json.loads(plan.model_dump_json()), str(about["data_sha256"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise ProfileError(
            f"{path} does not describe a measurement ({type(error).__name__}): it is cut short, or "
            "another program's. Choose a new folder, or put the file back: without it nobody knows "
            "which plan made the runs beside it."
        ) from None


def _about(plan: MeasurementPlan, cases: Cases) -> dict[str, Any]:
    def counts(pair: tuple[int, int]) -> dict[str, int]:
        return {"positives": pair[0], "negatives": pair[1]}

    return {
        "plan": json.loads(plan.model_dump_json()),
        "data_sha256": cases.sha256,
        "cases": {g: counts(cases.count(g)) for g in (*plan.groups, *plan.not_estimable)},
        "left_out_images": {group: counts(pair) for group, pair in cases.left_out.items()},
        "repeated_images": cases.repeated,
        "baseline": no_image_baseline(cases, plan),
    }


def _finished(folder: Path, alone: Collection[str]) -> set[str]:
    """Return the runs that need not be made again; some count only when they were made alone."""
    finished: set[str] = set()
    for table in map(_table, _files(folder)):
        shared = is_apportioned(table) & table["run_id"].isin(alone)
        finished |= set(table.loc[table["error"].isna() & ~shared, "run_id"].astype(str))
    return finished


def _table(path: Path) -> pd.DataFrame:
    """Return a table of runs; raise ``ProfileError`` for a file that is none."""
    try:
        runs = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path} is not a table of runs ({error}). Delete it.") from None
    if not {"run_id", "group", "error"} <= set(runs):
        raise ProfileError(f"{path} is not a table of runs: no run_id, group or error. Delete it.")
    return runs


def _files(folder: Path) -> list[Path]:
    return [p for p in (folder / RUNS, *sorted((folder / PARTS).glob("*.parquet"))) if p.exists()]


def _collect(folder: Path, order: list[str]) -> None:
    """Join all runs into one table, in the plan's order, and remove the parts.

    Runs that a plan no longer names stay, after those that it names: they were measured.
    """
    files = _files(folder)
    tables = [completed(_table(path)) for path in files]
    table = pd.concat(tables, ignore_index=True)
    latest = table.drop_duplicates(["run_id", "group"], keep="last")
    rank = latest["run_id"].map({run: i for i, run in enumerate(order)})
    order_of = rank.fillna(len(order)).sort_values(kind="stable")
    _write(latest.loc[order_of.index], folder / RUNS)
    for path in (folder / PARTS).iterdir():  # and what an interruption left half written
        path.unlink()
    (folder / PARTS).rmdir()


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda there: table.to_parquet(there, index=False), by=UNFINISHED)
