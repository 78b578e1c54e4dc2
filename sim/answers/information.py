"""Value of information: what knowing more before choosing is worth, from draws of a study.

A decision is made for all futures, or for each by what is known of it; the gain of the second on
the first, averaged over futures, is what that knowledge is worth.
"""

from collections.abc import Callable

import numpy as np

from sim.answers.regression import predicted
from sim.domain.levers import Floats

MEASUREMENTS = 20
"""Simulated measurements over which their worth is averaged."""


def best_now(values: Floats) -> int:
    """Return the decision that is best on average.

    Parameters
    ----------
    values : what every decision comes to in every draw, shape (draw, decision); more is better.
    """
    return int(values.mean(axis=0).argmax())


def gain_of_everything(values: Floats) -> Floats:
    """Return what the best decision of each draw gains on the best for all, shape (draw,).

    Its mean is the expected value of perfect information.
    """
    return np.asarray(values.max(axis=1) - values[:, best_now(values)])


def gain_of_knowing(values: Floats, known: Floats) -> Floats:
    """Return what choosing by some of the parameters gains in each draw, shape (draw,).

    Its mean estimates the expected value of partial perfect information. The choice in a draw rests
    on a regression over the other draws, and what it gains is taken from the draw itself: noise
    that looks like knowledge gains nothing. A regression that misses some of what could be known
    gains less than the true value, never more but by chance; in no draw does it gain more than
    ``gain_of_everything``.

    Parameters
    ----------
    values : shape (draw, decision), as in ``best_now``.
    known : parameters that would be known, shape (draw, parameter).

    References
    ----------
    Strong, Oakley and Brennan 2014, doi:10.1177/0272989X13505910, who take the value from the fit.
    """
    more = values - values[:, [best_now(values)]]
    found = predicted(known, more)
    # the mean of the others is below that of all just where the draw itself is above it: with
    # nothing known, and a close race, every draw would choose against itself
    expected = found.by_others - found.mean_of_others + more.mean(axis=0)
    chosen = expected.argmax(axis=1)
    chosen[expected.max(axis=1) <= 0.0] = best_now(values)
    return np.asarray(more[np.arange(len(more)), chosen])


def gain_of_measuring(
    values: Floats,
    true: Floats,
    measure: Callable[[Floats, np.random.Generator], Floats],
    rng: np.random.Generator,
) -> Floats:
    """Return what choosing by a measurement gains in each draw, shape (draw,).

    Its mean estimates the expected value of sample information: the measurement is simulated in
    every draw, and stands for what it measures in ``gain_of_knowing``; the mean over
    ``MEASUREMENTS`` of them.

    Parameters
    ----------
    values : shape (draw, decision), as in ``best_now``.
    true : what is measured, shape (draw,) or (draw, parameter).
    measure : true values and a generator to what a measurement of each would show.

    References
    ----------
    Strong, Oakley, Brennan and Breeze 2015, doi:10.1177/0272989X15575286.
    """
    gains = [
        gain_of_knowing(values, measure(true, rng).reshape(len(true), -1))
        for _ in range(MEASUREMENTS)
    ]
    return np.asarray(np.mean(gains, axis=0))


def gain_without_chance(first: Floats, second: Floats) -> Floats:
    """Return what the best decision of each draw gains in another replication, shape (draw,).

    Who knows all parameters still does not know which random events come: what is chosen by one
    replication is valued by the other, and the reverse. Unlike ``gain_of_everything`` that counts
    no luck; where replications differ much it is too low, for it chooses by one alone.

    Parameters
    ----------
    first, second : shape (draw, decision), one replication each.
    """
    usual, rows = best_now(first + second), np.arange(len(first))
    gains = [
        valued[rows, seen.argmax(axis=1)] - valued[:, usual]
        for seen, valued in ((first, second), (second, first))
    ]
    return np.asarray(np.mean(gains, axis=0))
