"""Which of some points are not dominated, and which dominates each of the others."""

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
