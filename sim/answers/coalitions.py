"""What each of several parts contributes to the whole: Shapley values of all coalitions.

A coalition is a whole number whose bits say which parts are in it. What it can reach is the best of
all plans that need no other part, so that a larger coalition never reaches less.
"""

from functools import cache
from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from sim.domain.levers import Floats

Ints = NDArray[np.int64]


def shapley(values: Floats) -> Floats:
    """Return the Shapley value of every part, shape (part, ...).

    Its mean contribution over all orders in which the parts may come together; the values of all
    parts add up to what the whole gains on nothing.

    Parameters
    ----------
    values : what every coalition reaches, shape (coalition, ...), 2^parts of them: bit k of its
        number says whether part k is in.

    References
    ----------
    Shapley 1953, doi:10.1515/9781400881970-018.
    """
    parts = _parts(len(values))
    sizes, number = _sizes(parts), np.arange(len(values))
    found = []
    for part in range(parts):
        without = number[(number >> part & 1) == 0]
        gain = values[without | 1 << part] - values[without]
        weight = np.array(
            [factorial(s) * factorial(parts - s - 1) / factorial(parts) for s in sizes[without]]
        )
        found.append(np.tensordot(weight, gain, axes=1))
    return np.stack(found) if found else np.zeros((0, *values.shape[1:]))


def alone(values: Floats) -> Floats:
    """Return what every part gains by itself on nothing, shape (part, ...)."""
    return np.asarray(values[[1 << part for part in range(_parts(len(values)))]] - values[0])


def lost_without(values: Floats) -> Floats:
    """Return what the whole loses without every part, shape (part, ...)."""
    whole = len(values) - 1
    return np.asarray(values[whole] - values[[whole ^ 1 << p for p in range(_parts(len(values)))]])


def best_plans(needs: Ints, worth: Floats, *, parts: int) -> Ints:
    """Return which plan every coalition takes, shape (coalition,).

    Parameters
    ----------
    needs : coalition that each plan needs, shape (plan,); one of them needs nothing.
    worth : what each plan comes to where plans are chosen, shape (plan,).
    """
    chosen = np.full(1 << parts, -1)
    best = np.full(1 << parts, -np.inf)
    number = np.arange(1 << parts)
    for plan in range(len(needs)):
        better = ((needs[plan] & ~number) == 0) & (worth[plan] > best)
        chosen[better], best[better] = plan, worth[plan]
    if (chosen < 0).any():
        raise ValueError("a coalition has no plan: one plan has to need nothing")
    return chosen


def reached_at_most(reached: Floats, searched: Ints) -> Floats:
    """Return what every coalition can reach at most, as far as searches tell, shape (coalition,).

    A coalition reaches no more than one that holds it, and a searched one no more than was found.

    Parameters
    ----------
    reached : what the best known plan of every coalition comes to, shape (coalition,).
    searched : coalitions whose best plan was searched for.
    """
    most = np.full(len(reached), np.inf)
    number = np.arange(len(reached))
    for coalition in searched:
        within = (number & ~coalition) == 0
        most[within] = np.minimum(most[within], reached[coalition])
    return np.asarray(np.maximum(most, reached))


def next_to_search(doubt: Floats, searched: Ints, *, count: int) -> list[int]:
    """Return the coalitions whose search would tell most, those that are known left out.

    Of those in doubt the ones that hold most doubt, their own and that of all within them, by their
    weight in Shapley values, which is one over the number of coalitions of their size. A search
    settles all between what its plan needs and the coalition that was searched.

    Parameters
    ----------
    doubt : how far the bounds of what each coalition reaches are apart, shape (coalition,).
    """
    parts = _parts(len(doubt))
    within = doubt / np.array([comb(parts, s) for s in _sizes(parts)], dtype=float)
    for part in range(parts):
        holds = (np.arange(len(within)) >> part & 1) == 1
        within[holds] += within[~holds]
    open_ = doubt > 0.0
    open_[searched] = False
    order = np.argsort(-np.where(open_, within, 0.0), kind="stable")[:count]
    return [int(coalition) for coalition in order if open_[coalition]]


def first_to_search(parts: int) -> list[int]:
    """Return the whole, every part alone, and the whole without every part."""
    whole = (1 << parts) - 1
    singles = [1 << part for part in range(parts)]
    return list(dict.fromkeys([whole, *singles, *(whole ^ one for one in singles)]))


def shapley_bounds(reached: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most that Shapley values can be within bounds, each (part,).

    Parameters
    ----------
    reached, most : what every coalition reaches at least and at most, shape (coalition,).
    """
    parts = _parts(len(reached))
    doubt = np.asarray(most - reached)
    middle = shapley(reached)
    with_part, without = np.zeros(parts), np.zeros(parts)
    sizes, number = _sizes(parts), np.arange(len(reached))
    for part in range(parts):
        outside = number[(number >> part & 1) == 0]
        weight = [
            factorial(s) * factorial(parts - s - 1) / factorial(parts) for s in sizes[outside]
        ]
        with_part[part] = np.dot(weight, doubt[outside | 1 << part])
        without[part] = np.dot(weight, doubt[outside])
    return middle - without, middle + with_part


def parts_of(coalition: int) -> tuple[int, ...]:
    """Return the parts of a coalition.

    >>> parts_of(0b1010)
    (1, 3)
    """
    return tuple(k for k in range(coalition.bit_length()) if coalition >> k & 1)


@cache
def _sizes(parts: int) -> Ints:
    """Return how many parts are in every coalition."""
    sizes = np.zeros(1 << parts, dtype=np.int64)
    for size in range(parts + 1):
        for chosen in combinations(range(parts), size):
            sizes[sum(1 << part for part in chosen)] = size
    return sizes


def _parts(coalitions: int) -> int:
    parts = coalitions.bit_length() - 1
    if coalitions != 1 << parts:
        raise ValueError(
            f"{coalitions} is no power of two: one value for every coalition is needed"
        )
    return parts
