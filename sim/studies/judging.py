"""Value plans on judge draws: for all people, for those of every region and of every group."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.equity.coverage import Measured, effective_coverage
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept, run_task, tasks_of, totals_of, unrecorded
from sim.studies.experiment import Trial
from sim.studies.outcomes import Totals

ALL, REGION, GROUP = "all", "region", "group"
"""Kinds of people whose coverage is looked at: all, those of a region, those of a group."""


class Who(NamedTuple):
    """Some of the people of a world."""

    kind: str
    name: str


def judged(
    design: Design, answering: Answering, plans: Mapping[str, Plan]
) -> tuple[dict[str, Floats], tuple[Who, ...]]:
    """Return what plans come to in all judge draws.

    Parameters
    ----------
    plans : by a name that no other plan of the answer has.

    Returns
    -------
    By name the objective, shape (draw, people), from coverage averaged over the replications of a
    draw; and who those people are.
    """
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    count = scenario.uncertainty.replications
    trials = [Trial(name, plan, replications=count) for name, plan in plans.items()]
    quiet = replace(design, scenario=unrecorded(scenario))
    tasks = tasks_of(
        trials, {}, draws=range(scenario.uncertainty.draws), cells=int(np.prod(world.shape))
    )
    done = answering.do("judging plans", bind(run_task, quiet), tasks)
    runs: dict[tuple[str, int], list[Totals]] = {}
    people: dict[int, Kept] = {}
    for kept in done.values():
        for one, totals in totals_of(kept):
            runs.setdefault((one.policy, one.draw), []).append(totals)
            people[one.draw] = kept
    who = (
        Who(ALL, ALL),
        *(Who(REGION, region) for region in world.regions),
        *(Who(GROUP, group) for group in world.groups),
    )
    values = {name: np.zeros((scenario.uncertainty.draws, len(who))) for name in plans}
    for (name, draw), some in runs.items():
        arrays = people[draw].arrays
        need = np.sum([run.need for run in some], axis=0)
        benefit = np.sum([run.benefit for run in some], axis=0)
        whole = Measured(
            ec=effective_coverage(need, benefit, world.weight),
            population=np.asarray(arrays["population"], dtype=float),
            income_usd=np.asarray(arrays["income_usd"], dtype=float),
            regions=world.regions,
            groups=world.groups,
            equity=scenario.equity,
        )
        values[name][draw] = [design.objective.of(_of(whole, one)) for one in who]
    return values, who


def _of(whole: Measured, who: Who) -> Measured:
    """Return what was measured of some people only."""
    if who.kind == REGION:
        r = [whole.regions.index(who.name)]
        return replace(
            whole, ec=whole.ec[:, r], population=whole.population[:, r],
            income_usd=whole.income_usd[r], regions=(who.name,),
        )  # fmt: skip
    if who.kind == GROUP:
        g = [whole.groups.index(who.name)]
        return replace(
            whole, ec=whole.ec[:, :, g], population=whole.population[:, :, g], groups=(who.name,)
        )
    return whole
