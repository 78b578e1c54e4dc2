"""Tangents, by which a linear model bounds concave functions: utility, benefit and audit size."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.equity.inequality import utility, utility_slope
from sim.learning.gate import Audit
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
    utility itself, which is flat there: a model that must stay concave cannot be flat first.
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
    benefit_of : not decreasing in (own, other), and concave where it is above 0, elementwise.
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
    # a benefit that is cut off at 0 is concave beyond it only: tangents there, none below 0
    rows = np.column_stack([intercepts, slope_n, slope_k])[(here > 0.0) | (here.max() <= 0.0)]
    rows[:, 0] += np.maximum(-(rows @ [1.0, own[0], other[0]]), 0.0)
    rows = rows[np.unique(rows.round(12), axis=0, return_index=True)[1]]
    return tuple(Tangent(float(a), (float(b), float(c))) for a, b, c in rows)


class Segment(NamedTuple):
    """One piece of a concave function: a width and the slope along it."""

    width: float
    slope: float


def segments(tangents: Sequence[Tangent], *, high: float) -> tuple[Segment, ...]:
    """Return the lower envelope of tangents in one variable as pieces from 0 to ``high``.

    As slopes fall from piece to piece, a model that maximises fills them in order: bounded
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


def audit_tangents(audit: Audit, *, lowest: float, highest: float) -> tuple[Tangent, ...]:
    """Return tangents from below of an audit's studies between two benefits; none if hopeless.

    Parameters
    ----------
    lowest, highest : benefit of the release with today's and with the most data.
    """
    if highest <= audit.needed:
        return ()
    if audit.needed <= 0.0:
        return (Tangent(1.0 / audit.prevalence, (0.0,)),)
    excess = highest - audit.needed
    first = min(max(lowest - audit.needed, excess / 20.0), excess)
    points = np.unique(audit.needed + np.geomspace(first, excess, 8))
    step = 1e-6 * excess
    here = audit.studies(points)
    slopes = (here - audit.studies(points - step)) / step
    return tuple(
        Tangent(float(n - s * q), (float(s),)) for n, s, q in zip(here, slopes, points, strict=True)
    )
