"""Dual values of the optimisation model: what one more unit of every item would be worth."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pulp

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.equity.coverage import discount
from sim.errors import UnsolvedError
from sim.planning.algebra import Variables, equal, expression, scaled, values
from sim.planning.data import usable_studies
from sim.planning.model import OptimisationModel
from sim.planning.solver import SolveStatus, run_solver


def dual_values(
    model: OptimisationModel, plan: Plan, *, time_limit_s: float = 60.0
) -> pd.DataFrame:
    """Return what one more unit of every item would be worth, per dollar: for screening.

    Parameters
    ----------
    model : the model that made the plan; the values of its variables are lost.
    plan : units bought, of the same shape as the model's.

    Returns
    -------
    One row per region and item: region, stage, item, cost_usd (of one more unit over the scored
    years, discounted), d_log_ede (of that unit) and d_log_ede_per_usd.

    Notes
    -----
    Duals of the linear relaxation with the plan's units fixed by rows of their own and without
    the budget. As the model is concave, no unit is worth more than its dual says; at a kink,
    such as readers who just keep up with scanners, it may be worth less. An asset is one more
    unit in the first year, a service one more in every year, as in ``Plan.plus``. Switches are
    relaxed, so that progress towards a gate counts in part.
    """
    duals = _value_of_units(model, plan, time_limit_s=time_limit_s)
    world, bought = model.world, model.bought
    factors = discount(len(bought.years), model.scenario.equity.discount_rate)
    cost = np.einsum("ayri,y->ari", bought.cost_usd, factors)
    service = np.array([item.is_service for item in world.catalogue.items])
    years = np.where(service, 1.0, np.arange(plan.years)[:, None] == 0)[:, None, :]
    value, price = (duals * years).sum(axis=0), (cost * years).sum(axis=0)
    where = list(np.ndindex(value.shape))
    return pd.DataFrame(
        {
            "region": [world.regions[r] for r, _ in where],
            "stage": [str(world.catalogue.items[i].stage) for _, i in where],
            "item": [world.catalogue.items[i].name for _, i in where],
            "cost_usd": price.ravel(),
            "d_log_ede": value.ravel(),
            "d_log_ede_per_usd": np.divide(
                value, price, out=np.zeros_like(value), where=price > 0
            ).ravel(),
        }
    )


def _value_of_units(model: OptimisationModel, plan: Plan, *, time_limit_s: float) -> Floats:
    """Return the change of log EDE per unit, shape (a, r, i), from the duals of fixed units."""
    fixed, problem = _with_units_fixed(model, plan, time_limit_s=time_limit_s)
    pi = {row.name: row.pi for row in problem.constraints()}
    return np.array([-pi[name] for name in fixed]).reshape(plan.units.shape)


def _with_units_fixed(
    model: OptimisationModel, plan: Plan, *, time_limit_s: float
) -> tuple[list[str], pulp.LpProblem]:
    """Solve the relaxation with units fixed and no budget; return the rows' names and it.

    Solved twice: the model must let an agreement or a federation cover any number of studies,
    so that a hundredth of one would cover all there are, and have a dual a hundred times too
    large. The second time it covers what was labelled the first time.
    """
    with _unbounded(model.bought.units):
        names, problem = _fixed(model, plan, narrower={})
        _solve_relaxation(problem, plan, time_limit_s=time_limit_s)
        names, problem = _fixed(model, plan, narrower=_sharing_rows(model))
        _solve_relaxation(problem, plan, time_limit_s=time_limit_s)
    return names, problem


def _solve_relaxation(problem: pulp.LpProblem, plan: Plan, *, time_limit_s: float) -> None:
    result = run_solver(problem, time_limit_s=time_limit_s, gap=0.0, integer=False)
    if result.status is not SolveStatus.OPTIMAL:
        raise UnsolvedError(f"no duals for plan '{plan.name}': the fixed model: {result.ended}")


@contextmanager
def _unbounded(units: Variables) -> Iterator[None]:
    """Set the bounds of units aside: a bound beside an equal row would share its dual."""
    bounds = [(unit.lowBound, unit.upBound) for unit in units.ravel()]
    for unit in units.ravel():
        unit.lowBound = unit.upBound = None
    try:
        yield
    finally:
        for unit, (low, high) in zip(units.ravel(), bounds, strict=True):
            unit.lowBound, unit.upBound = low, high


def _fixed(
    model: OptimisationModel, plan: Plan, *, narrower: Mapping[str, float]
) -> tuple[list[str], pulp.LpProblem]:
    """Return the model without budget, its units fixed by rows, and these rows' names.

    Parameters
    ----------
    narrower : factor on what a row offers, by the row's name; 1 where absent.
    """
    problem = pulp.LpProblem("values", pulp.LpMinimize)
    for row in model.problem.constraints():
        if not row.name.startswith(("budget_usd", "one_")):
            problem.addConstraint(_narrowed(row, narrower.get(row.name, 1.0)))
    # without thrift, which is no part of a unit's worth
    problem.setObjective(expression([scaled(model.welfare.terms, -1.0)]))
    names = []
    for unit, value in zip(model.bought.units.ravel(), plan.units.ravel(), strict=True):
        names.append(f"fixed_{unit.name}")
        equal(problem, names[-1], [[(unit, 1.0)]], float(value))
    return names, problem


def _sharing_rows(model: OptimisationModel) -> dict[str, float]:
    """Return the share of the studies that agreements and federations allow for which there are."""
    world, need = model.world, model.today.need
    labelled = {
        "agreement": values(model.data.annotated) * need,
        "federation": values(model.data.label_stock) * need,
    }
    factors = {}
    for name, studies in labelled.items():
        for y, r, m in np.ndindex(studies.shape):
            usable = usable_studies(world, model.today, years=y + 1)[r, m]
            where = f"{world.modalities[m]}_{world.regions[r]}_{model.bought.years[y]}"
            factors[f"{name}_{where}"] = float(studies[y, r, m] / usable) if usable > 0 else 0.0
    return factors


def _narrowed(row: pulp.LpConstraint, factor: float) -> pulp.LpConstraint:
    """Return a copy of a row whose negative coefficients, the offer, are scaled."""
    terms = {variable: c * factor if c < 0 else c for variable, c in row.items()}
    return pulp.LpConstraint(pulp.LpAffineExpression(terms), row.sense, row.name, -row.constant)
