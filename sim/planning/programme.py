"""The mixed-integer programme: which units, where and when, so that coverage is fairest.

docs/model.md §6. A minimisation of minus the objective of all cells; every row has a
name that says what runs short, where and when.
"""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.lever import Floats
from sim.planning.algebra import expression, scaled, total
from sim.planning.calibration import Calibration
from sim.planning.care import Care, CareRows
from sim.planning.data import Data, DataRows
from sim.planning.purchases import Purchases, purchase
from sim.planning.release import ReleaseRows
from sim.planning.today import Today, today_coverage
from sim.planning.welfare import OBJECTIVES, Cells, Objective, Welfare
from sim.scenario.schema import Scenario

THRIFT = 1e-5
"""What spending the whole budget costs, in log EDE: far below any gap, enough to break ties."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme ready to be solved, and what its variables mean."""

    problem: pulp.LpProblem
    world: World
    scenario: Scenario
    today: Today
    bought: Purchases
    care: Care
    data: Data
    release: ReleaseRows
    cells: Cells
    objective: Objective
    welfare: Welfare
    integer: bool


def build(
    world: World,
    respond: Respond,
    scenario: Scenario,
    *,
    calibration: Calibration | None = None,
    budget_usd: float | None = None,
    integer: bool = True,
    at_least: Floats | None = None,
    objective: Objective | None = None,
) -> Programme:
    """Return the programme of a scenario.

    Parameters
    ----------
    respond : what a training makes of its holdings, the same as the simulation's.
    calibration : what earlier simulations taught; factors of 1 when not given.
    budget_usd : yearly budget, US dollars; the scenario's when not given.
    integer : whether assets and switches are whole numbers.
    at_least : units that must be bought, shape (year, region, item); none when not given.
    objective : what is to be as large as possible; the scenario's when not given.
    """
    start, count = scenario.horizon.start_year, scenario.horizon.score_years
    years = tuple(str(start + y) for y in range(count))
    budget = scenario.budget_usd_per_year if budget_usd is None else budget_usd
    calibration = calibration or Calibration.start(world, years=count)
    problem = pulp.LpProblem("coverage", pulp.LpMinimize)
    today = Today.of(world, scenario.gate)
    bought = purchase(
        problem, world, scenario, years=years, budget_usd=budget, integer=integer, at_least=at_least
    )
    release = ReleaseRows.begin(
        problem, bought, calibration, today, respond=respond, integer=integer
    )
    care = CareRows.begin(problem, bought, calibration, today)
    data = DataRows.begin(problem, bought, calibration, today)
    for y in range(count):
        for r in range(len(world.regions)):
            care.write(y, r, release.at(y, r))
            data.write(y, r, care.flows.exams)
    release.write(data.flows)
    covered = today_coverage(world, today)
    cells = Cells(problem, world, scenario.equity, years, care.flows.coverage, covered)
    objective = objective or OBJECTIVES.called(scenario.objective)
    welfare = objective.write(cells)
    thrift = total(_thrift(bought, budget), bought.units)
    problem.setObjective(expression([scaled(welfare.terms, -1.0), thrift]))
    return Programme(
        problem=problem,
        world=world,
        scenario=scenario,
        today=today,
        bought=bought,
        care=care.flows,
        data=data.flows,
        release=release,
        cells=cells,
        objective=objective,
        welfare=welfare,
        integer=integer,
    )


def _thrift(bought: Purchases, budget_usd: float) -> Floats:
    """Return a price of every unit that only breaks ties: of equal plans, the cheapest."""
    horizon = bought.cost_usd.shape[1]
    return np.asarray(THRIFT * bought.cost_usd.sum(axis=1) / (horizon * max(budget_usd, 1.0)))
