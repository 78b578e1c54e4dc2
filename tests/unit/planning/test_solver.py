"""Deciding switches before other whole numbers, on programmes whose optimum is known."""

import numpy as np
import pulp
import pytest

from sim.planning.solver import SolverResult, SolveStatus, run_solver

Programme = tuple[pulp.LpProblem, list[pulp.LpVariable]]


def warehouses(seed: int) -> Programme:
    """Return a choice of sites, each of which costs something to open and holds whole units."""
    rng = np.random.default_rng(seed)
    problem = pulp.LpProblem("warehouses", pulp.LpMinimize)
    opening, price, room = rng.uniform(5, 9, 6), rng.uniform(1, 3, 6), rng.uniform(2.2, 6.8, 6)
    sites = [problem.add_variable(f"open{k}", 0, 1, pulp.LpInteger) for k in range(6)]
    units = [problem.add_variable(f"units{k}", 0, 9, pulp.LpInteger) for k in range(6)]
    problem.setObjective(pulp.lpSum(opening * sites) + pulp.lpSum(price * units))
    for site, unit, most in zip(sites, units, room, strict=True):
        problem += unit <= float(most) * site
    problem += pulp.lpSum(units) >= 11.5
    return problem, [*sites, *units]


def solved(programme: Programme, *, gap: float, switches_first: bool) -> tuple[SolverResult, float]:
    problem, columns = programme
    result = run_solver(problem, time_limit_s=60.0, gap=gap, switches_first=switches_first)
    found = np.array([column.value() for column in columns])
    assert np.abs(found - found.round()).max() < 1e-6
    assert problem.valid(1e-6)
    return result, float(pulp.value(problem.objective))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_proven_with_switches_first_is_true_of_all_plans(seed: int) -> None:
    _, best = solved(warehouses(seed), gap=0.0, switches_first=False)
    result, value = solved(warehouses(seed), gap=0.0, switches_first=True)
    assert result.bound <= best + 1e-6
    assert best <= value + 1e-6
    assert value <= 1.25 * best
    proven = value - result.bound <= 1e-6
    assert result.status is (SolveStatus.OPTIMAL if proven else SolveStatus.FEASIBLE)


def test_with_switches_first_a_plan_within_the_gap_is_called_optimal() -> None:
    result, value = solved(warehouses(0), gap=20.0, switches_first=True)
    assert value - result.bound <= 20.0
    assert result.status is SolveStatus.OPTIMAL


def test_where_no_whole_numbers_are_near_all_are_searched_for() -> None:
    """Half a pair is best with fractions; whole pairs are three of one for two of the other."""
    problem = pulp.LpProblem("pairs", pulp.LpMinimize)
    several = problem.add_variable("several", 0, 9, pulp.LpInteger)
    switch = problem.add_variable("switch", 0, 1, pulp.LpInteger)
    problem.setObjective(several + 0.0)
    problem += 4 * several - 6 * switch == 2
    result, value = solved((problem, [several, switch]), gap=0.0, switches_first=True)
    assert value == pytest.approx(2.0)
    assert result.bound == pytest.approx(2.0)
    assert result.status is SolveStatus.OPTIMAL


def test_switches_that_exclude_every_plan_are_infeasible() -> None:
    problem, columns = warehouses(0)
    problem += pulp.lpSum(columns[:6]) <= 1
    result = run_solver(problem, time_limit_s=60.0, gap=0.0, switches_first=True)
    assert result.status is SolveStatus.INFEASIBLE
