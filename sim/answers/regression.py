"""Predict every draw from the others: additive regression on what is not known."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import legvander

from sim.domain.levers import Floats

DEGREE = 6
"""Degree of the polynomial of every regressor, in its ranks."""
PENALTIES = np.logspace(-3.0, 5.0, 17)
"""Penalties that are tried, relative to the number of draws."""


class Predicted(NamedTuple):
    """Predictions of every draw by a regression on the others, shape (draw, outcome)."""

    by_others: Floats
    """From the regressors."""
    mean_of_others: Floats
    """Without any."""


def predicted(x: Floats, y: Floats) -> Predicted:
    """Return what a regression on the other draws says of every draw.

    The sum of a smooth function of each regressor: Legendre polynomials of its ranks, so that
    neither scale nor outliers matter, penalised by the square of their degree. Of every outcome the
    penalty is taken that predicts draws left out best. Joint effects of regressors are not seen.

    Parameters
    ----------
    x : regressors, shape (draw, regressor); infinite ones are the largest.
    y : outcomes, shape (draw, outcome).

    References
    ----------
    Leaving out one of a ridge regression: Golub, Heath and Wahba 1979, doi:10.2307/1268518.
    """
    draws = len(y)
    if draws < 3:
        raise ValueError(f"a draw is predicted from at least two others: {draws} draws")
    basis = features(x)
    left, sizes, _ = np.linalg.svd(basis - basis.mean(axis=0), full_matrices=False)
    kept = sizes > 1e-10 * max(float(sizes.max(initial=0.0)), 1.0)
    left, sizes = left[:, kept], sizes[kept]
    centred = y - y.mean(axis=0)
    mean_of_others = y - centred * draws / (draws - 1)
    best = mean_of_others.copy()
    least = ((y - best) ** 2).sum(axis=0)
    for penalty in PENALTIES * draws:
        shrunk = sizes**2 / (sizes**2 + penalty)
        fitted = left @ (shrunk[:, None] * (left.T @ centred))
        leverage = 1.0 / draws + (left**2) @ shrunk
        # a draw that decides its own fit cannot be predicted without it
        error = (centred - fitted) / np.maximum(1.0 - leverage, 1e-9)[:, None]
        better = (error**2).sum(axis=0) < least
        best[:, better] = (y - error)[:, better]
        least = np.minimum(least, (error**2).sum(axis=0))
    return Predicted(best, mean_of_others)


def varying(x: pd.DataFrame) -> pd.DataFrame:
    """Return the columns whose rows are not all the same."""
    return x.loc[:, (x != x.iloc[0]).any()]


def features(x: Floats) -> Floats:
    """Return polynomials of the ranks of every regressor, shape (draw, regressor x degree).

    A regressor that is the same in all draws has none.
    """
    draws = len(x)
    columns = [np.zeros((draws, 0))]
    for column in x.T:
        _, place, count = np.unique(column, return_inverse=True, return_counts=True)
        if len(count) < 2:
            continue
        middle = np.cumsum(count) - (count + 1) / 2.0
        ranks = 2.0 * (middle[place] + 0.5) / draws - 1.0
        degrees = np.arange(1, min(DEGREE, len(count) - 1) + 1)
        columns.append(legvander(ranks, int(degrees[-1]))[:, 1:] / degrees)
    return np.hstack(columns)
