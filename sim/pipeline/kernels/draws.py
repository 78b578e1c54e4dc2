"""Random counts of many places at once: those of `counts`, most of them by vector instructions.

Most counts are sure to be what the expansion says, and that is one formula without a branch. The
others are listed and drawn one by one: a branch that nobody can foresee costs more than a count.
"""

import numpy as np
from numpy.typing import NDArray

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import (
    EXACT_BELOW_VARIANCE,
    JOINED_BELOW_VARIANCE,
    SURE_FROM_VARIANCE,
    TAIL,
    Counts,
    binomial,
    central_quantile,
    expanded,
    kernel,
    poisson,
    uniform,
)

Keys = NDArray[np.uint64]


@kernel
def poissons(keys: Keys, step: int, mean: Floats, counts: Counts, listed: Counts) -> None:
    """Write ``poisson`` of the uniform of every key; all of shape (n,), ``listed`` is scratch."""
    for k in range(len(counts)):
        u = uniform(keys[k], step)
        count = expanded(central_quantile(u), mean[k], mean[k], 0.0)
        counts[k] = count if _is_plain(u, mean[k]) else -1
    for j in range(_list_missing(counts, listed)):
        k = listed[j]
        counts[k] = poisson(uniform(keys[k], step), mean[k])


@kernel
def binomials(
    keys: Keys, step: int, trials: Counts, chance: Floats, counts: Counts, listed: Counts
) -> None:
    """Write ``binomial`` of the uniform of every key; all of shape (n,), ``listed`` is scratch."""
    for k in range(len(counts)):
        u, often = uniform(keys[k], step), chance[k] > 0.5
        u, rare = (1.0 - u, 1.0 - chance[k]) if often else (u, chance[k])
        variance = trials[k] * rare * (1.0 - rare)
        count = min(trials[k], expanded(central_quantile(u), trials[k] * rare, variance, rare))
        count = count if _is_plain(u, variance) else -1
        counts[k] = trials[k] - count if often and count >= 0 else count
    for j in range(_list_missing(counts, listed)):
        k = listed[j]
        counts[k] = binomial(uniform(keys[k], step), trials[k], chance[k])


@kernel
def _is_plain(u: float, variance: float) -> bool:
    """Return whether a count is that of the expansion, where this is sure: in no tail or joint."""
    joint = EXACT_BELOW_VARIANCE <= variance < JOINED_BELOW_VARIANCE
    return TAIL <= u <= 1.0 - TAIL and variance >= SURE_FROM_VARIANCE and not joint


@kernel
def _list_missing(counts: Counts, listed: Counts) -> int:
    """List the places whose count is negative; return how many there are."""
    few = 0
    for k in range(len(counts)):
        listed[few] = k
        few += counts[k] < 0
    return few
