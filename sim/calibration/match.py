"""The likelihood of outputs under the targets, with every source of variance."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from sim.calibration.targets import Targets
from sim.domain.levers import Floats

WITHIN_95 = float(norm.ppf(0.975))
"""Standard deviations from the middle to the end of a 95 percent interval."""
IMPLAUSIBLE = 3.0
"""Standard deviations beyond which a target is missed, whatever the distribution (Pukelsheim's
three sigma rule, as usual in history matching: Vernon, Goldstein and Bower 2010)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The targets as arrays, shape (target,)."""

    value: Floats
    below: Floats
    """Standard deviation of the figure downwards, with what the model leaves out."""
    above: Floats
    """The same upwards."""

    def distance(self, outputs: Floats, variance: Floats) -> Floats:
        """Return how many standard deviations outputs lie from the targets.

        Parameters
        ----------
        outputs : shape (..., target).
        variance : of replications and of the emulator, broadcast to ``outputs``.
        """
        return np.asarray((outputs - self.value) / np.sqrt(self._variance(outputs, variance)))

    def log_likelihood(self, outputs: Floats, variance: Floats) -> Floats:
        """Return the logarithm of the likelihood of the targets, shape (...,); a split normal."""
        # half a normal on either side: its height depends on the mean of the two widths
        either = [np.sqrt(side**2 + variance) for side in (self.below, self.above)]
        terms = -0.5 * self.distance(outputs, variance) ** 2 - np.log(0.5 * (either[0] + either[1]))
        return np.asarray(terms.sum(axis=-1))

    def _variance(self, outputs: Floats, variance: Floats) -> Floats:
        side = np.where(outputs < self.value, self.below, self.above)
        return np.asarray(side**2 + variance)


def figures(targets: Targets) -> Figures:
    """Return the targets' values and spreads, discrepancy of the model included."""
    value, low, high = (
        np.array([getattr(target, name) for target in targets.targets])
        for name in ("value", "low", "high")
    )
    left_out = targets.discrepancy * np.abs(value)
    below, above = (np.hypot(gap / WITHIN_95, left_out) for gap in (value - low, high - value))
    return Figures(value, below, above)
