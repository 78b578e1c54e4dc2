"""Additions to a plan: how much, which ones, and what they are worth per dollar."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sim.domain.levers import Item
from sim.domain.plan import spend_usd
from sim.planning.moves import BUNDLE, Purse
from sim.studies.marginal import (
    CANDIDATES,
    EXCHANGES,
    PURSE_SHARE,
    additions,
    exchanges,
    marginal_table,
    savings,
)
from tests.small_world import ITEMS, small_world
from tests.unit.studies.small_study import plan_of, small_scenario

SCENARIO = small_scenario()


def test_an_addition_is_of_one_purse_or_one_unit() -> None:
    scenario = SCENARIO.model_copy(update={"budget_usd_per_year": 1e6})
    tried = additions(scenario, plan_of({}), most=np.full((2, len(ITEMS)), 200.0), duals=None)
    units = {(extra.region, extra.item): extra.units for extra in tried}
    purse = PURSE_SHARE * 2 * 1e6
    for extra in tried:
        if extra.item != BUNDLE:
            one = spend_usd(extra.plan, years=2).sum() / extra.units
            assert extra.units == max(np.floor(purse / one + 1e-9), 1.0)
    assert units["AAA", "scanner.dermoscopy"] > 1
    assert units["AAA", "reader.dermatologist"] == 1
    assert units["all", "gpu_hours"] > 10  # one pool, wherever it is paid for
    assert units["all", "gpu_hours"] == units["all", "pretraining"]
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
    assert units["AAA", "steward"] == 1


def test_an_addition_costs_capital_and_running_discounted() -> None:
    most = np.zeros((2, len(ITEMS)))
    most[0, 0] = 200.0
    (extra,) = additions(SCENARIO, plan_of({}), most=most, duals=None)
    assert extra.kind == "add"
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
    assert sum(extra.item != BUNDLE for extra in tried) == CANDIDATES
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
            "plan": pd.Series([0.1, 0.5, 0.3, 0.4, 0.2]),
            first.plan.name: pd.Series([0.11, 0.52, 0.31, 0.42, 0.21]),
            second.plan.name: pd.Series([0.2, 0.5, 0.6, 0.5, 0.2]),
        },
        names=["policy", "draw"],
    )
    table = marginal_table([first, second], ede, base="plan")
    assert table["region"].tolist() == ["BBB", "AAA"]
    assert table["p_positive"].tolist() == pytest.approx([3 / 5, 1.0])
    gains = np.array([0.01, 0.02, 0.01, 0.02, 0.01]) * 1e6 / first.extra_usd
    row = table.iloc[1]
    assert row["ede_gain"] == pytest.approx(0.07 / 5)
    assert row["ede_gain_per_musd"] == pytest.approx(gains.mean())
    half = 2.776445 * gains.std(ddof=1) / np.sqrt(5)
    assert (row["low"], row["high"]) == pytest.approx((gains.mean() - half, gains.mean() + half))
    assert (row["gain_low"], row["gain_high"]) == pytest.approx(
        (row["low"] * first.extra_usd / 1e6, row["high"] * first.extra_usd / 1e6)
    )


OPEN = SCENARIO.model_copy(update={"levers": {}, "budget_usd_per_year": 1e6})
BOUGHT = {"reader.dermatologist": 2.0, "outreach.group1": 3.0, "audit": 4.0}


def test_links_of_ai_are_added_together() -> None:
    tried = additions(OPEN, plan_of({}), most=np.full((2, len(ITEMS)), 200.0), duals=None)
    bundles = [extra for extra in tried if extra.item == BUNDLE]
    assert [extra.region for extra in bundles] == ["AAA", "BBB"]
    bought = [ITEMS[i].lever for i in np.flatnonzero(bundles[0].plan.units[:, 0].any(axis=0))]
    assert bought == ["steward", "curator", "annotation", "gpu_hours", "audit", "site"]
    assert not bundles[0].plan.units[:, 1].any()


def test_savings_take_the_last_purchases_of_one_item_in_one_region() -> None:
    base = plan_of(BOUGHT)
    found = savings(Purse(small_world(), OPEN), base)
    assert {(one.region, one.item) for one in found} == {
        (region, item) for region in ("AAA", "BBB") for item in (*BOUGHT, BUNDLE)
    }
    for one in found:
        less = base.units - one.plan.units
        assert (less >= 0.0).all()
        assert less.any(axis=(0, 2)).sum() == 1
        assert one.extra_usd < 0.0
        assert one.kind == "save"


def test_exchanges_keep_the_budget_and_their_size() -> None:
    purse = Purse(small_world(), OPEN)
    found = exchanges(purse, plan_of(BOUGHT))
    assert 0 < len(found) <= EXCHANGES
    assert len({one.plan.name for one in found}) == len(found)
    for one in found:
        assert purse.is_kept_by(one.plan.units)
        assert (one.plan.units != plan_of(BOUGHT).units).any()
    again = exchanges(purse, plan_of(BOUGHT))
    assert [one.plan.units.tobytes() for one in again] == [
        one.plan.units.tobytes() for one in found
    ]


def test_exchanges_have_a_gain_and_no_price() -> None:
    (one, *_) = exchanges(Purse(small_world(), OPEN), plan_of(BOUGHT))
    ede = pd.concat(
        {"plan": pd.Series([0.1, 0.5]), one.plan.name: pd.Series([0.2, 0.4])},
        names=["policy", "draw"],
    )
    row = marginal_table([one], ede, base="plan").iloc[0]
    assert row["kind"] == "exchange"
    assert row["ede_gain"] == pytest.approx(0.0)
    assert np.isnan(row["ede_gain_per_musd"])
