"""How well a score separates positives from negatives, and how sure that is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from sim.errors import ProfileError

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


class Auc(NamedTuple):
    """Area under the ROC curve with its variance and 95% interval."""

    auc: float
    variance: float
    low: float
    high: float


def delong(label: Labels, score: Floats) -> Auc:
    """Return the AUC with DeLong's variance and a 95% interval on the logit scale.

    Parameters
    ----------
    label : 0 or 1, shape (cases,).
    score : larger means more likely positive, shape (cases,); ties count one half.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, doi:10.2307/2531595; by ranks as in Sun and Xu 2014,
    doi:10.1109/LSP.2014.2337313.
    """
    positive, negative = score[label == 1], score[label == 0]
    m, n = len(positive), len(negative)
    if min(m, n) < 2:
        raise ProfileError(f"{m} positives and {n} negatives: an AUC needs two of each.")
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    auc = float(above.mean())
    variance = float(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return Auc(auc, variance, *_logit_interval(auc, variance))


def threshold_at(specificity: float, label: Labels, score: Floats) -> float:
    """Return the smallest score above which at most ``1 - specificity`` of negatives lie."""
    negative = score[label == 0]
    if not len(negative):
        raise ProfileError("no negative case to set the threshold with.")
    return float(np.quantile(negative, specificity, method="higher"))


def rates(label: Labels, score: Floats, threshold: float) -> tuple[float, float]:
    """Return sensitivity and specificity of calling scores above ``threshold`` positive."""
    called = score > threshold
    return float(called[label == 1].mean()), float((~called)[label == 0].mean())


def calibration_error(label: Labels, probability: Floats, bins: int = 10) -> float:
    """Return the expected calibration error over equal-width bins, 0 to 1."""
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    total = np.bincount(index, minlength=bins)
    gap = np.bincount(index, probability, bins) - np.bincount(index, label, bins)
    return float(np.abs(gap).sum() / total.sum())


def _logit_interval(auc: float, variance: float) -> tuple[float, float]:
    # A perfect AUC has no DeLong variance; its interval is that single point.
    if not 0 < auc < 1:
        return auc, auc
    centre = np.log(auc / (1 - auc))
    half = norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
    return float(low), float(high)
