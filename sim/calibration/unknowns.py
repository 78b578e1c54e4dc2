"""The inputs that calibration moves: names checked, ranges found, prior set."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import triang

from sim.baseline.build import world_and_inputs
from sim.baseline.datum import Datum
from sim.calibration.targets import Parameter, Targets
from sim.domain.bounds import Bounds
from sim.domain.levers import Floats
from sim.errors import nearest
from sim.scenario.problems import Problem
from sim.scenario.schema import Scenario
from sim.scenario.spec import Override
from sim.scenario.tree import Node

MOVABLE = ("assumed", "imputed", "calibrated")
"""Statuses of values that may move without a reason of their own."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An input that may move, with the range and the centre that a draw would sample it from."""

    name: str
    low: float
    mode: float
    high: float
    unit: str
    status: str
    """How the value was known before."""

    def at(self, quantile: Floats) -> Floats:
        """Return the values at quantiles of the triangular prior, any shape."""
        span = self.high - self.low
        shape = (self.mode - self.low) / span
        return np.asarray(triang.ppf(quantile, shape, loc=self.low, scale=span))


def with_values(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """Return the scenario with inputs fixed at given values."""
    fixed = {
        name: Override(value=float(value), source="a trial of calibration")
        for name, value in values.items()
    }
    return scenario.model_copy(update={"overrides": {**scenario.overrides, **fixed}})


def find_unknowns(
    targets: Targets, scenario: Scenario, tree: Node, known: Mapping[str, Bounds]
) -> tuple[list[Unknown], list[Problem]]:
    """Return the inputs that may move, and what is wrong with those that cannot.

    Parameters
    ----------
    tree : the file of targets, for the places of problems.
    known : dotted names that a scenario may override, with the bounds of their values.
    """
    used = world_and_inputs(scenario, draw=None)[1].used
    found, problems = [], []
    for name, given in targets.parameters.items():
        data = _data(name, used)
        reasons = list(_reasons(name, given, data, known, scenario.overrides))
        if reasons:
            place = tree.descend(("parameters", name))[0].place
            problems += [Problem(place, f"parameters.{name}", reason) for reason in reasons]
        else:
            found.append(_unknown(name, given, next(iter(data.values()))))
    return found, problems


def _data(name: str, used: Mapping[str, Datum]) -> dict[str, Datum]:
    """Return the values that a name stands for: one, or one per income group."""
    if name in used:
        return {name: used[name]}
    groups = ("LIC", "LMC", "UMC", "HIC")
    return {full: used[full] for group in groups if (full := f"{name}.{group}") in used}


def _reasons(
    name: str,
    given: Parameter,
    data: Mapping[str, Datum],
    known: Mapping[str, Bounds],
    overridden: Collection[str],
) -> Iterator[str]:
    """Yield why an input cannot move."""
    if name not in known:
        yield f"no such baseline value in this scenario.{nearest(name, known)}"
        return
    if not data:
        yield "the scenario does not use this value."
        return
    own = [full for full in data if full != name and full in overridden]
    if own:
        yield f"has a value of its own in the scenario for {', '.join(own)}; name that."
        return
    ranges = {(datum.low, datum.value, datum.high) for datum in data.values()}
    if len(ranges) > 1 and (given.low is None or given.high is None):
        yield f"differs by income group: name one of {', '.join(data)}, or give low and high."
        return
    yield from _range_reasons(given, data, known[name])


def _range_reasons(given: Parameter, data: Mapping[str, Datum], bounds: Bounds) -> Iterator[str]:
    """Yield what is wrong with the range of an input, or with its having one."""
    datum = next(iter(data.values()))
    low, high = _range(given, datum)
    if wrong := bounds.broken_by(low, high):
        yield f"{wrong}."
    if not low < high:
        yield f"has no range, as {datum.status} by {datum.source}; give low and high."
    fixed = sorted({datum.status for datum in data.values()} - set(MOVABLE))
    if fixed and not given.why:
        source = datum.source
        yield f"is {fixed[0]} ({source}), not assumed; say in 'why' what lets it move."
    wider = low < datum.low or high > datum.high
    if wider and not given.why:
        reason = f"{low:g} to {high:g} is wider than the tables' {datum.low:g} to {datum.high:g}"
        yield f"{reason}; say in 'why' what speaks for it."


def _range(given: Parameter, datum: Datum) -> tuple[float, float]:
    low = datum.low if given.low is None else given.low
    return low, datum.high if given.high is None else given.high


def _unknown(name: str, given: Parameter, datum: Datum) -> Unknown:
    low, high = _range(given, datum)
    mode = float(np.clip(datum.value, low, high))
    return Unknown(name, low, mode, high, datum.unit, datum.status)
