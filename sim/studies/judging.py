"""Value plans on judge draws: for all people, for those of every region and of every group."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.equity.coverage import Measured
from sim.studies.answering import Answering
from sim.studies.batch import Design, run_task, tasks_of, totals_of, unrecorded
from sim.studies.experiment import Trial
from sim.studies.outcomes import OUTCOMES
from sim.studies.totals import People, Totals, measured

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
    found = measured_judged(design, answering, plans)
    who = who_of(next(iter(found.values()))[0])
    return {
        name: np.array([[design.objective.of(of(one, some)) for some in who] for one in by_draw])
        for name, by_draw in found.items()
    }, who


def outcomes_judged(
    design: Design, answering: Answering, plans: Mapping[str, Plan], names: Sequence[str]
) -> pd.DataFrame:
    """Return outcomes of plans in all judge draws, indexed by plan and draw.

    Parameters
    ----------
    names : in ``OUTCOMES``; counts and accounts are kept for them.
    """
    found = measured_judged(design, answering, plans, in_full=True)
    rows = {
        (name, draw): {outcome: OUTCOMES.called(outcome).of(one) for outcome in names}
        for name, by_draw in found.items()
        for draw, one in enumerate(by_draw)
    }
    index = pd.MultiIndex.from_tuples(list(rows), names=["plan", "draw"])
    return pd.DataFrame(list(rows.values()), index=index, columns=list(names))


def measured_judged(
    design: Design, answering: Answering, plans: Mapping[str, Plan], *, in_full: bool = False
) -> dict[str, list[Measured]]:
    """Return by name what plans bring about in every judge draw, over its replications.

    Parameters
    ----------
    in_full : whether counts and accounts are kept beside coverage.
    """
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    count = scenario.uncertainty.replications
    trials = [
        Trial(name, plan, replications=count, in_full=in_full) for name, plan in plans.items()
    ]
    quiet = replace(design, scenario=unrecorded(scenario))
    tasks = tasks_of(
        trials, {}, draws=range(scenario.uncertainty.draws), cells=int(np.prod(world.shape))
    )
    done = answering.do("judging plans", bind(run_task, quiet), tasks)
    runs: dict[tuple[str, int], list[Totals]] = {}
    people: dict[int, People] = {}
    for kept in done.values():
        for one, totals in totals_of(kept):
            runs.setdefault((one.policy, one.draw), []).append(totals)
            people[one.draw] = People(
                world.regions,
                world.groups,
                np.asarray(kept.arrays["population"], dtype=float),
                np.asarray(kept.arrays["income_usd"], dtype=float),
                world.weight,
            )
    return {
        name: [
            measured(Totals.sum(runs[name, draw]), people[draw], scenario.equity)
            for draw in range(scenario.uncertainty.draws)
        ]
        for name in plans
    }


def who_of(whole: Measured) -> tuple[Who, ...]:
    """Return all people, those of every region, and those of every group."""
    return (
        Who(ALL, ALL),
        *(Who(REGION, region) for region in whole.regions),
        *(Who(GROUP, group) for group in whole.groups),
    )


def of(whole: Measured, who: Who) -> Measured:
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
