"""Whether the intervals of a fit hold the truth as often as they say."""

from dataclasses import replace

import numpy as np
import pytest

from sim.learning.scaling import effective, power_law
from sim.profiles.fit.floors import without_floors
from sim.profiles.fit.forms import LAW, fit_form
from sim.profiles.fit.over_tasks import spread_kappa
from sim.profiles.fit.random_effects import pooled
from sim.profiles.fit.resampling import Grid, mean, noise_of, resampled
from sim.streams import stream

KAPPA = 2 * 2 + 2
"""Place of kappa in the law's vector of two groups."""


LAW_OF = {"floor": 0.12, "scale": 2.2, "power": 0.55, "offset": 60.0}
WITHOUT_FLOOR = {"floor": 0.0, "scale": 0.9, "power": 0.2, "offset": 50.0}
STEEP = {"floor": 0.2, "scale": 10.0, "power": 0.9, "offset": 30.0}
"""A floor that the largest counts nearly reach."""


def simulated(seed, *, counts, seeds, kappa, spread, law=LAW_OF, folds=99):
    """Return the law's errors with noise of known size: of folds, of subsets and of runs."""
    pairs = [(a, b) for a in counts for b in counts if a + b]
    own = np.array(pairs, float)
    other = own[:, ::-1]
    exact = power_law(effective(own, other, kappa), **law)
    rng = stream(seed, "simulated", seeds)
    of_fold, of_subset, of_run = spread
    fold = np.arange(seeds) % folds
    noise = rng.normal(0, of_fold, (seeds, 1, 2))[fold] + rng.normal(
        0, of_run, (seeds, len(own), 2)
    )
    by_level = rng.normal(0, of_subset, (seeds, len(counts), 2))
    level = np.searchsorted(counts, own)
    noise = noise + by_level[:, level, np.arange(2)]
    return Grid(("a", "b"), own, other, exact + noise, np.full((seeds, 2), of_fold), fold, 0.5)


SMALL = {"counts": (0, 60, 180, 420), "seeds": 3, "kappa": 0.5}
LARGE = {"counts": (0, 60, 180, 420, 810), "seeds": 5, "kappa": 0.15}
REPEATED = SMALL | {"seeds": 12, "folds": 4}
"""Several seeds of each fold: more seeds do not make its test cases more."""


@pytest.mark.parametrize("spread", [(0.03, 0.0, 0.0), (0.0, 0.03, 0.0), (0.0, 0.0, 0.03)])
@pytest.mark.parametrize("design", [SMALL, LARGE, REPEATED])
def test_draws_spread_as_the_mean_of_repeated_measurements_does(design, spread):
    repeated = np.array([mean(simulated(s, **design, spread=spread).error) for s in range(400)])
    truth = repeated.var(axis=0).mean()
    found = []
    for seed in range(40):
        grid = simulated(seed, **design, spread=spread)
        noise = noise_of(grid)
        draws = [resampled(grid, noise, stream(d, "draws", seed)) for d in range(60)]
        found.append(np.var(draws, axis=0).mean())
    assert 0.95 * truth < np.mean(found) < 1.6 * truth


def test_subsets_of_a_seed_stay_together_and_runs_do_not():
    grid = simulated(0, **LARGE, spread=(0.0, 0.03, 0.003))
    noise = noise_of(grid)
    apart_from_seeds = replace(noise, shared=0 * noise.shared)
    drawn = np.array([apart_from_seeds.drawn(stream(d, "drawn")) for d in range(300)])[:, 0, :, 0]
    related = np.corrcoef(drawn.T)
    same = grid.own[:, None, 0] == grid.own[None, :, 0]
    apart = ~np.eye(len(same), dtype=bool)
    assert related[same & apart].mean() > 0.7
    assert abs(related[~same].mean()) < 0.1


def test_what_a_fold_shares_is_at_least_the_noise_of_its_test_cases():
    quiet = simulated(0, **LARGE, spread=(0.0, 0.001, 0.001))
    grid = replace(quiet, test_sd=quiet.test_sd + 0.04)
    assert (noise_of(grid).shared == 0.04).all()


def test_runs_that_are_missing_or_single_leave_finite_draws():
    grid = simulated(0, **SMALL, spread=(0.02, 0.02, 0.02))
    error = grid.error.copy()
    error[1:, 3] = np.nan
    error[0, 5, 0] = np.nan
    some = replace(grid, error=error)
    draws = [resampled(some, noise_of(some), stream(d, "missing")) for d in range(50)]
    assert np.isfinite(draws).all()
    assert np.std(draws, axis=0)[3].min() > 0.01
    alone = replace(grid, error=grid.error[:1], test_sd=grid.test_sd[:1], fold=grid.fold[:1])
    one = [resampled(alone, noise_of(alone), stream(d, "one")) for d in range(200)]
    assert np.std(one, axis=0) == pytest.approx(0.02, rel=0.25)


def floorless(seed, *, draws, **design):
    """Return what simulated runs say of the law without a floor."""
    grid = simulated(seed, **design)
    noise, observed = noise_of(grid), mean(grid.error)
    best = fit_form(LAW, grid.target(observed))
    samples = [resampled(grid, noise, stream(d, "floor", seed)) for d in range(draws)]
    return without_floors(grid, observed, best, [sample - observed for sample in samples])


@pytest.mark.parametrize(("law", "is_open"), [(WITHOUT_FLOOR, True), (STEEP, False)])
def test_a_floor_is_told_from_none_where_there_is_one(law, is_open):
    design = LARGE | {"law": law, "spread": (0.005, 0.005, 0.005)}
    told = floorless(0, draws=60, **design)
    assert told.is_open == is_open
    assert len(told.power) == 60
    if is_open:
        low, high = np.quantile(told.power, (0.025, 0.975))
        assert low < law["power"] < high


@pytest.mark.slow
def test_a_floor_of_zero_is_kept_about_as_often_as_its_interval_says():
    design = SMALL | {"law": WITHOUT_FLOOR, "spread": (0.02, 0.018, 0.02)}
    kept = [floorless(seed, draws=60, **design).is_open for seed in range(60)]
    assert np.mean(kept) >= 0.9  # 0.975 is meant; three seeds tell their noise only roughly


@pytest.mark.slow
@pytest.mark.parametrize("design", [SMALL, LARGE])
def test_kappas_interval_holds_the_truth_about_as_often_as_it_says(design):
    held, widths, found = [], [], []
    for seed in range(60):
        grid = simulated(seed, **design, spread=(0.02, 0.018, 0.02))
        noise = noise_of(grid)
        best = fit_form(LAW, grid.target(mean(grid.error)))
        kappas = [
            fit_form(LAW, grid.target(resampled(grid, noise, stream(d, "held", seed))), near=best)[
                KAPPA
            ]
            for d in range(80)
        ]
        low, high = np.quantile(kappas, (0.025, 0.975))
        held.append(low <= design["kappa"] <= high)
        widths.append(high - low)
        found.append(best[KAPPA])
    assert np.mean(held) >= 0.88
    assert np.mean(widths) < 1.5 * 3.92 * np.std(found)  # nor by being wide beyond need


@pytest.mark.slow
def test_draws_of_several_tasks_hold_what_is_true_of_one_more():
    held, told = [], []
    for repetition in range(60):
        kappas = stream(repetition, "kappas of tasks").beta(2, 4, 7)
        found = []
        for number, kappa in enumerate(kappas[:-1].tolist()):
            design = LARGE | {"kappa": kappa, "spread": (0.01, 0.01, 0.01)}
            grid = simulated(100 * repetition + number, **design)
            noise, best = noise_of(grid), fit_form(LAW, grid.target(mean(grid.error)))
            rngs = [stream(d, "tasks", repetition, number) for d in range(15)]
            targets = [grid.target(resampled(grid, noise, rng)) for rng in rngs]
            found.append([fit_form(LAW, target, near=best)[KAPPA] for target in targets])
        of_tasks = [np.array(one) for one in found]
        low, high = np.quantile(spread_kappa(of_tasks), (0.025, 0.975))
        held.append(low <= kappas[-1] <= high)
        over = pooled(of_tasks)
        told.append(over.low <= 2 / 6 <= over.high)
    assert np.mean(held) >= 0.85  # 0.95 is meant; 60 repetitions tell it to about 0.06
    assert np.mean(told) >= 0.85
