"""Plans that buy from some stages only: as a search finds them, and what is left without some."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.baseline.world import World
from sim.domain.levers import LEVERS, Catalogue, Floats, Stage
from sim.domain.plan import Plan
from sim.planning.decisions import most_per_year
from sim.scenario.schema import LeverBounds, Scenario
from sim.studies.batch import Design, Kept
from sim.studies.lots import Lot, simulated
from sim.studies.plan_search import find_plan
from sim.studies.plans import Candidate, about, arrays_of
from sim.studies.proposals import Hedge, candidate

CHOICE_DRAWS = tuple(range(1_000, 1_020))
"""Search draws on which plans are chosen: others than those on which they were found."""


class Stages(NamedTuple):
    """Some stages that a plan may buy from, and the runs in which the plan is searched for."""

    stages: tuple[Stage, ...]
    runs: int


def stages_of(world: World, scenario: Scenario) -> tuple[Stage, ...]:
    """Return the stages that have anything to buy, by the stage that each item belongs to first."""
    return _in_order(world.catalogue, (most_per_year(world, scenario) >= 1.0).any(axis=0))


def only_stages(scenario: Scenario, stages: Iterable[Stage]) -> Scenario:
    """Return the scenario in which nothing else than items of these stages can be bought."""
    allowed = set(stages)
    others = [name for name, lever in LEVERS.items() if lever.stage not in allowed]
    levers = dict(scenario.levers) | dict.fromkeys(others, LeverBounds(allowed=False))
    return scenario.model_copy(update={"levers": levers})


def search_within(design: Design, asked: Stages) -> Kept:
    """Return the best plan that buys from some stages only, and ``worth_in_parts`` of it."""
    scenario = only_stages(design.scenario, asked.stages)
    effort = scenario.search.model_copy(update={"effort": asked.runs})
    scenario = scenario.model_copy(update={"search": effort})
    within = replace(design, scenario=scenario)
    found = find_plan(within, InProcess(within)).best
    parts = worth_in_parts(design, found.plan)
    return Kept({**arrays_of(found), **parts.arrays}, {"about": about(found)})


def worth_in_parts(design: Design, plan: Plan) -> Kept:
    """Return what a plan is worth, and what is left of it without some stages.

    ``worth`` is the objective on the choice draws, of the plan and of what is left of it without
    the stages of each row of ``dropped``: every stage, then more and more, the least missed first.
    A plan found by few runs also buys what is of no use.
    """
    stages = bought_from(plan)
    worth = [choice_worth(design, [plan])[0]]
    dropped: list[tuple[Stage, ...]] = [(one,) for one in stages] if len(stages) > 1 else []
    if dropped:
        worth += list(choice_worth(design, [plan, *_left(plan, dropped)])[1:])
        missed = sorted(stages, key=lambda stage: -worth[1 + stages.index(stage)].mean())
        chain = [tuple(missed[:k]) for k in range(2, len(stages))]
        if chain:
            worth += list(choice_worth(design, [plan, *_left(plan, chain)])[1:])
        dropped += chain
    without = np.array([[stage in some for stage in Stage] for some in [(), *dropped]])
    return Kept({"worth": np.stack(worth), "dropped": without}, {})


def bought_from(plan: Plan) -> tuple[Stage, ...]:
    """Return the stages that a plan buys from."""
    return _in_order(plan.catalogue, (plan.units > 0).any(axis=(0, 1)))


def _in_order(catalogue: Catalogue, chosen: ArrayLike) -> tuple[Stage, ...]:
    """Return the stages of some items, in the order of the pipeline."""
    stages = {
        item.stage
        for item, any_ in zip(catalogue.items, np.asarray(chosen).tolist(), strict=True)
        if any_
    }
    return tuple(stage for stage in Stage if stage in stages)


def without_stages(plan: Plan, stages: Container[Stage]) -> Plan:
    """Return what is left of a plan without what it buys from some stages; their money is kept."""
    kept = np.array([item.stage not in stages for item in plan.catalogue.items])
    return replace(plan, units=np.where(kept, plan.units, 0.0))


def choice_worth(
    design: Design, plans: Sequence[Plan], *, draws: tuple[int, ...] = CHOICE_DRAWS
) -> Floats:
    """Return the objective in every choice draw, or some of them, shape (plan, draw)."""
    return simulated(design, Lot(tuple(plans), draws))[..., 0]


def _left(plan: Plan, dropped: Iterable[tuple[Stage, ...]]) -> list[Plan]:
    return [without_stages(plan, stages) for stages in dropped]


@dataclass(frozen=True, slots=True)
class InProcess:
    """Proposes and simulates for a search, in this process."""

    design: Design

    def proposals(
        self, hedges: Mapping[str, Hedge], meanwhile: Mapping[str, Lot]
    ) -> tuple[dict[str, Candidate], dict[str, Floats]]:
        """Return the optimisation model's plans, and outcomes of lots."""
        made = {name: candidate(self.design, hedge) for name, hedge in hedges.items()}
        return made, self.outcomes(meanwhile)

    def outcomes(self, lots: Mapping[str, Lot]) -> dict[str, Floats]:
        """Return outcomes of plans in search draws."""
        return {name: simulated(self.design, lot) for name, lot in lots.items()}
