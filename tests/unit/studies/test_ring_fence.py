"""More money for one place, the plan made anew: nowhere else is more spent than was before."""

import math

import numpy as np
import pandas as pd
import pytest

from reports.ring_fence_page import ring_fence_section
from sim.domain.levers import LEVERS
from sim.domain.plan import Plan, cost_of_unit
from sim.executors.executor import executor_of
from sim.planning.limits import limits_of, yearly_budget
from sim.planning.moves import Purse
from sim.scenario.schema import Scenario
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.judging import judged
from sim.studies.marginal import added, additions, marginal_table
from sim.studies.plans import plans_of
from sim.studies.ring_fence import (
    ANYWHERE,
    NO_MORE,
    REGION,
    RING_FENCE_COLUMNS,
    STAGE,
    RingFence,
    further_money,
    ring_fence,
    with_further,
)
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

SCENARIO = small_scenario(draws=5, replications=1).model_copy(update={"budget_usd_per_year": 9e4})
DESIGN = Design(SCENARIO, sample_small)
WORLD = sample_small(SCENARIO, None, "search").world
PURSE = Purse(WORLD, SCENARIO)
PLAN = plan_of({"reader.dermatologist": 1.0, "outreach.group1": 1.0})
MORE = further_money(PURSE)


@pytest.fixture(scope="module")
def single() -> pd.DataFrame:
    tried = additions(SCENARIO, PLAN, most=PURSE.most, duals=None)
    with executor_of(workers=1) as executor:
        plans = {one.name: one.plan for one in added(tried, PLAN)} | {PLAN.name: PLAN}
        reached = judged(DESIGN, Answering(executor), plans)[0]
    ede = pd.concat({name: pd.Series(values[:, 0]) for name, values in reached.items()})
    return marginal_table(tried, ede, base=PLAN.name)


@pytest.fixture(scope="module")
def found(single: pd.DataFrame) -> RingFence:
    with executor_of(workers=1) as executor:
        return ring_fence(DESIGN, Answering(executor), PLAN, single, runs=150)


def spent_usd(plan: Plan) -> np.ndarray:
    """Return what is spent by year, region and item."""
    cost = cost_of_unit(plan.catalogue, years=SCENARIO.horizon.score_years)[: plan.years]
    return np.einsum("ari,ayri->yri", plan.units, cost)


def test_the_money_is_a_hundredth_or_the_dearest_unit_that_a_year_can_pay_for() -> None:
    budget = yearly_budget(SCENARIO)
    assert (0.01 * budget <= MORE).all()
    cost = PURSE.cost_usd[0]
    payable = (PURSE.most >= 1.0) & (cost.max(axis=0) <= budget[0])
    assert pytest.approx(max(cost[0][payable].max(), 0.01 * budget[0])) == MORE[0]


def test_only_in_its_place_is_more_spent_than_before(found: RingFence) -> None:
    budget = yearly_budget(SCENARIO)
    names = list(found.plans["plan"].unique())
    for name, plan in plans_of(found.plans, names, plan_of({})).items():
        spent = spent_usd(plan)
        kind, _, what = name.partition(" ")
        if kind == REGION:
            elsewhere = spent[:, [one != what for one in plan.regions]].sum(axis=(1, 2))
        elif kind == STAGE:
            others = [str(LEVERS[one.lever].stage) != what for one in plan.catalogue.items]
            elsewhere = spent[..., others].sum(axis=(1, 2))
        else:
            elsewhere = np.zeros(len(budget))
        more = 0.0 if name in ("plan", NO_MORE) else MORE
        assert (elsewhere <= budget * (1 + 1e-5)).all()
        assert (spent.sum(axis=(1, 2)) <= (budget + more) * (1 + 1e-5)).all()


def test_gains_are_those_of_paired_draws(found: RingFence) -> None:
    table = found.table
    assert list(table.columns) == list(RING_FENCE_COLUMNS)
    assert table["kind"].tolist()[:2] == [NO_MORE, ANYWHERE]
    assert {REGION, STAGE} <= set(table["kind"])
    plans = plans_of(found.plans, list(found.plans["plan"].unique()), plan_of({}))
    with executor_of(workers=1) as executor:
        reached = judged(DESIGN, Answering(executor), plans)[0]
    first = reached[ANYWHERE][:, 0] - reached[NO_MORE][:, 0]
    row = table.iloc[1]
    assert row["gain"] == pytest.approx(first.mean())
    assert row["gain_per_musd"] == pytest.approx(first.mean() / row["extra_usd"] * 1e6)
    assert table["extra_usd"].iloc[0] == 0.0
    assert math.isnan(table["gain_per_musd"].iloc[0])
    assert (table["gain"].iloc[1:] > 0.0).any()
    for kind in (REGION, STAGE):
        assert table.loc[table["kind"] == kind, "gain"].is_monotonic_decreasing


def test_carried_over_money_is_ring_fenced_over_all_years_so_far() -> None:
    treasury = SCENARIO.treasury.model_copy(update={"carry_over": True})
    carried: Scenario = SCENARIO.model_copy(update={"treasury": treasury})
    asked = with_further(carried, MORE, regions=("AAA",))
    rows = {one.name: one.most for one in limits_of(WORLD, asked)}
    budget = yearly_budget(SCENARIO)
    assert rows["spending_2_at_most_usd"] == pytest.approx(budget.sum())
    assert list(yearly_budget(asked)) == pytest.approx(list(budget + MORE))


def test_the_page_says_it_in_words_and_a_figure(found: RingFence) -> None:
    page = ring_fence_section(found.tables)
    assert page["figure"].startswith("<svg ")
    assert len(page["rows"]) == len(found.table) - 1
    assert "free to go anywhere, and the plan made anew" in page["sentences"][0]
    assert "As long a search with no more money" in page["sentences"][-1]
