"""Plans that an answer asks for: under a scenario of its own, from plans that are there already."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import UnsolvedError
from sim.planning.limits import fitted
from sim.planning.objectives import OBJECTIVES
from sim.scenario.schema import Scenario
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept
from sim.studies.lots import Lot, simulated
from sim.studies.plans import Candidate, about, arrays_of, candidate_of
from sim.studies.search import search_of


class Asked(NamedTuple):
    """A plan that is asked for, and where its search begins."""

    name: str
    scenario: Scenario
    """What it has to keep, and how long it is searched for."""
    starts: tuple[Plan, ...]
    """Of different names; as much of each as the scenario allows is bought."""
    aim: str = ""
    """Outcome that it is to be best by; the objective of the answer where none is named."""


def searching(scenario: Scenario, runs: int) -> Scenario:
    """Return the scenario with another number of runs of its search."""
    search = scenario.search.model_copy(update={"effort": runs})
    return scenario.model_copy(update={"search": search})


def find_asked(
    design: Design, answering: Answering, what: str, asked: Sequence[Asked]
) -> dict[str, Plan]:
    """Return the plans that were found, by name; none where no plan keeps what was asked.

    Parameters
    ----------
    what : what is being done, in a word or two.
    """
    world = design.sampler(design.scenario, None, "search").world
    start = design.scenario.horizon.start_year
    tasks = {f"plan {one.name}": one for one in asked}
    done = answering.do(what, bind(search_asked, design), tasks)
    found = {}
    for one, kept in zip(asked, done.values(), strict=True):
        if kept.arrays["units"].size:
            plan = candidate_of(kept.arrays, kept.tables["about"], world, start_year=start).plan
            found[one.name] = replace(plan, name=one.name)
    return found


def search_asked(design: Design, asked: Asked) -> Kept:
    """Return the best plan that was found, as ``arrays_of`` and ``about`` store it.

    No units where no plan was found that keeps what is asked.
    """
    scenario = asked.scenario
    objective = OBJECTIVES.called(asked.aim) if asked.aim else design.objective
    within = replace(design, scenario=scenario, objective=objective)

    def evaluate(plans: Sequence[Plan], draws: Sequence[int], *, by_region: bool = False) -> Floats:
        return simulated(within, Lot(tuple(plans), tuple(draws), by_region))

    search = search_of(within, design.sampler(scenario, None, "search").world, evaluate)
    limits = search.purse.limits
    proposals = {one.name: replace(one, units=fitted(limits, one.units)) for one in asked.starts}
    try:
        found = search.find(proposals, ()).best
    except UnsolvedError as error:
        return Kept(
            {"units": np.zeros(0)}, {"about": about(Candidate(asked.starts[0], str(error)))}
        )
    return Kept(arrays_of(found), {"about": about(found)})
