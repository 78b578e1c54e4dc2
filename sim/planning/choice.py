"""The best choice of one option for every region, by a mixed-integer linear model."""

from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import NDArray

from sim.domain.levers import Floats
from sim.errors import InfeasibleError, UnsolvedError
from sim.planning.algebra import Terms, add_variables, at_most, dot, equal, expression, values
from sim.planning.limits import Limit
from sim.planning.objectives import BESIDE
from sim.planning.solver import SolveStatus, run_solver

NODES = 500
"""Nodes after which the best choice so far is taken, with the gap that is proven by then."""
TIME_LIMIT_S = 300.0
TOLERANCE = 1e-6
"""Least gap that is said to be proven: what HiGHS takes for kept, or whole, may be so far off."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option for every region, and how good that is."""

    option: NDArray[np.int64]
    """Which, shape (r,)."""
    value: float
    gap: float
    """How much better the best choice can be at most, proven; in the unit of the value."""


def choose(
    value: Floats,
    claims: Floats,
    limits: list[Limit],
    *,
    worst: bool = False,
    gap: float = 1e-4,
) -> Choice:
    """Return the choice that adds up to the most, or whose worst region is best off.

    Parameters
    ----------
    value : of each option in each region, shape (r, o); NaN where it is not to be had.
    claims : what it takes of each limit, shape (k, r, o).
    limits : what all regions together keep.
    worst : whether the least of the regions' values counts, and the mean of them a little.
    gap : absolute gap of the value at which the search stops.

    Raises
    ------
    InfeasibleError : where no choice keeps every limit.
    UnsolvedError : where none was found.
    """
    problem = pulp.LpProblem("choice", pulp.LpMinimize)
    regions, options = ([str(n) for n in range(size)] for size in value.shape)
    offered = ~np.isnan(value)
    takes = add_variables(problem, "takes", (regions, options), high=offered, whole=True)
    for r in range(len(regions)):
        equal(problem, f"one_of_{r}", [dot(1.0, takes[r])], 1.0)
    for limit, claim in zip(limits, claims, strict=True):
        scale = max(abs(limit.most), float(np.abs(claim).max()), 1.0)  # rows of like size
        at_most(problem, limit.name, [dot(claim / scale, takes)], limit.most / scale)
    worth: list[Terms] = [dot(np.nan_to_num(value), takes)]
    if worst:
        (least,) = add_variables(problem, "least", (("region",),), low=-np.inf)
        for r in range(len(regions)):
            at_most(
                problem,
                f"least_{r}",
                [[(least, 1.0)], dot(-np.nan_to_num(value[r]), takes[r])],
                0.0,
            )
        worth = [[(least, 1.0)], dot(BESIDE * np.nan_to_num(value) / len(regions), takes)]
    negated = [[(variable, -factor) for variable, factor in terms] for terms in worth]
    problem.setObjective(expression(negated))
    result = run_solver(problem, time_limit_s=TIME_LIMIT_S, gap=gap, nodes=NODES)
    if result.status is SolveStatus.INFEASIBLE:
        raise InfeasibleError(tuple(limit.words for limit in limits))
    if not result.status.has_plan:
        raise UnsolvedError(f"HiGHS found no choice of options ({result.ended})")
    option = values(takes).argmax(axis=1)
    chosen = value[range(len(regions)), option]
    reached = float(chosen.sum())
    if worst:
        reached = float(chosen.min() + BESIDE * chosen.mean())
    return Choice(option, reached, max(-result.bound - reached, TOLERANCE))
