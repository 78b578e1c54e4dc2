"""Compiled functions on counts: Poisson and binomial quantiles, proportional splits, service.

Every random count is the quantile of one uniform number from a counter-based generator
(docs/model.md §3): common random numbers under all plans, and a count that changes little when a
capacity does.

Kernels are written for short compile times: plain loops over contiguous arrays, no NumPy methods,
no exceptions. They pass whole arrays and indices, because slices have reference counts.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.kernels.cache import kept

Counts = NDArray[np.int64]

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
"""No division by zero is looked for, nobody takes a kernel's address, and references to arrays are
not counted, because no kernel makes one: the last two save a tenth of all compiling."""

EXACT_BELOW_VARIANCE = 25.0
"""Below this variance counts are inverted exactly, above it by a Cornish-Fisher expansion."""
MOST_EXACT = 400
"""Counts beyond which no exact inversion goes: chances there are below the last bit."""
INVERSE = 1.0 / np.arange(1.0, MOST_EXACT + 1.0)
"""A division is what an inversion would wait for."""
JOINED_BELOW_VARIANCE = 28.0
"""Up to this variance the expansion is kept from falling below, or rising above, what was exact."""
SURE_FROM_VARIANCE, MARGIN = 1.0, 0.1
"""From this variance on, an expansion errs by less than the margin over the variance."""
TAIL = 0.02425
"""Uniforms below, or as near to 1, have a normal quantile in a tail, which has its own formula."""


def kernel(function: Function) -> Function:
    """Compile a function on counts when it is first called, and keep that on the disk."""
    with kept(function) as can_keep:
        compiled: Function = njit(cache=can_keep, **OPTIONS)(function)
    return compiled


def by_place(values: Floats, world: World) -> Floats:
    """Return values of each modality (m,), or of each place (r, m), as an array (r, m)."""
    return np.broadcast_to(values, world.shape[:2]).copy()


def by_region(counts: Counts) -> Counts:
    """Return a view (r, 1, m * g) of counts (r, m, g): a region as one place with all its cells."""
    return counts.reshape(len(counts), 1, -1)


@kernel
def uniform(key: np.uint64, step: int) -> float:
    """Return the uniform in (0, 1) of one key and step: ``sim.streams.uniforms`` for one cell."""
    z = key + np.uint64(step + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53


# fmt: off
@kernel
def normal_quantile(u: float) -> float:
    """Return the standard normal quantile of ``u`` in (0, 1), relative error below 1.2e-9.

    Rational approximation of P. J. Acklam; compiled, because SciPy's cannot be called and cached
    from a compiled loop. Checked against ``scipy.special.ndtri`` in the tests.
    """
    if TAIL <= u <= 1.0 - TAIL:
        return central_quantile(u)
    r = math.sqrt(-2.0 * math.log(min(u, 1.0 - u)))
    top = ((((-7.784894002430293e-03 * r - 3.223964580411365e-01) * r
             - 2.400758277161838e00) * r - 2.549732539343734e00) * r
           + 4.374664141464968e00) * r + 2.938163982698783e00
    low = (((7.784695709041462e-03 * r + 3.224671290700398e-01) * r
            + 2.445134137142996e00) * r + 3.754408661907416e00) * r + 1.0
    return top / low if u < 0.5 else -top / low


@kernel
def central_quantile(u: float) -> float:
    """Return ``normal_quantile`` where ``u`` is in no tail."""
    q = u - 0.5
    r = q * q
    top = ((((-3.969683028665376e01 * r + 2.209460984245205e02) * r
             - 2.759285104469687e02) * r + 1.383577518672690e02) * r
           - 3.066479806614716e01) * r + 2.506628277459239e00
    low = ((((-5.447609879822406e01 * r + 1.615858368580409e02) * r
             - 1.556989798598866e02) * r + 6.680131188771972e01) * r
           - 1.328068155288572e01) * r + 1.0
    return top * q / low
# fmt: on


@kernel
def expanded(z: float, mean: float, variance: float, chance: float) -> int:
    """Return a binomial count at a normal quantile, or -1 where that is not sure to be exact.

    The expansion of Cornish and Fisher; a Poisson count has ``chance`` 0. At small variances and
    in no tail, the one for whole numbers errs by less than ``MARGIN / variance``: farther than that
    from where one count becomes the next it is exact (the method of Giles 2016, ACM Transactions
    on Mathematical Software 42(1):7; checked in the tests).
    """
    deviation, both = math.sqrt(variance), chance * (1.0 - chance)
    third = z * (14.0 * both - 2.0 - (1.0 + 2.0 * both) * z * z)
    if variance >= EXACT_BELOW_VARIANCE:
        third = z - z * z * z if chance == 0.0 else 0.0
    guess = mean + deviation * z + (1.0 - 2.0 * chance) * (z * z - 1.0) / 6.0
    guess += third / (72.0 * deviation)
    count = max(0, math.floor(guess + 0.5))
    sure = variance >= EXACT_BELOW_VARIANCE or abs(guess - count) < 0.5 - MARGIN / variance
    return count if sure else -1


@kernel
def poisson(u: float, mean: float) -> int:
    """Return the ``u``-quantile of a Poisson count; it never falls when the mean rises."""
    count = -1
    if mean >= EXACT_BELOW_VARIANCE or (mean >= SURE_FROM_VARIANCE and TAIL <= u <= 1.0 - TAIL):
        count = expanded(normal_quantile(u), mean, mean, 0.0)
    if count >= 0 and not EXACT_BELOW_VARIANCE <= mean < JOINED_BELOW_VARIANCE:
        return count
    # where the expansion takes over, it must not fall below what was exact
    return max(count, _exact_poisson(u, min(mean, EXACT_BELOW_VARIANCE)))


@kernel
def _exact_poisson(u: float, mean: float) -> int:
    if u <= 1.0 - mean:
        return 0  # as exp(-mean) is more than that, it need not be known
    term = math.exp(-mean)
    below, count = term, 0
    while below < u and count < MOST_EXACT:
        term *= mean * INVERSE[count]
        count += 1
        below += term
    return count


@kernel
def binomial(u: float, trials: int, chance: float) -> int:
    """Return the ``u``-quantile of a binomial count.

    One more trial adds one or none. When the chance rises it does not fall, but for one in some
    thousand counts by one, where the expansion takes over.
    """
    if trials <= 0 or chance <= 0.0:
        return 0
    if chance >= 1.0:
        return trials
    if chance > 0.5:
        return trials - _rare(1.0 - u, trials, 1.0 - chance)
    return _rare(u, trials, chance)


@kernel
def _rare(u: float, trials: int, chance: float) -> int:
    """Return the ``u``-quantile of a binomial count whose chance is at most a half."""
    variance, fewer, count = trials * chance * (1.0 - chance), trials, -1
    if variance >= EXACT_BELOW_VARIANCE or (
        variance >= SURE_FROM_VARIANCE and TAIL <= u <= 1.0 - TAIL
    ):
        count = min(trials, expanded(normal_quantile(u), trials * chance, variance, chance))
    if count >= 0 and not EXACT_BELOW_VARIANCE <= variance < JOINED_BELOW_VARIANCE:
        return count
    if variance >= EXACT_BELOW_VARIANCE:
        # where the expansion takes over, it must join what was exact with fewer trials
        fewer = math.floor(EXACT_BELOW_VARIANCE / (chance * (1.0 - chance)))
    before = _exact_binomial(u, fewer, chance)
    return min(max(count, before), before + trials - fewer)


@kernel
def _exact_binomial(u: float, trials: int, chance: float) -> int:
    if u <= 1.0 - trials * chance:
        return 0  # less than the chance of none, by Bernoulli's inequality
    # twice as quick as log1p, which differs from it by less than a count can show
    term = math.exp(trials * math.log(1.0 - chance))
    below, count, odds = term, 0, chance / (1.0 - chance)
    most = min(trials, MOST_EXACT)
    while below < u and count < most:
        term *= (trials - count) * odds * INVERSE[count]
        count += 1
        below += term
    return count


@kernel
def total(counts: Counts, r: int, m: int) -> int:
    """Return the total over the groups of one place; ``counts`` have shape (r, m, g)."""
    everything = 0
    for g in range(counts.shape[2]):
        everything += counts[r, m, g]
    return everything


@kernel
def allot(count: int, weights: Counts, r: int, m: int, u: float, out: Counts) -> None:
    """Split ``count`` over the groups of one place in proportion to ``weights``.

    Writes whole numbers that add up to ``count`` into ``out``, which may be the ``weights``; both
    have shape (r, m, g). Each is its proportional share rounded down or up, by cumulative rounding,
    and never above its weight when the weights add up to at least ``count``. One uniform serves all
    groups. Without any weight nobody is given anything.
    """
    everything, groups = total(weights, r, m), weights.shape[2]
    if count == 0 or everything == 0:
        for g in range(groups):
            out[r, m, g] = 0
        return
    if count == everything:
        for g in range(groups):
            out[r, m, g] = weights[r, m, g]
        return
    share = count / everything
    given, reached = 0, 0
    for g in range(groups):
        weight = weights[r, m, g]
        reached += weight
        upto = count if reached == everything else math.floor(reached * share + u)
        if count < everything:
            upto = min(max(upto, given), given + weight)
        out[r, m, g] = upto - given
        given = upto


@kernel
def thin(
    week: int, keys: NDArray[np.uint64], counts: Counts, share: Floats, chosen: Counts
) -> None:
    """Choose a random share of every count: ``chosen`` of ``counts``, both (r, m, g).

    How many of a region and modality is binomial; groups have them in proportion. ``keys`` have
    shape (r, m), ``share`` has shape (r,).
    """
    regions, modalities, _ = counts.shape
    for r in range(regions):
        for m in range(modalities):
            count = binomial(uniform(keys[r, m], 2 * week), total(counts, r, m), share[r])
            allot(count, counts, r, m, uniform(keys[r, m], 2 * week + 1), chosen)


@kernel
def serve(queue: int, capacity: float, begun: float) -> tuple[int, float]:
    """Serve a queue with a real-valued capacity; return what is done and what is begun.

    ``begun`` is the part of a study already worked on, in studies, so that no capacity is lost
    or made up by rounding. An empty queue has nothing begun.
    """
    possible = begun + capacity
    if possible >= queue:
        return queue, 0.0
    done = math.floor(possible + 1e-9)
    return done, max(possible - done, 0.0)
