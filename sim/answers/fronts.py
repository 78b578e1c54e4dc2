"""Which of some points are not dominated, which dominates each other, and where a front bends."""

import numpy as np
from numpy.typing import NDArray

from sim.domain.levers import Floats

NONE = -1
"""In ``dominated_by``, where no point dominates."""


def dominated_by(points: Floats) -> NDArray[np.int64]:
    """Return for every point one that is as good in all respects and better in one, else ``NONE``.

    Of those that dominate it the one that leads most in the first respect is named, which is itself
    not dominated. Of equal points the first stands for all.

    Parameters
    ----------
    points : shape (point, respect), more is better in each.

    >>> dominated_by(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0], [1.0, 0.0]])).tolist()
    [-1, -1, 0, 0]
    """
    found = np.full(len(points), NONE, dtype=np.int64)
    for k, point in enumerate(points):
        better = (points >= point).all(axis=1) & (points > point).any(axis=1)
        better |= (points == point).all(axis=1) & (np.arange(len(points)) < k)
        if better.any():
            order = np.lexsort((-np.arange(len(points)), *points.T[::-1]))
            found[k] = next(int(j) for j in order[::-1] if better[j])
    return found


def knee(points: Floats) -> int:
    """Return the point of a front at which it bends most, ``NONE`` where it bends nowhere.

    That is the one that lies furthest beyond the straight line between the ends, each respect from
    0 at the one end to 1 at the other (Das 1999, doi:10.1007/BF01195985): from it a little more of
    either respect costs much of the other.

    Parameters
    ----------
    points : that do not dominate each other, shape (point, 2), more is better in both.

    >>> knee(np.array([[0.0, 1.0], [0.8, 0.9], [1.0, 0.0]]))
    1
    """
    least, width = points.min(axis=0), np.ptp(points, axis=0)
    if len(points) < 3 or not (width > 0.0).all():
        return NONE
    beyond = ((points - least) / width).sum(axis=1) - 1.0
    return int(np.argmax(beyond)) if beyond.max() > 0.0 else NONE
