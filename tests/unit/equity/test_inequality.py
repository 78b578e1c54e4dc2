"""Indices against closed forms and hand-worked examples."""

import math

import numpy as np
import pytest

from sim.equity.inequality import (
    atkinson,
    concentration_index,
    equally_distributed,
    gini,
    theil,
    theil_between_within,
    utility,
    utility_slope,
    worst,
)

FLOOR = 1e-3
INCOMES = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
ONES = np.ones(5)


def test_gini_of_a_hand_worked_example() -> None:
    # Mean absolute difference of all 25 ordered pairs is 80 / 25; half of it over the mean of 4.
    assert gini(INCOMES, ONES) == pytest.approx(80 / 25 / 2 / 4)


def test_gini_of_one_rich_person_among_n() -> None:
    assert gini(np.array([0.0, 0.0, 0.0, 1.0]), np.ones(4)) == pytest.approx(3 / 4)


def test_gini_of_a_uniform_distribution_is_a_third() -> None:
    assert gini(np.linspace(0, 1, 2001), np.ones(2001)) == pytest.approx(1 / 3, abs=1e-3)


def test_theil_of_one_rich_person_is_log_n() -> None:
    assert theil(np.array([0.0, 0.0, 0.0, 1.0]), np.ones(4)) == pytest.approx(math.log(4))


def test_theil_of_a_hand_worked_example() -> None:
    expected = 0.5 * (0.5 * math.log(0.5) + 1.5 * math.log(1.5))
    assert theil(np.array([1.0, 3.0]), np.ones(2)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("aversion", "expected"),
    [
        (0.0, 0.5),
        (0.5, ((math.sqrt(0.2) + math.sqrt(0.8)) / 2) ** 2),
        (1.0, 0.4),
        (2.0, 2 / (1 / 0.2 + 1 / 0.8)),
        (math.inf, 0.2),
    ],
)
def test_ede_is_the_power_mean(aversion: float, expected: float) -> None:
    ede = equally_distributed(np.array([0.2, 0.8]), np.ones(2), aversion=aversion, floor=FLOOR)
    assert ede == pytest.approx(expected, rel=1e-12)


def test_atkinson_at_aversion_two_of_a_hand_worked_example() -> None:
    assert atkinson(np.array([1.0, 3.0]), np.ones(2), aversion=2, floor=FLOOR) == pytest.approx(
        1 - 1.5 / 2
    )


def test_ede_is_stable_at_aversion_twenty_and_near_one() -> None:
    ec = np.array([1e-3, 0.9])
    ede = equally_distributed(ec, np.array([1.0, 3.0]), aversion=20.0, floor=FLOOR)
    assert ede == pytest.approx(1e-3 * 4 ** (1 / 19), rel=1e-12)
    near, at = (
        equally_distributed(ec, np.ones(2), aversion=a, floor=FLOOR) for a in (1 + 1e-12, 1.0)
    )
    assert near == pytest.approx(at, rel=1e-10)


def test_ede_inverts_the_mean_utility() -> None:
    ec, weights = np.array([0.05, 0.3, 0.6]), np.array([2.0, 1.0, 4.0])
    for aversion in (0.0, 0.5, 1.0, 3.0):
        mean = np.average(utility(ec, aversion=aversion, floor=FLOOR), weights=weights)
        ede = equally_distributed(ec, weights, aversion=aversion, floor=FLOOR)
        back = utility(np.array([ede]), aversion=aversion, floor=FLOOR)[0]
        assert back == pytest.approx(mean)


def test_utility_slope_is_the_derivative() -> None:
    ec, step = np.array([0.02, 0.4, 0.9]), 1e-6
    for aversion in (0.0, 1.0, 2.5):
        above = utility(ec + step, aversion=aversion, floor=FLOOR)
        below = utility(ec - step, aversion=aversion, floor=FLOOR)
        slope = utility_slope(ec, aversion=aversion, floor=FLOOR)
        np.testing.assert_allclose(slope, (above - below) / (2 * step), rtol=1e-5)


def test_utility_is_flat_below_the_floor() -> None:
    values = utility(np.array([0.0, 5e-4, 1e-3]), aversion=1.0, floor=FLOOR)
    np.testing.assert_allclose(values, math.log(FLOOR))


def test_concentration_index_is_the_gini_when_ranked_by_itself_and_its_negative_reversed() -> None:
    assert concentration_index(INCOMES, ONES, INCOMES) == pytest.approx(gini(INCOMES, ONES))
    assert concentration_index(INCOMES, ONES, -INCOMES) == pytest.approx(-gini(INCOMES, ONES))


def test_concentration_index_ignores_the_order_within_a_tie() -> None:
    rank = np.array([1.0, 1.0, 2.0, 2.0])
    index = concentration_index(np.array([1.0, 3.0, 2.0, 2.0]), np.ones(4), rank)
    assert index == pytest.approx(0.0, abs=1e-15)


def test_theil_parts_of_a_hand_worked_example() -> None:
    between, within = theil_between_within(
        np.array([1.0, 1.0, 3.0, 3.0]), np.ones(4), ["a", "a", "b", "b"]
    )
    assert within == pytest.approx(0.0, abs=1e-15)
    assert between == pytest.approx(theil(np.array([1.0, 3.0]), np.ones(2)))


def test_cells_without_weight_do_not_count_even_when_unknown() -> None:
    ec, weights = np.array([np.nan, 0.2, 0.8, 0.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert worst(ec, weights) == 0.2
    assert equally_distributed(ec, weights, aversion=1, floor=FLOOR) == pytest.approx(0.4)
    assert theil_between_within(ec, weights, list("abba"))[1] > 0
    assert math.isnan(gini(ec, np.zeros(4)))
    assert math.isnan(worst(ec, np.zeros(4)))


@pytest.mark.parametrize("floor", [0.0, -1.0])
def test_a_floor_of_zero_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match="floor must be above 0"):
        equally_distributed(ONES, ONES, aversion=1, floor=floor)


def test_negative_weights_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        gini(ONES, -ONES)
    with pytest.raises(ValueError, match="ec has 5 cells, weights have 4"):
        gini(ONES, np.ones(4))
