"""The best choice of one option for every place, by a mixed-integer linear model."""

from collections.abc import Iterable, Sequence
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
    """One option for every place, and how good that is."""

    option: NDArray[np.int64]
    """Which, shape (p,)."""
    value: float
    gap: float
    """How much better the best choice can be at most, proven; in the unit of the value."""


def choose(
    value: Floats,
    claims: Floats,
    limits: Sequence[Limit],
    *,
    base: Floats | None = None,
    exclusive: Iterable[tuple[int, int]] = (),
    worst: bool = False,
    gap: float = 1e-4,
) -> Choice:
    """Return the choice that adds up to the most, or whose worst region is best off.

    Parameters
    ----------
    value : what each option of each place adds to every region, shape (p, o, r); NaN where it is
        not to be had.
    claims : what it takes of each limit, shape (k, p, o).
    limits : what all places together keep.
    base : what regions have whatever is chosen, shape (r,); nothing when not given.
    exclusive : pairs of places of which one at least keeps its first option.
    worst : whether the least of the regions' values counts, and the mean of them a little.
    gap : absolute gap of the value at which the search stops.

    Raises
    ------
    InfeasibleError : where no choice keeps every limit.
    UnsolvedError : where none was found.
    """
    problem = pulp.LpProblem("choice", pulp.LpMinimize)
    places, options = ([str(n) for n in range(size)] for size in value.shape[:2])
    offered, added = np.where(np.isnan(value).any(axis=2), 0.0, 1.0), np.nan_to_num(value)
    base = np.zeros(value.shape[2]) if base is None else base
    takes = add_variables(problem, "takes", (places, options), high=offered, whole=True)
    for p in range(len(places)):
        equal(problem, f"one_of_{p}", [dot(1.0, takes[p])], 1.0)
    for one, other in exclusive:
        at_most(problem, f"one_or_{one}_{other}", [dot(-1.0, takes[[one, other], 0])], -1.0)
    for limit, claim in zip(limits, claims, strict=True):
        scale = max(abs(limit.most), float(np.abs(claim).max()), 1.0)  # rows of like size
        at_most(problem, limit.name, [dot(claim / scale, takes)], limit.most / scale)
    worth: list[Terms] = [dot(added.sum(axis=2), takes)]
    if worst:
        (least,) = add_variables(problem, "least", (("region",),), low=-np.inf)
        for r, own in enumerate(base):
            at_most(problem, f"least_{r}", [[(least, 1.0)], dot(-added[..., r], takes)], own)
        worth = [[(least, 1.0)], dot(BESIDE * added.mean(axis=2), takes)]
    negated = [[(variable, -factor) for variable, factor in terms] for terms in worth]
    problem.setObjective(expression(negated))
    result = run_solver(problem, time_limit_s=TIME_LIMIT_S, gap=gap, nodes=NODES)
    if result.status is SolveStatus.INFEASIBLE:
        raise InfeasibleError(tuple(limit.words for limit in limits))
    if not result.status.has_plan:
        raise UnsolvedError(f"HiGHS found no choice of options ({result.ended})")
    option = values(takes).argmax(axis=1)
    gained = added[range(len(places)), option].sum(axis=0)
    reached = base + gained
    without = BESIDE * base.mean() if worst else base.sum()  # what the objective leaves out
    total = reached.min() + BESIDE * reached.mean() if worst else reached.sum()
    proven = max(-result.bound - float(total - without), TOLERANCE)
    return Choice(option, float(total), proven)
