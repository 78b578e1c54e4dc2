"""Iterative refinement: solve, simulate, correct the model and solve again, until they agree."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import nan

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.learning.gate import benefit_of
from sim.planning.correction import Correction, YearlyFlows
from sim.planning.model import OptimisationModel, build_model
from sim.planning.objectives import Objective
from sim.planning.rules import by_need
from sim.planning.solution import Solution, solve
from sim.planning.solver import MOST_NODES
from sim.scenario.schema import Scenario

MOST_ROUNDS = 10
"""Rounds after which a disagreement is reported rather than worked on."""
TOLERANCE = 0.005
"""Difference in the log of the outcome below which two results are the same: half of 1 %."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the simulation made of a plan, averaged over replications."""

    flows: YearlyFlows
    value: float
    """Outcome that the plan is made for, such as the equally distributed effective coverage."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Where a solve may stop: at a gap, after so many nodes, and at last by the clock."""

    gap: float = 1e-3
    """Absolute gap, log EDE."""
    nodes: int = MOST_NODES
    """Nodes of the search; unlike the clock, they end it at the same plan every time."""
    time_limit_s: float = 60.0
    """Seconds; a solve that is stopped by the clock may not repeat to the bit."""
    switches_first: bool = False
    """Whether units are made whole only once what is one or none has been decided."""


STEADY = Effort()
NONE = 1e-9
"""Outcome, share of need, that is as good as none."""

Simulate = Callable[[Plan], Observed]
"""Simulate a plan; given by the study, because planning does not know the pipeline."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """The plan with the best simulated outcome, and how it was found."""

    solution: Solution
    model: OptimisationModel
    """The model that was solved, for its explanation."""
    rounds: pd.DataFrame
    """One row per round: round, status, gap, expected, simulated, best (so far)."""
    value: float
    """Simulated outcome of the plan; NaN where one round was all, and nothing was simulated."""
    converged: bool
    """Whether the last model expected what was simulated, and nothing better came up."""

    @property
    def plan(self) -> Plan:
        """The plan itself."""
        return self.solution.plan

    @property
    def note(self) -> str:
        """How the search ended, in a sentence."""
        end = "converged" if self.converged else "not converged"
        return f"{end} after {len(self.rounds)} round{'s' if len(self.rounds) > 1 else ''}"


def refine(
    world: World,
    respond: Respond,
    scenario: Scenario,
    simulate: Simulate,
    *,
    rounds: int = 4,
    effort: Effort = STEADY,
    at_least: Floats | None = None,
    objective: Objective | None = None,
) -> Refinement:
    """Return the best plan of several rounds of optimisation and simulation.

    Parameters
    ----------
    simulate : what a plan does, on draws that the plan will not be judged on.
    rounds : most rounds, at least 1 and at most ten. With one, nothing is simulated: there is
        nothing to choose from, and no later model to correct.
    effort : where every solve may stop.
    at_least : units that every plan buys, shape (year, region, item); none when not given.
    objective : what plans are made for; the scenario's when not given.

    Notes
    -----
    Every solve begins with the best plan so far, the first with the rule ``by_need``, or with what
    every plan buys where that is demanded: the rule might leave it no money.
    Factors on capacity learn from every round. The point around which products of decisions are
    linearised moves only to a plan whose *simulated* outcome is the best so far.
    """
    correction = Correction.start(world, years=scenario.horizon.score_years)
    human = benefit_of(world.care.reader, scenario.gate)
    rule = by_need(world, scenario)
    first = rule if at_least is None else replace(rule, units=at_least)
    best: tuple[float, Solution, OptimisationModel] | None = None
    table: list[dict[str, object]] = []
    converged = False
    for number in range(1, min(rounds, MOST_ROUNDS) + 1):
        model = build_model(
            world,
            respond,
            scenario,
            correction=correction,
            at_least=at_least,
            objective=objective,
        )
        start = best[1].plan if best else first
        solution = solve(model, **asdict(effort), start=start)
        if rounds == 1:
            only = pd.DataFrame([_row(number, solution, nan, best=True)])
            return Refinement(solution, model, only, nan, converged=False)
        observed = simulate(solution.plan)
        improves = best is None or observed.value > best[0]
        settled = best is not None and _log_ratio(observed.value, best[0]) < TOLERANCE
        converged = settled and abs(_log_ratio(solution.expected.value, observed.value)) < TOLERANCE
        if improves:
            best = (observed.value, solution, model)
        table.append(_row(number, solution, observed.value, best=improves))
        if converged:
            break
        correction = correction.learn(solution.expected.flows, observed.flows, human_benefit=human)
        if improves:
            correction = replace(correction, around=observed.flows)
    if best is None:
        raise ValueError(f"rounds must be at least 1, got {rounds}")
    return Refinement(best[1], best[2], pd.DataFrame(table), best[0], converged)


def _log_ratio(value: float, other: float) -> float:
    """Return log(value / other), of outcomes that may be none at all, as of a worst-off cell."""
    return float(np.log(max(value, NONE) / max(other, NONE)))


def _row(number: int, solution: Solution, simulated: float, *, best: bool) -> dict[str, object]:
    return {
        "round": number,
        "status": str(solution.status),
        "gap": solution.gap,
        "expected": solution.expected.value,
        "simulated": simulated,
        "best": best,
    }
