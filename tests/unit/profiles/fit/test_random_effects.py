import numpy as np
import pytest

from sim.profiles.fit.random_effects import pooled
from sim.streams import stream


def tasks(seed, *, count, between, within, mean=0.5):
    """Return draws of a constant around each task's own truth, seen with an error."""
    rng = stream(seed, "tasks")
    seen = rng.normal(mean, between, count) + rng.normal(0, within, count)
    return [rng.normal(one, within, 200) for one in seen]


def test_equal_profiles_agree_up_to_their_own_uncertainty():
    one = pooled([np.array([0.4, 0.6])] * 4)
    assert (one.mean, one.between) == (pytest.approx(0.5), 0.0)
    assert one.high - one.mean == pytest.approx(3.182 * 0.1 / 2, rel=1e-3)  # Student's t of three
    assert (one.next_low, one.next_high) == pytest.approx((one.low, one.high))


def test_a_constant_that_stops_at_a_bound_is_no_certainty():
    stuck, free = np.full(50, 1.0), np.linspace(0.1, 0.4, 50)
    one = pooled([stuck, free, free])
    assert one.mean == pytest.approx(0.5)
    assert (one.next_low, one.next_high) == (0.0, 1.0)


@pytest.mark.parametrize(("between", "within"), [(0.1, 0.05), (0.05, 0.1), (0.0, 0.1)])
def test_intervals_hold_the_mean_and_the_next_task(between, within):
    held, foreseen = [], []
    for seed in range(400):
        one = pooled(tasks(seed, count=5, between=between, within=within), bounds=(-9, 9))
        held.append(one.low <= 0.5 <= one.high)
        foreseen.append(one.next_low <= stream(seed, "next").normal(0.5, between) <= one.next_high)
    assert 0.92 <= np.mean(held) <= 0.995
    assert np.mean(foreseen) >= 0.92


def test_the_spread_between_tasks_is_found():
    found = [pooled(tasks(s, count=40, between=0.1, within=0.05)).between for s in range(50)]
    assert np.mean(found) == pytest.approx(0.1, abs=0.01)


def test_one_profile_is_its_own_answer():
    one = pooled([np.linspace(0.2, 0.6, 401)])
    assert (one.mean, one.profiles) == (pytest.approx(0.4), 1)
    assert (one.low, one.high) == (pytest.approx(0.21), pytest.approx(0.59))
    assert (one.next_low, one.next_high) == (0.0, 1.0)
