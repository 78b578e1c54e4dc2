"""HiGHS, quiet and repeatable: status first, and the bound that it proved."""

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from threading import Lock

import numpy as np
import pulp

RANDOM_SEED = 1
"""HiGHS's own seed: the search is repeatable, whatever the scenario's seed."""

MOST_NODES = 100_000
"""Nodes after which a search ends, however large the gap."""

LARGE_ROWS = 50_000
"""Rows above which a relaxation is solved by interior points; a basis is sought only
where they end imprecisely."""
INTERIOR_POINT: Mapping[str, str] = {"solver": "ipm", "run_crossover": "choose"}

_STDOUT = 1
_FEASIBLE_POINT = 2  # HiGHS's SolutionStatus::kSolutionStatusFeasible
_redirection = Lock()


class SolveStatus(StrEnum):
    """How a solve ended; only the first two have values that may be read."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible, not proven"
    INFEASIBLE = "infeasible"
    FAILED = "failed"

    @property
    def has_plan(self) -> bool:
        """Whether variable values may be read."""
        return self in (SolveStatus.OPTIMAL, SolveStatus.FEASIBLE)


class _StartedHiGHS(pulp.HiGHS):  # type: ignore[misc]
    """HiGHS told of some variables' values to begin with; it finds the others itself."""

    def __init__(self, start: Mapping[pulp.LpVariable, float], **options: object) -> None:
        super().__init__(**options)
        self.start = start

    def findSolutionValues(self, lp: pulp.LpProblem) -> tuple[int, int]:  # noqa: N802 (PuLP's name)
        """Read the solution; PuLP does not know the status of a search stopped by its nodes."""
        try:
            found: tuple[int, int] = super().findSolutionValues(lp)
        except KeyError:
            return pulp.LpStatusOptimal, pulp.LpSolutionIntegerFeasible
        return found

    def callSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802 (PuLP's name)
        """Hand over the start, then solve."""
        if self.start:
            index = np.array([variable.index for variable in self.start], dtype=np.int32)
            value = np.array(list(self.start.values()), dtype=np.float64)
            lp.solverModel.setSolution(len(index), index, value)
        super().callSolver(lp)


def run(
    problem: pulp.LpProblem,
    *,
    time_limit_s: float,
    gap: float,
    nodes: int = MOST_NODES,
    integer: bool = True,
    start: Mapping[pulp.LpVariable, float] | None = None,
) -> SolveStatus:
    """Solve a minimisation in place and say how it ended.

    Parameters
    ----------
    time_limit_s : wall-clock limit; a solve that hits it may differ between machines.
    gap : absolute gap of the objective at which the search may stop.
    nodes : most nodes of the search; unlike the clock, it stops at the same place every time.
    integer : whether whole numbers are demanded, or the linear relaxation is solved.
    start : values of some variables in a known solution, to be improved on.
    """
    large = not integer and problem.numConstraints() > LARGE_ROWS
    solver = _StartedHiGHS(
        start or {},
        msg=False,
        mip=integer,
        threads=1,
        timeLimit=time_limit_s,
        gapAbs=gap,
        gapRel=0.0,
        random_seed=RANDOM_SEED,
        mip_max_nodes=nodes,
        **(INTERIOR_POINT if large else {}),
    )
    with quiet_stdout():
        problem.solve(solver)
    if problem.solverModel.getInfo().primal_solution_status != _FEASIBLE_POINT:
        # a linear programme stopped by time also "has a solution", one that breaks its rows
        failed = problem.status == pulp.LpStatusOptimal
        return SolveStatus.FAILED if failed else status_of(problem.status, problem.sol_status)
    return status_of(problem.status, problem.sol_status)


def status_of(status: int, sol_status: int) -> SolveStatus:
    """Translate PuLP's two statuses; a solve cut short by time also says ``LpStatusOptimal``."""
    if status == pulp.LpStatusInfeasible:
        return SolveStatus.INFEASIBLE
    if status != pulp.LpStatusOptimal:
        return SolveStatus.FAILED
    proven = sol_status == pulp.LpSolutionOptimal
    return SolveStatus.OPTIMAL if proven else SolveStatus.FEASIBLE


def proven_bound(problem: pulp.LpProblem, *, integer: bool = True) -> float:
    """Return the lowest objective that any solution can have, as HiGHS proved it."""
    info = problem.solverModel.getInfo()
    if integer and problem.isMIP():
        return float(info.mip_dual_bound)
    proven = problem.sol_status == pulp.LpSolutionOptimal
    return float(info.objective_function_value) if proven else -math.inf


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Send file descriptor 1 to nowhere: HiGHS prints a banner even when told to be silent.

    The descriptor belongs to the process, hence the lock: one solve at a time prints nothing.
    """
    with _redirection:
        sys.stdout.flush()
        kept = os.dup(_STDOUT)
        try:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), _STDOUT)
            yield
        finally:
            os.dup2(kept, _STDOUT)
            os.close(kept)
