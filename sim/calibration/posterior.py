"""Sample a posterior on the unit cube by tempering.

Sequential Monte Carlo after Del Moral, Doucet and Jasra 2006: from the prior to the posterior in
steps that leave half of the particles effective.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import qmc

from sim.domain.levers import Floats

PARTICLES = 1024
"""A power of two, as Sobol's points want it."""
KEPT = 0.5
"""Share of the particles that a step of tempering leaves effective."""
MOVES = 8
"""Random-walk moves after every step, so that copies part."""

LogLikelihood = Callable[[Floats], Floats]
"""Points, shape (point, unknown), to log-likelihoods, shape (point,)."""


def prior_points(count: int, unknowns: int, rng: np.random.Generator) -> Floats:
    """Return points that fill the unit cube evenly (scrambled Sobol), shape (count, unknown)."""
    filled = qmc.Sobol(unknowns, seed=rng).random_base2(int(np.ceil(np.log2(count))))
    return np.asarray(filled[:count])


def sample_posterior(likelihood: LogLikelihood, unknowns: int, rng: np.random.Generator) -> Floats:
    """Return equally likely points under a uniform prior, shape (PARTICLES, unknown)."""
    points = prior_points(PARTICLES, unknowns, rng)
    scores = likelihood(points)
    reached = 0.0
    while reached < 1.0:
        step = _largest_step(scores, 1.0 - reached)
        reached += step
        chosen = resample(step * scores, PARTICLES, rng)
        points, scores = points[chosen], scores[chosen]
        for _ in range(MOVES):
            points, scores = _move(points, scores, reached, likelihood, rng)
    return points


def resample(log_weights: Floats, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``count`` indices, each as often as its weight says (systematic resampling)."""
    shares = np.cumsum(np.exp(log_weights - logsumexp(log_weights)))
    ticks = (rng.random() + np.arange(count)) / count
    return np.minimum(np.searchsorted(shares, ticks), len(shares) - 1)


def effective_size(log_weights: Floats) -> float:
    """Return how many equally likely points weighted ones are worth (Kish)."""
    return float(np.exp(2.0 * logsumexp(log_weights) - logsumexp(2.0 * log_weights)))


def _largest_step(scores: Floats, most: float) -> float:
    """Return the step in temperature that leaves the wanted share of particles effective."""

    def surplus(step: float) -> float:
        return effective_size(step * scores) - KEPT * len(scores)

    return most if surplus(most) >= 0.0 else float(brentq(surplus, 0.0, most))


def _move(
    points: Floats,
    scores: Floats,
    temperature: float,
    likelihood: LogLikelihood,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Propose a Gaussian step to every particle, as wide as they spread, reflected at the walls."""
    count, unknowns = points.shape
    spread = np.atleast_2d(np.cov(points.T)) + 1e-10 * np.eye(unknowns)
    # 2.38 / sqrt(d) is the best scale for a Gaussian target; a third of the moves are small ones
    scale = 2.38 / np.sqrt(unknowns) * rng.choice([0.1, 0.5, 1.0], size=(count, 1))
    step = rng.standard_normal((count, unknowns)) @ np.linalg.cholesky(spread).T
    proposed = np.abs(points + scale * step) % 2.0
    proposed = np.where(proposed > 1.0, 2.0 - proposed, proposed)
    gain = temperature * ((there := likelihood(proposed)) - scores)
    taken = np.log(rng.random(count)) < gain
    return np.where(taken[:, None], proposed, points), np.where(taken, there, scores)
