"""The account of a station: what passed it in one week, and how busy it was."""

from dataclasses import dataclass

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import Counts

COUNTED = ("entered", "done", "left", "rejected", "waiting")
"""Counts of an account: waiting before + entered = done + left + rejected + waiting."""


@dataclass(frozen=True, slots=True)
class Account:
    """What passed a station in one week, shape (r, m, g), and how busy it was, shape (r,)."""

    entered: Counts
    done: Counts
    left: Counts | None = None
    """Reneged: stopped waiting; None where nobody can."""
    rejected: Counts | None = None
    """Went no further: lost, refused, or not chosen."""
    waiting: Counts | None = None
    """Waiting at the end of the week; None where nothing waits."""
    queue: Floats | None = None
    """Mean number waiting during the week; where None, the mean of its two ends is recorded."""
    busy: Floats | None = None
    """Capacity used, in the station's ``capacity_unit``; where None, as much as is done."""
    capacity: Floats | None = None
    """Capacity there was, in the same unit."""

    def counts(self) -> tuple[Counts | None, ...]:
        """Return the counts in the order of ``COUNTED``."""
        return self.entered, self.done, self.left, self.rejected, self.waiting
