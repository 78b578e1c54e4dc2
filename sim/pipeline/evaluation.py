"""Evaluation: audit studies never train; a release reads only where its audit says it may."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtri

from sim.baseline.world import World
from sim.domain.holdings import Performance, benefit
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, binomial, serve, uniform
from sim.scenario.schema import Gate
from sim.units import WEEKS_PER_YEAR


def capacity_per_week(world: World, active: Floats) -> Floats:
    """Return studies that can be set aside and labelled for audit in a week, shape (r,)."""
    item = world.catalogue.index("audit")
    return np.asarray(active[:, item] * world.catalogue.capacity[:, item] / WEEKS_PER_YEAR)


@njit(cache=True)
def assign(
    week: int,
    keys: NDArray[np.uint64],
    capacity: Floats,
    begun: Floats,
    curated: Counts,
    set_aside: Counts,
    tally: Counts,
) -> None:
    """Move studies from ``curated`` to ``set_aside``, both (r, m, g), before any can train."""
    regions, modalities, groups = curated.shape
    taken = np.empty(modalities * groups, dtype=np.int64)
    for r in range(regions):
        flat = curated[r].copy().reshape(modalities * groups)
        total = flat.sum()
        count, begun[r] = serve(total, capacity[r], begun[r])
        allot(count, flat, uniform(keys[r], week), taken)
        for m in range(modalities):
            for g in range(groups):
                curated[r, m, g] -= taken[m * groups + g]
                set_aside[r, m, g] = taken[m * groups + g]
        tally[0, r] += count
        tally[1, r] += count


def wilson_lower(successes: Floats, trials: Floats, *, confidence: float) -> Floats:
    """Return the one-sided lower bound of a share (Wilson 1927); 0 without trials. Any shape."""
    z = float(ndtri(confidence))
    n = np.maximum(trials, 1.0)
    share = successes / n
    centre = share + z**2 / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.where(trials > 0, (centre - spread) / (1 + z**2 / n), 0.0)


def passes(
    world: World, gate: Gate, candidate: Performance, audited: Counts, luck: Floats
) -> NDArray[np.bool_]:
    """Return where a candidate release may read, shape (r, m).

    The audit sees the candidate through the positives among the audited studies. Its lower bound
    of benefit must reach the reader's benefit less the margin. A region's groups are audited
    together: by group the positives are too few to tell anything for many years.

    Parameters
    ----------
    audited : studies set aside, shape (r, m, g).
    luck : uniforms in (0, 1), shape (r, m): one audit sample's chance.
    """
    care = world.care
    studies = audited.sum(axis=2)
    weights = np.where(studies[:, :, None] > 0, audited, 1)
    sensitivity = np.average(candidate.sensitivity, axis=2, weights=weights)
    specificity = np.average(candidate.specificity, axis=2, weights=weights)
    positives = np.round(studies * care.prevalence[None, :]).astype(np.int64)
    found = np.array(
        [
            [binomial(luck[r, m], positives[r, m], sensitivity[r, m]) for m in range(luck.shape[1])]
            for r in range(luck.shape[0])
        ],
        dtype=float,
    )
    lower = wilson_lower(found, positives.astype(float), confidence=gate.confidence)
    ours = _benefit(lower, specificity, gate)
    theirs = _benefit(care.reader_sensitivity, care.reader_specificity, gate)
    return np.asarray((ours >= theirs[None, :] - gate.margin) & (positives > 0))


def _benefit(sensitivity: Floats, specificity: Floats, gate: Gate) -> Floats:
    return benefit(
        sensitivity,
        specificity,
        target_specificity=gate.target_specificity,
        penalty=gate.penalty,
    )
