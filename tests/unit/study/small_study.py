"""A study small enough for tests: two made-up regions, two draws, plans made by hand."""

from dataclasses import replace

import numpy as np

from sim.domain.plan import Plan, empty_plan
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.study.design import Purpose
from sim.study.experiment import Setting, setting
from sim.study.plans import Proposal
from tests.small_world import fixed_response, small_world

FORBIDDEN = ("steward", "curator", "annotation", "gpu_hours", "audit", "site", "agreement")


def small_scenario(*, draws: int = 2, replications: int = 2) -> Scenario:
    assumed = {"value": 0.5, "low": 0.3, "high": 0.7, "source": "assumption: a test"}
    return Scenario.model_validate(
        {
            "title": "Two made-up regions",
            "question": "Does money for scanners help anyone?",
            "regions": ("AAA", "BBB"),
            "groups": {
                "group0": {"share": 0.5, "reach": assumed},
                "group1": {"share": 0.5, "reach": assumed},
            },
            "modalities": {"dermoscopy": 1.0},
            "horizon": {"decide_years": 2, "score_years": 2, "warm_up_years": 0},
            "response": {"level": assumed},
            "budget_usd_per_year": 200_000.0,
            "levers": {name: {"allowed": False} for name in FORBIDDEN},
            "uncertainty": {"draws": draws, "replications": replications, "seed": 3},
        }
    )


def prepare_small(
    scenario: Scenario, draw: int | None, replication: int, purpose: Purpose
) -> Setting:
    """Return a made-up setting whose need differs from draw to draw."""
    world = small_world(population=2e5)
    luck = stream(scenario.uncertainty.seed, "need", purpose, str(draw))
    need = world.care.need_per_year * luck.uniform(0.5, 1.5, world.care.need_per_year.shape)
    return setting(
        scenario,
        replace(world, care=replace(world.care, need_per_year=need)),
        fixed_response(),
        draw=draw,
        replication=replication,
        purpose=purpose,
    )


def plan_of(units_by_item: dict[str, float], *, name: str = "plan") -> Plan:
    """Return a plan that buys the same in both regions, in the first year."""
    world = small_world()
    plan = empty_plan(name, world.catalogue, world.regions, years=2, start_year=2027)
    units = plan.units.copy()
    for item, amount in units_by_item.items():
        index = [i.name for i in world.catalogue.items].index(item)
        units[0, :, index] = amount
    return replace(plan, units=units)


def proposals() -> dict[str, Proposal]:
    duals = np.arange(20, dtype=float).reshape(2, 10)
    return {
        "baseline": Proposal(plan_of({}, name="baseline")),
        "plan": Proposal(
            replace(plan_of({"reader.dermatologist": 1.0, "outreach": 0.5}), gap=0.01),
            note="made by hand",
            duals=duals,
        ),
    }
