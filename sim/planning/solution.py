"""Solving a programme: no plan before its status, and no status without its gap."""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.domain.lever import Floats
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.planning.algebra import values
from sim.planning.calibration import Flows
from sim.planning.conflict import conflict
from sim.planning.programme import THRIFT, Programme
from sim.planning.solver import MOST_NODES, SolveStatus, run


@dataclass(frozen=True, slots=True)
class Expected:
    """What the programme expects of its plan."""

    value: float
    """Outcome that the plan is made for, such as the equally distributed effective coverage."""
    coverage: Floats
    """Effective coverage, shape (y, r, g); NaN in cells without need."""
    flows: Flows
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
    programme: Programme,
    *,
    time_limit_s: float = 60.0,
    gap: float = 1e-3,
    nodes: int = MOST_NODES,
    start: Plan | None = None,
) -> Solution:
    """Solve a programme with HiGHS and read its plan.

    Parameters
    ----------
    time_limit_s : wall-clock limit; only solves that stay below it repeat to the bit.
    gap : absolute gap in log EDE at which the search stops.
    nodes : most nodes of the search; it stops there at the same plan on every machine.
    start : a plan to improve on; none when not given.

    Raises
    ------
    InfeasibleError : naming the rows that exclude every plan.
    UnsolvedError : when no plan was found, with what ended the search.
    """
    outcome = run(
        programme.problem,
        time_limit_s=time_limit_s,
        gap=gap,
        nodes=nodes,
        integer=programme.integer,
        start=_whole(programme, start) if start else None,
    )
    status = outcome.status
    if status is SolveStatus.INFEASIBLE:
        raise InfeasibleError(conflict(programme))
    if not status.has_plan:
        raise UnsolvedError(
            f"HiGHS found no plan for {len(programme.world.regions)} regions ({outcome.ended}; it "
            f"had {nodes} nodes and {time_limit_s:g} s): allow more, or solve with integer=False"
        )
    expected = _expected(programme)
    # what thrift takes off the objective may not be counted as proof
    best = programme.welfare.constant - outcome.bound + THRIFT
    reached = programme.welfare.exact(programme.cells.measured(expected.coverage))
    proven = max(best - reached, 0.0)
    plan = Plan(
        name="plan",
        units=_units(programme),
        regions=programme.world.regions,
        catalogue=programme.world.catalogue,
        start_year=programme.scenario.horizon.start_year,
        status=str(status),
        gap=proven,
        predicted=expected.value,
    )
    return Solution(status, proven, plan, expected)


def _whole(programme: Programme, plan: Plan) -> dict[pulp.LpVariable, float]:
    """Return what a plan buys in whole units; the best of services follows from them."""
    bought = zip(programme.bought.units.ravel(), plan.units.ravel(), strict=True)
    return {unit: units for unit, units in bought if unit.cat == pulp.LpInteger}


def _units(programme: Programme) -> Floats:
    """Return units bought; what must be whole is rounded of the solver's tolerance."""
    units = np.maximum(values(programme.bought.units), 0.0)
    items = programme.world.catalogue.items
    whole = np.array([programme.integer and not item.is_service for item in items])
    return np.where(whole, np.round(units), np.where(units < 1e-9, 0.0, units))


def _expected(programme: Programme) -> Expected:
    care, data = programme.care, programme.data
    need = programme.today.need[None]
    mass = programme.today.mass
    exams, human, ai, worth = (
        values(flow).sum(axis=3) * need
        for flow in (care.exams, care.by_human, care.by_ai, care.worth)
    )
    brought = values(care.brought)[:, :, None] * mass[None, ..., 1]
    flows = Flows(
        arrived=(mass[None, ..., 0] + brought) * need,
        exams=exams,
        read_by_ai=ai,
        read_by_human=human,
        annotated=values(data.annotated) * need,
        benefit=worth + human * programme.today.human_benefit,
    )
    measured = programme.cells.measured(values(care.coverage))
    return Expected(
        value=programme.objective.of(measured),
        coverage=measured.ec,
        flows=flows,
        audited=values(data.audited) * need,
        live=values(programme.release.live),
        quality=values(programme.release.quality),
    )
