"""Run every experiment of a scenario, on many processes, and write its run folder."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial as bind
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import pandas as pd

from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.errors import RunFolderError
from sim.pipeline.records import Run
from sim.pipeline.station import Stations
from sim.pipeline.stations import STATIONS
from sim.planning.purchases import most_per_year
from sim.scenario.files import resolved_yaml
from sim.scenario.schema import Scenario, Weekly
from sim.study import folder
from sim.study.assembly import marginal_values, result_tables, robustness_table
from sim.study.design import Experiment, Variant
from sim.study.experiment import Prepare, prepare
from sim.study.marginal import additions
from sim.study.outcomes import cell_records
from sim.study.plans import Proposal, make_plans, proposals_of, tables_of
from sim.study.provenance import profile_facts, provenance
from sim.study.result import StudyResult, of_tables
from sim.study.robustness import VARIANTS, varied_name

CASES_PER_TASK = 8
"""Most cases that a worker runs in one setting before it reports back."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Progress = Callable[[str, int, int], None]
"""What is being done, experiments finished, experiments in all; first called before any runs."""


T = TypeVar("T")
R = TypeVar("R")


class Case(NamedTuple):
    """A plan to run, under a name that is its own among all cases of a study."""

    name: str
    plan: Plan
    variant: Variant = "measured"


class Task(NamedTuple):
    """Cases to run in one draw and replication, on one worker."""

    draw: int
    replication: int
    cases: tuple[Case, ...]


class Crew(Protocol):
    """What does work: ``map``, or the same on many processes, in the order of finishing."""

    def __call__(self, work: Callable[[T], R], on: Iterable[T], /) -> Iterable[R]:
        """Do the work on every thing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how the experiments of one study are run; it travels to the workers."""

    scenario: Scenario
    partial: Path
    prepare: Prepare

    def place(self, experiment: Experiment) -> Path:
        """Folder of one experiment's tables; it exists once the experiment has finished."""
        return folder.part(self.partial, experiment.name)

    def tasks(self, cases: Sequence[Case], *, replications: int) -> Iterator[Task]:
        """Yield the experiments that have not finished yet, by setting."""
        for draw, replication in product(
            range(self.scenario.uncertainty.draws), range(replications)
        ):
            missing = [
                case
                for case in cases
                if not self.place(Experiment(case.name, draw, replication)).is_dir()
            ]
            for first in range(0, len(missing), CASES_PER_TASK):
                yield Task(draw, replication, tuple(missing[first : first + CASES_PER_TASK]))

    def run(self, task: Task) -> int:
        """Run the cases of a task in one setting, write their parts, and return how many."""
        shown = task.draw == 0 and task.replication == 0
        scenario = self.scenario if shown else unrecorded(self.scenario)
        setting = self.prepare(scenario, task.draw, task.replication, "judge")
        for case in task.cases:
            place = self.place(Experiment(case.name, task.draw, task.replication))
            run = setting.run(case.plan, variant=case.variant)
            folder.write_part(place, _part(run, shown=shown))
        return len(task.cases)


def execute(
    scenario: Scenario,
    out: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    prepare: Prepare = prepare,
    stations: Stations = STATIONS,
) -> StudyResult:
    """Make the plans, judge them, value additions to them, and write a run folder.

    Every finished experiment is on disk at once: after an interruption the same call goes on from
    there. Results do not depend on the number of workers. Workers are fresh processes, so a
    script that calls this needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    out : run folder, made here; an interrupted study is kept beside it as ``<out>.partial``.
    workers : processes, one thread each; all CPU cores when not given. With 1 no process starts.
    overwrite : whether a finished study in ``out`` may be replaced.
    progress : called as experiments finish.
    prepare : how the setting of a draw and replication is made.
    stations : classes of the stations, see ``with_stations``; ``prepare`` is given them where they
        are not the shipped ones. Workers import them, so they must stand in a module.
    """
    origin = provenance(scenario, stations=stations)
    if origin.stations:
        # only who brings stations of one's own needs a ``prepare`` that takes them
        prepare = bind(prepare, stations=stations)  # type: ignore[call-arg]
    partial = folder.begin(Path(out), origin.stamp(), overwrite=overwrite)
    bench = Bench(scenario, partial, prepare)
    central = prepare(scenario, None, 0, "search")
    with crew_of(workers or os.cpu_count() or 1) as crew:
        judge = bind(_run_all, bench, crew=crew, progress=progress or _silent)
        tables = _judge_and_value(bench, central.world, judge, crew)
    tables["inputs"] = central.nature.inputs_table()
    profile = profile_facts(scenario, central.nature.profile)
    result = of_tables(scenario, tables, profile, origin)
    _write(result, tables, partial)
    folder.finish(partial, Path(out))
    return result


def _judge_and_value(
    bench: Bench, world: World, judge: Callable[[str, Sequence[Case], int], None], crew: Crew
) -> dict[str, pd.DataFrame]:
    """Run all experiments of a study and return its tables."""
    scenario, partial = bench.scenario, bench.partial
    replications = scenario.uncertainty.replications
    proposals = _proposals(bench, world, crew)
    plans = {name: proposal.plan for name, proposal in proposals.items()}
    judge("judging plans", [Case(name, plan) for name, plan in plans.items()], replications)
    varied = [
        Case(varied_name(name, variant), plan, variant)
        for variant in VARIANTS
        for name, plan in plans.items()
    ]
    judge("varying the response", varied, 1)
    base = "plan" if "plan" in plans else next(iter(plans))
    most = most_per_year(world, scenario)
    tried = additions(scenario, plans[base], most=most, duals=proposals[base].duals)
    more = [Case(extra.plan.name, extra.plan) for extra in tried]
    judge("valuing additions", more, 1)
    tables = result_tables(scenario, partial, tuple(plans)) | tables_of(proposals)
    tables["robustness"] = robustness_table(scenario, partial, tuple(plans))
    tables["marginal"] = marginal_values(scenario, partial, tried, base=base)
    return tables


def _proposals(bench: Bench, world: World, crew: Crew) -> dict[str, Proposal]:
    """Return the plans, from the folder where an earlier call has made them already."""
    scenario = bench.scenario
    place = folder.part(bench.partial, "plans")
    if not place.is_dir():
        made = make_plans(unrecorded(scenario), prepare=bench.prepare, spread=crew)
        folder.write_part(place, tables_of(made))
    tables = {name: folder.read_table(place, name) for name in ("plan", "programme", "duals")}
    return proposals_of(tables, scenario=scenario, regions=world.regions, catalogue=world.catalogue)


def _run_all(
    bench: Bench,
    what: str,
    cases: Sequence[Case],
    replications: int,
    *,
    crew: Crew,
    progress: Progress,
) -> None:
    """Run the experiments whose results are not in the folder yet."""
    tasks = list(bench.tasks(cases, replications=replications))
    total = len(cases) * bench.scenario.uncertainty.draws * replications
    done = total - sum(len(task.cases) for task in tasks)
    progress(what, done, total)
    for finished in crew(bench.run, tasks):
        done += finished
        progress(what, done, total)


@contextmanager
def crew_of(workers: int) -> Iterator[Crew]:
    """Offer workers that run tasks and say, as they finish, how many experiments each held.

    Workers are spawned: a fork of numerical libraries that hold threads may hang.
    """
    if workers == 1:
        yield map
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_parent
        ) as pool,
    ):
        try:
            yield bind(_in_pool, pool)
        except BrokenProcessPool as error:
            raise RunFolderError(
                "a worker process was killed, perhaps for want of memory. Run the same again, "
                f"with fewer workers than {workers}; what a run folder holds already is kept."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_pool(pool: ProcessPoolExecutor, work: Callable[[T], R], on: Iterable[T], /) -> Iterator[R]:
    futures = [pool.submit(work, one) for one in on]
    for future in as_completed(futures):
        yield future.result()


def unrecorded(scenario: Scenario) -> Scenario:
    """Return the scenario without weekly series: nobody reads them of a run that is not shown."""
    return scenario.model_copy(update={"weekly": Weekly(detail="none")})


def _part(run: Run, *, shown: bool) -> dict[str, pd.DataFrame]:
    tables = {"cells": cell_records(run), "ledger": run.ledger()}
    if not shown:
        return tables
    series = {folder.station_table(name): run.station(name) for name in run.records.stations}
    control = {"events": run.events(), "jobs": run.jobs()}
    return tables | control | {"releases": run.releases(), "audits": run.audits()} | series


def _write(result: StudyResult, tables: Mapping[str, pd.DataFrame], partial: Path) -> None:
    series = map(folder.station_table, result.scenario.weekly.recorded)
    for name in (*folder.TABLES, *series):
        folder.write_table(partial, name, tables[name])
    folder.write_text(partial / folder.SCENARIO, resolved_yaml(result.scenario))
    folder.write_json(partial / folder.PROFILE, result.profile)
    folder.write_json(partial / folder.SUMMARY, result.summary())
    folder.write_json(partial / folder.PROVENANCE, result.provenance.as_dict())


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started within use one thread each: workers share the cores already."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _silent(what: str, done: int, total: int) -> None:
    """Report nothing."""
