"""Counts of many places at once are those of each place by itself."""

import numpy as np
import pytest

from sim.pipeline.kernels.counts import binomial, poisson, uniform
from sim.pipeline.kernels.draws import binomials, poissons
from sim.streams import keys, stream

PLACES = 5_000
KEYS = keys(1, 0, "a count", [str(place) for place in range(PLACES)])


@pytest.mark.parametrize("step", [0, 7, 521])
def test_poisson_counts_of_many_places_are_those_of_each(step: int) -> None:
    luck = stream(1, "means")
    mean = 10.0 ** luck.uniform(-3.0, 6.0, PLACES)
    mean[::3] = luck.uniform(0.0, 60.0, len(mean[::3]))
    mean[::50] = 0.0
    counts, listed = np.zeros((2, PLACES), dtype=np.int64)
    poissons(KEYS, step, mean, counts, listed)
    alone = [poisson(uniform(key, step), m) for key, m in zip(KEYS, mean, strict=True)]
    np.testing.assert_array_equal(counts, alone)


@pytest.mark.parametrize("step", [0, 7, 521])
def test_binomial_counts_of_many_places_are_those_of_each(step: int) -> None:
    luck = stream(1, "chances")
    trials = (10.0 ** luck.uniform(0.0, 6.0, PLACES)).astype(np.int64)
    trials[::3] = luck.integers(0, 200, len(trials[::3]))
    chance = luck.uniform(0.0, 1.0, PLACES)
    chance[::40], chance[1::40] = 0.0, 1.0
    counts, listed = np.zeros((2, PLACES), dtype=np.int64)
    binomials(KEYS, step, trials, chance, counts, listed)
    given = zip(KEYS, trials, chance, strict=True)
    alone = [binomial(uniform(key, step), n, p) for key, n, p in given]
    np.testing.assert_array_equal(counts, alone)
