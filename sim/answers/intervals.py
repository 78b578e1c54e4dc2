"""Intervals of means over draws, and how they are said; the one place that says when there is none.

Of a handful of draws a t interval is as wide as whatever these draws happen to be, and reads as if
it were known: below ``FEWEST_DRAWS`` there is a value, no interval, and words that say so.
"""

from math import inf, isnan, nan, sqrt

import pandas as pd
from scipy.special import stdtr, stdtrit

from sim.domain.levers import Floats

LEVEL = 0.95
"""Confidence of every interval."""
FEWEST_DRAWS = 5
"""Fewer draws than this have no interval, and decide nothing."""
BAND = (0.05, 0.95)
"""Quantiles over draws between which most single draws lie."""
NO_INTERVAL = f"no interval of fewer than {FEWEST_DRAWS} draws"
"""What stands where there is none."""
Bounds = tuple[float, float]
"""Between which values the mean of something lies, whatever the draws."""
ANYWHERE: Bounds = (-inf, inf)
A_SHARE: Bounds = (0.0, 1.0)
A_CHANGE_OF_SHARE: Bounds = (-1.0, 1.0)


def t_interval(
    values: pd.Series, *, within: Bounds = ANYWHERE, level: float = LEVEL
) -> tuple[float, float]:
    """Return the Student t interval of the mean over draws; NaN of fewer than ``FEWEST_DRAWS``.

    Draws are the clusters: replications within a draw are averaged before they come here.

    Parameters
    ----------
    within : bounds of the mean, at which the interval ends.

    >>> t_interval(pd.Series([0.0, 0.0, 0.0, 0.0, 0.1]), within=A_SHARE)[0]
    0.0
    """
    count = len(values)
    if count < FEWEST_DRAWS:
        return nan, nan
    error = float(values.std(ddof=1)) / sqrt(count)
    return _around(float(values.mean()), error, count - 1, within=within, level=level)


def welch_interval(one: Floats, other: Floats, *, within: Bounds = ANYWHERE) -> tuple[float, float]:
    """Return the interval of the second mean less the first, of independent samples.

    NaN where either has fewer than ``FEWEST_DRAWS``. Welch 1947, doi:10.2307/2332510.

    >>> few = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0]).to_numpy()
    >>> low, high = welch_interval(few, 2.0 * few)
    >>> round(low, 2), round(high, 2)
    (-0.89, 6.89)
    """
    if min(len(one), len(other)) < FEWEST_DRAWS:
        return nan, nan
    parts = [float(values.var(ddof=1)) / len(values) for values in (one, other)]
    middle = float(other.mean() - one.mean())
    if not any(parts):
        return middle, middle
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    return _around(middle, sqrt(sum(parts)), freedom, within=within, level=LEVEL)


def band(values: pd.Series) -> tuple[float, float]:
    """Return between which values most single draws lie; NaN of fewer than ``FEWEST_DRAWS``.

    >>> band(pd.Series([0.0, 1.0, 2.0, 3.0, 4.0]))
    (0.2, 3.8)
    """
    if len(values) < FEWEST_DRAWS:
        return nan, nan
    low, high = values.quantile(list(BAND))
    return float(low), float(high)


def p_value(difference: pd.Series) -> float:
    """Return that of a paired t test, two sides; NaN of fewer than ``FEWEST_DRAWS``."""
    count = len(difference)
    if count < FEWEST_DRAWS:
        return nan
    mean, error = float(difference.mean()), float(difference.std(ddof=1)) / sqrt(count)
    if error == 0.0:
        return float(mean == 0.0)
    return 2.0 * float(stdtr(count - 1, -abs(mean) / error))


def interval_words(low: float, high: float, *, form: str = "+z.3g") -> str:
    """Return an interval in words, also where there is none.

    >>> interval_words(-0.1234, 2.0), interval_words(nan, nan)
    ('95% interval -0.123 to +2', 'no interval of fewer than 5 draws')
    """
    if isnan(low) or isnan(high):
        return NO_INTERVAL
    return f"{LEVEL:.0%} interval {low:{form}} to {high:{form}}"


def _around(
    middle: float, error: float, freedom: float, *, within: Bounds, level: float
) -> tuple[float, float]:
    half = float(stdtrit(freedom, (1.0 + level) / 2.0)) * error
    least, most = within
    low, high = (min(max(end, least), most) for end in (middle - half, middle + half))
    return low, high
