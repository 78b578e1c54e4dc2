"""Random counts, splits and service against SciPy and against what must always hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from sim.pipeline.kernels.counts import allot, binomial, normal_quantile, poisson, serve, uniform
from sim.streams import keys, uniforms

GRID = (np.arange(4_000) + 0.5) / 4_000


def test_normal_quantile_agrees_with_scipy() -> None:
    u = np.concatenate([GRID, 10.0 ** -np.arange(4.0, 15.0), 1 - 10.0 ** -np.arange(4.0, 12.0)])
    ours = np.array([normal_quantile(value) for value in u])
    np.testing.assert_allclose(ours, special.ndtri(u), rtol=2e-9, atol=1e-8)


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 24.9])
def test_small_poisson_counts_are_exact(mean: float) -> None:
    ours = [poisson(u, mean) for u in GRID]
    np.testing.assert_array_equal(ours, stats.poisson.ppf(GRID, mean))


@pytest.mark.parametrize("mean", [25.1, 60.0, 400.0, 2e4, 3e6])
def test_large_poisson_counts_are_close_in_total_variation(mean: float) -> None:
    assert (
        _total_variation(np.array([poisson(u, mean) for u in GRID]), stats.poisson.ppf(GRID, mean))
        < 0.01
    )


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (12, 0.9), (80, 0.2), (1_000, 0.01), (900, 0.99)])
def test_small_binomial_counts_are_exact(n: int, p: float) -> None:
    ours = np.array([binomial(u, n, p) for u in GRID])
    # a reflected quantile may differ by one exactly at a jump of the distribution
    assert np.mean(ours != stats.binom.ppf(GRID, n, p)) < 0.002


@pytest.mark.parametrize(("n", "p"), [(200, 0.5), (5_000, 0.02), (10**6, 0.7), (300, 0.9)])
def test_large_binomial_counts_are_close_in_total_variation(n: int, p: float) -> None:
    ours = np.array([binomial(u, n, p) for u in GRID])
    assert _total_variation(ours, stats.binom.ppf(GRID, n, p)) < 0.02


@pytest.mark.parametrize("mean", [*np.geomspace(1.0, 24.99, 60)])
def test_poisson_counts_are_exact_on_both_sides_of_every_step(mean: float) -> None:
    """Beside a step an expansion that errs by more than its margin is sure of the wrong count."""
    steps = stats.poisson.cdf(np.arange(80), mean)
    for u in _beside(steps):
        assert poisson(u, mean) == np.searchsorted(steps, u)


@pytest.mark.parametrize("p", [*np.geomspace(1e-3, 0.5, 24)])
def test_binomial_counts_are_exact_on_both_sides_of_every_step(p: float) -> None:
    for variance in np.geomspace(1.0, 24.99, 24):
        n = int(variance / (p * (1.0 - p)))
        steps = stats.binom.cdf(np.arange(min(n, 120) + 1), n, p)
        for u in _beside(steps):
            assert binomial(u, n, p) == np.searchsorted(steps, u)


def _beside(steps: np.ndarray) -> np.ndarray:
    """Return uniforms just below and above the steps of a distribution, but for the last bits."""
    steps = steps[(steps > 1e-6) & (steps < 1.0 - 1e-6)]
    return np.concatenate([steps * (1.0 - 1e-9), steps * (1.0 + 1e-9)])


def _total_variation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of quantiles, on an even grid of uniforms, at which two counts differ."""
    return float(np.mean(ours != theirs))


@given(
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=8),
    share=st.floats(0, 1),
    u=st.floats(0, 1, exclude_max=True, exclude_min=True),
)
def test_a_split_adds_up_and_takes_no_more_than_there_is(
    weights: list[int], share: float, u: float
) -> None:
    have = np.array(weights, dtype=np.int64)
    total = int(share * have.sum())
    out = np.empty_like(have)
    allot(total, have[None, None], 0, 0, u, out[None, None])
    assert out.sum() == total
    assert (out >= 0).all()
    assert (out <= have).all()
    if have.sum():
        assert (np.abs(out - have / have.sum() * total) <= 1.0 + 1e-6).all()


@given(
    capacity=st.floats(0, 50),
    queues=st.lists(st.integers(0, 80), min_size=1, max_size=30),
)
def test_service_neither_loses_nor_makes_up_capacity(capacity: float, queues: list[int]) -> None:
    begun, waiting, done_in_all, busy = 0.0, 0, 0, True
    for entering in queues:
        waiting += entering
        done, begun = serve(waiting, capacity, begun)
        assert 0 <= done <= waiting
        assert 0.0 <= begun < 1.0
        waiting -= done
        done_in_all += done
        busy = busy and waiting > 0
    assert done_in_all <= capacity * len(queues) + 1e-6
    if busy:
        assert done_in_all + begun == pytest.approx(capacity * len(queues), abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), step=st.integers(0, 10**7))
def test_the_kernel_and_the_stream_draw_the_same_uniform(seed: int, step: int) -> None:
    key = keys(seed, 0, "imaging/service", ["KEN/ct"])
    assert uniform(key[0], step) == uniforms(key, step)[0, 0]
    assert 0.0 < uniform(key[0], step) < 1.0


CHANCES = np.concatenate([np.linspace(0.001, 0.999, 499), [1e-9, 1e-6, 1 - 1e-6, 1 - 1e-9]])
"""Uniforms, the middle and far into both tails."""


@pytest.mark.parametrize("means", [np.linspace(0.0, 60.0, 1201), np.linspace(24.9, 28.2, 331)])
def test_a_poisson_count_never_falls_when_its_mean_rises(means: np.ndarray) -> None:
    counts = np.array([[poisson(u, mean) for mean in means] for u in CHANCES])
    assert np.diff(counts, axis=1).min() == 0


@pytest.mark.parametrize("chance", [0.02, 0.1, 0.3, 0.5, 0.7, 0.98])
def test_one_more_trial_adds_a_success_or_none(chance: float) -> None:
    trials = range(2_000 if abs(chance - 0.5) > 0.4 else 300)
    counts = np.array([[binomial(u, n, chance) for n in trials] for u in CHANCES])
    assert set(np.unique(np.diff(counts, axis=1))) == {0, 1}


@pytest.mark.parametrize("trials", [60, 120, 400, 5_000])
def test_a_binomial_count_hardly_ever_falls_when_the_chance_rises(trials: int) -> None:
    chances = np.linspace(0.0, 1.0, 1_001)
    counts = np.array([[binomial(u, trials, chance) for chance in chances] for u in CHANCES])
    falls = np.diff(counts, axis=1).clip(max=0)
    assert falls.min() >= -1
    assert -falls.sum() <= 0.02 * len(CHANCES)  # of a thousand steps each
    assert counts[:, 0].max() == 0
    assert counts[:, -1].min() == trials
