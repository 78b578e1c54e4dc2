"""Simulate many plans in one draw, side by side, and keep what the study's tables need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.pipeline.case import Case, Start
from sim.pipeline.parts import Stations
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many, warm_up_many
from sim.pipeline.stations.order import STATIONS
from sim.planning.objectives import OBJECTIVES, Objective
from sim.scenario.schema import Scenario, Weekly
from sim.studies.experiment import Experiment, Trial
from sim.studies.sample import Sample, Sampler, parameter_sample
from sim.studies.store import station_table
from sim.studies.totals import ACCOUNTS, People, Totals

CELLS_PER_TASK = 40_000
"""Cells (region, modality, group) of all runs of a task: it ends, and is stored, within seconds."""


SAMPLE = "sample"
"""Table of what differs from draw to draw; see ``Sample.drawn_table``."""
NOTHING = np.zeros((0, 0, 0, 0))
"""Counts that were not kept."""


@dataclass(frozen=True, slots=True)
class Design:
    """What all runs of a study have in common; it travels to the workers."""

    scenario: Scenario
    sampler: Sampler = parameter_sample
    stations: Stations = field(default_factory=lambda: STATIONS)
    objective: Objective = OBJECTIVES["ede"]
    """That of the scenario, itself and not by name: a worker knows none of one's own."""


class Task(NamedTuple):
    """Runs in one draw, on one worker."""

    draw: int
    runs: tuple[tuple[Trial, int], ...]
    """Trials and replications."""


class Kept(NamedTuple):
    """What is kept of a task; arrays are stacked over its runs in the order of ``names``."""

    arrays: Mapping[str, NDArray[Any]]
    tables: Mapping[str, pd.DataFrame]


def tasks_of(
    trials: Sequence[Trial], finished: Mapping[Experiment, object], *, draws: range, cells: int
) -> dict[str, Task]:
    """Return the runs that have not finished yet as tasks, by name.

    Parameters
    ----------
    finished : experiments that need not be run again.
    cells : of one run.
    """
    most = max(CELLS_PER_TASK // max(cells, 1), 1)
    tasks = {}
    for draw in draws:
        missing = [
            (trial, replication)
            for trial in trials
            for replication in range(trial.replications)
            if Experiment(trial.name, draw, replication) not in finished
        ]
        for first in range(0, len(missing), most):
            some = tuple(missing[first : first + most])
            tasks[task_name(draw, some)] = Task(draw, some)
    return tasks


def task_name(draw: int, runs: Sequence[tuple[Trial, int]]) -> str:
    """Return a name that no other runs have."""
    (trial, replication), count = runs[0], len(runs)
    return f"draw{draw}--{count}-from-{trial.name}--replication{replication}"


def run_task(design: Design, task: Task) -> Kept:
    """Simulate the runs of a task and return what is kept of them."""
    sample = design.sampler(design.scenario, task.draw, "judge")
    replications = sorted({replication for _, replication in task.runs})
    starts = starts_of(design, [sample] * len(replications), replications)
    by_replication = dict(zip(replications, starts, strict=True))
    variants = {trial.variant for trial, _ in task.runs}
    responds = {variant: sample.respond(variant) for variant in variants}
    cases = [
        Case(by_replication[replication], trial.plan, responds[trial.variant], trial.base)
        for trial, replication in task.runs
    ]
    shown = [k for k, run in enumerate(task.runs) if task.draw == 0 and _is_shown(*run)]
    others = [k for k in range(len(cases)) if k not in shown]
    runs: dict[int, Run] = {}
    for places, scenario in ((shown, design.scenario), (others, unrecorded(design.scenario))):
        chosen = [cases[k] for k in places]
        found = simulate_many(chosen, scenario=scenario, stations=design.stations)
        runs.update(zip(places, found, strict=True))
    totals = [Totals.of(runs[k]) for k in range(len(cases))]
    return Kept(
        _arrays(task, totals, People.of(sample.world, years=design.scenario.horizon.score_years)),
        {
            "runs": _runs_table(task),
            **({SAMPLE: sample.drawn_table()} if any(t.in_full for t, _ in task.runs) else {}),
            **shown_tables({task.runs[k][0].name: runs[k] for k in shown}),
        },
    )


def starts_of(
    design: Design, samples: Sequence[Sample], replications: Sequence[int]
) -> list[Start]:
    """Return the state on the policy date of every sample, each with its replication."""
    random_keys = [
        RandomKeys(sample.world, sample.seed, replication)
        for sample, replication in zip(samples, replications, strict=True)
    ]
    return warm_up_many(random_keys, scenario=design.scenario, stations=design.stations)


def unrecorded(scenario: Scenario) -> Scenario:
    """Return the scenario without weekly series: nobody reads them of a run that is not shown."""
    return scenario.model_copy(update={"weekly": Weekly(detail="none")})


def _is_shown(trial: Trial, replication: int) -> bool:
    """Whether the events and weekly series of a run of draw 0 are kept."""
    return trial.in_full and replication == 0


def shown_tables(runs: Mapping[str, Run]) -> dict[str, pd.DataFrame]:
    """Return events, jobs, releases, audits and weekly series of runs, by policy."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for policy, run in runs.items():
        series = {station_table(name): run.station(name) for name in run.records.stations}
        control = {"events": run.events(), "jobs": run.jobs()}
        control |= {"releases": run.releases(), "audits": run.audits()}
        for name, table in (control | series).items():
            labelled = table.assign(policy=policy)[["policy", *table.columns]]
            tables.setdefault(name, []).append(labelled)
    return {name: joined(parts) for name, parts in tables.items()}


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables.

    The columns of a table without rows have no type of their own: joined to others, it would change
    theirs, and with them the bytes of a study whose runs are not cut into the same tasks.
    """
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _runs_table(task: Task) -> pd.DataFrame:
    """Return the runs of a task in their order: policy, replication and in_full."""
    rows = [(trial.name, replication, trial.in_full) for trial, replication in task.runs]
    return pd.DataFrame(rows, columns=["policy", "replication", "in_full"])


def _arrays(task: Task, totals: Sequence[Totals], people: People) -> dict[str, NDArray[Any]]:
    full = [k for k, (trial, _) in enumerate(task.runs) if trial.in_full]
    arrays: dict[str, NDArray[Any]] = {
        "draw": np.array(task.draw),
        "population": people.population,
        "income_usd": people.income_usd,
        "need": np.stack([total.need for total in totals]),
        "benefit": np.stack([total.benefit for total in totals]),
    }
    if full:
        arrays["counts"] = np.stack([totals[k].counts for k in full])
        for account in ACCOUNTS:
            arrays[account] = np.stack([totals[k].accounts[account] for k in full])
    return arrays


def totals_of(kept: Kept) -> Iterator[tuple[Experiment, Totals]]:
    """Yield every run of a task with its totals; counts and accounts are empty where not kept."""
    arrays, full, draw = kept.arrays, 0, int(kept.arrays["draw"])
    runs = kept.tables["runs"]
    rows = zip(runs["policy"], runs["replication"], runs["in_full"], strict=True)
    for k, (policy, replication, in_full) in enumerate(rows):
        counts, accounts = NOTHING, {}
        if in_full:
            counts = arrays["counts"][full]
            accounts = {account: arrays[account][full] for account in ACCOUNTS}
            full += 1
        totals = Totals(arrays["need"][k], arrays["benefit"][k], counts, accounts)
        yield Experiment(str(policy), draw, int(replication)), totals
