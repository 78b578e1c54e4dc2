"""Which constraints of an infeasible optimisation model exclude every plan."""

import highspy
import numpy as np

from sim.planning.limits import limits_of
from sim.planning.model import OptimisationModel
from sim.planning.solver import SolveStatus, quiet_stdout, run_solver

IRREDUCIBLE = 6
"""HiGHS's ``IisStrategy``: from the linear relaxation (2) and irreducible (4)."""
TIME_LIMIT_S = 60.0


def conflict(model: OptimisationModel) -> tuple[str, ...]:
    """Return limits that exclude every plan, none of which could be spared, in words.

    An irreducible infeasible subset of the linear relaxation, found by HiGHS: budgets, what has to
    be spent on, and most units; other rows by their names. Where the relaxation has a solution,
    only the demand for whole units is in the way.
    """
    problem = model.problem
    result = run_solver(problem, time_limit_s=TIME_LIMIT_S, gap=0.0, integer=False)
    if result.status is not SolveStatus.INFEASIBLE:
        return ("whole units",)
    highs = problem.solverModel
    highs.setOptionValue("iis_strategy", IRREDUCIBLE)
    with quiet_stdout():
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
