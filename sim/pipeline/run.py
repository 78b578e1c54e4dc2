"""Simulate one plan once: build, run, close the books."""

import numpy as np
import simpy

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.plan import Plan
from sim.pipeline.calendar import Calendar, Process, running_cost
from sim.pipeline.records import STATION_FIELDS, Records, Run
from sim.pipeline.state import State
from sim.pipeline.week import STATIONS, Week
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


def warm_up(world: World, *, scenario: Scenario, seed: int, replication: int) -> State:
    """Return the state on the policy date: today's world, run without any plan.

    All plans of one draw and replication can branch from a copy of it.
    """
    state = State.today(world)
    week = Week(world, scenario.gate, seed=seed, replication=replication)
    ignored = {name: np.zeros((len(STATION_FIELDS), world.shape[0]), np.int64) for name in STATIONS}
    for tick in range(scenario.horizon.warm_up_years * WEEKS_PER_YEAR):
        week.step(state, tick, ignored)
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
) -> Run:
    """Run the pipeline for the scored years of a scenario under one plan.

    Parameters
    ----------
    respond : what a training makes of its holdings, from the measured profile.
    seed, replication : name the sample of chance; plans with the same two face the same world.
    start : state on the policy date, from ``warm_up`` with the same seed and replication; it is
        computed when not given, and never changed.
    """
    if start is None:
        start = warm_up(world, scenario=scenario, seed=seed, replication=replication)
    years = scenario.horizon.score_years
    env = simpy.Environment()
    calendar = Calendar(
        env=env,
        world=world,
        plan=plan,
        respond=respond,
        scenario=scenario,
        state=start.copy(),
        records=Records.of(world, years=years, stations=STATIONS),
        seed=seed,
        replication=replication,
        gpu_hours=simpy.Container(env),
        bought_gpu_hours=np.zeros(len(world.regions)),
    )
    calendar.start()
    week = Week(world, scenario.gate, seed=seed, replication=replication)
    env.process(_weeks(calendar, week, first=scenario.horizon.warm_up_years * WEEKS_PER_YEAR))
    env.run(until=years * WEEKS_PER_YEAR)
    return Run(plan.name, world, scenario.horizon.start_year, calendar.records)


def _weeks(calendar: Calendar, week: Week, *, first: int) -> Process:
    """Step the stations in the middle of every week, so that control events come between."""
    records, pay = calendar.records, running_cost(calendar)
    yield calendar.env.timeout(0.5)
    while True:
        now = int(calendar.env.now)
        tallies = {name: series[now] for name, series in records.stations.items()}
        week.step(calendar.state, first + now, tallies)
        week.write(calendar.state, calendar.year, records)
        pay()
        yield calendar.env.timeout(1)
