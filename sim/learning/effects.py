"""What a noisy, uncurated or synthetic study is worth.

Pure functions of docs/model.md §4; arrays broadcast. Every constant is the caller's, with a source.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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

    Parameters
    ----------
    real, synthetic : studies, at least 0.
    noise : share of labels that are wrong, 0 to 0.5; at 0.5 labels carry nothing.
    quality : worth of a study as it was curated against a perfectly curated one, 0 to 1.
    worth : worth of a synthetic study against a real one, -1 to 1; below 0 they harm.
    limit : most synthetic studies that count, as a multiple of the real ones.

    Notes
    -----
    ``(1 - 2 noise) ** 2`` is the loss of information under symmetric label flips (classification
    with random noise, Angluin and Laird 1988, doi:10.1023/A:1022873112823).

    >>> float(effective_studies(1_000, noise=0.25))
    250.0
    >>> float(effective_studies(100, 1_000, worth=0.3, limit=2.0))
    160.0
    >>> float(effective_studies(100, 50, worth=-0.2, limit=2.0))
    90.0
    """
    real, synthetic = np.asarray(real, float), np.asarray(synthetic, float)
    kept = real * (1 - 2 * np.asarray(noise, float)) ** 2 * np.asarray(quality, float)
    return np.asarray(np.maximum(kept + worth * np.minimum(synthetic, limit * real), 0.0))
