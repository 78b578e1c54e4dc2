"""Concave terms by tangents: the utility of coverage, and what data do for a model's quality."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import ndtri

from sim.domain.lever import Floats
from sim.equity.inequality import utility, utility_slope
from sim.scenario.schema import Equity

STEEPEST = 1e4
"""Steepest slope of a utility tangent, relative to that at the reference coverage.

Below the coverage where it is reached, utility goes on along that tangent: strong aversion
would otherwise span more orders of magnitude than a solver can tell apart.
"""
WIDTH = 0.06
"""Step of log coverage between tangents; for log utility they overshoot by at most WIDTH^2 / 8."""
WIDE = 0.2
"""The same step in worlds of more than ``MANY_CELLS``, where the solver's time is scarcer."""
MANY_CELLS = 1_000


AUDIT_POWER = 0.9
"""Chance that a release passes an audit of the size that the programme plans for."""


class Quality(Protocol):
    """The measured response as the programme needs it: error = 1 - sensitivity, never rising."""

    def error(self, own: Floats, other: Floats) -> Floats:
        """Return the error of a network trained on own and others' studies; any shape."""
        ...


class Tangent(NamedTuple):
    """An upper bound ``intercept + slopes . x`` of a concave function, exact at one point."""

    intercept: float
    slopes: tuple[float, ...]


def utility_scale(equity: Equity, *, reference: float) -> float:
    """Return the factor that turns a small change of W into one of log EDE near ``reference``.

    ``reference^(a-1)`` at aversion ``a``: 1 for log utility.
    """
    return float(reference ** (equity.aversion - 1.0))


def utility_tangents(
    equity: Equity, *, low: float, high: float, reference: float, width: float = WIDTH
) -> tuple[Tangent, ...]:
    """Return tangents of utility between two coverages, scaled by ``utility_scale``.

    Parameters
    ----------
    low, high : range of coverage that a plan can bring about, shares of need.
    reference : coverage of a typical cell, at which the scaled slope is ``1 / reference``.
    width : step of log coverage between tangents.

    Notes
    -----
    The outermost tangents carry on outside the range. Below the floor that is stricter than
    utility itself, which is flat there: a programme that must stay concave cannot be flat first.
    """
    scale = utility_scale(equity, reference=reference)
    if equity.aversion == 0.0:
        return (_utility_tangent(1.0, equity, scale),)
    steepest = reference * STEEPEST ** (-1.0 / equity.aversion)
    first = min(max(low, equity.floor, steepest), high)
    count = max(2, int(np.ceil(np.log(high / first) / width)) + 1)
    points = np.geomspace(first, high, count)
    return tuple(_utility_tangent(float(point), equity, scale) for point in points)


def _utility_tangent(point: float, equity: Equity, scale: float) -> Tangent:
    at = np.array(point)
    value = float(utility(at, aversion=equity.aversion, floor=equity.floor)) * scale
    slope = float(utility_slope(at, aversion=equity.aversion, floor=equity.floor)) * scale
    return Tangent(value - slope * point, (slope,))


def quality_tangents(
    benefit_of: Callable[[Floats, Floats], Floats],
    *,
    own: tuple[float, float],
    other: tuple[float, float],
    count: Sequence[int] = (6, 3),
) -> tuple[Tangent, ...]:
    """Return tangents of an AI reading's benefit as a function of (own, other) studies.

    Parameters
    ----------
    benefit_of : concave and not decreasing in (own, other), elementwise.
    own, other : lowest and highest studies; points lie evenly in log(1 + studies).
    count : points along own and along other.
    """
    axes = [
        np.expm1(np.linspace(np.log1p(low), np.log1p(high), points))
        for (low, high), points in zip((own, other), count, strict=True)
    ]
    n, k = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    step_n, step_k = 1e-4 * (1.0 + n), 1e-4 * (1.0 + k)
    here = benefit_of(n, k)
    slope_n = (benefit_of(n + step_n, k) - benefit_of(n, k)) / step_n
    slope_k = (benefit_of(n, k + step_k) - benefit_of(n, k)) / step_k
    intercepts = here - slope_n * n - slope_k * k
    rows = np.column_stack([intercepts, slope_n, slope_k])
    rows = rows[np.unique(rows.round(12), axis=0, return_index=True)[1]]
    return tuple(Tangent(float(a), (float(b), float(c))) for a, b, c in rows)


class Segment(NamedTuple):
    """One piece of a concave function: a width and the slope along it."""

    width: float
    slope: float


def segments(tangents: Sequence[Tangent], *, high: float) -> tuple[Segment, ...]:
    """Return the lower envelope of tangents in one variable as pieces from 0 to ``high``.

    As slopes fall from piece to piece, a programme that maximises fills them in order: bounded
    columns do what a row per tangent does, at a fraction of the solver's time.

    >>> segments((Tangent(0.0, (2.0,)), Tangent(1.0, (1.0,))), high=3.0)
    (Segment(width=1.0, slope=2.0), Segment(width=2.0, slope=1.0))
    """
    pieces: list[Segment] = []
    start = 0.0
    for here, after in zip(tangents, [*tangents[1:], None], strict=True):
        end = high
        if after is not None:
            end = (after.intercept - here.intercept) / (here.slopes[0] - after.slopes[0])
        pieces.append(Segment(end - start, here.slopes[0]))
        start = end
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class Audit:
    """How many studies an audit takes before a release may read."""

    needed: float
    """Lower bound of sensitivity that the gate asks for."""
    prevalence: float
    """Share of studies with the disease."""
    confidence: float
    """One-sided confidence of the lower bound."""

    def studies(self, quality: Floats) -> Floats:
        """Return studies that let a release of some quality pass with ``AUDIT_POWER``.

        ``((z_a sqrt(t(1-t)) + z_b sqrt(q(1-q))) / (q - t))^2`` positives, the usual sample size
        of a share against ``t`` (the Wilson bound inverts the same test), over their prevalence.
        Infinite where ``q`` does not exceed ``t``; convex in ``q`` from one half on.

        Parameters
        ----------
        quality : sensitivity of the release, any shape.
        """
        at_least_one = 1.0 / self.prevalence
        if self.needed <= 0.0:
            return np.full(np.shape(quality), at_least_one)
        spread = ndtri(self.confidence) * np.sqrt(self.needed * (1.0 - self.needed))
        spread = spread + ndtri(AUDIT_POWER) * np.sqrt(quality * (1.0 - quality))
        with np.errstate(divide="ignore"):
            positives = (spread / np.maximum(quality - self.needed, 0.0)) ** 2
        return np.asarray(np.maximum(positives / self.prevalence, at_least_one))

    def tangents(self, *, lowest: float, highest: float) -> tuple[Tangent, ...]:
        """Return tangents from below of ``studies`` between two qualities; none if hopeless.

        Parameters
        ----------
        lowest, highest : quality of the release with today's and with the most data.
        """
        if highest <= self.needed:
            return ()
        if self.needed <= 0.0:
            return (Tangent(1.0 / self.prevalence, (0.0,)),)
        excess = highest - self.needed
        first = min(max(lowest - self.needed, excess / 20.0), excess)
        points = np.unique(self.needed + np.geomspace(first, excess, 8))
        step = 1e-6 * excess
        here = self.studies(points)
        slopes = (here - self.studies(points - step)) / step
        return tuple(
            Tangent(float(n - s * q), (float(s),))
            for n, s, q in zip(here, slopes, points, strict=True)
        )
