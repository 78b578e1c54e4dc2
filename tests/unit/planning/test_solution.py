"""What a solved model promises, checked against plan, world and another solver."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pulp
import pytest
from highspy import HighsModelStatus

from sim.baseline.world import World
from sim.domain.plan import spend_usd
from sim.errors import InfeasibleError, UnsolvedError
from sim.learning.law import worth_of_label
from sim.learning.response import Response
from sim.planning.algebra import at_most, values
from sim.planning.model import OptimisationModel, build_model
from sim.planning.solution import Solution, _whole, solve
from sim.planning.solver import SolveStatus, _with_point, run_solver, status_of
from sim.planning.today import today_coverage
from sim.scenario.ai import Gate
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_world import LAW, at_once, changed, small_world

HORIZON = Horizon(decide_years=3, score_years=5)


def model(budget_usd: float, *, integer: bool = True, regions: int = 2) -> OptimisationModel:
    case = scenario(horizon=HORIZON)
    return build_model(small_world(regions), LAW, case, budget_usd=budget_usd, integer=integer)


@cache
def solved(budget_usd: float) -> Solution:
    """Return the solution in whole units; it is made once, as tests only read it."""
    return solve(model(budget_usd))


@pytest.mark.parametrize("budget_usd", [20e3, pytest.param(60e3, marks=pytest.mark.slow), 150e3])
def test_spend_stays_within_every_years_budget_running_cost_included(budget_usd: float) -> None:
    plan = solved(budget_usd).plan
    spend = spend_usd(plan, years=HORIZON.score_years).sum(axis=(1, 2))
    assert (spend <= budget_usd * (1 + 1e-6)).all()
    assert spend.max() > 0.3 * budget_usd


def test_assets_come_in_whole_units() -> None:
    plan = solved(60e3).plan
    asset = [not item.is_service for item in plan.catalogue.items]
    bought = plan.units[:, :, asset]
    assert (bought == np.round(bought)).all()
    assert bought.sum() > 0


def test_without_money_the_programme_expects_today() -> None:
    problem = model(0.0)
    solution = solve(problem)
    assert not solution.plan.units.any()
    today = today_coverage(problem.world, problem.today)
    np.testing.assert_allclose(solution.expected.coverage, today, rtol=1e-5)


def test_with_money_for_everything_everybody_reached_is_read_at_the_best_benefit() -> None:
    world = small_world()
    world = replace(world, care=replace(world.care, reach=np.ones_like(world.care.reach)))
    problem = build_model(
        at_once(world), LAW, scenario(horizon=HORIZON), budget_usd=1e9, integer=False
    )
    expected = solve(problem).expected
    assert expected.live[1:].all()
    _, most = problem.release.quality_range()
    best = np.broadcast_to(expected.quality[-1], (2, 2))
    np.testing.assert_allclose(expected.coverage[-1], best, rtol=2e-3)
    assert (expected.quality[-1] > 0.9 * most).all()


def test_a_gate_that_no_release_can_pass_keeps_every_reader() -> None:
    strict = scenario(horizon=HORIZON, gate=Gate(margin=0.0))
    hopeless = Response(floor=0.5, scale=1.2, power=0.35, kappa=0.3, offset=20.0, specificity=0.9)
    expected = solve(build_model(small_world(), hopeless, strict, budget_usd=150e3)).expected
    assert not expected.live.any()
    assert not expected.flows.read_by_ai.any()
    assert expected.flows.read_by_human.any()


def test_no_training_without_gpu_hours_and_no_gate_without_audit() -> None:
    assert solved(150e3).expected.live.any()
    for lever in ("gpu_hours", "audit"):
        closed = scenario(horizon=HORIZON, levers={lever: {"allowed": False}})
        expected = solve(build_model(small_world(), LAW, closed, budget_usd=150e3)).expected
        assert not expected.live.any()


def with_compute(**values: object) -> World:
    return changed(small_world(), "compute", **values)


def plan_and_ede(world: World) -> tuple[dict[str, float], float]:
    """Return the units bought of every lever, and the equity that the model expects."""
    solved = solve(build_model(world, LAW, scenario(horizon=HORIZON), budget_usd=150e3))
    items = [item.name for item in solved.plan.catalogue.items]
    units = dict(zip(items, solved.plan.units.sum(axis=(0, 1)), strict=True))
    return units, solved.expected.value


@pytest.mark.slow
def test_pretraining_is_bought_where_it_is_worth_its_price() -> None:
    useless, without = plan_and_ede(with_compute(pretraining_efficiency=1.0))
    assert useless["pretraining"] == 0.0
    assert useless["gpu_hours"] > 0.0
    useful, with_it = plan_and_ede(with_compute(pretraining_efficiency=3.0))
    assert useful["pretraining"] >= 1.0 - 1e-9  # a full one takes 100 GPU-hours, one unit
    assert with_it > without


def test_pretraining_promises_no_more_than_the_law_gives() -> None:
    """At the holdings that are reached, quality stays below the law with pre-trained labels."""
    world = with_compute(pretraining_efficiency=3.0, pretraining_own_share=1.0)
    problem = build_model(world, LAW, scenario(horizon=HORIZON), budget_usd=150e3, integer=False)
    solve(problem)
    quality = values(problem.release.quality)
    stock = values(problem.data.label_stock) * problem.today.need
    worth = worth_of_label(world.data.label_noise)
    own = worth * (stock + world.data.synthetic_worth * values(problem.data.synthetic_stock))
    others = world.data.public_studies + own.sum(axis=1, keepdims=True) - own
    best = 1.0 - np.asarray(LAW.error(3.0 * own, 3.0 * others))
    # a year learns from the studies of the year before; tangents lie a little above the law
    assert (quality[1:] <= best[:-1] + 0.02).all()
    assert quality[1:].max() > 1.0 - float(LAW.error(0.0, 2_000.0))


def test_what_ones_own_accelerators_do_is_not_rented() -> None:
    owners, _ = plan_and_ede(with_compute(owned_gpu_hours_per_year=np.array([5_000.0, 0.0])))
    assert owners["gpu_hours"] == pytest.approx(0.0, abs=1e-6)
    assert owners["gpu_server"] == 0.0


def test_gap_is_proven_against_the_exact_utility() -> None:
    relaxed, whole = solve(model(60e3, integer=False)), solved(60e3)
    assert 0.0 <= whole.gap <= 2e-3
    assert np.log(whole.expected.value / relaxed.expected.value) <= relaxed.gap
    assert whole.plan.gap == whole.gap
    assert whole.plan.predicted == whole.expected.value


def test_the_same_programme_gives_the_same_plan_to_the_bit() -> None:
    again = solve(model(60e3)).plan.units
    assert (again == solved(60e3).plan.units).all()


def test_a_solve_cut_short_is_not_called_optimal() -> None:
    short = solve(model(30e3, regions=1), nodes=1, gap=0.0)
    assert short.status is SolveStatus.FEASIBLE
    assert short.gap > 0.0


def test_only_a_finished_search_is_proof_and_only_a_solution_is_a_plan() -> None:
    ended = HighsModelStatus
    assert status_of(ended.kOptimal, has_plan=True) is SolveStatus.OPTIMAL
    for cut_short in (ended.kTimeLimit, ended.kSolutionLimit):
        assert status_of(cut_short, has_plan=True) is SolveStatus.FEASIBLE
    # a start that was completed refutes the solver
    assert status_of(ended.kInfeasible, has_plan=True) is SolveStatus.FEASIBLE
    assert status_of(ended.kInfeasible, has_plan=False) is SolveStatus.INFEASIBLE
    # "optimal" without a feasible point: one that breaks its rows
    for unsolved in (ended.kOptimal, ended.kTimeLimit, ended.kSolutionLimit, ended.kSolveError):
        assert status_of(unsolved, has_plan=False) is SolveStatus.FAILED
    assert not SolveStatus.INFEASIBLE.has_plan


def test_a_search_that_ends_in_an_error_keeps_its_whole_numbers() -> None:
    """What a search found is solved anew with its whole numbers, and nothing is free to change."""
    problem, good = model(60e3), solved(60e3)
    run_solver(
        problem.problem, time_limit_s=60.0, gap=0.0, nodes=0, start=_whole(problem, good.plan)
    )

    class Broken:
        """HiGHS after an error: a solution a hair outside, which it does not call one."""

        def getModelStatus(self) -> HighsModelStatus:  # noqa: N802
            return HighsModelStatus.kSolveError

        def __getattr__(self, name: str) -> object:
            return getattr(problem.problem.solverModel, name)

    found = _with_point(Broken())
    assert found is not None
    kept = problem.problem.solverModel
    ours, theirs = (one.getInfo().objective_function_value for one in (found, kept))
    assert ours == pytest.approx(theirs, abs=1e-6)
    whole = [v.index for v in problem.problem.variables() if v.cat == pulp.LpInteger]
    ours, theirs = (np.array(one.getSolution().col_value)[whole] for one in (found, kept))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_infeasible_names_the_limits_that_clash() -> None:
    poor = model(60e3, regions=1)
    coverage = poor.care.coverage[0, 0, 0]
    at_most(poor.problem, "promise_AAA_2027", [[(coverage, -1.0)]], -0.99)
    with pytest.raises(InfeasibleError) as error:
        solve(poor)
    assert "promise_AAA_2027" in error.value.conflict
    assert len(error.value.conflict) < 20


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    solve(model(60e3, integer=False))
    assert capfd.readouterr().out == ""


def test_another_solver_finds_the_same_optimum() -> None:
    problem = model(60e3, integer=False, regions=1).problem
    run_solver(problem, time_limit_s=60.0, gap=0.0, integer=False)
    ours = pulp.value(problem.objective)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PuLP 4 will not ship CBC
        problem.solve(pulp.PULP_CBC_CMD(msg=False))
    assert pulp.value(problem.objective) == pytest.approx(ours, rel=1e-6)
    assert problem.status == pulp.LpStatusOptimal


def test_rows_are_named_so_that_a_minister_could_read_them() -> None:
    names = {row.name for row in model(60e3).problem.constraints()}
    assert {
        "budget_usd_2027",
        "imaging_capacity_dermoscopy_AAA_2029",
        "reading_hours_dermatologist_BBB_2031",
        "gpu_hours_2028",
    } <= names


def test_a_known_plan_is_a_start_that_is_not_lost() -> None:
    good = solved(60e3).plan
    fresh, started = (
        solve(model(60e3), gap=1.0, start=start).expected.value for start in (None, good)
    )
    assert started >= fresh
    # it is completed with switches and flows that are nearly the best ones, whatever the gap
    assert started >= 0.995 * good.predicted


@pytest.mark.parametrize("nodes", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_start_is_a_plan_even_if_the_search_comes_to_nothing(nodes: int) -> None:
    good = solved(60e3).plan
    found = solve(model(60e3), gap=0.0, nodes=nodes, start=good)
    assert found.status is SolveStatus.FEASIBLE
    assert found.expected.value >= 0.995 * good.predicted
    assert found.gap >= 0.0


def test_a_start_that_no_budget_allows_is_left_out() -> None:
    dear = solved(150e3).plan
    found = solve(model(20e3), start=dear)
    assert found.expected.value == pytest.approx(solved(20e3).expected.value, rel=2e-3)
    assert (spend_usd(found.plan, years=5).sum(axis=(1, 2)) <= 20e3 * (1 + 1e-6)).all()


def test_a_start_beyond_the_bounds_begins_at_them() -> None:
    """Two more scanners than a year may buy: as many as it may."""
    problem, good = model(60e3), solved(60e3).plan
    for unit, units in zip(problem.bought.units.ravel(), good.units.ravel(), strict=True):
        unit.upBound = units
    found = solve(problem, nodes=0, start=replace(good, units=good.units + 2.0))
    assert (found.plan.units <= good.units + 1e-9).all()
    assert found.expected.value >= 0.995 * good.predicted


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"nodes": 0}, "node limit reached; it had 0 nodes and 60 s"),
        ({"time_limit_s": 0.0}, "time limit reached; it had 100000 nodes and 0 s"),
    ],
)
def test_the_error_says_what_ended_the_search(limit: dict[str, float], words: str) -> None:
    with pytest.raises(UnsolvedError) as error:
        solve(model(60e3), **limit)
    assert f"no plan for 2 regions ({words})" in str(error.value)


def with_groups(world: World, groups: tuple[str, ...]) -> World:
    """Return a world whose groups have other names."""
    called = dict(zip(world.groups, groups, strict=True))
    items = tuple(
        replace(item, scope=called.get(item.scope, item.scope)) for item in world.catalogue.items
    )
    return replace(world, groups=groups, catalogue=replace(world.catalogue, items=items))


def test_groups_whose_names_differ_by_a_sign_are_told_apart() -> None:
    groups = ("65+", "65-", "65 ", "65_", "65/", "65(plus_sign)")
    world = with_groups(small_world(1, len(groups)), groups)
    case = scenario(horizon=Horizon(decide_years=1, score_years=1))
    problem = build_model(world, LAW, case, budget_usd=50e3)
    names = [variable.name for variable in problem.problem.variables()]
    assert len(set(names)) == len(names)
    solution = solve(problem)
    assert solution.status is SolveStatus.OPTIMAL
    plain = with_groups(world, tuple("abcdef"))
    other = solve(build_model(plain, LAW, case, budget_usd=50e3))
    assert np.log(solution.expected.value) == pytest.approx(np.log(other.expected.value), abs=1e-3)


def test_units_that_cost_nothing_and_come_too_late_may_stand_in_a_start() -> None:
    world = small_world(1)
    i = world.catalogue.index("outreach", "group0")
    free = {"capex_usd": 0.0, "running_usd": 0.0, "lead_weeks": 1_040}
    columns = {name: getattr(world.catalogue, name).copy() for name in free}
    for name, value in free.items():
        columns[name][:, i] = value
    world = changed(world, "catalogue", **columns)
    problem = build_model(world, LAW, scenario(horizon=HORIZON), budget_usd=60e3)
    good = solve(problem, gap=1.0).plan
    units = good.units.copy()
    units[:, :, i] = 1.0
    found = solve(problem, gap=1.0, start=replace(good, units=units))
    assert found.expected.value >= 0.999 * solve(problem, gap=1.0).expected.value


def test_clinics_are_sent_to_the_group_that_comes_least() -> None:
    """Readers and units abound, and there is money for one clinic: equity says for whom."""
    world = small_world(1)
    plenty = {"units": world.care.units * 50, "reader_hours_per_year": np.full((1, 1), 1e5)}
    reach = world.care.reach * 0 + np.array([0.6, 0.05])
    world = changed(at_once(world), "care", reach=reach, **plenty)
    solution = solve(build_model(world, LAW, scenario(horizon=HORIZON), budget_usd=30e3))
    clinics = {
        item.scope: solution.plan.units[..., i].sum()
        for i, item in enumerate(world.catalogue.items)
        if item.lever == "outreach"
    }
    assert clinics == {"group0": 0, "group1": 1}
    brought = solution.expected.flows.arrived - world.care.need_per_year[0, 0] @ reach[0, 0]
    assert 0 < brought.max() <= 4_000 * (1 + 1e-6)
