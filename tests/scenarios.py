"""Scenario objects for tests, beside the small worlds."""

from typing import Any

from sim.baseline.build import world_and_inputs
from sim.baseline.world import World
from sim.scenario.ai import ResponseSpec
from sim.scenario.schema import Group, Horizon, Scenario
from sim.scenario.spec import Assumption


def fixed(value: float) -> Assumption:
    """Return an assumption without a range."""
    return Assumption(value=value, low=value, high=value, source="made up for a test")


def scenario(*, years: int = 3, warm_up: int = 1, **changes: Any) -> Scenario:
    """Return a short scenario for the engine, whose world is given separately."""
    given: dict[str, Any] = {
        "title": "A test",
        "question": "What happens in a made-up world?",
        "regions": ("KEN", "UGA"),
        "groups": {
            "urban": Group(share="urban_share", reach=fixed(0.5)),
            "rural": Group(share="rural_share", reach=fixed(0.2)),
        },
        "modalities": {"dermoscopy": 1.0},
        "response": ResponseSpec(level=fixed(1.0)),
        "budget_usd_per_year": 1e6,
        "horizon": Horizon(decide_years=years, score_years=years, warm_up_years=warm_up),
    }
    return Scenario(**(given | changes))


def build_world(scenario: Scenario, draw: int | None = None) -> World:
    """Return a world as the tables have it, without what a profile measured."""
    return world_and_inputs(scenario, draw=draw)[0]
