"""Estimate run time and size of a study before it is run.

What runs cost is timed here with a few of them. What the search for a plan costs is guessed from
the number of cells and years that it plans for. Meant to be right within a factor of two on a
machine with nothing else to do.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.pipeline.case import Case
from sim.pipeline.run import CELLS_AT_ONCE, simulate_many
from sim.planning.rules import PLAN, SEARCHED, by_need, equal_split
from sim.scenario.schema import Scenario
from sim.studies.batch import CELLS_PER_TASK, Design, starts_of, unrecorded
from sim.studies.income_groups import by_income_group, is_large
from sim.studies.marginal import CANDIDATES, EXCHANGES, MOST_BUNDLES, MOST_SAVINGS
from sim.studies.plan_search import hedges_of
from sim.studies.robustness import VARIANTS
from sim.studies.sample import Sample
from sim.studies.selection import runs_of
from sim.studies.totals import ACCOUNTS, COUNTS

PLANNING_S, PLANNING_POWER = 0.045, 1.1
"""CPU seconds of one proposal, times the cells and years that it plans for to a power. Of three
shipped scenarios one took half of that and one a half more."""
RUN_S = 4e-4
"""CPU seconds of a run for every region and year, where none has been timed."""
AROUND_S = 5.0
"""Seconds until workers have started, and for tables and report at the end, measured: 4 to 6."""
PROCESS_MB = 430.0
"""Memory of a process that has searched for a plan or written a report, measured."""
KB_PER_CELL = 1.0
"""Memory of a run for every cell and year, while it moves, measured."""
BYTES_PER_VALUE = 8.0
SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Workload:
    """What a study takes. CPU seconds are of one core."""

    runs: int
    tasks: int
    proposals: int
    """Plans of the optimisation model; none where only rules are compared."""
    proposal_s: float
    """CPU seconds of one of them."""
    search_runs: int
    """Runs of the search."""
    run_s: float
    """CPU seconds of a run that is moved with others."""
    task_s: float
    """CPU seconds of a task, however many runs it has."""
    workers: int
    memory_mb: float
    """Of all processes together."""
    disk_mb: float
    """While the study is under way."""

    @property
    def searching_s(self) -> float:
        """Wall time of the search."""
        proposing_s = ceil(self.proposals / self.workers) * self.proposal_s
        return proposing_s + self.search_runs * self.run_s / self.workers

    @property
    def simulating_s(self) -> float:
        """Wall time of all runs."""
        return (self.runs * self.run_s + self.tasks * self.task_s) / self.workers

    def words(self) -> dict[str, str]:
        """Return it in words, by what is counted."""
        many = "processes" if self.workers > 1 else "process"
        return {
            "runs": f"{self.runs:,} in {self.tasks:,} tasks, after {self.search_runs:,} of the "
            "search for a plan",
            "time": f"about {duration(self.searching_s + self.simulating_s + AROUND_S)} with "
            f"{self.workers} {many}: {duration(self.searching_s)} for the search for a plan, "
            f"{duration(self.simulating_s)} for the runs, and the start, tables and report",
            "memory": f"about {self.memory_mb:,.0f} MB in all processes together",
            "disk": f"about {self.disk_mb:,.0f} MB while it is under way",
        }


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(40.2), duration(200.0), duration(9_000.0)
    ('40 s', '3.3 min', '2.5 h')
    """
    if seconds < 2.0 * SECONDS_PER_MINUTE:
        return f"{max(seconds, 1.0):.0f} s"
    minutes = seconds / SECONDS_PER_MINUTE
    return f"{minutes:.1f} min" if minutes < 120.0 else f"{minutes / SECONDS_PER_MINUTE:.1f} h"


def expected(design: Design, *, workers: int) -> Workload:
    """Return what a study should take, without a run."""
    scenario, world = design.scenario, design.sampler(design.scenario, None, "search").world
    searched = PLAN in scenario.policies
    search_runs = runs_of(scenario.search.effort) * sum(p in SEARCHED for p in scenario.policies)
    # the best simple rule stands beside the plan
    uncertainty, policies = scenario.uncertainty, len(scenario.policies) + searched
    full = policies * uncertainty.replications
    per_draw = full + policies * len(VARIANTS) + most_changes(world)
    runs, cells = per_draw * uncertainty.draws, int(np.prod(world.shape))
    tasks = uncertainty.draws * ceil(per_draw * cells / CELLS_PER_TASK)
    years = scenario.horizon.score_years
    in_memory = min(CELLS_AT_ONCE, per_draw * cells) + min(CELLS_PER_TASK, per_draw * cells)
    return Workload(
        runs=runs,
        tasks=tasks,
        proposals=len(hedges_of(scenario)) * searched,
        proposal_s=proposal_seconds(design),
        search_runs=search_runs,
        run_s=RUN_S * len(world.regions) * years,
        task_s=0.0,
        workers=workers,
        memory_mb=(workers + (workers > 1)) * PROCESS_MB
        + workers * in_memory * years * KB_PER_CELL / 1e3,
        disk_mb=uncertainty.draws * (per_draw * _coverage_mb(scenario, world))
        + uncertainty.draws * full * _accounts_mb(scenario, world),
    )


def timed_workload(design: Design, *, workers: int) -> Workload:
    """Return what a study should take, after timing a few of its runs."""
    sample = design.sampler(design.scenario, None, "search")
    scenario, world = design.scenario, sample.world
    plans = [rule(world, scenario) for rule in (by_need, equal_split)]
    one_s, two_s = (_seconds(design, sample, plans[:count]) for count in (1, 2))
    run_s = max(two_s - one_s, 0.1 * one_s)
    known = expected(design, workers=workers)
    return replace(known, run_s=run_s, task_s=max(one_s - run_s, 0.0))


def proposal_seconds(design: Design) -> float:
    """Return CPU seconds that a proposal of the optimisation model should take."""
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    if is_large(world):
        world = design.sampler(by_income_group(scenario), None, "search").world
    size = float(np.prod(world.shape)) * scenario.horizon.score_years
    return float(PLANNING_S * size**PLANNING_POWER)


def most_changes(world: World) -> int:
    """Return how many changes of a plan are valued at most."""
    regions, catalogue = len(world.regions), world.catalogue
    pooled_items = sum(item.is_pooled for item in catalogue.items)
    single = regions * (len(catalogue.items) - pooled_items) + pooled_items
    saved = min(single + regions, MOST_SAVINGS)
    return min(single, CANDIDATES) + min(regions, MOST_BUNDLES) + saved + EXCHANGES


def _seconds(design: Design, sample: Sample, plans: Sequence[Plan]) -> float:
    """Return CPU seconds of runs side by side, warm-up included; the least of two turns."""
    quiet = replace(design, scenario=unrecorded(design.scenario))
    turns = []
    for _ in range(3):  # the first may compile
        begun = time.process_time()
        (start,) = starts_of(quiet, [sample], [0])
        cases = [Case(start, plan, sample.respond()) for plan in plans]
        simulate_many(cases, scenario=quiet.scenario, stations=quiet.stations)
        turns.append(time.process_time() - begun)
    return min(turns)


def _coverage_mb(scenario: Scenario, world: World) -> float:
    """Return what need and benefit of one run take."""
    values = 2 * scenario.horizon.score_years * float(np.prod(world.shape))
    return values * BYTES_PER_VALUE / 1e6


def _accounts_mb(scenario: Scenario, world: World) -> float:
    """Return what counts and accounts of one run take."""
    regions, _, groups = world.shape
    items = sum(len(names) for names in ACCOUNTS.values())
    values = scenario.horizon.score_years * regions * (len(COUNTS) * groups + items)
    return values * BYTES_PER_VALUE / 1e6
