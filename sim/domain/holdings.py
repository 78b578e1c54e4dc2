"""Holdings and performance: what a training sees, and what a release can do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.domain.lever import Floats


@dataclass(frozen=True, slots=True)
class Holdings:
    """Annotated studies that a training can use, in effective studies.

    Arrays have shape (region, modality, group). Studies are stocks: training does not use them up.
    """

    own: Floats
    """Studies of the cell's own place (what the profile measured as own-group data)."""
    other: Floats
    """Studies of other places that may be used here: shared ones and public data sets."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What a trained release does in each cell, at its one threshold.

    Arrays have shape (region, modality, group).
    """

    sensitivity: Floats
    specificity: Floats


def worth_of_label(noise: Floats) -> Floats:
    """Return effective studies per labelled study when a share of the labels is wrong.

    ``(1 - 2 noise) ** 2``, noise from 0 to 0.5 (docs/model.md §4; measured beside the profile's
    grid by flipping labels). Any shape.
    """
    return np.asarray((1.0 - 2.0 * noise) ** 2)


def adjudicated_noise(noise: Floats) -> Floats:
    """Return the share of wrong labels after two readings, and a third where they differ.

    The majority of three readers who err on their own: ``noise**2 * (3 - 2 noise)``. The profile's
    runs with adjudicated labels agree with it (docs/profiles.md). Any shape.

    >>> adjudicated_noise(np.array([0.0, 0.2, 0.5])).round(3).tolist()
    [0.0, 0.104, 0.5]
    """
    return np.asarray(noise**2 * (3.0 - 2.0 * noise))


def adjudicated_readings(noise: Floats) -> Floats:
    """Return the readings that an adjudicated label takes: two, and a third where they differ.

    >>> adjudicated_readings(np.array([0.0, 0.2])).round(2).tolist()
    [2.0, 2.32]
    """
    return np.asarray(2.0 + 2.0 * noise * (1.0 - noise))


def worth_of_synthetic(real: Floats, synthetic: Floats, *, worth: float, limit: float) -> Floats:
    """Return what synthetic studies are worth, in labelled real studies of the same place.

    ``worth * min(synthetic, limit * real)`` (docs/model.md §4). Any shape.
    """
    return np.asarray(worth * np.minimum(synthetic, limit * real))


def pretraining_worth(
    compute_share: float,
    own: Floats,
    *,
    efficiency: float,
    per_decade: float,
    own_share: float,
) -> Floats:
    """Return what a labelled study is worth after pre-training, in studies without it.

    ``M = efficiency * per_decade ** log10(compute_share) * own_share ** (own - 1/2)``
    (docs/model.md §4), the measured regression on the logarithm of compute and on the share of own
    images. It is never below 1: who trains compares both starts, and keeps the better one.

    Parameters
    ----------
    compute_share : compute over that of a full pre-training, above 0 and at most 1.
    own : share of the unlabelled images that are of one's own place, 0 to 1, any shape.
    efficiency : worth after a full pre-training on half own images.
    per_decade : ratio per tenfold compute.
    own_share : ratio of all own images to none.

    >>> pretraining_worth(
    ...     0.1, np.array([0.5, 1.0]), efficiency=1.2, per_decade=1.1, own_share=1.21
    ... ).round(2).tolist()
    [1.09, 1.2]
    """
    by_compute = efficiency * per_decade ** np.log10(compute_share)
    return np.asarray(np.maximum(by_compute * own_share ** (own - 0.5), 1.0))


Respond = Callable[[Holdings], Performance]
"""The measured response, injected into the simulation so that it need not import ``learning``."""


def benefit(
    sensitivity: Floats, specificity: Floats, *, target_specificity: float, penalty: float
) -> Floats:
    """Return the benefit of a reading: sensitivity less a penalty for false positives.

    ``sensitivity - penalty * max(0, target - specificity)``, clipped to [0, 1], so that flooding
    a group with false positives is no gain (docs/model.md §4). Any shape.
    """
    shortfall = np.maximum(target_specificity - specificity, 0.0)
    return np.asarray(np.minimum(np.maximum(sensitivity - penalty * shortfall, 0.0), 1.0))
