"""Rank correlation of two orders."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from sim.answers.ranks import agreement, rank_intervals


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_equal_and_reversed_orders_agree_wholly_and_not_at_all() -> None:
    order = np.arange(8.0)
    assert agreement(order, order**3, rng())[:3] == pytest.approx((1.0, 1.0, 1.0))
    assert agreement(order, -order, rng())[:3] == pytest.approx((-1.0, -1.0, -1.0))


def test_ties_count_as_spearman_counts_them() -> None:
    one, other = np.array([1.0, 2, 2, 3, 5, 8]), np.array([2.0, 1, 4, 4, 3, 9])
    found = agreement(one, other, rng())
    assert found.correlation == pytest.approx(spearmanr(one, other).statistic)
    assert -1.0 <= found.low <= found.correlation <= found.high <= 1.0


def test_what_is_not_known_of_either_is_left_out() -> None:
    one, other = np.array([1.0, np.nan, 2, 3, 4]), np.array([1.0, 5.0, 2, np.nan, 3])
    found = agreement(one, other, rng())
    assert found.things == 3
    assert np.isnan(found.correlation)


def test_a_constant_list_has_no_order() -> None:
    assert np.isnan(agreement(np.ones(6), np.arange(6.0), rng()).correlation)


def test_places_have_an_interval_that_holds_what_draws_leave_open() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(size=(3, 40))
    low, high = rank_intervals(noise + np.array([[9.0], [0.0], [0.0]]), random)
    assert (low[0], high[0]) == (1.0, 1.0)  # far ahead in every draw
    assert set(zip(low[1:], high[1:], strict=True)) == {(2.0, 3.0)}  # alike
    same = np.tile([[3.0], [2.0], [1.0]], 6)
    assert rank_intervals(same, random)[0].tolist() == [1.0, 2.0, 3.0]


def test_places_of_few_draws_have_no_interval() -> None:
    low, high = rank_intervals(np.ones((2, 4)), np.random.default_rng(1))
    assert np.isnan([low, high]).all()
