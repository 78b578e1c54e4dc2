"""There is one place that says whether a mean over draws has an interval."""

import math

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy import stats

from sim.answers.intervals import A_SHARE, FEWEST_DRAWS, t_interval, welch_interval

SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@given(SHARES)
def test_an_interval_of_shares_holds_the_mean_and_lies_in_its_bounds(shares: list[float]) -> None:
    low, high = t_interval(pd.Series(shares), within=A_SHARE)
    if len(shares) < FEWEST_DRAWS:
        assert math.isnan(low)
        assert math.isnan(high)
    else:
        assert 0.0 <= low <= np.mean(shares) + 1e-12
        assert np.mean(shares) - 1e-12 <= high <= 1.0


def test_intervals_are_those_of_scipy() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    one, other = rng.normal(0.0, 1.0, 7), rng.normal(1.0, 2.0, 9)
    alone = stats.ttest_1samp(one, 0.0).confidence_interval(0.95)
    assert t_interval(pd.Series(one)) == pytest.approx((alone.low, alone.high))
    both = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
    assert welch_interval(one, other) == pytest.approx((both.low, both.high))
