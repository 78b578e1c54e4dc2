"""A fast stand-in for the simulation: one Gaussian process per target, with its own doubt."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.calibration.trials import Trials
from sim.domain.lever import Floats
from sim.errors import CalibrationError

SMOOTHNESS = 2.5
"""Of the Matern kernel: twice differentiable, as flows are but where a queue sets in."""
LENGTHS = (0.05, 20.0)
"""Bounds of the distance, in the unit cube, over which an output changes."""
NOISE = (1e-6, 0.5)
"""Bounds of the share of an output's variance that is chance."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """Predicts every target's output at points that were never simulated."""

    processes: tuple[Any, ...]

    def __call__(self, points: Floats) -> tuple[Floats, Floats]:
        """Return means and variances of the prediction, both of shape (point, target)."""
        predicted = [process.predict(points, return_std=True) for process in self.processes]
        mean, spread = (np.stack(columns, axis=1) for columns in zip(*predicted, strict=True))
        return mean, spread**2


def fit_emulator(trials: Trials) -> Emulator:
    """Fit a Gaussian process to every target's output over the unit cube of the unknowns.

    Raises
    ------
    CalibrationError
        Where scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
        from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415
        from sklearn.gaussian_process.kernels import (  # noqa: PLC0415
            ConstantKernel,
            Matern,
            WhiteKernel,
        )
    except ImportError:
        raise CalibrationError(
            "calibration needs scikit-learn: pip install 'equiscan[calibrate]'."
        ) from None
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
