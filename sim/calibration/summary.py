"""The result of a calibration: a posterior sample, and its fit to the targets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim.calibration.question import Question
from sim.domain.levers import Floats

INTERVAL = (0.05, 0.95)
"""Quantiles given as low and high."""
UNCONSTRAINED = 0.85
"""Share of the prior's interval that an interval must fall below to be called narrower; a sample
of a hundred of the prior itself falls below it about once in a hundred times."""
NEAR_END = 0.05
"""Part of the range, at either end, in which no half of a sample should crowd."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A sample of the inputs that may move, given the targets."""

    question: Question
    points: Floats
    """Equally likely points of the unit cube of the priors, shape (row, unknown)."""
    before: Floats
    """Outputs over the prior, shape (trial, target)."""
    after: Floats
    """Outputs of the sample, shape (row, target)."""
    effective: float
    """How many independent rows the sample is worth."""
    simulated: int
    """Points that were simulated."""
    seed: int

    @property
    def values(self) -> Floats:
        """The sample in the units of the inputs, shape (row, unknown)."""
        return self.question.values(self.points)

    @property
    def middle(self) -> int:
        """Row that is nearest to all others: a set of values that fit together, unlike medians."""
        gaps = np.abs(self.points[:, None, :] - self.points[None, :, :]).sum(axis=(1, 2))
        return int(gaps.argmin())

    def parameters(self) -> pd.DataFrame:
        """Return one row per input: what it was and is, and whether the targets say much of it.

        Columns: parameter, unit, prior_low, prior, prior_high, value, low, high, verdict.
        """
        values, middle = self.values, self.middle
        low, high = np.quantile(values, INTERVAL, axis=0)
        rows = [
            {
                "parameter": one.name,
                "unit": one.unit,
                "prior_low": one.low,
                "prior": one.mode,
                "prior_high": one.high,
                "value": values[middle, k],
                # the middle of all inputs together may lie outside the interval of one
                "low": min(low[k], values[middle, k]),
                "high": max(high[k], values[middle, k]),
                "verdict": constraint(
                    self.points[:, k], (values[:, k] - one.low) / (one.high - one.low)
                ),
            }
            for k, one in enumerate(self.question.unknowns)
        ]
        return pd.DataFrame(rows)

    def targets(self) -> pd.DataFrame:
        """Return one row per target: the figure, and the baseline before and after.

        Columns: target, value, low, high, then median and interval before and after.
        """
        rows = []
        for k, target in enumerate(self.question.targets.targets):
            row = {"target": target.name} | target.model_dump(include={"value", "low", "high"})
            for name, outputs in (("before", self.before), ("after", self.after)):
                low, median, high = np.quantile(outputs[:, k], (INTERVAL[0], 0.5, INTERVAL[1]))
                row |= {name: median, f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
        return pd.DataFrame(rows)


def constraint(quantiles: Floats, position: Floats) -> str:
    """Return what the targets say of one input.

    Parameters
    ----------
    quantiles : its sample, in quantiles of the prior.
    position : its sample, from 0 at the lower end of its range to 1 at the upper.

    >>> even = np.linspace(0.0, 1.0, 100)
    >>> constraint(even, even), constraint(0.4 + even / 5, even)
    ('not constrained', 'constrained')
    >>> constraint(0.99 + even / 100, 0.99 + even / 100)
    'at its upper end'
    """
    if np.median(position) > 1.0 - NEAR_END:
        return "at its upper end"
    if np.median(position) < NEAR_END:
        return "at its lower end"
    low, high = np.quantile(quantiles, INTERVAL)
    prior = INTERVAL[1] - INTERVAL[0]
    return "constrained" if high - low < UNCONSTRAINED * prior else "not constrained"
