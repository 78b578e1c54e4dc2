"""How far two orders of the same things agree."""

from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from sim.domain.levers import Floats

RESAMPLES = 1_000


class Agreement(NamedTuple):
    """A rank correlation, -1 to 1, with its 95% interval; NaN where it has none."""

    correlation: float
    low: float
    high: float
    things: int
    """Things in both orders."""


def agreement(one: Floats, other: Floats, rng: np.random.Generator) -> Agreement:
    """Return Spearman's rank correlation of two lists, with a bootstrap interval over the things.

    Things of which either is NaN are left out. None where fewer than four are left, or where all
    are the same in either list.

    Parameters
    ----------
    one, other : values of the same things, shape (thing,).
    """
    known = ~(np.isnan(one) | np.isnan(other))
    x, y = one[known], other[known]
    if len(x) < 4 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return Agreement(np.nan, np.nan, np.nan, len(x))
    again = [
        float(spearmanr(x[rows], y[rows]).statistic)
        for rows in rng.integers(len(x), size=(RESAMPLES, len(x)))
        if np.ptp(x[rows]) > 0.0 and np.ptp(y[rows]) > 0.0
    ]
    low, high = np.quantile(again, [0.025, 0.975])
    return Agreement(float(spearmanr(x, y).statistic), float(low), float(high), len(x))
