"""One experiment: the only place where a plan, a draw of the world and the response meet."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sim.baseline.build import build_world
from sim.baseline.world import World
from sim.domain.holdings import Holdings, Performance, Respond
from sim.domain.plan import Plan
from sim.learning.response import Profile, Response, draw_response, load_profile
from sim.pipeline.records import Run
from sim.pipeline.run import simulate, warm_up
from sim.pipeline.state import State
from sim.scenario.schema import Assumption, Scenario
from sim.streams import stream
from sim.study.design import Purpose


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything of an experiment but its plan; the same for all plans of a draw."""

    scenario: Scenario
    world: World
    respond: Respond
    seed: int
    replication: int
    start: State
    """State on the policy date; every plan branches from it."""

    def run(self, plan: Plan) -> Run:
        """Return what happens under one plan."""
        return simulate(
            self.world,
            plan,
            self.respond,
            scenario=self.scenario,
            seed=self.seed,
            replication=self.replication,
            start=self.start,
        )


Prepare = Callable[[Scenario, int | None, int, Purpose], Setting]
"""Scenario, draw (None: central values), replication and purpose to a setting."""


def prepare(
    scenario: Scenario,
    draw: int | None,
    replication: int,
    purpose: Purpose = "judge",
    *,
    frozen: bool = False,
) -> Setting:
    """Return the world, the response and the luck of one draw and replication.

    Parameters
    ----------
    draw : sample of what is not known; None for central values.
    replication : sample of chance.
    purpose : what the run is for; part of the name of every stream.
    frozen : stop improving at three times the measured range; a finding that changes with it
        depends on extrapolation.
    """
    world = build_world(scenario, draw=draw, purpose=purpose)
    profile = load_profile(scenario.profile)
    response = response_of(scenario, profile, draw=draw, purpose=purpose, frozen=frozen)
    respond = respond_of(response, specificity=profile.specificity)
    return setting(scenario, world, respond, draw=draw, replication=replication, purpose=purpose)


def setting(
    scenario: Scenario,
    world: World,
    respond: Respond,
    *,
    draw: int | None,
    replication: int,
    purpose: Purpose,
) -> Setting:
    """Return the setting of a given world and response: seeded, and run up to the policy date."""
    seed = chance_seed(scenario.uncertainty.seed, purpose=purpose, draw=draw)
    start = warm_up(world, scenario=scenario, seed=seed, replication=replication)
    return Setting(scenario, world, respond, seed, replication, start)


def run_experiment(
    scenario: Scenario,
    plan: Plan,
    *,
    draw: int | None,
    replication: int,
    purpose: Purpose = "judge",
) -> Run:
    """Return what happens under one plan in one draw of the world and one replication of chance."""
    return prepare(scenario, draw, replication, purpose).run(plan)


def chance_seed(seed: int, *, purpose: Purpose, draw: int | None) -> int:
    """Return the seed of chance within one draw, different for every purpose and draw."""
    return int(stream(seed, "chance", purpose, str(draw)).integers(2**62))


def respond_of(response: Response, *, specificity: float) -> Respond:
    """Return a response as the simulation calls it, at the specificity of its threshold."""

    def respond(holdings: Holdings) -> Performance:
        sensitivity = 1.0 - response.error(holdings.own, holdings.other)
        return Performance(sensitivity, np.full_like(sensitivity, specificity))

    return respond


def response_of(
    scenario: Scenario,
    profile: Profile,
    *,
    draw: int | None,
    purpose: Purpose,
    frozen: bool = False,
) -> Response:
    """Return one draw of the profile's law, carried over to the scenario's task.

    Central values (``draw`` None) are the medians of the profile's draws and the central level;
    kappa is then 1 where the scenario holds that more likely than not.

    Parameters
    ----------
    frozen : stop improving at three times the measured range instead of extrapolating.
    """
    weight = scenario.response.kappa_one_weight
    if draw is None:
        middle = {name: float(np.median(values)) for name, values in profile.draws.items()}
        some = draw_response(profile, 0, level=scenario.response.level.value, frozen=frozen)
        return replace(some, **middle | ({"kappa": 1.0} if weight > 0.5 else {}))
    luck = stream(scenario.uncertainty.seed, "response", purpose, draw)
    return draw_response(
        profile,
        int(luck.integers(2**31)),
        kappa_one_weight=weight,
        level=_triangular(luck, scenario.response.level),
        frozen=frozen,
    )


def _triangular(luck: np.random.Generator, assumed: Assumption) -> float:
    if assumed.low == assumed.high:
        return assumed.value
    return float(luck.triangular(assumed.low, assumed.value, assumed.high))
