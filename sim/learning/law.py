"""The value of data and the benefit of a reading, for simulation and optimisation alike.

Noise and adjudication of labels, synthesis, pre-training, sharing, and the benefit of a reading.
Pure functions of docs/model.md §4; arrays broadcast. Every constant is the caller's, with a source.
"""

import numpy as np
from numpy.typing import ArrayLike

from sim.domain.holdings import Holdings
from sim.domain.levers import Floats


def benefit(
    sensitivity: Floats, specificity: Floats, target_specificity: float, penalty: float
) -> Floats:
    """Return the benefit of a reading: sensitivity less a penalty for false positives.

    ``sensitivity - penalty * max(0, target - specificity)``, clipped to [0, 1], so that flooding
    a group with false positives is no gain. Written such that numba compiles it as it stands.

    >>> float(benefit(0.8, 0.85, 0.9, 2.0))
    0.7
    """
    lost = penalty * np.maximum(target_specificity - specificity, 0.0)
    return np.minimum(np.maximum(sensitivity - lost, 0.0), 1.0)


def sensitivity_for(
    benefit: Floats, specificity: Floats | float, target_specificity: float, penalty: float
) -> Floats:
    """Return the sensitivity that brings a benefit at a specificity; it may be above 1.

    >>> float(sensitivity_for(0.7, 0.85, 0.9, 2.0))
    0.8
    """
    lost = penalty * np.maximum(target_specificity - specificity, 0.0)
    return np.asarray(benefit + lost)


def worth_of_label(noise: ArrayLike) -> Floats:
    """Return effective studies per labelled study when a share of the labels is wrong.

    ``(1 - 2 noise) ** 2``, noise from 0 to 0.5: the loss of information under symmetric label flips
    (classification with random noise, Angluin and Laird 1988, doi:10.1023/A:1022873112823). Any
    shape.
    """
    return np.asarray((1.0 - 2.0 * np.asarray(noise, float)) ** 2)


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


def effective_studies(
    real: ArrayLike,
    synthetic: ArrayLike = 0.0,
    *,
    noise: ArrayLike = 0.0,
    quality: ArrayLike = 1.0,
    worth: float = 0.0,
    limit: float = 0.0,
) -> Floats:
    """Return what a set of labelled studies is worth, in clean, curated, real studies; at least 0.

    A synthetic study comes with a label from a generator that learned from labels as noisy as the
    real ones, so noise discounts both.

    Parameters
    ----------
    real, synthetic : studies, at least 0.
    noise : share of labels that are wrong, 0 to 0.5; at 0.5 labels carry nothing.
    quality : worth of a study as it was curated against a perfectly curated one, 0 to 1.
    worth : worth of a synthetic study against a real one, -1 to 1; below 0 they harm.
    limit : most synthetic studies that count, as a multiple of the real ones.

    >>> float(effective_studies(1_000, noise=0.25))
    250.0
    >>> float(effective_studies(100, 1_000, worth=0.3, limit=2.0))
    160.0
    >>> float(effective_studies(100, 50, worth=-0.2, limit=2.0))
    90.0
    """
    real, synthetic = np.asarray(real, float), np.asarray(synthetic, float)
    images = np.asarray(quality, float) * real + worth * np.minimum(synthetic, limit * real)
    return np.asarray(np.maximum(worth_of_label(noise) * images, 0.0))


def pooled(own: Floats, shared: Floats, public: Floats) -> Holdings:
    """Return what every region may train on, in effective studies.

    Parameters
    ----------
    own : studies of each region that serve itself, shape (region, ...).
    shared : those of them that serve all others too, of the same shape.
    public : studies of nobody's that serve everybody; broadcasts against the others.
    """
    return Holdings(own, public + shared.sum(axis=0) - shared)


def pretraining_worth(
    compute_share: float,
    own: Floats,
    *,
    efficiency: float,
    per_decade: float,
    own_share: float,
) -> Floats:
    """Return what a labelled study is worth after pre-training, in studies without it.

    ``M = efficiency * per_decade ** log10(compute_share) * own_share ** (own - 1/2)``,
    the measured regression on the logarithm of compute and on the share of own
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
