"""The parameter sample of a draw: world and response, before any event and any plan."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from sim.baseline import tables
from sim.baseline.build import world_and_inputs
from sim.baseline.datum import Datum
from sim.baseline.inputs import Drawn
from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.learning.response import (
    FROZEN_BEYOND,
    NOT_MEASURED,
    PARAMETERS,
    Factor,
    Profile,
    Response,
    central,
    draw_response,
    load_profile,
)
from sim.scenario.ai import LEVEL
from sim.scenario.schema import Scenario
from sim.streams import stratified, stream
from sim.studies.experiment import Purpose, Variant


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of all uncertain parameters; nothing has been simulated."""

    world: World
    inputs: Mapping[str, Datum]
    """Register of the inputs that the world was built from, by dotted name."""
    profile: Profile
    response: Response
    """The profile's law, carried over to the scenario's task."""
    seed: int
    """Seed of the random streams of events in this sample; see ``event_seed``."""
    drawn: Mapping[str, Drawn] = field(default_factory=dict)
    """What differs from draw to draw, by dotted name, with its value in this one."""

    def respond(self, variant: Variant = "measured") -> Respond:
        """Return the response as the simulation calls it, as measured or varied."""
        return varied(self.response, variant, self.profile)

    def drawn_table(self) -> pd.DataFrame:
        """Return what differs from draw to draw: ``parameter``, ``topic``, ``unknown``, ``value``.

        Parameters of one unknown move together. Those of the response, and factors that the profile
        measured, are of one fit each, and vary together without being one unknown.
        """
        rows = [
            (name, TOPICS.get(name.split(".")[0]) or tables.topic_of(name), one.unknown, one.value)
            for name, one in self.drawn.items()
        ]
        return pd.DataFrame(rows, columns=["parameter", "topic", "unknown", "value"])

    def inputs_table(self) -> pd.DataFrame:
        """Return the inputs as a table: name and the fields of ``Datum``."""
        rows = [{"name": name} | asdict(datum) for name, datum in sorted(self.inputs.items())]
        columns = ["name", "value", "low", "high", "unit", "year", "status", "source", "note"]
        return pd.DataFrame(rows, columns=columns)


TOPICS = {"response": "response", "level": "level"}
"""What the parameters of the response are about, by the first part of their names."""
Sampler = Callable[[Scenario, int | None, Purpose], Sample]
"""Scenario, draw (None: central values) and purpose to a sample."""


LAW, LEVEL_OF_ERROR, FACTORS, CHANCE = "response", "level", "measured factors", "chance"
"""Uniform numbers beside those of inputs: they say which draw of the profile's law is taken, its
level of error, which row of the factors it measured, and the seed of events."""


def parameter_sample(
    scenario: Scenario,
    draw: int | None,
    purpose: Purpose = "judge",
    *,
    stated: Mapping[str, float] | None = None,
) -> Sample:
    """Return the world and the response of one draw.

    Parameters
    ----------
    draw : number of the sample; None for central values.
    purpose : what the runs are for; part of the name of every stream.
    stated : uniform numbers, 0 to 1, that are not drawn, by name: of an unknown, or ``LAW``,
        ``LEVEL_OF_ERROR``, ``FACTORS`` and ``CHANCE``.
    """
    stated = stated or {}
    world, inputs = world_and_inputs(scenario, draw=draw, purpose=purpose, stated=stated)
    profile = load_profile(scenario.profile)
    response = response_of(scenario, profile, draw=draw, purpose=purpose, stated=stated)
    world = with_measured_factors(
        world, profile, scenario, draw=draw, purpose=purpose, stated=stated
    )
    seed = event_seed(scenario.uncertainty.seed, purpose=purpose, draw=draw)
    return Sample(
        world=world,
        inputs=_with_measured(inputs.used, profile, scenario),
        profile=profile,
        response=response,
        seed=int(stated[CHANCE] * 2**62) if CHANCE in stated else seed,
        drawn={} if draw is None else _drawn(inputs.drawn, world, response, profile, scenario),
    )


MEASURED_FACTORS = (
    "synthetic_worth",
    "synthetic_limit",
    "mitigation_sensitivity_gain",
    "pretraining_efficiency",
    "pretraining_per_decade",
    "pretraining_own_share",
)
"""Inputs that the profile measures, by the one name of field, operation and factor.

Synthetic studies that were measured to harm count as nothing: who trains would leave them out.
"""


def with_measured_factors(
    world: World,
    profile: Profile,
    scenario: Scenario,
    *,
    draw: int | None,
    purpose: Purpose,
    stated: Mapping[str, float] | None = None,
) -> World:
    """Return the world with what the profile measured in place of what the tables assume.

    The energy of an inference always; ``MEASURED_FACTORS`` where there were runs, unless the
    scenario overrides them. A draw takes one row of the bootstrap for all of them, that of the
    uniform number ``FACTORS`` where it is stated.
    """
    row = stream(scenario.uncertainty.seed, FACTORS, purpose, str(draw)).random()
    row = (stated or {}).get(FACTORS, row)
    values: dict[str, Any] = {}
    for name, factor in _measured_factors(profile, scenario).items():
        drawn = sorted(factor.draws) if draw is None else factor.draws
        place = 0.5 if draw is None else row
        bounds = tables.variables()["operations", name]
        values[name] = bounds.nearest(drawn[int(place * len(drawn))])
    values["joules_per_inference"] = profile.joules_per_inference
    data = {name: values.pop(name) for name in list(values) if hasattr(world.data, name)}
    return replace(
        world, compute=replace(world.compute, **values), data=replace(world.data, **data)
    )


def _measured_factors(profile: Profile, scenario: Scenario) -> dict[str, Factor]:
    set_here = {name.split(".")[0] for name in scenario.overrides}
    return {
        name: profile.factors[name]
        for name in MEASURED_FACTORS
        if name not in set_here and profile.factors.get(name, NOT_MEASURED).draws
    }


def _with_measured(
    register: Mapping[str, Datum], profile: Profile, scenario: Scenario
) -> dict[str, Datum]:
    """Return the register of inputs with measured values where they are used."""
    factors = _measured_factors(profile, scenario)
    kept = {name: datum for name, datum in register.items() if name.split(".")[0] not in factors}
    for name, factor in factors.items():
        low, high = factor.low or 0.0, factor.high or 0.0
        kept[name] = Datum(
            factor.value or 0.0, low, high, factor.unit, "", "measured",
            f"profile {profile.name}, {factor.runs} runs: {factor.status}",
            "95% interval of a bootstrap over seeds",
        )  # fmt: skip
    return kept


def _drawn(
    drawn: Mapping[str, Drawn],
    world: World,
    response: Response,
    profile: Profile,
    scenario: Scenario,
) -> dict[str, Drawn]:
    """Return the values of a draw, with measured ones where they are used, and the response's."""
    factors = _measured_factors(profile, scenario)
    found = {name: one for name, one in drawn.items() if name.split(".")[0] not in factors}
    for name in factors:
        part = world.data if hasattr(world.data, name) else world.compute
        found[name] = Drawn(float(getattr(part, name)), name, moved_by=FACTORS)
    for name in PARAMETERS:
        value = float(getattr(response, name))
        found[f"response.{name}"] = Drawn(value, f"response.{name}", moved_by=LAW)
    found["level"] = Drawn(response.level, "level", moved_by=LEVEL_OF_ERROR)
    return found


def event_seed(seed: int, *, purpose: Purpose, draw: int | None) -> int:
    """Return the seed of random streams in one draw, different for every purpose and draw."""
    return int(stream(seed, "chance", purpose, str(draw)).integers(2**62))


def response_of(
    scenario: Scenario,
    profile: Profile,
    *,
    draw: int | None,
    purpose: Purpose,
    stated: Mapping[str, float] | None = None,
) -> Response:
    """Return one draw of the profile's law, carried over to the scenario's task.

    Central (``draw`` None) is the draw nearest to the mean of all, at the central level; kappa is
    then 1 where the scenario holds that more likely than not. ``stated`` may have the uniform
    numbers ``LAW`` and ``LEVEL_OF_ERROR``.
    """
    weight = scenario.response.kappa_one_weight
    if draw is None:
        middle = central(profile, level=scenario.response.level.value)
        return as_own(middle) if weight > 0.5 else middle
    rng, stated = stream(scenario.uncertainty.seed, "response", purpose, draw), stated or {}
    number, at = int(rng.integers(2**31)), rng.random()
    if (size := scenario.uncertainty.latin_hypercube) and purpose == "judge":
        at = stratified(scenario.uncertainty.seed, draw, size, "response", LEVEL_OF_ERROR)
    if LAW in stated:
        number = int(stated[LAW] * 2**31)
    return draw_response(
        profile,
        number,
        kappa_one_weight=weight,
        level=scenario.response.level.known.at(stated.get(LEVEL_OF_ERROR, at), LEVEL),
    )


def varied(response: Response, variant: Variant, profile: Profile) -> Response:
    """Return the response under a variant, to see whether a finding hangs on the measured law.

    ``frozen`` stops improving at three times the measured range; ``kappa_one`` holds another
    place's study worth as much as one's own.
    """
    if variant == "frozen":
        return replace(response, edge=FROZEN_BEYOND * profile.measured_max)
    return as_own(response) if variant == "kappa_one" else response


def as_own(response: Response) -> Response:
    """Return the response to which studies from elsewhere are as good as one's own."""
    return replace(response, kappa=1.0, limit=math.inf)
