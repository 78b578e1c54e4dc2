"""The audit gate: what an audit must show before a release may read, and its power.

The simulation draws what an audit finds, the optimisation plans how many studies one takes; what
opens the gate is the same for both.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

from sim.domain.holdings import Performance
from sim.domain.levers import Floats
from sim.learning import law
from sim.scenario.ai import Gate

Counts = NDArray[np.int64]
POWER_NEEDED = 0.8
"""Power above which a failed audit is held against the release; the usual convention."""
POWER_PLANNED = 0.9
"""Probability that a release passes an audit of the size that is planned for it."""


def benefit_of(reads: Performance, gate: Gate) -> Floats:
    """Return the benefit of readings by a release, or by a reader; any shape."""
    return law.benefit(reads.sensitivity, reads.specificity, gate.target_specificity, gate.penalty)


def needed_benefit(reader: Performance, gate: Gate) -> Floats:
    """Return the bound of benefit that opens the gate: today's reader's less the margin."""
    return np.asarray(benefit_of(reader, gate) - gate.margin)


def wilson_lower(successes: Floats, trials: Floats, z: float) -> Floats:
    """Return the lower bound of a share at a normal quantile (Wilson 1927); any shape.

    Trials are at least 1. Written such that numba compiles it as it stands.
    """
    share = successes / trials
    centre = share + z * z / (2.0 * trials)
    spread = z * np.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * (trials * trials)))
    return (centre - spread) / (1.0 + z * z / trials)


class Findings(NamedTuple):
    """What an audit found, shape (r, m, k): in every place (k = 1), or in every group of it."""

    positives: Counts
    """Audited studies with the disease."""
    lower_benefit: Floats
    """Lower bound of the benefit of a reading by the release."""
    needed_benefit: Floats
    """What it must reach, shape (m,)."""
    passed: NDArray[np.bool_]
    specificity: Floats
    """Of the release."""
    gate: Gate

    def as_good(self) -> NDArray[np.bool_]:
        """Return where the bound reaches today's reader's benefit itself, without the margin."""
        return np.asarray(self.lower_benefit >= self.needed_benefit[:, None] + self.gate.margin)

    def power(self) -> Floats:
        """Return the probability that a release as good as today's reader would have passed."""
        gate, needed = self.gate, self.needed_benefit[:, None]
        as_good, enough = (
            law.sensitivity_for(benefit, self.specificity, gate.target_specificity, gate.penalty)
            for benefit in (needed + gate.margin, needed)
        )
        return audit_power(
            self.positives,
            as_good=np.clip(as_good, 0.0, 1.0),
            needed=enough,
            confidence=gate.confidence,
        )

    def wanting(self) -> NDArray[np.bool_]:
        """Return where an audit failed for want of quality.

        There a release as good as today's reader would most likely have passed; where others
        failed, more audit studies are wanting.
        """
        return np.asarray(~self.passed & (self.power() >= POWER_NEEDED))


def audit_power(positives: Counts, *, as_good: Floats, needed: Floats, confidence: float) -> Floats:
    """Return how probably a release of sensitivity ``as_good`` passes; 0 without positives.

    The number of positives found is binomial; it passes from the lower bound's need on. Any shape;
    the others broadcast.

    >>> audit_power(np.array([30, 3000]), as_good=np.array(0.8), needed=np.array(0.75),
    ...             confidence=0.9).round(2).tolist()
    [0.26, 1.0]
    """
    trials = np.maximum(positives, 1).astype(float)
    enough = fewest_found(trials, needed, confidence=confidence)
    # P(X >= k) of a binomial is a regularised incomplete beta function
    some = np.minimum(np.maximum(enough, 1.0), trials)
    chance = betainc(some, trials - some + 1.0, as_good)
    passes = np.where(enough > 0.0, chance, 1.0)
    return np.where((positives > 0) & (enough <= trials), passes, 0.0)


def fewest_found(trials: Floats, needed: Floats, *, confidence: float) -> Floats:
    """Return the fewest successes whose ``wilson_lower`` reaches ``needed``; any shape.

    The bound is the share ``t`` at which ``(s/n - t) / sqrt(t (1 - t) / n) = z``, so it reaches
    ``t`` from ``s = n t + z sqrt(n t (1 - t))`` on. Where none suffices, one more than the trials.
    """
    z, share = float(ndtri(confidence)), np.minimum(np.maximum(needed, 0.0), 1.0)
    exact = trials * share + z * np.sqrt(trials * share * (1.0 - share))
    # of whole numbers beside the exact one, the first whose computed bound reaches it
    first = np.maximum(np.ceil(exact) - 1.0, 0.0)
    for _ in range(2):
        found = np.minimum(first, trials)
        reaches = wilson_lower(found, trials, z) >= needed
        first = np.where(reaches, found, first + 1.0)
    return np.minimum(first, trials + 1.0)


@dataclass(frozen=True, slots=True)
class Audit:
    """How many studies an audit of one place takes before a release may read there."""

    needed: float
    """Lower bound of benefit that the gate asks for."""
    prevalence: float
    """Share of studies with the disease."""
    gate: Gate
    specificity: float = 1.0
    """Of the release."""

    def studies(self, benefit: Floats) -> Floats:
        """Return studies that let a release of some benefit pass with ``POWER_PLANNED``.

        ``((z_a sqrt(t(1-t)) + z_b sqrt(q(1-q))) / (q - t))^2`` positives of sensitivity ``q``, the
        usual sample size of a share against ``t`` (the Wilson bound inverts the same test), over
        their prevalence. Infinite where ``q`` does not exceed ``t``; convex in ``q`` from one half
        on.

        Parameters
        ----------
        benefit : of a reading by the release, any shape.
        """
        at_least_one = 1.0 / self.prevalence
        if self.needed <= 0.0:
            return np.full(np.shape(benefit), at_least_one)
        needed, has = (
            law.sensitivity_for(
                np.asarray(each), self.specificity, self.gate.target_specificity, self.gate.penalty
            )
            for each in (self.needed, benefit)
        )  # fmt: skip
        spread = ndtri(self.gate.confidence) * np.sqrt(np.maximum(needed * (1.0 - needed), 0.0))
        spread = spread + ndtri(POWER_PLANNED) * np.sqrt(np.maximum(has * (1.0 - has), 0.0))
        with np.errstate(divide="ignore"):
            positives = (spread / np.maximum(has - needed, 0.0)) ** 2
        return np.asarray(np.maximum(positives / self.prevalence, at_least_one))
