"""Find the plan of a policy by simulation: rules and proposals, then the search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import UnsolvedError, listed
from sim.planning.limits import Limit, broken, fitted
from sim.planning.rules import AT_RANDOM, GREEDY, PLAN, RULES, baseline
from sim.scenario.schema import Scenario
from sim.studies.batch import Design
from sim.studies.lots import Lot, lots, simulated
from sim.studies.plans import Candidate
from sim.studies.proposals import HEDGES, Balanced, Hedge, candidate
from sim.studies.search import Found, search_of
from sim.studies.selection import FIRST_RUNG, RUNS, runs_of


class Doer(Protocol):
    """Who makes proposals and simulates them; in what order, or where, makes no difference."""

    def proposals(
        self, hedges: Mapping[str, Hedge], meanwhile: Mapping[str, Lot]
    ) -> tuple[Mapping[str, Candidate], Mapping[str, Floats]]:
        """Return ``proposals.candidate`` of every hedge, and ``simulated`` of every lot."""

    def outcomes(self, lots: Mapping[str, Lot]) -> Mapping[str, Floats]:
        """Return ``simulated`` of every lot."""


def find_plan(design: Design, doer: Doer, policy: str = PLAN) -> Found:
    """Return the plan of a policy that is searched for by simulation, one of ``SEARCHED``."""
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    search = search_of(design, world, _Lots(doer, policy))
    purse = search.purse
    if policy == GREEDY:
        return search.greedy(baseline(world, scenario))
    if policy == AT_RANDOM:
        return search.at_random()
    rules = {
        name: rule(world, scenario)
        for name, rule in RULES.items()
        if rule in RULES.shipped or name in scenario.policies
    }
    hedges = hedges_of(scenario)
    # a solve keeps one worker busy: others simulate the rules, and compile what that takes
    early = lots(f"search-{policy}-0", list(rules.values()), search.draws[:FIRST_RUNG])
    made, reached = doer.proposals(hedges, early)
    known = dict(zip(rules, np.hstack([reached[name] for name in early]), strict=True))
    tried = {
        name: replace(one.plan, units=fitted(purse.limits, one.plan.units))
        for name, one in made.items()
    } | rules
    proposals = {name: plan for name, plan in tried.items() if purse.is_kept_by(plan.units)}
    if not proposals:
        words = listed(broken(purse.limits, next(iter(tried.values()))))
        raise UnsolvedError(f"of {len(tried)} plans that were proposed, none keeps: {words}.")
    _spends_something(purse.limits, proposals.values())
    simple = [name for name in rules if name in proposals and name != "baseline"]
    found = search.find(proposals, simple, known)
    duals = next((one.duals for one in made.values() if one.duals is not None), None)
    return replace(found, best=replace(found.best, duals=duals))


def _spends_something(limits: Sequence[Limit], plans: Iterable[Plan]) -> None:
    """Raise ``UnsolvedError`` where no plan spends, and shares of what is spent are asked for.

    Buying nothing keeps every share of nothing; who asks for shares does not mean that.
    """
    asked = [limit.words for limit in limits if limit.most == 0.0 and (limit.claim < 0.0).any()]
    if asked and not any(plan.units.any() for plan in plans):
        raise UnsolvedError(
            f"no plan was found that keeps, other than by buying nothing: {'; '.join(asked)}."
        )


def hedges_of(scenario: Scenario) -> dict[str, Hedge]:
    """Return the hedges of the plans that the optimisation model proposes, by name."""
    some = HEDGES if runs_of(scenario.search.effort) >= RUNS["standard"] else HEDGES[1:2]
    hedges: dict[str, Hedge] = {f"model, {hedge:.0%} without AI": hedge for hedge in some}
    if scenario.objective != "ede" or scenario.equity.aversion != 1.0:
        hedges["model, balanced"] = Balanced(HEDGES[1])
    return hedges


@dataclass
class _Lots:
    """Has plans simulated, a step of the search after the other."""

    doer: Doer
    policy: str
    steps: int = 0

    def __call__(
        self, plans: Sequence[Plan], draws: Sequence[int], *, by_region: bool = False
    ) -> Floats:
        self.steps += 1
        parts = lots(f"search-{self.policy}-{self.steps}", plans, draws, by_region=by_region)
        done = self.doer.outcomes(parts)
        return np.hstack([done[name] for name in parts])


def proposed(design: Design, task: Hedge | Lot) -> Candidate | Floats:
    """Return the optimisation model's plan for a hedge, or what was simulated of a lot."""
    return simulated(design, task) if isinstance(task, Lot) else candidate(design, task)
