"""The mixed-integer programme: which units, where and when, so that coverage is fairest.

docs/model.md §6. A minimisation of minus the discounted welfare of all cells; every row has a
name that says what runs short, where and when.
"""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.equity.coverage import cell_weights
from sim.planning.algebra import Grid, Terms, equal, expression, grid, scaled, spelt, total
from sim.planning.calibration import Calibration, Flows
from sim.planning.care import Care, CareRows
from sim.planning.data import Data, DataRows
from sim.planning.objectives import (
    MANY_CELLS,
    WIDE,
    WIDTH,
    Quality,
    segments,
    utility_scale,
    utility_tangents,
)
from sim.planning.purchases import Purchases, purchase
from sim.planning.release import ReleaseRows
from sim.planning.today import Today, today_coverage
from sim.scenario.schema import Scenario

THRIFT = 1e-5
"""What spending the whole budget costs, in log EDE: far below any gap, enough to break ties."""


@dataclass(frozen=True, slots=True)
class Welfare:
    """The objective that is to be as large as possible, before it is turned round."""

    terms: Terms
    """Welfare in units of log EDE, without its constant."""
    constant: float
    """Welfare of nobody covered, along the steepest tangents."""
    weights: Floats
    """Discounted persons of every cell, zero without need, shape (y, r, g)."""
    scale: float
    """Log EDE per unit of welfare, to first order; 1 at inequality aversion 1."""


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
    welfare: Welfare
    integer: bool


def build(
    world: World,
    response: Quality,
    scenario: Scenario,
    *,
    calibration: Calibration | None = None,
    budget_usd: float | None = None,
    integer: bool = True,
    at_least: Floats | None = None,
) -> Programme:
    """Return the programme of a scenario.

    Parameters
    ----------
    response : error of a network as a function of own and others' studies.
    calibration : what earlier simulations taught; factors of 1 when not given.
    budget_usd : yearly budget, US dollars; the scenario's when not given.
    integer : whether assets and switches are whole numbers.
    at_least : units that must be bought, shape (year, region, item); none when not given.
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
        problem, bought, calibration, today, response=response, integer=integer
    )
    care = CareRows.begin(problem, bought, calibration, today)
    data = DataRows.begin(problem, bought, calibration, today)
    for y in range(count):
        for r in range(len(world.regions)):
            care.write(y, r, release.at(y, r))
            data.write(y, r, care.flows.exams)
    release.write(data.flows)
    welfare = _welfare(problem, scenario, world, today, care.flows.coverage)
    thrift = total(_thrift(bought, budget), bought.units)
    problem.setObjective(expression([scaled(welfare.terms, -1.0), thrift]))
    return Programme(
        problem, world, scenario, today, bought, care.flows, data.flows, release, welfare, integer
    )


def _thrift(bought: Purchases, budget_usd: float) -> Floats:
    """Return a price of every unit that only breaks ties: of equal plans, the cheapest."""
    horizon = bought.cost_usd.shape[1]
    return np.asarray(THRIFT * bought.cost_usd.sum(axis=1) / (horizon * max(budget_usd, 1.0)))


def _welfare(
    problem: pulp.LpProblem, scenario: Scenario, world: World, today: Today, coverage: Grid
) -> Welfare:
    """Add the utility of every cell and the objective."""
    equity = scenario.equity
    covered = today_coverage(world, today)
    needed = world.care.need_per_year.sum(axis=1) > 0
    weights = cell_weights(
        np.broadcast_to(np.where(needed, covered, np.nan), coverage.shape),
        world.care.population,
        discount_rate=equity.discount_rate,
    )
    shares = weights / weights.sum()
    floored = np.maximum(covered, equity.floor)
    reference = float(np.exp(np.average(np.log(floored), weights=weights[0])))
    width = WIDTH if coverage.size <= MANY_CELLS else WIDE
    worth: Terms = []
    offset = 0.0
    for r, g in np.argwhere(needed):
        low = 0.5 * float(floored[r, g])
        tangents = utility_tangents(equity, low=low, high=1.0, reference=reference, width=width)
        pieces = segments(tangents, high=1.0)
        slopes = np.array([piece.slope for piece in pieces])
        steps = tuple(f"step{i}" for i in range(len(pieces)))
        for y in range(len(coverage)):
            year = scenario.horizon.start_year + y
            name = f"covered_{spelt(world.groups[g])}_{world.regions[r]}_{year}"
            parts = grid(problem, name, (steps,), high=np.array([piece.width for piece in pieces]))
            equal(problem, name, [[(coverage[y, r, g], -1.0)], total(1.0, parts)], 0.0)
            worth += total(slopes * shares[y, r, g], parts)
            offset += float(shares[y, r, g]) * tangents[0].intercept
    return Welfare(worth, offset, weights, utility_scale(equity, reference=reference))


__all__ = ["Calibration", "Flows", "Programme", "build"]
