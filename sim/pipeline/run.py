"""Simulate plans: one, or many side by side in one pass of the stations.

Runs that are moved together are *stacked*: their worlds and states lie one after the other along
the region axis. No station mixes regions, and every random number is owned by a name, so a run
is the same to the bit whichever others it is stacked with. What couples regions (shared data,
clusters, GPU-hours) belongs to the control processes, which each run has for itself.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import simpy

from sim.baseline.world import World, stacked
from sim.domain.holdings import Respond
from sim.domain.lever import Floats
from sim.domain.plan import Plan
from sim.pipeline.accounts import Accounts
from sim.pipeline.backlog import stated_backlog
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.cluster import close_jobs, grid_weeks
from sim.pipeline.jobs import Cluster, Prepaid
from sim.pipeline.luck import Luck, stacked_luck
from sim.pipeline.processes import begin_processes
from sim.pipeline.records import Records, Run
from sim.pipeline.series import Series
from sim.pipeline.state import State
from sim.pipeline.station import Stations, classes
from sim.pipeline.stations import STATIONS, recorded, replaced
from sim.pipeline.week import Week
from sim.scenario.schema import Scenario
from sim.streams import stream, uniforms
from sim.units import WEEKS_PER_YEAR

CELLS_AT_ONCE = 8_000
"""Cells (region, modality, group) that are moved together; more no longer fit the cache."""


class Start(NamedTuple):
    """A world on the policy date: the plans that branch from it meet the same chance."""

    world: World
    seed: int
    replication: int
    state: State


class Case(NamedTuple):
    """What one run is of: a plan, from a start, with a response."""

    start: Start
    plan: Plan
    respond: Respond
    """What a training makes of its holdings, from the measured profile."""


def warm_up(
    world: World,
    *,
    scenario: Scenario,
    seed: int,
    replication: int,
    stations: Stations = STATIONS,
) -> Start:
    """Return the state on the policy date: today's world, run without any plan.

    All plans of one draw and replication branch from it. Queues that the scenario states replace
    what the warm-up left waiting.
    """
    return warm_up_many([Luck(world, seed, replication)], scenario=scenario, stations=stations)[0]


def warm_up_many(
    lucks: Sequence[Luck], *, scenario: Scenario, stations: Stations = STATIONS
) -> list[Start]:
    """Return ``warm_up`` of several worlds, seeds and replications, in order."""
    starts = []
    for together in _together([luck.world for luck in lucks], stations):
        some = [lucks[k] for k in together]
        world = stacked([luck.world for luck in some])
        state, week = State.today(world), Week(world, scenario, stations, stacked_luck(world, some))
        week.begin(state)
        for tick in range(scenario.horizon.warm_up_years * WEEKS_PER_YEAR):
            week.step(state, tick)
        for luck, rows in zip(some, _rows(luck.world for luck in some), strict=True):
            own = State.stacked([state.of(rows)])
            stated_backlog(luck.world, scenario, own)
            starts.append(Start(luck.world, luck.seed, luck.replication, own))
    return starts


def simulate(
    world: World,
    plan: Plan,
    respond: Respond,
    *,
    scenario: Scenario,
    seed: int,
    replication: int,
    stations: Stations = STATIONS,
) -> Run:
    """Run the pipeline for the scored years of a scenario under one plan, warm-up included.

    Parameters
    ----------
    respond : what a training makes of its holdings, from the measured profile.
    seed, replication : name the sample of chance; plans with the same two face the same world.
    stations : classes of the stations and processes of one's own; see ``with_stations``.
    """
    start = warm_up(world, scenario=scenario, seed=seed, replication=replication, stations=stations)
    return simulate_many([Case(start, plan, respond)], scenario=scenario, stations=stations)[0]


def simulate_many(
    cases: Sequence[Case], *, scenario: Scenario, stations: Stations = STATIONS
) -> list[Run]:
    """Run every case for the scored years of the scenario, and return the runs in order.

    Cases may have different starts; each run is the same to the bit as if it were alone.
    """
    runs = []
    for together in _together([case.start.world for case in cases], stations):
        batch = _Batch.of([cases[k] for k in together], scenario, stations)
        with _no_collection():
            batch.env.run(until=scenario.horizon.score_years * WEEKS_PER_YEAR)
        runs += batch.close()
    return runs


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage: events are many, and all are kept to the end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _together(worlds: Sequence[World], stations: Stations) -> Iterator[range]:
    """Yield which of the worlds, in order, are moved together.

    Stations of one's own need not know of values that differ from draw to draw.
    """
    first, cells = 0, 0
    mixed = not replaced(stations)
    for k, world in enumerate(worlds):
        size = world.shape[0] * world.shape[1] * world.shape[2]
        if k > first and (cells + size > CELLS_AT_ONCE or not (mixed or world is worlds[first])):
            yield range(first, k)
            first, cells = k, 0
        cells += size
    if worlds:
        yield range(first, len(worlds))


def _rows(worlds: Iterator[World]) -> Iterator[slice]:
    """Yield the rows of every world among the regions of all."""
    end = 0
    for world in worlds:
        yield slice(end, end := end + len(world.regions))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Runs that are moved together, on one clock."""

    env: simpy.Environment
    week: Week
    state: State
    accounts: Accounts
    series: dict[str, Series]
    calendars: list[Calendar]
    rows: list[slice]

    @classmethod
    def of(cls, cases: Sequence[Case], scenario: Scenario, stations: Stations) -> "_Batch":
        """Return runs that are about to begin."""
        starts = [case.start for case in cases]
        rows = list(_rows(start.world for start in starts))
        world = stacked([start.world for start in starts])
        lucks = [Luck(start.world, start.seed, start.replication) for start in starts]
        env, state = simpy.Environment(), State.stacked([start.state for start in starts])
        years = scenario.horizon.score_years
        known, by_cell = classes(stations), scenario.weekly.detail == "cell"
        batch = cls(
            env=env,
            week=Week(world, scenario, stations, stacked_luck(world, lucks)),
            state=state,
            accounts=Accounts(world, scenario.gate, years=years),
            series={
                name: Series.of(known[name], world, weeks=years * WEEKS_PER_YEAR, by_cell=by_cell)
                for name in recorded(scenario.weekly, known)
            },
            calendars=[
                _calendar(env, case, scenario, state.of(own))
                for case, own in zip(cases, rows, strict=True)
            ],
            rows=rows,
        )
        same: dict[tuple[int, int, int], list[Calendar]] = {}
        for start, calendar in zip(starts, batch.calendars, strict=True):
            same.setdefault((id(start.world), start.seed, start.replication), []).append(calendar)
        begin_processes(list(same.values()), stations)
        env.process(batch.weeks(first=scenario.horizon.warm_up_years * WEEKS_PER_YEAR))
        return batch

    def weeks(self, *, first: int) -> Process:
        """Step the stations in the middle of every week, so that control events come between."""
        for name, account in self.week.accounts(self.state, self.series).items():
            self.series[name].begin(account)
        yield self.env.timeout(0.5)
        while True:
            now = int(self.env.now)
            self.week.step(self.state, first + now)
            for name, account in self.week.accounts(self.state, self.series).items():
                self.series[name].write(now, account)
            self.accounts.add(self.state, self.week.flows, now // WEEKS_PER_YEAR)
            yield self.env.timeout(1)

    def close(self) -> list[Run]:
        """Return what happened in each of the runs."""
        for calendar, rows in zip(self.calendars, self.rows, strict=True):
            close_jobs(calendar)
            self.accounts.close(calendar.records, rows, calendar.world, calendar.plan)
            calendar.records.stations.update(
                {name: series.of_rows(rows) for name, series in self.series.items()}
            )
        return [
            Run(one.plan.name, one.world, one.scenario.horizon.start_year, one.records)
            for one in self.calendars
        ]


def _calendar(env: simpy.Environment, case: Case, scenario: Scenario, state: State) -> Calendar:
    (world, seed, replication, _), years = case.start, scenario.horizon.score_years
    compute = world.compute
    return Calendar(
        env=env,
        world=world,
        plan=case.plan,
        respond=case.respond,
        scenario=scenario,
        state=state,
        records=Records.of(world, years=years),
        seed=seed,
        replication=replication,
        rented=Cluster.of(env, "rented"),
        owned=Cluster.of(env, "owned"),
        for_pretraining=Prepaid.of(env, len(world.regions)),
        for_fine_tuning=Prepaid.of(env, len(world.regions)),
        audit_luck=uniforms(Luck(world, seed, replication).by_cell("evaluation/audit"), 0)[0],
        grid_weeks=_grid_weeks(
            seed, replication, compute.grid_swing, compute.grid_memory, years * WEEKS_PER_YEAR
        ),
    )


@lru_cache(maxsize=1_000)
def _grid_weeks(seed: int, replication: int, swing: float, memory: float, weeks: int) -> Floats:
    """Return ``grid_weeks``; all plans meet the same, so it is drawn once."""
    drawn = grid_weeks(swing, stream(seed, "grid", replication), weeks=weeks, memory=memory)
    drawn.setflags(write=False)
    return drawn
