"""Scaling laws of error over own and other groups' training studies.

Pure NumPy. Errors are shares (1 - sensitivity, or 1 - AUC); counts are effective studies; arrays
broadcast.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def effective(
    own: ArrayLike, other: ArrayLike, kappa: ArrayLike, limit: ArrayLike = np.inf
) -> Floats:
    """Return own studies plus the worth of others', ``own + worth / (1 + worth / limit)``.

    Here ``worth = kappa * other``, which is all where others are few or there is no limit: what
    another place's studies have in common with one's own can be learnt only once.

    Parameters
    ----------
    own, other : effective studies of the group itself, and of all other groups; at least 0.
    kappa : what the first study of another group is worth to this one, 0 to 1.
    limit : what all studies of other groups together are worth at most, in own studies.

    >>> float(effective(100, 400, 0.25)), float(effective(100, 400, 0.25, 100))
    (200.0, 150.0)
    """
    worth = np.asarray(kappa, float) * np.asarray(other, float)
    return np.asarray(np.asarray(own, float) + worth / (1.0 + worth / np.asarray(limit, float)))


def power_law(
    studies: ArrayLike, *, floor: ArrayLike, scale: ArrayLike, power: ArrayLike, offset: ArrayLike
) -> Floats:
    """Return the error after training on ``studies`` effective studies (docs/model.md §4).

    ``floor + scale * (studies + offset) ** -power``, finite at no data because offset > 0.

    Parameters
    ----------
    studies : effective studies, at least 0.
    floor : error that no amount of data of this kind removes, 0 to 1 (d).
    scale : height of what data can remove (a), in the unit of ``offset ** power``.
    power : above 0 (p).
    offset : above 0 (n_0): studies that knowing the task at all is worth.
    """
    falling = (np.asarray(studies, float) + offset) ** -np.asarray(power, float)
    return np.asarray(np.asarray(floor, float) + np.asarray(scale, float) * falling)


def scale_at_zero(
    share: ArrayLike, *, floor: ArrayLike, chance: float, offset: float, power: float
) -> Floats:
    """Return the ``scale`` with which the error without data is ``share`` of the way to chance.

    A share of 1 is chance itself, so that a share up to 1 keeps the law no worse than chance.
    """
    room = np.asarray(share, float) * (chance - np.asarray(floor, float))
    return np.asarray(room * offset**power)


def saturating(studies: ArrayLike, *, floor: ArrayLike, height: ArrayLike, offset: float) -> Floats:
    """Return ``floor + height * exp(-studies / offset)``, a rival that saturates early."""
    falling = np.exp(-np.asarray(studies, float) / offset)
    return np.asarray(np.asarray(floor, float) + np.asarray(height, float) * falling)


def two_powers(
    own: ArrayLike,
    total: ArrayLike,
    *,
    floor: ArrayLike,
    own_term: tuple[ArrayLike, float],
    total_term: tuple[float, float],
) -> Floats:
    """Return ``floor + a * own**-p + b * total**-q``, infinite without own data.

    Parameters
    ----------
    own, total : studies of the group, and of all groups together; above 0.
    own_term, total_term : (a, p) and (b, q), all above 0.

    References
    ----------
    Rolf et al. 2021, Representation Matters, ICML, arXiv:2103.03399.
    """
    (own_scale, own_power), (total_scale, total_power) = own_term, total_term
    mine = np.asarray(own_scale, float) * np.asarray(own, float) ** -own_power
    all_data = total_scale * np.asarray(total, float) ** -total_power
    return np.asarray(np.asarray(floor, float) + mine + all_data)
