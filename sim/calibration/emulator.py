# ruff: noqa: PLC0415 - scikit-learn is optional, and the rest of the package does without
"""A fast stand-in for the simulation: one Gaussian process per target, with its own doubt."""

import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from sim.calibration.trials import Trials
from sim.domain.levers import Floats
from sim.errors import CalibrationError

SMOOTHNESS = 2.5
"""Of the Matern kernel: twice differentiable, as flows are but where a queue sets in."""
LENGTHS = (0.05, 20.0)
"""Bounds of the distance, in the unit cube, over which an output changes."""
NOISE = (1e-6, 0.5)
"""Bounds of the share of an output's variance that is stochastic."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """Predicts every target's output at points that were never simulated."""

    processes: tuple[Any, ...]

    def __call__(self, points: Floats) -> tuple[Floats, Floats]:
        """Return means and variances of the prediction, both of shape (point, target)."""
        predicted = [process.predict(points, return_std=True) for process in self.processes]
        mean, spread = (np.stack(columns, axis=1) for columns in zip(*predicted, strict=True))
        return mean, spread**2


def require_scikit_learn() -> None:
    """Raise ``CalibrationError`` where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise CalibrationError("calibration needs scikit-learn: pip install 'equiscan[calibrate]'.")


def one_thread() -> AbstractContextManager[object]:
    """Keep linear algebra on one thread: many would only wait, and add up in another order."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def fit_emulator(trials: Trials) -> Emulator:
    """Fit a Gaussian process to every target's output over the unit cube of the unknowns."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    unknowns = trials.points.shape[1]
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(
        np.ones(unknowns), LENGTHS, nu=SMOOTHNESS
    ) + WhiteKernel(1e-3, NOISE)
    processes = []
    with warnings.catch_warnings():
        # an unknown that does not matter sends its length to the bound, and that is as it should be
        warnings.simplefilter("ignore", ConvergenceWarning)
        for column in trials.outputs.T:
            process = GaussianProcessRegressor(kernel, normalize_y=True)
            processes.append(process.fit(trials.points, column))
    return Emulator(tuple(processes))
