"""Tele-reading: reading hours of one region's specialists that are bought for the exams of another.

An hour that is read for another region is not there for one's own: hours move, and add up to what
they were.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Catalogue, Floats


class Loan(NamedTuple):
    """An item that moves hours: whichever region buys it gets them, and the lender has fewer."""

    item: int
    lender: int
    """Region whose readers read for others."""
    profession: int


def loans(
    catalogue: Catalogue, regions: Sequence[str], professions: Sequence[str]
) -> tuple[Loan, ...]:
    """Return the items that move hours of a region among ``regions``; none where none is allowed.

    A world that is pooled for planning has other regions, and can move none.
    """
    found = []
    for i, item in enumerate(catalogue.items):
        if item.lever == "tele_reading":
            lender, _, profession = item.scope.partition(".")
            if lender in regions:
                found.append(Loan(i, regions.index(lender), professions.index(profession)))
    return tuple(found)


def moved_hours(bought: Floats, own: Floats, lent: Sequence[Loan]) -> Floats:
    """Return the hours that come to each region, or go where negative; they add up to none.

    A lender gives no more than its own hours; where more were bought, buyers get equal shares of
    what they bought.

    Parameters
    ----------
    bought : hours of every item that were bought in a year, shape (region, item).
    own : hours that the readers of each region have in a year, shape (region, profession).

    Returns
    -------
    Hours a year, shape (region, profession).
    """
    moved = np.zeros_like(own)
    for item, lender, profession in lent:
        asked = bought[:, item]
        if (total := float(asked.sum())) > 0.0:
            given = asked * min(1.0, float(own[lender, profession]) / total)
            moved[:, profession] += given
            moved[lender, profession] -= given.sum()
    # a hair below none, by rounding, would be hours to make up for
    return np.maximum(moved, -own)
