"""The optimisation model, a mixed-integer linear programme of which units to buy, where and when.

docs/model.md §6. It minimises minus the objective of all cells; the name of every
constraint says what runs short, where and when.
"""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.holdings import Respond
from sim.domain.levers import Floats
from sim.planning.algebra import dot, expression, scaled
from sim.planning.care import CareRows, CareVariables
from sim.planning.data import DataRows, DataVariables
from sim.planning.decisions import Purchases, add_purchases, write_limits
from sim.planning.exam_costs import further_exam_costs
from sim.planning.limits import limits_of, yearly_budget
from sim.planning.objectives import OBJECTIVES, Cells, Objective, Welfare
from sim.planning.release import ReleaseRows
from sim.planning.today import Today, today_coverage
from sim.scenario.schema import Scenario
from sim.scenario.treasury import Treasury

THRIFT = 1e-5
"""What spending the whole budget costs, in log EDE: far below any gap, enough to break ties."""


@dataclass(frozen=True, slots=True)
class OptimisationModel:
    """A model ready to be solved, and what its variables mean."""

    problem: pulp.LpProblem
    world: World
    scenario: Scenario
    today: Today
    bought: Purchases
    care: CareVariables
    data: DataVariables
    release: ReleaseRows
    cells: Cells
    objective: Objective
    welfare: Welfare
    integer: bool


def build_model(
    world: World,
    respond: Respond,
    scenario: Scenario,
    *,
    budget_usd: float | None = None,
    integer: bool = True,
    at_least: Floats | None = None,
    objective: Objective | None = None,
) -> OptimisationModel:
    """Return the model of a scenario.

    Parameters
    ----------
    respond : what a training makes of its holdings, the same as the simulation's.
    budget_usd : budget of every year, US dollars; the scenario's when not given.
    integer : whether assets and switches are whole numbers.
    at_least : units that must be bought, shape (year, region, item); none when not given.
    objective : what is to be as large as possible; the scenario's when not given.
    """
    start, count = scenario.horizon.start_year, scenario.horizon.score_years
    years = tuple(str(start + y) for y in range(count))
    if budget_usd is not None:
        update = {"budget_usd_per_year": budget_usd, "treasury": Treasury()}
        scenario = scenario.model_copy(update=update)
    problem = pulp.LpProblem("coverage", pulp.LpMinimize)
    today = Today.of(world, scenario)
    bought = add_purchases(
        problem, world, scenario, years=years, integer=integer, at_least=at_least
    )
    release = ReleaseRows.begin(problem, bought, today, respond=respond, integer=integer)
    care = CareRows.begin(problem, bought, today)
    data = DataRows.begin(problem, bought, today)
    for y in range(count):
        for r in range(len(world.regions)):
            care.write(y, r, release.at(y, r))
            data.write(y, r, care.flows.exams)
    release.write(data.flows)
    further = None
    if scenario.exam_costs == "in_budget":
        further = further_exam_costs(care, respond(release.most).specificity)
    limits, carry_over = limits_of(world, scenario), scenario.treasury.carry_over
    write_limits(problem, bought, limits, further, carry_over=carry_over)
    covered = today_coverage(world, today)
    cells = Cells(problem, world, scenario.equity, years, care.flows.coverage, covered)
    objective = objective or OBJECTIVES.called(scenario.objective)
    welfare = objective.write(cells)
    thrift = dot(_thrift(bought, float(yearly_budget(scenario).sum())), bought.units)
    problem.setObjective(expression([scaled(welfare.terms, -1.0), thrift]))
    return OptimisationModel(
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


def _thrift(bought: Purchases, money_usd: float) -> Floats:
    """Return a price of every unit that only breaks ties: of equal plans, the cheapest."""
    return np.asarray(THRIFT * bought.cost_usd.sum(axis=1) / max(money_usd, 1.0))
