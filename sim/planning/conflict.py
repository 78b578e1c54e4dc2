"""Which constraints of an infeasible optimisation model exclude every plan."""

import highspy
import numpy as np

from sim.planning.limits import limits_of
from sim.planning.model import OptimisationModel
from sim.planning.solver import EXCLUDED, SolveStatus, quiet_stdout, run_solver

IRREDUCIBLE = 6
"""HiGHS's ``IisStrategy``: from the linear relaxation (2) and irreducible (4)."""
TIME_LIMIT_S = 60.0


def conflict(model: OptimisationModel) -> tuple[str, ...]:
    """Return limits that exclude every plan, none of which could be spared, in words.

    An irreducible infeasible subset of the linear relaxation, found by HiGHS: budgets, what has to
    be spent on, and, only where it takes them, most units; other rows by their names. Where the
    relaxation has a solution, only the demand for whole units is in the way.
    """
    problem = model.problem
    result = run_solver(problem, time_limit_s=TIME_LIMIT_S, gap=0.0, integer=False)
    if result.status is not SolveStatus.INFEASIBLE:
        return ("whole units",)
    highs = problem.solverModel
    highs.setOptionValue("iis_strategy", IRREDUCIBLE)
    with quiet_stdout():
        _forget_most_units(highs, model)
        _, subset = highs.getIis()
    rows, columns = problem.constraints(), problem.variables()
    upper = {int(highspy.IisBoundStatus.kIisBoundStatusUpper)}
    words = {limit.name: limit.words for limit in limits_of(model.world, model.scenario)}
    items = model.world.catalogue.items
    bought = {
        unit.name: f"most {items[i].name} that {model.world.regions[r]} may buy in a year"
        for (_, r, i), unit in np.ndenumerate(model.bought.units)
    }
    limits = [
        bought.get(columns[index].name, f"most {columns[index].name}")
        for index, bound in zip(subset.col_index_, subset.col_bound_, strict=True)
        if int(bound) in upper
    ]
    named = [rows[index].name for index in subset.row_index_]
    return tuple(dict.fromkeys([*(words.get(name, name) for name in named), *limits]))


def _forget_most_units(highs: highspy.Highs, model: OptimisationModel) -> None:
    """Lift the most units that may be bought, if no plan is possible without them either.

    Of several irreducible subsets that solvers may find, money and demands on it say more.
    """
    index = np.array(
        [unit.index for unit in model.bought.units.ravel() if unit.index is not None],
        dtype=np.int32,
    )
    columns = highs.getLp()
    low, high = (np.array(bound)[index] for bound in (columns.col_lower_, columns.col_upper_))
    highs.changeColsBounds(len(index), index, low, np.full(len(index), highspy.kHighsInf))
    highs.run()
    if highs.getModelStatus() not in EXCLUDED:
        highs.changeColsBounds(len(index), index, low, high)
        highs.run()
