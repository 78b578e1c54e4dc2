"""Laws of the optimisation model and of the rules, whatever the world."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.domain.plan import spend_usd
from sim.planning.model import build_model
from sim.planning.rules import RULES
from sim.planning.solution import solve
from sim.scenario.schema import Equity, Horizon
from tests.scenarios import scenario
from tests.small_world import LAW, small_world

HORIZON = Horizon(decide_years=2, score_years=4)
GROWTH = st.floats(-0.05, 0.05)
"""Of people and need, in a year."""
few = settings(max_examples=8, deadline=None, derandomize=True)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = small_world(draw(st.integers(1, 3)), population=draw(st.floats(2e5, 2e7)))
    care = replace(world.care, growth_per_year=np.full(len(world.regions), draw(GROWTH)))
    reach = care.reach * draw(st.floats(0.2, 1.5))
    hours = care.reader_hours_per_year * draw(st.floats(0.1, 5.0))
    return replace(world, care=replace(care, reach=reach, reader_hours_per_year=hours))


@given(worlds(), st.floats(0.0, 1e6), st.floats(1.0, 10.0), st.sampled_from([0.0, 1.0, 3.0]))
@few
def test_more_money_never_lowers_the_relaxed_optimum(
    world: World, budget_usd: float, more: float, aversion: float
) -> None:
    case = scenario(horizon=HORIZON, equity=Equity(aversion=aversion))
    less, rich = (
        solve(build_model(world, LAW, case, budget_usd=b, integer=False))
        for b in (budget_usd, budget_usd * more)
    )
    assert np.log(rich.expected.value / less.expected.value) >= -rich.gap - 1e-4


@pytest.mark.slow
@given(st.floats(2e4, 3e5), st.floats(1.0, 4.0))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_more_money_never_lowers_the_optimum_in_whole_units(budget_usd: float, more: float) -> None:
    case = scenario(horizon=HORIZON)
    less, rich = (
        solve(build_model(small_world(), LAW, case, budget_usd=b), time_limit_s=5.0)
        for b in (budget_usd, budget_usd * more)
    )
    assert np.log(rich.expected.value / less.expected.value) >= -rich.gap


@given(worlds(), st.floats(1e3, 1e7))
@few
def test_flows_are_conserved_and_within_need(world: World, budget_usd: float) -> None:
    solution = solve(
        build_model(world, LAW, scenario(horizon=HORIZON), budget_usd=budget_usd, integer=False)
    )
    flows = solution.expected.flows
    growth = world.care.growth(HORIZON.score_years)[:, :, None]
    need = world.care.need_per_year.sum(axis=2) * growth
    slack = 1e-6 * need
    assert (flows.arrived <= need + slack).all()
    assert (flows.exams <= flows.arrived + slack).all()
    assert (flows.read_by_ai + flows.read_by_human <= flows.exams + slack).all()
    assert (flows.benefit <= flows.read_by_ai + flows.read_by_human + slack).all()
    labelled = flows.annotated.cumsum(axis=0) + solution.expected.audited.cumsum(axis=0)
    archived = flows.exams.cumsum(axis=0) * world.data.digital_share[:, None]
    assert (labelled <= archived + 5 * slack).all()
    assert np.nanmax(solution.expected.coverage) <= 1.0 + 1e-6


@given(worlds(), st.floats(0.0, 1e8), st.sampled_from(["equal_split", "by_need"]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_no_rule_spends_more_than_a_years_budget(
    world: World, budget_usd: float, rule: str
) -> None:
    case = scenario(horizon=HORIZON, budget_usd_per_year=budget_usd)
    spend = spend_usd(RULES[rule](world, case), years=HORIZON.score_years).sum(axis=(1, 2))
    assert (spend <= budget_usd * (1 + 1e-9)).all()
