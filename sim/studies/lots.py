"""Plans that are simulated together in some search draws, and what they reach there."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.pipeline.case import Case
from sim.pipeline.run import simulate_many
from sim.planning.rules import baseline
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.conditions import Seen, conditions_of
from sim.studies.totals import People, Totals, measured

RUNS_PER_LOT = 60
"""Runs of a lot, from which on more at a time are hardly faster."""
FEWEST_LOTS = 4
"""Lots that the draws of a step are cut into at least, so that no worker waits for another long."""


class Lot(NamedTuple):
    """Plans that are simulated in some search draws; the first is near to all others."""

    plans: tuple[Plan, ...]
    draws: tuple[int, ...]
    by_region: bool = False
    """Whether what each region adds to the objective is wanted, not what all come to."""


def lots(
    step: str, plans: Sequence[Plan], draws: Sequence[int], *, by_region: bool = False
) -> dict[str, Lot]:
    """Return what is simulated together in a step; it does not depend on who does it."""
    most = min(RUNS_PER_LOT // max(len(plans), 1), ceil(len(draws) / FEWEST_LOTS))
    size = max(most, 1)
    parts = [tuple(draws[k : k + size]) for k in range(0, len(draws), size)]
    return {
        f"{step}-draws{part[0]}to{part[-1]}": Lot(tuple(plans), part, by_region) for part in parts
    }


def simulated(design: Design, lot: Lot) -> Floats:
    """Return what every plan reaches in every draw of a lot, shape (plan, draw, value).

    The first value is the outcome that plans are made for; the others are by what part of its limit
    each condition of the scenario is passed, see ``conditions.Condition``. Of a lot by region they
    are what each region adds to the outcome.
    """
    if lot.by_region and (parts := design.objective.parts):
        rows = seen(design, lot)
        return np.array([[parts.of(one.measured) for one in row] for row in rows]).swapaxes(0, 1)
    conditions = conditions_of(design.scenario)
    rows = seen(design, lot, nothing=bool(conditions))
    reached = [
        [
            [design.objective.of(one.measured)]
            + [condition.excess(one, row[-1]) for condition in conditions]
            for one in row[: len(lot.plans)]
        ]
        for row in rows
    ]
    return np.array(reached).transpose(1, 0, 2)


def seen(design: Design, lot: Lot, *, nothing: bool = False) -> list[list[Seen]]:
    """Return what was simulated of every plan, a list for every draw.

    Parameters
    ----------
    nothing : whether that nothing is bought is simulated too, after the plans.
    """
    design = replace(design, scenario=unrecorded(design.scenario))
    scenario = design.scenario
    samples = [design.sampler(scenario, draw, "search") for draw in lot.draws]
    starts = starts_of(design, samples, [0] * len(samples))
    first, *others = lot.plans
    cases = []
    for start, sample in zip(starts, samples, strict=True):
        respond = sample.respond()
        cases.append(Case(start, first, respond))
        cases += [Case(start, plan, respond, base=first) for plan in others]
        if nothing:
            cases.append(Case(start, baseline(sample.world, scenario), respond, base=first))
    runs = simulate_many(cases, scenario=scenario, stations=design.stations)
    found = [
        Seen(
            totals, measured(totals, People.of(run.world, years=len(totals.need)), scenario.equity)
        )
        for run, totals in ((run, Totals.of(run)) for run in runs)
    ]
    size = len(lot.plans) + nothing
    return [found[k : k + size] for k in range(0, len(found), size)]
