"""Two one-sided tests: evidence that two simulators agree, not merely that they fail to differ.

Schuirmann 1987; for simulation models see Robinson et al. 2005. Equivalence is claimed where both
"the difference is at least the margin" and "it is at most minus the margin" are rejected, each
at 5%. Unequal variances, by Welch.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tests.validation.station import Means

ALPHA = 0.05
EXAMS = 0.02
"""Margin of exams, as a share of the reference."""
UNMET = 0.02
"""Margin of those who gave up, as a share of those who came."""
QUEUE = 0.05
"""Margin of the mean queue and of the mean wait, as a share of the reference."""
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
    def bias(self) -> float:
        """How far we are from the reference."""
        return self.ours - self.reference

    @property
    def equivalent(self) -> bool:
        """Whether the difference is shown to lie within the margin."""
        return self.p_value < ALPHA

    def __str__(self) -> str:
        return (
            f"{self.measure:18} {self.reference:10.4f} {self.ours:10.4f} {self.bias:+9.4f} "
            f"of {self.margin:.4f}  p {self.p_value:.4f}"
        )


FOUND: list[tuple[str, Comparison]] = []
"""Every comparison of this session, for the table of `conftest.py`."""


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
    ours: Sequence[Means],
    reference: Sequence[Means],
    *,
    by_group: bool = False,
    paired: bool = False,
    few: float = 0.0,
) -> Iterator[Comparison]:
    """Compare every measure of two sets of replications at the margins of this module.

    Parameters
    ----------
    by_group : whether to compare queues and waits of every group, too.
    paired : whether the n-th replications of both met the same arrivals.
    few : people waiting, below which a difference in the mean queue has no meaning.
    """
    came_per_day = float(np.mean([means.queue / means.wait_days for means in reference]))

    def compared(
        measure: str, of: Callable[[Means], float], *, share: float = 0.0, floor: float = 0.0
    ) -> Comparison:
        a, b = ([of(means) for means in side] for side in (ours, reference))
        margin = max(share * float(np.mean(b)), floor)
        if paired:
            p_value = tost(np.subtract(a, b), [0.0], margin=margin)
        else:
            p_value = tost(a, b, margin=margin)
        return Comparison(measure, float(np.mean(b)), float(np.mean(a)), margin, p_value)

    yield compared("exams per day", lambda means: means.exams_per_day, share=EXAMS)
    yield compared("unmet share", lambda means: means.unmet_share, floor=UNMET)
    yield compared("queue", lambda means: means.queue, share=QUEUE, floor=few)
    floor = few / came_per_day
    yield compared("wait, days", lambda means: means.wait_days, share=QUEUE, floor=floor)
    for g in range(len(reference[0].exam_shares) - 1):
        yield compared(
            f"exams, group {g}", lambda means, g=g: means.exam_shares[g], floor=EXAM_SHARE
        )
    for g in range(len(reference[0].group_queues) if by_group else 0):
        yield compared(f"queue, group {g}", lambda means, g=g: means.group_queues[g], share=QUEUE)
        yield compared(
            f"wait, group {g}", lambda means, g=g: means.group_waits_days[g], share=QUEUE
        )


def against(measure: str, ours: Sequence[float], exact: float, *, share: float) -> Comparison:
    """Compare one measure with an exact number, at a margin that is a share of it."""
    p_value = tost(ours, [exact], margin=share * exact)
    return Comparison(measure, exact, float(np.mean(ours)), share * exact, p_value)


def assert_equivalent(name: str, found: Iterable[Comparison]) -> None:
    """Fail unless every measure is shown to be equivalent; log the table either way."""
    comparisons = list(found)
    FOUND.extend((name, comparison) for comparison in comparisons)
    table = "\n  ".join([name, *map(str, comparisons)])
    logging.getLogger(__name__).info(table)
    assert all(comparison.equivalent for comparison in comparisons), table
