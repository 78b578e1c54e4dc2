"""Effective coverage: ratios of sums, then weights, then logarithms."""

import math

import numpy as np
import pytest

from sim.equity.coverage import (
    Measured,
    effective_coverage,
    mean_coverage,
    time_mean,
    welfare,
    worst_coverage,
)
from sim.scenario.schema import Equity


def test_coverage_is_benefit_over_need() -> None:
    need, benefit = np.array([[[[40.0, 8.0]]]]), np.array([[[[10.0, 6.0]]]])
    ec = effective_coverage(need, benefit, np.array([1.0]))
    np.testing.assert_array_equal(ec, [[[0.25, 0.75]]])


def test_modalities_are_weighted_and_one_without_need_hands_its_weight_on() -> None:
    weight = np.array([0.25, 0.75])
    both = effective_coverage(np.array([[10.0], [10.0]]), np.array([[10.0], [2.0]]), weight)
    assert both.item() == pytest.approx(0.25 + 0.75 * 0.2)
    one = effective_coverage(np.array([[10.0], [0.0]]), np.array([[5.0], [0.0]]), weight)
    assert one.item() == pytest.approx(0.5)


def test_a_cell_without_need_is_unknown_and_weighs_nothing() -> None:
    need, benefit = np.array([[[[10.0, 0.0]]]]), np.array([[[[4.0, 0.0]]]])
    ec = effective_coverage(need, benefit, np.array([1.0]))
    assert np.isnan(ec).tolist() == [[[False, True]]]
    assert welfare(ec, np.array([[[1.0, 99.0]]]), Equity())[1] == pytest.approx(0.4)


def test_welfare_discounts_years_and_weights_persons() -> None:
    ec = np.array([[[0.2, 0.8]], [[0.4, 0.4]]])
    population = np.broadcast_to([[3.0, 1.0]], (2, 1, 2))
    total, ede = welfare(ec, population, Equity(discount_rate=0.05, aversion=1.0))
    later = 1 / 1.05
    logs = 3 * math.log(0.2) + math.log(0.8) + later * 4 * math.log(0.4)
    assert total == pytest.approx(logs / (4 + 4 * later))
    assert ede == pytest.approx(math.exp(total))


def test_of_people_who_grow_later_years_count_for_more() -> None:
    ec = np.array([[[0.2, 0.9]], [[0.5, 0.9]]])
    population = np.array([[[3.0, 1.0]], [[6.0, 2.0]]])
    equity = Equity(discount_rate=0.05, aversion=0.0)
    found = Measured(ec, population, np.ones(1), ("AAA",), ("one", "other"), equity)
    later = 2 / 1.05
    cell = (0.2 + later * 0.5) / (1 + later)
    assert found.mean.ravel() == pytest.approx([cell, 0.9])
    assert mean_coverage(found) == pytest.approx((3 * cell + 0.9) / 4)
    assert worst_coverage(found) == pytest.approx(cell)
    years = 1 + 1 / 1.05
    assert found.persons.ravel() == pytest.approx(np.array([3.0, 1.0]) * (1 + later) / years)


def test_welfare_of_nobody_is_unknown() -> None:
    assert all(map(math.isnan, welfare(np.full((1, 1, 1), np.nan), np.ones((1, 1, 1)), Equity())))


def test_time_mean_skips_years_without_need() -> None:
    ec = np.array([[[0.2, np.nan]], [[np.nan, np.nan]], [[0.4, np.nan]]])
    mean = time_mean(ec, np.full((3, 1, 2), 7.0), discount_rate=0.1)
    weight = 1.1**-2
    assert mean[0, 0] == pytest.approx((0.2 + weight * 0.4) / (1 + weight))
    assert math.isnan(mean[0, 1])
