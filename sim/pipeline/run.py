"""Simulate plans: one, or many side by side in one pass of the stations.

Runs that are moved together are *stacked*: their worlds and states lie one after the other along
the region axis. No station mixes regions, and every random number is owned by a name, so a run
is the same to the bit whichever others it is stacked with. What couples regions (shared data,
clusters, GPU-hours) belongs to the control processes, which each run has for itself.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import simpy

from sim.baseline.world import World, stacked
from sim.domain.holdings import Respond
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.pipeline.annual_accounts import Accounts
from sim.pipeline.case import Case, Family, Start, families, stated_backlog
from sim.pipeline.changes import Changes
from sim.pipeline.parts import Stations, classes, processes, recorded, replaced, state_today
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.cluster import close_jobs, grid_weeks
from sim.pipeline.processes.jobs import Cluster, Prepaid
from sim.pipeline.processes.schedule import begin_processes
from sim.pipeline.random_keys import RandomKeys, stacked_keys
from sim.pipeline.records import Records, Run
from sim.pipeline.series import Series
from sim.pipeline.state import Rows, State
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.scenario.schema import Scenario
from sim.streams import stream, uniforms
from sim.units import WEEKS_PER_YEAR

CELLS_AT_ONCE = 8_000
"""Cells (region, modality, group) that are moved together; more no longer fit the cache."""


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
    return warm_up_many(
        [RandomKeys(world, seed, replication)], scenario=scenario, stations=stations
    )[0]


def warm_up_many(
    random_keys: Sequence[RandomKeys], *, scenario: Scenario, stations: Stations = STATIONS
) -> list[Start]:
    """Return ``warm_up`` of several worlds, seeds and replications, in order."""
    starts = []
    for together in _together([keys.world for keys in random_keys], stations):
        some = [random_keys[k] for k in together]
        world = stacked([keys.world for keys in some])
        state = state_today(world, stations)
        week = Week(world, scenario, stations, stacked_keys(world, some))
        for tick in range(scenario.horizon.warm_up_years * WEEKS_PER_YEAR):
            week.step(state, tick)
        for keys, rows in zip(some, _rows(keys.world for keys in some), strict=True):
            own = State.stacked([state.of(rows)])
            stated_backlog(keys.world, scenario, own)
            starts.append(Start(keys.world, keys.seed, keys.replication, own))
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
    seed, replication : name the random numbers; plans with the same two face the same world.
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
    if replaced(stations):
        # what a station or process of one's own reads and writes is not known
        cases = [case._replace(base=None) for case in cases]
    runs: dict[int, Run] = {}
    some = families(cases)
    for together in _together([family.world() for family in some], stations):
        batch = _Batch.of([some[k] for k in together], scenario, stations)
        with _no_collection():
            batch.env.run(until=scenario.horizon.score_years * WEEKS_PER_YEAR)
        runs.update(batch.close())
    if felt := [k for k in range(len(cases)) if k not in runs]:
        whole = [cases[k]._replace(base=None) for k in felt]
        again = simulate_many(whole, scenario=scenario, stations=stations)
        runs.update(zip(felt, again, strict=True))
    return [runs[k] for k in range(len(cases))]


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


def _rows(worlds: Iterable[World]) -> Iterator[slice]:
    """Yield the rows of every world among the regions of all."""
    end = 0
    for world in worlds:
        yield slice(end, end := end + len(world.regions))


class _Member(NamedTuple):
    """One run of a batch."""

    place: int | None
    """Among the cases that were asked for; None for a base that nobody asked for."""
    calendar: Calendar
    rows: Rows
    """Where its regions are in the state of the batch."""
    changes: Changes | None = None
    run: int | None = None
    """Its number among the runs that share regions; None where it shares none."""

    def is_felt_elsewhere(self) -> bool:
        """Return whether a change was felt in regions that were not moved."""
        return self.changes is not None and self.run is not None and self.changes.felt[self.run]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Runs that are moved together, on one clock."""

    env: simpy.Environment
    week: Week
    state: State
    accounts: Accounts
    series: dict[str, Series]
    changes: list[Changes]
    members: list[_Member]

    @classmethod
    def of(cls, some: Sequence[Family], scenario: Scenario, stations: Stations) -> "_Batch":
        """Return runs that are about to begin."""
        starts, worlds = [one.cases[0].start for one in some], [one.world() for one in some]
        world = stacked(worlds)
        random_keys = [
            RandomKeys(own, start.seed, start.replication)
            for own, start in zip(worlds, starts, strict=True)
        ]
        env, years = simpy.Environment(), scenario.horizon.score_years
        state = State.stacked([one.cases[0].start.state.of(one.moved) for one in some])
        known, by_cell = classes(stations), scenario.weekly.detail == "cell"
        week = Week(world, scenario, stations, stacked_keys(world, random_keys))
        batch = cls(
            env=env,
            week=week,
            state=state,
            accounts=Accounts(world, scenario.gate, week.flows.yearly, years=years),
            series={
                name: Series.of(known[name], world, weeks=years * WEEKS_PER_YEAR, by_cell=by_cell)
                for name in recorded(scenario.weekly, known)
            },
            changes=[],
            members=[],
        )
        for family, rows in zip(some, _rows(worlds), strict=True):
            batch.add(family, rows, scenario)
        same: dict[tuple[int, int, int], list[Calendar]] = {}
        for calendar in (member.calendar for member in batch.members):
            key = id(calendar.world), calendar.seed, calendar.replication
            same.setdefault(key, []).append(calendar)
        begin_processes(list(same.values()), processes(stations))
        env.process(batch.weeks(first=scenario.horizon.warm_up_years * WEEKS_PER_YEAR))
        return batch

    def add(self, family: Family, rows: slice, scenario: Scenario) -> None:
        """Add the runs of a family, which has some rows of the state."""
        if len(family.cases) == 1:
            calendar = _calendar(self.env, family.cases[0], scenario, self.state.of(rows))
            self.members.append(_Member(family.places[0], calendar, rows))
            return
        changes = Changes(self.state, rows.start, family)
        self.changes.append(changes)
        for run, case, place in zip(changes.runs, family.cases, family.places, strict=True):
            calendar = _calendar(self.env, case, scenario, changes.state(run))
            self.members.append(_Member(place, calendar, changes.places(run), changes, run))

    def weeks(self, *, first: int) -> Process:
        """Step the stations in the middle of every week, so that control events come between."""
        for name, account in self.week.accounts(self.state, self.series).items():
            self.series[name].begin(account)
        yield self.env.timeout(0.5)
        while True:
            now = int(self.env.now)
            for changes in self.changes:
                changes.hand_over()
            self.week.step(self.state, first + now)
            for changes in self.changes:
                changes.hand_back()
            for name, account in self.week.accounts(self.state, self.series).items():
                self.series[name].write(now, account)
            self.accounts.add(self.state, self.week.flows, now // WEEKS_PER_YEAR)
            yield self.env.timeout(1)

    def close(self) -> dict[int, Run]:
        """Return what happened in the runs that were asked for and need not be made in full."""
        runs = {}
        for member in self.members:
            if member.place is not None and not member.is_felt_elsewhere():
                runs[member.place] = self._closed(member.calendar, member.rows)
        return runs

    def _closed(self, calendar: Calendar, rows: Rows) -> Run:
        records = calendar.records
        close_jobs(calendar)
        self.accounts.close(records, rows, calendar.world, calendar.plan)
        records.stations.update({name: one.of_rows(rows) for name, one in self.series.items()})
        start_year = calendar.scenario.horizon.start_year
        return Run(calendar.plan.name, calendar.world, start_year, records)


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
        audit_uniforms=uniforms(
            RandomKeys(world, seed, replication).by_cell("evaluation/audit"), 0
        )[0],
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
