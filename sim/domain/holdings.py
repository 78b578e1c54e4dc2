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


def worth_of_synthetic(real: Floats, synthetic: Floats, *, worth: float, limit: float) -> Floats:
    """Return what synthetic studies are worth, in labelled real studies of the same place.

    ``worth * min(synthetic, limit * real)`` (docs/model.md §4). Any shape.
    """
    return np.asarray(worth * np.minimum(synthetic, limit * real))


Respond = Callable[[Holdings], Performance]
"""The measured response, injected into the simulation so that it need not import ``learning``."""


def benefit(
    sensitivity: Floats, specificity: Floats, *, target_specificity: float, penalty: float
) -> Floats:
    """Return the benefit of a reading: sensitivity less a penalty for false positives.

    ``sensitivity - penalty * max(0, target - specificity)``, clipped to [0, 1], so that flooding
    a group with false positives is no gain (docs/model.md §4). Any shape.
    """
    shortfall = (target_specificity - specificity).clip(min=0.0)
    return (sensitivity - penalty * shortfall).clip(0.0, 1.0)
