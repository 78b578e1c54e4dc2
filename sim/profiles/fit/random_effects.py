"""What several profiles say together about one constant of the law."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Floats = NDArray[np.float64]


class Pooled(NamedTuple):
    """A constant over tasks, in the unit of the constant."""

    mean: float
    low: float
    high: float
    """With ``low``: 95% interval of the mean over tasks like these."""
    next_low: float
    next_high: float
    """With ``next_low``: 95% interval of the constant in one more such task."""
    between: float
    """Standard deviation between tasks, their own uncertainty taken off."""
    profiles: int


def pooled(draws: Sequence[Floats], *, bounds: tuple[float, float] = (0.0, 1.0)) -> Pooled:
    """Return the mean over profiles from each one's draws, by random effects.

    Every profile counts once: draws that stop at a bound have no spread, and weights by variance
    would trust them most. Variance between profiles by Hedges and Olkin's moments; intervals by
    Student's t over profiles, of one more task as in Higgins et al. (2009,
    doi:10.1111/j.1467-985X.2008.00552.x). With one profile, its own interval.

    Parameters
    ----------
    draws : bootstrap draws of one constant, an array per profile.
    bounds : range within which the constant was fitted; intervals end there.

    Notes
    -----
    Profiles count as independent tasks, which they are not where they share images.
    """
    count, mean = len(draws), float(np.mean([np.mean(one) for one in draws]))
    if count == 1:
        low, high = np.quantile(draws[0], (0.025, 0.975)).tolist()
        return Pooled(mean, low, high, *bounds, 0.0, 1)
    error, between = _variances(draws)
    half = float(t.ppf(0.975, count - 1)) * np.sqrt(error)
    low, high = np.clip((mean - half, mean + half), *bounds).tolist()
    next_low, next_high = one_more(draws, np.array([0.025, 0.975]), bounds=bounds).tolist()
    return Pooled(mean, low, high, next_low, next_high, float(np.sqrt(between)), count)


def one_more(
    draws: Sequence[Floats], shares: Floats, *, bounds: tuple[float, float] = (0.0, 1.0)
) -> Floats:
    """Return quantiles of the constant in one more task like these, of two or more.

    Parameters
    ----------
    draws, bounds : as of ``pooled``.
    shares : between 0 and 1, any shape.
    """
    value = np.array([np.mean(one) for one in draws])
    error, _ = _variances(draws)
    # what tasks differ by is not cut by their own uncertainty, which is known only roughly
    far = t.ppf(shares, len(draws) - 1) * np.sqrt(error + value.var(ddof=1))
    return np.asarray(np.clip(value.mean() + far, *bounds))


def _variances(draws: Sequence[Floats]) -> tuple[float, float]:
    """Return the variance of the mean over tasks, and that between tasks."""
    within = float(np.mean([np.var(one) for one in draws]))
    seen = float(np.var([np.mean(one) for one in draws], ddof=1))
    # vague values that agree do so by accident
    return max(seen, within) / len(draws), max(seen - within, 0.0)
