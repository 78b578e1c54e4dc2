"""Two one-sided tests: evidence that two simulators agree, not merely that they fail to differ.

Schuirmann 1987; for simulation models see Robinson et al. 2005. Equivalence is claimed where both
"the difference is at least the margin" and "it is at most minus the margin" are rejected, each
at 5%. Unequal variances, by Welch.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tests.validation.station import Means, Station

ALPHA = 0.05
EXAMS = 0.02
"""Margin of exams, as a share of the reference."""
UNMET = 0.02
"""Margin of those who gave up, as a share of those who came."""
QUEUE = 0.05
"""Margin of the mean queue and of the mean wait, as a share of the reference."""
FEW_WAITING = 0.05
"""People per facility, below which a difference in the mean queue has no meaning."""
EXAM_SHARE = 0.01
"""Margin of a group's share in the exams."""


@dataclass(frozen=True)
class Comparison:
    """One measure of two models."""

    measure: str
    reference: float
    ours: float
    margin: float
    p_value: float

    @property
    def equivalent(self) -> bool:
        """Whether the difference is shown to lie within the margin."""
        return self.p_value < ALPHA

    def __str__(self) -> str:
        bias = self.ours - self.reference
        return (
            f"{self.measure:14} {self.reference:10.4f} {self.ours:10.4f} {bias:+9.4f} "
            f"of {self.margin:.4f}  p {self.p_value:.4f}"
        )


def tost(ours: Sequence[float], reference: Sequence[float], *, margin: float) -> float:
    """Return the p value against "the means differ by at least the margin".

    A reference of a single number is exact, such as a closed form.
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(reference, dtype=float)
    parts = [(x.var(ddof=1) / len(x), len(x) - 1) for x in (a, b) if len(x) > 1]
    variance = sum(v for v, _ in parts)
    distance = margin - abs(a.mean() - b.mean())
    if variance == 0.0:
        return float(distance <= 0.0)
    freedom = variance**2 / sum(v**2 / n for v, n in parts)
    return float(stats.t.sf(distance / np.sqrt(variance), freedom))


def compare(
    ours: Sequence[Means], reference: Sequence[Means], station: Station
) -> Iterator[Comparison]:
    """Compare every measure of two sets of replications at the margins of this module."""
    few = FEW_WAITING * station.facilities
    for measure, share, floor in (
        ("exams_per_day", EXAMS, 0.0),
        ("unmet_share", 0.0, UNMET),
        ("queue", QUEUE, few),
        ("wait_days", QUEUE, few / station.arrivals_per_day),
    ):
        theirs = [getattr(means, measure) for means in reference]
        yield _compared(
            measure,
            [getattr(means, measure) for means in ours],
            theirs,
            max(share * float(np.mean(theirs)), floor),
        )
    for group in range(len(station.shares) - 1):
        yield _compared(
            f"exams group {group}",
            [means.exam_shares[group] for means in ours],
            [means.exam_shares[group] for means in reference],
            EXAM_SHARE,
        )


def assert_equivalent(name: str, found: Iterable[Comparison]) -> None:
    """Fail unless every measure is shown to be equivalent; log the table either way."""
    comparisons = list(found)
    table = "\n  ".join([name, *map(str, comparisons)])
    logging.getLogger(__name__).info(table)
    assert all(comparison.equivalent for comparison in comparisons), table


def _compared(
    measure: str, ours: Sequence[float], reference: Sequence[float], margin: float
) -> Comparison:
    p_value = tost(ours, reference, margin=margin)
    return Comparison(measure, float(np.mean(reference)), float(np.mean(ours)), margin, p_value)
