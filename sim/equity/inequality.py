"""Measures of inequality of effective coverage, and the equally distributed equivalent.

All functions take one value and one weight per cell (persons, or discounted person-years), of the
same shape, and count cells in proportion to their weight. Cells with weight zero are ignored,
whatever their value; where no weight is left the answer is NaN.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from sim.domain.levers import Floats


def utility(ec: Floats, *, aversion: float, floor: float) -> Floats:
    """Return the utility of effective coverage, any shape (docs/model.md §5).

    ``(x^(1-a) - 1) / (1-a)`` with ``x = max(ec, floor)``, and ``log x`` at aversion ``a`` = 1.
    Dimensionless, 0 at full coverage, increasing and concave above the floor, flat below it.

    Parameters
    ----------
    ec : effective coverage, share of need.
    aversion : inequality aversion, at least 0 and finite.
    floor : coverage below which cells count as equally badly off, above 0.

    References
    ----------
    Atkinson (1970), "On the Measurement of Inequality", doi:10.1016/0022-0531(70)90039-6.
    """
    logs = _floored_logs(ec, floor)
    power = 1.0 - aversion
    return logs if power == 0.0 else np.asarray(np.expm1(power * logs) / power)


def coverage_worth(utility: float, *, aversion: float) -> float:
    """Return the coverage that has a utility: the inverse of ``utility`` above the floor.

    What is below the utility of none, or above that of all, is none or all.

    >>> round(coverage_worth(float(utility(np.array(0.3), aversion=3, floor=1e-3)), aversion=3), 6)
    0.3
    """
    power, worth = 1.0 - aversion, min(utility, 0.0)
    if power == 0.0:
        return math.exp(worth)
    return float(max(1.0 + power * worth, 0.0) ** (1.0 / power))


def utility_slope(ec: Floats, *, aversion: float, floor: float) -> Floats:
    """Return the slope of ``utility``, ``max(ec, floor)^-aversion``, any shape.

    At and below the floor this is the slope just above it, the one an optimisation model needs that
    keeps coverage at least at the floor.
    """
    return np.asarray(np.exp(-aversion * _floored_logs(ec, floor)))


def equally_distributed(ec: Floats, weights: Floats, *, aversion: float, floor: float) -> float:
    """Return the equal coverage that is worth as much as the given one: the power mean, a share.

    Aversion 0 gives the mean, 1 the geometric mean, infinity the worst cell. Powers are taken
    around the geometric mean in log space, so that aversion 20 neither overflows nor, near 1,
    cancels.

    >>> round(equally_distributed(np.array([0.2, 0.8]), np.ones(2), aversion=1, floor=1e-3), 6)
    0.4
    """
    values, shares = _weighted(ec, weights)
    if not len(values):
        return math.nan
    logs = _floored_logs(values, floor)
    if math.isinf(aversion):
        return float(np.exp(logs.min()))
    centre = float(shares @ logs)
    power = 1.0 - aversion
    if power == 0.0:
        return math.exp(centre)
    return math.exp(centre + _log_mean_exp(power * (logs - centre), shares) / power)


def atkinson(ec: Floats, weights: Floats, *, aversion: float, floor: float) -> float:
    """Return the share of mean coverage that inequality wastes, in [0, 1]: 1 - EDE / mean."""
    equal = equally_distributed(ec, weights, aversion=aversion, floor=floor)
    return 1.0 - equal / equally_distributed(ec, weights, aversion=0.0, floor=floor)


def gini(ec: Floats, weights: Floats) -> float:
    """Return the Gini index of coverage over persons, in [0, 1); NaN when the mean is 0.

    Half the mean absolute difference of two persons drawn at random, relative to the mean.
    """
    values, shares = _weighted(ec, weights)
    return _concentration(values, shares, values)


def concentration_index(ec: Floats, weights: Floats, rank: Floats) -> float:
    """Return how far coverage concentrates among the better-off, in (-1, 1).

    Twice the covariance of coverage and fractional rank over mean coverage (Kakwani, Wagstaff
    and van Doorslaer 1997, doi:10.1016/S0304-4076(96)01807-6); cells of equal ``rank`` share
    their mean fractional rank. Positive: the richer are better covered. NaN when the mean is 0.

    Parameters
    ----------
    rank : what the cells are ranked by, such as income per head; same shape as ``ec``.
    """
    values, shares = _weighted(ec, weights)
    return _concentration(values, shares, np.ravel(rank)[np.ravel(weights) > 0])


def theil(ec: Floats, weights: Floats) -> float:
    """Return the Theil T index of coverage over persons: 0 when equal, NaN when the mean is 0."""
    values, shares = _weighted(ec, weights)
    mean = float(shares @ values)
    if not mean > 0.0:
        return math.nan
    ratio = values / mean
    logs = np.log(ratio, where=ratio > 0, out=np.zeros_like(ratio))
    return float(shares @ (ratio * logs))


def theil_between_within(
    ec: Floats, weights: Floats, part: Sequence[Hashable]
) -> tuple[float, float]:
    """Return Theil T between parts and within them; the two add up to ``theil``.

    Parameters
    ----------
    part : label of the part that each cell belongs to, such as its region; one per cell of the
        flattened ``ec``.
    """
    values, masses = np.ravel(ec), np.ravel(weights).astype(float)
    if len(part) != len(values):
        raise ValueError(f"part names {len(part)} cells, ec has {len(values)}")
    # in the order of the cells: a set's order differs between processes, and so the last bit
    held = [np.array([p == label for p in part]) & (masses > 0) for label in dict.fromkeys(part)]
    masks = [mask for mask in held if mask.any()]
    sizes = np.array([masses[mask].sum() for mask in masks])
    means = np.array([np.average(values[mask], weights=masses[mask]) for mask in masks])
    between = theil(means, sizes)
    within = sum(
        size * mean * theil(values[mask], masses[mask])
        for mask, size, mean in zip(masks, sizes, means, strict=True)
        if mean > 0
    )
    return between, float(within / (sizes @ means)) if (sizes @ means) > 0 else math.nan


def worst(ec: Floats, weights: Floats) -> float:
    """Return the lowest coverage of any cell with weight; NaN when there is none."""
    values, _ = _weighted(ec, weights)
    return float(values.min()) if len(values) else math.nan


def _floored_logs(ec: Floats, floor: float) -> Floats:
    if not floor > 0.0:
        raise ValueError(f"floor must be above 0, got {floor:g}")
    return np.log(np.maximum(ec, floor))


def _weighted(ec: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return values and shares (adding up to 1) of the cells with weight, flattened."""
    values, masses = np.ravel(ec).astype(float), np.ravel(weights).astype(float)
    if values.shape != masses.shape:
        raise ValueError(f"ec has {values.size} cells, weights have {masses.size}")
    if (masses < 0).any():
        raise ValueError(f"weights must not be negative, got {masses.min():g}")
    counted = masses > 0
    return values[counted], masses[counted] / masses.sum()


def _log_mean_exp(exponents: Floats, shares: Floats) -> float:
    """Return log of the weighted mean of exp, exact both near 0 and for large exponents."""
    largest = float(exponents.max())
    if largest < 1.0:
        return math.log1p(float(shares @ np.expm1(exponents)))
    return largest + math.log(float(shares @ np.exp(exponents - largest)))


def _concentration(values: Floats, shares: Floats, rank: Floats) -> float:
    mean = float(shares @ values)
    if not mean > 0.0:
        return math.nan
    _, tie = np.unique(rank, return_inverse=True)
    size = np.bincount(tie, weights=shares)
    fractional = (np.cumsum(size) - size / 2.0)[tie]
    return 2.0 * float(shares @ ((values - mean) * (fractional - 0.5))) / mean
