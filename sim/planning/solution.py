"""Solve the optimisation model, and read the plan with its status and proven gap."""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.planning.algebra import values
from sim.planning.conflict import conflict
from sim.planning.model import THRIFT, OptimisationModel
from sim.planning.solver import MOST_NODES, SolveStatus, run_solver
from sim.planning.today import COME


@dataclass(frozen=True, slots=True)
class YearlyFlows:
    """What passes the stations in a year; shape (y, r, m), exams or studies per year."""

    arrived: Floats
    exams: Floats
    read_by_ai: Floats
    read_by_human: Floats
    annotated: Floats
    benefit: Floats
    """Exams read, weighted by the benefit of their reading."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of its plan."""

    value: float
    """Outcome that the plan is made for, such as the equally distributed effective coverage."""
    coverage: Floats
    """Effective coverage, shape (y, r, g); NaN in cells without need."""
    flows: YearlyFlows
    audited: Floats
    """Studies set aside for audit in a year, shape (y, r, m)."""
    live: Floats
    """Whether a release may read, shape (y, r, m)."""
    quality: Floats
    """Benefit of a reading with AI, shape (y, r, m)."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A plan with its proof."""

    status: SolveStatus
    gap: float
    """Proven distance to the best objective, absolute, log EDE; tangents included. Infinite where
    the search ended before it proved any."""
    plan: Plan
    expected: Expected


def solve(
    model: OptimisationModel,
    *,
    time_limit_s: float = 60.0,
    gap: float = 1e-3,
    nodes: int = MOST_NODES,
    switches_first: bool = False,
    start: Plan | None = None,
) -> Solution:
    """Solve a model with HiGHS and read its plan.

    Parameters
    ----------
    time_limit_s : wall-clock limit; only solves that stay below it repeat to the bit.
    gap : absolute gap in log EDE at which the search stops.
    nodes : most nodes of the search; it stops there at the same plan on every machine.
    switches_first : whether units are made whole only once it is decided where AI may read, and
        what else is one or none; see ``run_solver``.
    start : a plan to improve on; none when not given.

    Raises
    ------
    InfeasibleError : naming the rows that exclude every plan.
    UnsolvedError : when no plan was found, with what ended the search.
    """
    result = run_solver(
        model.problem,
        time_limit_s=time_limit_s,
        gap=gap,
        nodes=nodes,
        integer=model.integer,
        switches_first=switches_first,
        start=_whole(model, start) if start else None,
    )
    status = result.status
    if status is SolveStatus.INFEASIBLE:
        raise InfeasibleError(conflict(model))
    if not status.has_plan:
        raise UnsolvedError(
            f"HiGHS found no plan for {len(model.world.regions)} regions ({result.ended}; it "
            f"had {nodes} nodes and {time_limit_s:g} s): allow more, or solve with integer=False"
        )
    expected = _expected(model)
    # what thrift takes off the objective may not be counted as proof
    best = model.welfare.constant - result.bound + THRIFT
    reached = model.welfare.exact(model.cells.measured(expected.coverage))
    proven = max(best - reached, 0.0)
    plan = Plan(
        name="plan",
        units=_units(model),
        regions=model.world.regions,
        catalogue=model.world.catalogue,
        start_year=model.scenario.horizon.start_year,
        status=str(status),
        gap=proven,
        predicted=expected.value,
    )
    return Solution(status, proven, plan, expected)


def _whole(model: OptimisationModel, plan: Plan) -> dict[pulp.LpVariable, float]:
    """Return what a plan buys in whole units; the best of services follows from them."""
    bought = zip(model.bought.units.ravel(), plan.units.ravel(), strict=True)
    return {unit: units for unit, units in bought if unit.cat == pulp.LpInteger}


def _units(model: OptimisationModel) -> Floats:
    """Return units bought; what must be whole is rounded of the solver's tolerance."""
    units = np.maximum(values(model.bought.units), 0.0)
    items = model.world.catalogue.items
    whole = np.array([model.integer and not item.is_service for item in items])
    return np.where(whole, np.round(units), np.where(units < 1e-9, 0.0, units))


def _expected(model: OptimisationModel) -> Expected:
    care, data = model.care, model.data
    need = model.today.need[None]
    mass = model.today.mass
    exams, human, ai, worth = (
        values(flow).sum(axis=3) * need
        for flow in (care.exams, care.by_human, care.by_ai, care.worth)
    )
    brought = np.einsum("yrg,yrmg->yrm", values(care.brought), mass[..., COME + 1 :])
    flows = YearlyFlows(
        arrived=(mass[..., COME] + brought) * need,
        exams=exams,
        read_by_ai=ai,
        read_by_human=human,
        annotated=values(data.annotated) * need,
        benefit=worth + human * model.today.human_benefit,
    )
    measured = model.cells.measured(values(care.coverage))
    return Expected(
        value=model.objective.of(measured),
        coverage=measured.ec,
        flows=flows,
        audited=values(data.audited) * need,
        live=values(model.release.live),
        quality=values(model.release.quality),
    )
