"""How far two orders of the same things agree."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import FEWEST_DRAWS
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
        _spearman(x[rows], y[rows])
        for rows in rng.integers(len(x), size=(RESAMPLES, len(x)))
        if np.ptp(x[rows]) > 0.0 and np.ptp(y[rows]) > 0.0
    ]
    low, high = np.quantile(again, [0.025, 0.975])
    return Agreement(_spearman(x, y), float(low), float(high), len(x))


def rank_intervals(values: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return between which places the mean of each thing lies, 1 the largest, shape (thing,) each.

    95% of a bootstrap over draws, all things in the same draws; NaN of fewer than ``FEWEST_DRAWS``.

    Parameters
    ----------
    values : shape (thing, draw).
    """
    things, draws = values.shape
    if draws < FEWEST_DRAWS:
        return np.full(things, np.nan), np.full(things, np.nan)
    means = values[:, rng.integers(draws, size=(RESAMPLES, draws))].mean(axis=-1)
    places = np.argsort(np.argsort(-means, axis=0, kind="stable"), axis=0, kind="stable") + 1
    # a place is a whole number: the outer ones of those between which 95% lie
    low = np.quantile(places, 0.025, axis=1, method="lower")
    return low.astype(float), np.quantile(places, 0.975, axis=1, method="higher").astype(float)


def _spearman(one: Floats, other: Floats) -> float:
    """Return the correlation of ranks, those of equal values averaged."""
    x, y = (pd.Series(values).rank().to_numpy(float) for values in (one, other))
    return float(np.corrcoef(x, y)[0, 1])
