"""Additions to a plan: how much, which ones, and what they are worth per dollar."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sim.domain.levers import Item
from sim.domain.plan import spend_usd
from sim.studies.marginal import CANDIDATES, additions, marginal_table
from tests.small_world import ITEMS, small_world
from tests.unit.studies.small_study import plan_of, small_scenario

SCENARIO = small_scenario()


def test_an_addition_is_one_unit_or_two_percent_of_a_years_budget() -> None:
    tried = additions(SCENARIO, plan_of({}), most=np.full((2, len(ITEMS)), 200.0), duals=None)
    units = {(extra.region, extra.item): extra.units for extra in tried}
    assert units["AAA", "scanner.dermoscopy"] == 2  # 2% of 200,000 over 3,000 dollars
    assert units["AAA", "reader.dermatologist"] == 1
    assert units["all", "gpu_hours"] == 10  # one pool, wherever it is paid for
    assert units["all", "pretraining"] == 10
    assert units["AAA", "gpu_server"] == 1
    assert units["AAA", "agreement"] == 1
    assert {extra.chosen for extra in tried} == {"all"}


def test_an_addition_stays_within_the_yearly_bounds() -> None:
    most = np.full((2, len(ITEMS)), 200.0)
    most[0, 0], most[1, 0], most[:, ITEMS.index(Item("agreement"))] = 1.0, 0.0, 1.0
    base = plan_of({"agreement": 1.0, "steward": 198.0})
    units = {
        (extra.region, extra.item): extra.units
        for extra in additions(SCENARIO, base, most=most, duals=None)
    }
    assert units["AAA", "scanner.dermoscopy"] == 1
    assert ("BBB", "scanner.dermoscopy") not in units
    assert ("AAA", "agreement") not in units
    assert units["AAA", "steward"] == 2


def test_an_addition_costs_capital_and_running_discounted() -> None:
    most = np.zeros((2, len(ITEMS)))
    most[0, 0] = 200.0
    (extra,) = additions(SCENARIO, plan_of({}), most=most, duals=None)
    spend = spend_usd(extra.plan, years=2).sum(axis=(1, 2))
    assert extra.extra_usd == pytest.approx(spend[0] + spend[1] / 1.03)


def test_many_additions_are_screened_by_dual_and_at_random() -> None:
    world = small_world(regions=16)
    base = plan_of({})
    wide = replace(
        base,
        units=np.zeros((2, 16, len(ITEMS))),
        regions=world.regions,
        catalogue=world.catalogue,
    )
    duals = np.arange(16.0 * len(ITEMS)).reshape(16, -1)
    tried = additions(SCENARIO, wide, most=np.full((16, len(ITEMS)), 200.0), duals=duals)
    assert len(tried) == CANDIDATES
    best = [extra.dual for extra in tried if extra.chosen == "dual"]
    pooled = {i for i, item in enumerate(ITEMS) if item.is_pooled}
    count = len(ITEMS)
    best_first = range(16 * count - 1, -1, -1)
    worth = [dual for dual in best_first if dual % count not in pooled or dual < count]
    assert best == worth[:48]
    others = [extra.dual for extra in tried if extra.chosen == "random"]
    assert len(others) == 16
    assert max(others) < min(best)
    again = additions(SCENARIO, wide, most=np.full((16, len(ITEMS)), 200.0), duals=duals)
    assert [extra.plan.name for extra in again] == [extra.plan.name for extra in tried]


def test_gains_are_paired_with_the_plan_by_draw() -> None:
    most = np.zeros((2, len(ITEMS)))
    most[:, 0] = 200.0
    first, second = additions(SCENARIO, plan_of({}), most=most, duals=None)
    ede = pd.concat(
        {
            "plan": pd.Series([0.1, 0.5, 0.3]),
            first.plan.name: pd.Series([0.11, 0.52, 0.31]),
            second.plan.name: pd.Series([0.2, 0.5, 0.6]),
        },
        names=["policy", "draw"],
    )
    table = marginal_table([first, second], ede, base="plan")
    assert table["region"].tolist() == ["BBB", "AAA"]
    assert table["p_positive"].tolist() == pytest.approx([2 / 3, 1.0])
    gains = np.array([0.01, 0.02, 0.01]) * 1e6 / first.extra_usd
    row = table.iloc[1]
    assert row["ede_gain"] == pytest.approx(0.04 / 3)
    assert row["ede_gain_per_musd"] == pytest.approx(gains.mean())
    half = 4.302653 * gains.std(ddof=1) / np.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((gains.mean() - half, gains.mean() + half))
