"""Calibrate by history matching: waves of trials and emulators, then a posterior sample."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sim.calibration.emulator import Emulator, fit_emulator, one_thread, require_scikit_learn
from sim.calibration.match import IMPLAUSIBLE, Figures, figures
from sim.calibration.posterior import (
    LogLikelihood,
    effective_size,
    prior_points,
    resample,
    sample_posterior,
)
from sim.calibration.question import Question, read_question
from sim.calibration.summary import Calibration
from sim.calibration.trials import REPLICATIONS, Trials, simulate_points
from sim.domain.levers import Floats
from sim.errors import CalibrationError, NoMatchError
from sim.executors.executor import Executor, executor_of
from sim.streams import stream
from sim.studies.execution import Progress

WAVES = 3
"""Times that the trials move closer to the targets before the last, which makes the sample."""
FEWEST_TRIALS = 16
"""Trials of the first wave that must give every output, for emulators to learn from."""


def calibrate(
    path: str | Path,
    *,
    draws: int = 128,
    seed: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Return a sample of the inputs in a file of targets that makes the baseline match them.

    Trials are spread over the ranges of the inputs; emulators learn from them where the targets
    are met, send the next wave of trials there, and so on. The last wave is weighted by what its
    trials gave, so that the emulators' errors do not remain. The same seed gives the same sample,
    whoever does the trials.

    Parameters
    ----------
    draws : rows of the sample, and points simulated in every wave; 16 to 512.
    seed : of every random choice; the scenario's when not given.
    workers, cluster : who does the trials, see ``sim.executors.executor.executor_of``.
    progress : called as trials finish.

    Raises
    ------
    ScenarioError
        Where the file or its scenario cannot be used.
    CalibrationError
        Where scikit-learn is missing, or too few trials give every output.
    NoMatchError
        Where no values within the ranges match the targets.
    ExecutorError
        Where workers cannot be had, or die again and again.
    """
    require_scikit_learn()
    question = read_question(path)
    seed = question.scenario.uncertainty.seed if seed is None else seed
    wanted = figures(question.targets)
    with executor_of(workers=workers, cluster=cluster) as executor:
        simulate = partial(_simulated, question, executor, progress or _silent)
        rng = stream(seed, "calibration", "prior")
        first = simulate(1, prior_points(draws, len(question.unknowns), rng))
        _stop_if_too_few(first, draws)
        trials = first
        for wave in range(WAVES + 1):
            rng = stream(seed, "calibration", "wave", wave)
            last, weights = _next_wave(partial(simulate, wave + 2), wanted, trials, draws, rng)
            trials = trials.plus(last)
    _stop_if_missed(question, wanted, trials)
    rows = resample(weights, draws, stream(seed, "calibration", "rows"))
    rows = stream(seed, "calibration", "order").permutation(rows)
    return Calibration(
        question,
        last.points[rows],
        first.outputs,
        last.outputs[rows],
        effective_size(weights),
        len(trials.points),
        seed,
    )


def _simulated(
    question: Question, executor: Executor, progress: Progress, wave: int, points: Floats
) -> Trials:
    """Return the trials of a wave, saying how long all that is left takes."""
    begun = time.monotonic()

    def report(done: int, total: int) -> None:
        seconds = time.monotonic() - begun
        waves = WAVES + 2 - wave
        left_s = seconds / done * (total - done + waves * total) if done else math.nan
        progress(f"wave {wave} of {WAVES + 2}", done, total, left_s)

    return simulate_points(question, points, executor, report)


def _next_wave(
    simulate: Callable[[Floats], Trials],
    wanted: Figures,
    trials: Trials,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Trials, Floats]:
    """Return trials where the targets are likely met, and log weights by what they then gave."""
    with one_thread():
        likely = _likelihood(fit_emulator(trials), wanted, trials)
        points = sample_posterior(likely, trials.points.shape[1], rng)
    last = simulate(points[rng.choice(len(points), draws, replace=False)])
    simulated = wanted.log_likelihood(last.outputs, _variance(last))
    with one_thread():
        return last, simulated - likely(last.points)


def _likelihood(emulator: Emulator, wanted: Figures, trials: Trials) -> LogLikelihood:
    """Return the emulated likelihood; its variance is the emulator's and twice the replications'.

    Once in the mean of the replications that the emulator learnt from, once in the figure, which
    is of one year of one world.
    """

    def likelihood(points: Floats) -> Floats:
        mean, variance = emulator(points)
        return wanted.log_likelihood(mean, variance + trials.noise)

    return likelihood


def _variance(trials: Trials) -> Floats:
    """Return the stochastic variance between simulated means and figures, shape (target,)."""
    return trials.noise * (1.0 + 1.0 / REPLICATIONS)


def _stop_if_missed(question: Question, wanted: Figures, trials: Trials) -> None:
    """Raise ``NoMatchError`` with the nearest miss where no trial comes near all targets."""
    distance = wanted.distance(trials.outputs, _variance(trials))
    worst = np.abs(distance).max(axis=1)
    nearest = int(worst.argmin())
    if worst[nearest] <= IMPLAUSIBLE:
        return
    missed = [
        f"{target.name}: figure {target.value:.4g}, nearest {got:.4g} ({gap:+z.1f} sd)"
        for target, got, gap in zip(
            question.targets.targets, trials.outputs[nearest], distance[nearest], strict=True
        )
    ]
    values = question.values(trials.points[nearest : nearest + 1])[0]
    tried = [
        f"{one.name} = {value:.4g} (from {one.low:.4g} to {one.high:.4g})"
        for one, value in zip(question.unknowns, values, strict=True)
    ]
    raise NoMatchError(missed, tried, trials=len(trials.points), limit=IMPLAUSIBLE)


def _stop_if_too_few(first: Trials, draws: int) -> None:
    if (given := len(first.points)) < FEWEST_TRIALS:
        raise CalibrationError(
            f"{given} of {draws} trials gave every output, fewer than {FEWEST_TRIALS}: the others "
            "had nobody to take a mean of. Raise --draws, or narrow the ranges."
        )


def _silent(what: str, done: int, total: int, left_s: float) -> None:
    """Say nothing of progress."""
