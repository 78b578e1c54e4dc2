"""How far the measured errors could have come out otherwise: the noise behind every interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.profiles.fit.forms import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Errors of the untreated runs as an array."""

    groups: tuple[str, ...]
    own: Floats
    """Training studies of the group itself, shape (cells, groups)."""
    other: Floats
    error: Floats
    """Shape (seeds, cells, groups); ``nan`` where a run failed or is missing."""
    test_sd: Floats
    """Standard error from the finite test set, shape (seeds, groups)."""
    fold: NDArray[np.int64]
    """Number of the test cases of each seed, shape (seeds,): seeds of one fold share them."""
    chance: float
    """Error without any information."""

    def target(self, error: Floats) -> Target:
        """Return mean errors, shape (cells, groups), as what a form is fitted to."""
        weight = np.broadcast_to(1 / np.mean(self.test_sd**2, axis=0), error.shape)
        return Target(self.own, self.other, error, weight, self.chance)


@dataclass(frozen=True, slots=True)
class Noise:
    """Deviations of single runs from their cell's mean, in three parts that vary apart.

    All are of shape (seeds, cells, groups), and widened for the means taken from them: k values
    lie closer to their own mean than to the truth, by sqrt((k - 1) / k).
    """

    shared: Floats
    """Standard deviation common to all runs of a fold and group: they share their test cases."""
    subset: Floats
    """Common to the runs of a seed with one count of own studies: they share those studies."""
    run: Floats
    """What is left."""
    fold: NDArray[np.int64]
    """Number of each seed's fold, shape (seeds,)."""
    level: NDArray[np.int64]
    """Number of each cell's count of own studies, shape (cells, groups)."""

    def drawn(self, rng: np.random.Generator) -> Floats:
        """Return one draw for every run, shape (seeds, cells, groups).

        Each part keeps its size and takes a random sign and height (a wild bootstrap, Wu 1986,
        doi:10.1214/aos/1176350142): noise stays as unequal between small and large counts as it
        was, and a run's groups stay correlated.
        """
        seeds, cells, groups = self.run.shape
        common = rng.standard_normal((seeds, 1, groups))[self.fold]
        by_level = rng.standard_normal((seeds, cells, groups))
        of_subset = by_level[:, self.level, np.arange(groups)]
        alone = rng.standard_normal((seeds, cells, 1))
        return np.asarray(self.shared * common + self.subset * of_subset + self.run * alone)


def noise_of(grid: Grid) -> Noise:
    """Return the noise of the runs, as far as their seeds and test cases tell.

    What the runs of a fold share varies by the spread between folds, and at least by the standard
    error of the test cases: three seeds can agree by accident, but not on cases they never saw.
    """
    there = np.isfinite(grid.error)
    count = there.sum(axis=0)
    deviation = (grid.error - mean(grid.error)) * _widening(count)
    usual = np.sqrt(_mean_of(deviation[:, count.min(axis=1) > 1] ** 2, axis=(0, 1)))
    # a cell with one run says nothing about its noise
    deviation = np.where(there, np.where(count > 1, deviation, np.nan_to_num(usual)), np.nan)
    of_fold = np.full((len(grid.fold), 1, deviation.shape[2]), np.nan)
    for fold in range(int(grid.fold.max()) + 1):
        of_fold[grid.fold == fold] = _mean_of(deviation[grid.fold == fold], axis=(0, 1))
    shared = np.maximum(np.sqrt(_mean_of(of_fold**2, axis=(0, 1))), grid.test_sd[:, None, :])
    rest = deviation - of_fold
    subset, run = np.zeros_like(rest), np.zeros_like(rest)
    level = np.zeros(grid.own.shape, dtype=np.int64)
    for g in range(len(grid.groups)):
        _, level[:, g], sizes = np.unique(grid.own[:, g], return_inverse=True, return_counts=True)
        for one, size in enumerate(sizes.tolist()):
            same = level[:, g] == one
            common = _mean_of(rest[:, same, g], axis=1)
            subset[:, same, g] = common * _widening(len(sizes))
            run[:, same, g] = (rest[:, same, g] - common) * _widening(size)
    return Noise(np.broadcast_to(shared, rest.shape), subset, run, grid.fold, level)


def resampled(grid: Grid, noise: Noise, rng: np.random.Generator) -> Floats:
    """Return one draw of the mean errors, shape (cells, groups)."""
    return mean(grid.error + noise.drawn(rng))


def mean(error: Floats) -> Floats:
    """Return the mean over seeds, ``nan`` for a cell that no seed has a value of."""
    return np.asarray(_mean_of(error, axis=0)[0])


def _mean_of(values: Floats, *, axis: int | tuple[int, ...]) -> Floats:
    """Return the mean of the finite values along axes that are kept; ``nan`` where none is."""
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    total = np.nansum(values, axis=axis, keepdims=True)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _widening(count: Any) -> Any:
    """Return by how much deviations from the mean of ``count`` values are too small."""
    return np.sqrt(count / np.maximum(np.asarray(count) - 1, 1))
