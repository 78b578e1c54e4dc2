"""Simulate one plan once: build, run, close the books."""

import simpy

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.plan import Plan
from sim.pipeline.backlog import stated_backlog
from sim.pipeline.books import Books
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.cluster import close_jobs, grid_weeks
from sim.pipeline.commissioning import running_cost
from sim.pipeline.jobs import Cluster, Prepaid
from sim.pipeline.luck import Luck
from sim.pipeline.processes import begin_processes
from sim.pipeline.records import Records, Run
from sim.pipeline.state import State
from sim.pipeline.station import Stations
from sim.pipeline.stations import STATIONS
from sim.pipeline.week import Week
from sim.scenario.schema import Scenario
from sim.streams import stream, uniforms
from sim.units import WEEKS_PER_YEAR


def warm_up(
    world: World,
    *,
    scenario: Scenario,
    seed: int,
    replication: int,
    stations: Stations = STATIONS,
) -> State:
    """Return the state on the policy date: today's world, run without any plan.

    All plans of one draw and replication can branch from a copy of it. Queues that the scenario
    states replace what the warm-up left waiting.
    """
    state = State.today(world)
    week = Week(world, scenario, stations, seed=seed, replication=replication)
    week.begin(state)
    for tick in range(scenario.horizon.warm_up_years * WEEKS_PER_YEAR):
        week.step(state, tick)
    stated_backlog(world, scenario, state)
    return state


def simulate(
    world: World,
    plan: Plan,
    respond: Respond,
    *,
    scenario: Scenario,
    seed: int,
    replication: int,
    start: State | None = None,
    stations: Stations = STATIONS,
) -> Run:
    """Run the pipeline for the scored years of a scenario under one plan.

    Parameters
    ----------
    respond : what a training makes of its holdings, from the measured profile.
    seed, replication : name the sample of chance; plans with the same two face the same world.
    start : state on the policy date, from ``warm_up`` with the same seed, replication and
        stations; it is computed when not given, and never changed.
    stations : classes of the stations and processes of one's own; see ``with_stations``.
    """
    if start is None:
        start = warm_up(
            world, scenario=scenario, seed=seed, replication=replication, stations=stations
        )
    years = scenario.horizon.score_years
    env = simpy.Environment()
    calendar = Calendar(
        env=env,
        world=world,
        plan=plan,
        respond=respond,
        scenario=scenario,
        state=start.copy(),
        records=Records.of(world, years=years, stations=stations, weekly=scenario.weekly),
        seed=seed,
        replication=replication,
        rented=Cluster.of(env, "rented"),
        owned=Cluster.of(env, "owned"),
        for_pretraining=Prepaid.of(env, len(world.regions)),
        for_fine_tuning=Prepaid.of(env, len(world.regions)),
        audit_luck=uniforms(Luck(world, seed, replication).by_cell("evaluation/audit"), 0)[0],
        grid_weeks=grid_weeks(
            world.compute.grid_swing,
            stream(seed, "grid", replication),
            weeks=years * WEEKS_PER_YEAR,
            memory=world.compute.grid_memory,
        ),
    )
    begin_processes(calendar, stations)
    week = Week(world, scenario, stations, seed=seed, replication=replication)
    env.process(_weeks(calendar, week, first=scenario.horizon.warm_up_years * WEEKS_PER_YEAR))
    env.run(until=years * WEEKS_PER_YEAR)
    close_jobs(calendar)
    return Run(plan.name, world, scenario.horizon.start_year, calendar.records)


def _weeks(calendar: Calendar, week: Week, *, first: int) -> Process:
    """Step the stations in the middle of every week, so that control events come between."""
    records, pay = calendar.records, running_cost(calendar)
    books = Books(calendar.world, calendar.scenario.gate, records)
    for name, account in week.accounts(calendar.state, records.stations).items():
        records.stations[name].begin(account)
    yield calendar.env.timeout(0.5)
    while True:
        now = int(calendar.env.now)
        week.step(calendar.state, first + now)
        for name, account in week.accounts(calendar.state, records.stations).items():
            records.stations[name].write(now, account)
        books.write(calendar.state, week.flows, calendar.year)
        pay()
        yield calendar.env.timeout(1)
