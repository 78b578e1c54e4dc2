"""One run of a small made-up world, and plans for it."""

from collections.abc import Sequence
from dataclasses import replace

from sim.baseline.world import World
from sim.domain.plan import Plan, empty_plan
from sim.pipeline.case import Case
from sim.pipeline.parts import Stations
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.records import Run
from sim.pipeline.run import simulate, simulate_many, warm_up_many
from sim.pipeline.stations.order import STATIONS
from sim.scenario.schema import Scenario
from tests.scenarios import scenario
from tests.small_world import fixed_response

YEARS = 3
EVERYTHING = {
    "scanner": 3, "outreach": 1, "reader": 1, "steward": 1, "curator": 1, "annotation": 4,
    "synthesis": 2, "pretraining": 1, "federation": 1, "gpu_hours": 5, "audit": 2, "site": 2,
    "agreement": 1,
}  # fmt: skip
"""Units of every lever, bought everywhere."""


def run(
    world: World,
    plan: Plan | None = None,
    *,
    seed: int = 1,
    case: Scenario | None = None,
    stations: Stations = STATIONS,
    **response: float,
) -> Run:
    """Simulate a world under a plan, by default under none."""
    case = case or scenario(years=YEARS)
    return simulate(
        world,
        plan or nothing(world, years=case.horizon.decide_years),
        fixed_response(**response),
        scenario=case,
        seed=seed,
        replication=0,
        stations=stations,
    )


def runs(
    world: World,
    plan: Plan | None = None,
    *,
    seeds: Sequence[int],
    case: Scenario | None = None,
    **response: float,
) -> list[Run]:
    """Return ``run`` with every seed: the same runs, side by side."""
    case = case or scenario(years=YEARS)
    plan = plan or nothing(world, years=case.horizon.decide_years)
    starts = warm_up_many([RandomKeys(world, seed, 0) for seed in seeds], scenario=case)
    respond = fixed_response(**response)
    return simulate_many([Case(start, plan, respond) for start in starts], scenario=case)


def nothing(world: World, *, years: int = YEARS) -> Plan:
    """Return a plan that buys nothing."""
    return empty_plan("baseline", world.catalogue, world.regions, years=years, start_year=2027)


def buying(world: World, *, years: int = YEARS, **units: float) -> Plan:
    """Return a plan that buys the same units everywhere, assets once and services every year."""
    plan = nothing(world, years=years)
    for r in range(len(world.regions)):
        for i, item in enumerate(world.catalogue.items):
            if item.lever in units:
                plan = plan.plus(r, i, units=units[item.lever])
    return replace(plan, name="buying")
