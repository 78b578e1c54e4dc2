"""Moves keep every year's budget and every limit, and cost what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.planning.moves import BUNDLE, Purse, Step, steps_of, taken
from sim.planning.rules import CHAIN, RULES
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_world import small_world

CASE = scenario(horizon=Horizon(decide_years=4, score_years=6), budget_usd_per_year=2e6)
PURSE = Purse(small_world(3), CASE)
START = RULES["useful_split"](small_world(3), CASE).units


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.floats(1e3, 3e6))
def test_no_move_exceeds_a_years_budget_or_a_limit(picks: list[int], usd: float) -> None:
    steps = list(steps_of(PURSE, START))
    units, cost = taken(PURSE, START, [steps[pick % len(steps)] for pick in picks], usd)
    assert PURSE.is_kept_by(units)
    assert (units >= 0.0).all()
    assert (units <= PURSE.most[None] + 1e-9).all()
    one_each = [i for i, item in enumerate(PURSE.world.catalogue.items) if item.is_one_each]
    assert (units[:, :, one_each].sum(axis=0) <= 1.0).all()
    assert cost == pytest.approx(
        PURSE.spent_usd(units).sum() - PURSE.spent_usd(START).sum(), rel=1e-6, abs=1e-3
    )


def step(kind: str, item: str, region: str = "") -> Step:
    (found,) = (one for one in PURSE.targets() if (one.item, one.region) == (item, region))
    return Step(kind, found)


def test_a_purchase_is_as_early_as_can_be_paid_for_and_of_about_its_purse() -> None:
    region = PURSE.world.regions[1]
    units, cost = taken(PURSE, np.zeros_like(START), [step("buy", "steward", region)], 1e5)
    i = PURSE.world.catalogue.index("steward")
    assert units.sum() == units[:, 1, i].sum()
    assert units[0, 1, i] == np.floor(1e5 / PURSE.price_usd[0, 1, i])
    assert 1e5 - PURSE.price_usd[0, 1, i] < cost <= 1e5


def test_a_dear_unit_is_bought_though_it_is_more_than_the_purse() -> None:
    region = PURSE.world.regions[0]
    units, cost = taken(PURSE, np.zeros_like(START), [step("buy", "gpu_server", region)], 1.0)
    assert units.sum() == 1.0
    assert cost > 1.0
    nothing, free = taken(PURSE, START * 0.0, [step("buy", "gpu_server", region)], 1.0, beyond=True)
    assert (nothing == units).all()
    assert free == cost


def test_beyond_the_budget_is_bought_what_a_plan_without_money_left_could_not() -> None:
    buy = step("buy", "outreach.group1", PURSE.world.regions[0])
    full, _ = taken(PURSE, START, [buy] * 50, 1e6)
    within, none = taken(PURSE, full, [buy], 1e6)
    assert none == 0.0
    assert (within == full).all()
    assert taken(PURSE, full, [buy], 1e6, beyond=True)[1] > 0.0


def test_the_last_or_the_first_purchases_are_given_up() -> None:
    i, region = PURSE.world.catalogue.index("outreach", "group1"), PURSE.world.regions[0]
    units = np.zeros_like(START)
    units[0, 0, i], units[3, 0, i] = 2.0, 2.0
    last, saved = taken(PURSE, units, [step("drop last", "outreach.group1", region)], 1.0)
    assert last[:, 0, i].tolist() == [2.0, 0.0, 0.0, 1.0]
    first, more = taken(PURSE, units, [step("drop first", "outreach.group1", region)], 1.0)
    assert first[:, 0, i].tolist() == [1.0, 0.0, 0.0, 2.0]
    assert more < saved < 0.0  # what was bought first costs more to keep


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=0, max_size=30), st.floats(1e3, 1e6))
def test_there_is_room_where_something_can_be_bought_and_nowhere_else(
    picks: list[int], usd: float
) -> None:
    steps = list(steps_of(PURSE, START))
    units, _ = taken(PURSE, START, [steps[pick % len(steps)] for pick in picks], usd)
    room = PURSE.has_room(units)
    for target in PURSE.targets():
        if target.is_apart and len(target.parts) == 1:
            ((r, i, _),) = target.parts
            assert (taken(PURSE, units, [Step("buy", target)], 1.0)[1] > 0.0) == room[r, i]


def test_links_of_ai_are_one_target() -> None:
    levers = {
        PURSE.world.catalogue.items[i].lever
        for target in PURSE.targets()
        for _, i, _ in target.parts
        if target.item == BUNDLE
    }
    assert levers == {lever for lever in CHAIN if lever != "gpu_hours"}  # one pool for all


def test_targets_share_the_money_by_need() -> None:
    for target in PURSE.targets():
        assert sum(share for _, _, share in target.parts) == pytest.approx(1.0)
