"""How likely the values within a range are: the shape of an input's distribution."""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincinv, ndtr, ndtri

from sim.domain.bounds import Bounds

Shape = Literal["triangular", "uniform", "normal", "lognormal", "beta"]
Z95 = 1.959963984540054
"""Standard deviations from the mean of a normal distribution to the end of its 95% interval."""
SLACK = 0.05
"""How far from the middle of a symmetric range the value may lie, as a part of its width: sources
round what they print."""

LEAST = 2.0**-53
"""Chance next to 0 that a random number can have; at 0 itself quantiles are infinite."""


def triangular(u: float, *, low: float, mode: float, high: float) -> float:
    """Return the ``u``-quantile of a triangular distribution; the mode where there is no range.

    >>> triangular(0.5, low=0.0, mode=1.0, high=2.0)
    1.0
    """
    if high <= low:
        return mode
    rising = (mode - low) / (high - low)
    if u < rising:
        return float(low + (u * (high - low) * (mode - low)) ** 0.5)
    return float(high - ((1.0 - u) * (high - low) * (high - mode)) ** 0.5)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is known of a number: a value, a range, and how likely what lies there is.

    - ``triangular``: between low and high, most likely at the value.
    - ``uniform``: anywhere between low and high alike.
    - ``normal``: low and high are the 95% interval around the value.
    - ``lognormal``: the same of the logarithm, so that the value is the median.
    - ``beta``: of a share; the value is its mean, and low to high is as wide as the 95% interval of
      a normal distribution of its standard deviation (method of moments).
    - With ``quantiles``, pairs of probability and value: even between any two of them, from low at
      0 to high at 1.

    Those without ends are cut off at the bounds of the quantity.
    """

    value: float
    low: float
    high: float
    shape: Shape = "triangular"
    quantiles: tuple[tuple[float, float], ...] = ()

    def at(self, u: float, bounds: Bounds) -> float:
        """Return the ``u``-quantile, ``u`` from 0 to 1; the value where there is no range.

        >>> share = Bounds(0.0, 1.0, "share")
        >>> Distribution(0.5, 0.4, 0.6, "normal").at(0.975, share)
        0.6
        """
        if self.high <= self.low:
            return self.value
        if self.quantiles:
            chances, values = zip(*self.quantiles, strict=True)
            known = [self.low, *values, self.high]
            return float(np.interp(u, [0.0, *chances, 1.0], known))
        if self.shape == "triangular":
            return triangular(u, low=self.low, mode=self.value, high=self.high)
        if self.shape == "uniform":
            return self.low + u * (self.high - self.low)
        return bounds.nearest(self._cut_off(u, bounds))

    def _cut_off(self, u: float, bounds: Bounds) -> float:
        """Return a quantile of what has no ends, given that it lies within the bounds."""
        u = min(max(u, LEAST), 1.0 - LEAST)
        if self.shape == "beta":
            a, b = self._beta()
            below, above = betainc(a, b, bounds.lowest), betainc(a, b, min(bounds.highest, 1.0))
            return float(betaincinv(a, b, below + u * (above - below)))
        logs = self.shape == "lognormal"
        low, high, first, last = (
            (log(x) if x > 0.0 else -np.inf) if logs else x
            for x in (self.low, self.high, bounds.lowest, bounds.highest)
        )
        mean, deviation = (low + high) / 2.0, (high - low) / (2.0 * Z95)
        below, above = ndtr((first - mean) / deviation), ndtr((last - mean) / deviation)
        found = float(mean + deviation * ndtri(below + u * (above - below)))
        return exp(min(found, 700.0)) if logs else found

    def _beta(self) -> tuple[float, float]:
        """Return the parameters of a beta distribution of this mean and standard deviation."""
        variance = ((self.high - self.low) / (2.0 * Z95)) ** 2
        size = self.value * (1.0 - self.value) / variance - 1.0
        return self.value * size, (1.0 - self.value) * size

    def wrong(self) -> str:
        """Return why there is no such distribution; empty where there is."""
        if not self.low <= self.value <= self.high:
            return f"value {self.value:g} is not within {self.low:g} to {self.high:g}"
        if self.quantiles:
            return self._wrong_quantiles()
        if self.high <= self.low:
            return "" if self.shape == "triangular" else f"{self.shape} needs low and high apart"
        if self.shape == "beta" and not 0.0 < self.value < 1.0:
            return f"beta is of a share between 0 and 1, not of {self.value:g}"
        if self.shape == "beta" and min(self._beta()) <= 0.0:
            return f"no beta distribution of mean {self.value:g} is as wide; give quantiles"
        return self._wrong_middle()

    def _wrong_middle(self) -> str:
        """Return what is wrong with where the value lies in a symmetric range."""
        if self.shape not in ("normal", "lognormal"):
            return ""
        if self.shape == "lognormal" and self.low <= 0.0:
            return f"lognormal needs low above 0, got {self.low:g}"
        logs = self.shape == "lognormal"
        low, at, high = (log(x) if logs else x for x in (self.low, self.value, self.high))
        middle = (low + high) / 2.0
        if abs(at - middle) <= SLACK * (high - low):
            return ""
        said = exp(middle) if logs else middle
        return f"the middle of {self.shape} from {self.low:g} to {self.high:g} is {said:.3g}, not \
{self.value:g}; correct it, or give quantiles"

    def _wrong_quantiles(self) -> str:
        if self.shape != "triangular":
            return f"quantiles say the distribution already; leave out '{self.shape}'"
        chances = [0.0, *(chance for chance, _ in self.quantiles), 1.0]
        values = [self.low, *(value for _, value in self.quantiles), self.high]
        if any(one >= other for one, other in pairwise(chances)):
            return "quantiles are of rising probabilities between 0 and 1, such as 0.05, 0.5, 0.95"
        if any(one > other for one, other in pairwise(values)):
            return "quantiles must rise with their probabilities, from low to high"
        return ""
