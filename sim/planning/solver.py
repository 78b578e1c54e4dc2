"""Run HiGHS, quietly and repeatably, and read its status and proven bound."""

import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

import highspy
import numpy as np
import pulp
from highspy import HighsModelStatus, HighsVarType, SolutionStatus

from sim.domain.levers import Floats

RANDOM_SEED = 1
"""HiGHS's own seed: the search is repeatable, whatever the scenario's seed."""

MOST_NODES = 100_000
"""Nodes after which a search ends, however large the gap."""

LARGE_ROWS = 50_000
"""Rows above which a relaxation is solved by interior points; a basis is sought only
where they end imprecisely."""
INTERIOR_POINT: Mapping[str, str] = {"solver": "ipm", "run_crossover": "choose"}

START_GAP = 1e-3
"""Absolute gap at which a start is complete: it is to be good, whatever the search settles for."""
START_NODES = 500
"""Nodes after which the completion of a start ends."""
WHOLE = 1e-6
"""How far from a whole number HiGHS calls a number whole (``mip_feasibility_tolerance``)."""

EXCLUDED = (HighsModelStatus.kInfeasible, HighsModelStatus.kUnboundedOrInfeasible)
"""What HiGHS says where rows exclude every solution; the objectives here are all bounded."""
ENDED: Mapping[HighsModelStatus, str] = {
    HighsModelStatus.kSolutionLimit: "node limit reached",
}
"""What ended a search, where HiGHS's own words do not say it."""

_STDOUT = 1
_FEASIBLE_POINT = int(SolutionStatus.kSolutionStatusFeasible)
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


@dataclass(frozen=True, slots=True)
class SolverResult:
    """What a solve came to."""

    status: SolveStatus
    bound: float
    """Lowest objective that any solution can have, as proved; minus infinity where nothing is."""
    ended: str
    """What ended the search: HiGHS's words, except ``ENDED``."""


def run_solver(
    problem: pulp.LpProblem,
    *,
    time_limit_s: float,
    gap: float,
    nodes: int = MOST_NODES,
    integer: bool = True,
    switches_first: bool = False,
    start: Mapping[pulp.LpVariable, float] | None = None,
) -> SolverResult:
    """Solve a minimisation in place and say how it ended.

    Parameters
    ----------
    time_limit_s : wall-clock limit; a solve that hits it may differ between machines.
    gap : absolute gap of the objective at which the search may stop.
    nodes : most nodes of the search; unlike the clock, it stops at the same place every time.
    integer : whether whole numbers are demanded, or the linear relaxation is solved.
    switches_first : whether other whole numbers are searched for only once the switches, which are
        0 or 1, have been decided with these as fractions. What is proven is then no less true, and
        the gap somewhat wider.
    start : values of some whole-number variables, to be improved on and never lost; a linear
        relaxation needs none and takes none.

    Notes
    -----
    Deciding some variables before others is relax-and-fix (Pochet and Wolsey 2006, Production
    Planning by Mixed Integer Programming, section 3.6). Where no whole numbers fit the switches,
    all are searched for together.

    HiGHS completes a partial start within the limits of the search itself, and versions differ in
    what they then find, or lose. A start is therefore completed here, and kept if it is best.
    """
    large = not integer and problem.numConstraints() > LARGE_ROWS
    solver = pulp.HiGHS(
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
        solver.createAndConfigureSolver(problem)
        solver.buildSolverModel(problem)
        highs = problem.solverModel
        known = _completed(highs, _of_columns(problem, start)) if start and integer else None
        if known is not None:
            highs.setSolution(known.getSolution())
        searched, found = _switches_first(highs) if switches_first and integer else (highs, None)
        if found is None and searched.getModelStatus() not in EXCLUDED:
            searched = highs
            highs.run()
            found = _with_point(highs)
    bound = _bound(searched, integer=integer and problem.isMIP())
    solved = [one for one in (found, known) if one is not None]
    ended = searched.getModelStatus()
    status = status_of(ended, has_plan=bool(solved))
    if solved:
        best = min(solved, key=_objective)
        _read(problem, best)
        if searched is not highs and _objective(best) - bound > gap:
            status = SolveStatus.FEASIBLE
    return SolverResult(status, bound, ENDED.get(ended, highs.modelStatusToString(ended).lower()))


def _switches_first(highs: highspy.Highs) -> tuple[highspy.Highs, highspy.Highs | None]:
    """Return the search for switches, and the best whole numbers next to what it found, if any."""
    model = highs.getLp()
    kinds = model.integrality_
    whole = np.array([i for i, kind in enumerate(kinds) if kind == HighsVarType.kInteger], np.int32)
    low, high = (np.array(bound)[whole] for bound in (model.col_lower_, model.col_upper_))
    counts = whole[high - low > 1.0]
    relaxed, near = _copy(highs), _copy(highs)
    fractions = np.full(len(counts), HighsVarType.kContinuous)
    relaxed.changeColsIntegrality(len(counts), counts, fractions)
    # simplex takes up to five times as many steps as usual for the first relaxation of some models
    relaxed.setOptionValue("mip_lp_solver", "ipm")
    relaxed.setSolution(highs.getSolution())
    relaxed.run()
    point = _with_point(relaxed)
    if point is None:
        return relaxed, None
    values = np.array(point.getSolution().col_value)[whole]
    below, above = np.floor(values + WHOLE), np.ceil(values - WHOLE)
    near.changeColsBounds(len(whole), whole, np.maximum(below, low), np.minimum(above, high))
    near.run()
    return relaxed, _with_point(near)


def _of_columns(
    problem: pulp.LpProblem, start: Mapping[pulp.LpVariable, float]
) -> dict[pulp.LpVariable, float]:
    """Return a start without variables that stand in no row: free units that come too late."""
    columns = set(map(id, problem.variables()))
    return {variable: value for variable, value in start.items() if id(variable) in columns}


def _completed(
    highs: highspy.Highs, start: Mapping[pulp.LpVariable, float]
) -> highspy.Highs | None:
    """Return the best solution with the start's values; None if there is none.

    A value beyond the bounds of its variable becomes the nearest that is within.
    """
    model = highs.getLp()
    index = [variable.index for variable in start]
    low, high = np.array(model.col_lower_)[index], np.array(model.col_upper_)[index]
    values = np.clip(list(start.values()), low, high)
    return _with_point(_fixed(highs, index, values))


def _with_point(highs: highspy.Highs) -> highspy.Highs | None:
    """Return a solver that holds the solution that one has found, or None.

    After presolve is undone, a row may be broken by a hair more than is tolerated. Newer versions
    then call the whole search an error; its whole numbers are still good, and are kept.
    """
    values = np.array(highs.getSolution().col_value)
    if values.size and highs.getModelStatus() == HighsModelStatus.kSolveError:
        kinds = highs.getLp().integrality_
        whole = [i for i, kind in enumerate(kinds) if kind == HighsVarType.kInteger]
        highs = _fixed(highs, whole, np.round(values[whole]))
    # a linear model stopped by time also "has a solution", one that breaks its rows
    return highs if highs.getInfo().primal_solution_status == _FEASIBLE_POINT else None


def _fixed(highs: highspy.Highs, index: Sequence[int], values: Floats) -> highspy.Highs:
    """Return the same model, solved with some columns fixed."""
    fixed = _copy(highs)
    fixed.setOptionValue("mip_abs_gap", START_GAP)
    fixed.setOptionValue("mip_max_nodes", START_NODES)
    fixed.changeColsBounds(len(index), np.array(index, dtype=np.int32), values, values)
    fixed.run()
    return fixed


def _copy(highs: highspy.Highs) -> highspy.Highs:
    """Return the same model with the same options, not solved."""
    copy = highspy.Highs()  # type: ignore[no-untyped-call]
    copy.passOptions(highs.getOptions())
    copy.passModel(highs.getLp())
    return copy


def _objective(highs: highspy.Highs) -> float:
    return float(highs.getInfo().objective_function_value)


def _read(problem: pulp.LpProblem, highs: highspy.Highs) -> None:
    """Give variables their values, and rows their duals."""
    solution = highs.getSolution()
    values, duals = list(solution.col_value), list(solution.row_dual)
    for variable in problem.variables():
        variable.varValue = values[variable.index]
    for row in problem.constraints():
        row.pi = duals[row.index]


def status_of(ended: HighsModelStatus, *, has_plan: bool) -> SolveStatus:
    """Return how a solve ended, from HiGHS's status and whether there is a solution to read."""
    if has_plan:
        proven = ended == HighsModelStatus.kOptimal
        return SolveStatus.OPTIMAL if proven else SolveStatus.FEASIBLE
    return SolveStatus.INFEASIBLE if ended in EXCLUDED else SolveStatus.FAILED


def _bound(highs: highspy.Highs, *, integer: bool) -> float:
    """Return the lowest objective that any solution can have, as HiGHS proved it."""
    ended, info = highs.getModelStatus(), highs.getInfo()
    if integer and info.valid and ended not in EXCLUDED:
        return float(info.mip_dual_bound)
    return _objective(highs) if ended == HighsModelStatus.kOptimal else -math.inf


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


def solver_words() -> str:
    """Return which solver this is, and whether it solves a problem whose answer is known."""
    problem = pulp.LpProblem("known", pulp.LpMinimize)
    first, second = (problem.add_variable(name, 0, 9, pulp.LpInteger) for name in ("a", "b"))
    problem += 3 * first + 2 * second
    problem += 2 * first + second >= 7
    found = run_solver(problem, time_limit_s=10.0, gap=0.0)
    right = found.status is SolveStatus.OPTIMAL and abs(found.bound - 11.0) < 1e-6
    said = "solves" if right else f"does NOT solve a known problem: {found.ended}"
    highs: Any = highspy.Highs
    return f"HiGHS {highs().version()} by PuLP {pulp.__version__} {said}"
