"""Whether the runs identify a floor of the error, which no further data would remove."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.profiles.fit.forms import (
    FLOORLESS,
    LAW,
    Target,
    fit_form,
    law_parameters,
    misfit,
    with_floor,
)
from sim.profiles.fit.resampling import Grid

Floats = NDArray[np.float64]

NOT_IDENTIFIED = 0.025
"""P value above which floors of 0 are in a two-sided 95% interval."""


class Floorless(NamedTuple):
    """What the runs say of the law without any floor."""

    p_value: float
    """How often floors would seem to help as much as they do if there were none, 0 to 1."""
    power: Floats
    """Draws of the exponent without floors."""

    @property
    def is_open(self) -> bool:
        """Whether the runs do not identify floors."""
        return self.p_value > NOT_IDENTIFIED


def without_floors(
    grid: Grid, observed: Floats, best: Floats, noise: Sequence[Floats]
) -> Floorless:
    """Return whether the law does without floors: a likelihood-ratio test by bootstrap.

    Floors cannot be below 0, so that where the truth is 0 every draw of them errs upwards, and
    the exponent with them: quantiles of draws would leave the truth out.

    Parameters
    ----------
    observed : mean errors, shape (cells, groups).
    best : the law fitted to them.
    noise : draws of their deviation, of the same shape.
    """
    groups = len(grid.groups)
    whole = grid.target(observed)
    null = fit_form(FLOORLESS, whole)
    starts = (best, with_floor(null, groups))  # the valley between them is flat
    seen = _help(whole, null, starts)
    expected = FLOORLESS.predict(null, grid.own, grid.other, grid.chance)
    drawn, power = [], []
    for one in noise:
        target = grid.target(expected + one)
        vector = fit_form(FLOORLESS, target, near=null)
        drawn.append(_help(target, vector, starts))
        power.append(law_parameters(with_floor(vector, groups), groups, grid.chance)["power"])
    p_value = (1 + sum(help_ >= seen for help_ in drawn)) / (1 + len(drawn))
    return Floorless(p_value, np.array(power, dtype=np.float64))


def _help(target: Target, without: Floats, starts: Sequence[Floats]) -> float:
    """Return by how much floors lower the weighted squared error."""
    least = min(misfit(LAW, fit_form(LAW, target, near=near), target) for near in starts)
    return misfit(FLOORLESS, without, target) - least
