"""Variables and constraints of a linear model, each with a readable name."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
import pulp
from numpy.typing import NDArray

from sim.domain.levers import Floats

Variables = NDArray[np.object_]
"""Array of PuLP variables."""
Terms = list[tuple[pulp.LpVariable, float]]
"""A linear expression as pairs of variable and coefficient."""


ONE_CHARACTER = "-+[] >/()"
"""Characters that PuLP writes as ``_`` in a name, all alike, and those that spell them here."""


def spelt(label: str) -> str:
    """Return a label of somebody's own as a part of names: different labels stay different.

    >>> spelt("65+"), spelt("65-"), spelt("rural")
    ('65(plus_sign)', '65(hyphen_minus)', 'rural')
    """
    words = {c: unicodedata.name(c).lower() for c in ONE_CHARACTER}
    return "".join(
        f"({words[c].replace(' ', '_').replace('-', '_')})" if c in words else c for c in label
    )


def add_variables(
    problem: pulp.LpProblem,
    name: str,
    axes: Sequence[Sequence[str]],
    *,
    low: Floats | float = 0.0,
    high: Floats | float = np.inf,
    whole: NDArray[np.bool_] | bool = False,
) -> Variables:
    """Return one variable per combination of axis labels.

    Parameters
    ----------
    name : first word of every variable's name; the labels follow.
    low, high : bounds, infinite for none, of any shape that broadcasts to the axes.
    whole : where variables are whole numbers, likewise.
    """
    shape = tuple(len(axis) for axis in axes)
    least, most = np.broadcast_to(low, shape), np.broadcast_to(high, shape)
    integer = np.broadcast_to(whole, shape)
    variables = np.empty(shape, dtype=object)
    for index, labels in zip(np.ndindex(shape), product(*axes), strict=True):
        variables[index] = problem.add_variable(
            "_".join((name, *labels)),
            _bound(float(least[index])),
            _bound(float(most[index])),
            pulp.LpInteger if integer[index] else pulp.LpContinuous,
        )
    return variables


def dot(coefficients: Floats | float, variables: Variables) -> Terms:
    """Return the sum of coefficients times variables; zero coefficients are left out."""
    factors = np.broadcast_to(coefficients, variables.shape)
    pairs = zip(variables.ravel(), factors.ravel(), strict=True)
    return [(variable, float(factor)) for variable, factor in pairs if factor != 0.0]


def scaled(terms: Terms, factor: float) -> Terms:
    """Return a linear expression times a number."""
    return [(variable, coefficient * factor) for variable, coefficient in terms]


def at_most(problem: pulp.LpProblem, name: str, terms: Iterable[Terms], limit: float) -> None:
    """Add the row ``sum of terms <= limit``."""
    _row(problem, name, terms, pulp.LpConstraintLE, limit)


def equal(problem: pulp.LpProblem, name: str, terms: Iterable[Terms], value: float) -> None:
    """Add the row ``sum of terms == value``."""
    _row(problem, name, terms, pulp.LpConstraintEQ, value)


def values(variables: Variables) -> Floats:
    """Return the values that the solver gave to an array of variables."""
    read = [variable.varValue or 0.0 for variable in variables.ravel()]
    return np.array(read, dtype=float).reshape(variables.shape)


def expression(terms: Iterable[Terms]) -> pulp.LpAffineExpression:
    """Return the sum of linear expressions; a variable may occur in several of them."""
    sums: defaultdict[pulp.LpVariable, float] = defaultdict(float)
    for part in terms:
        for variable, coefficient in part:
            sums[variable] += coefficient
    return pulp.LpAffineExpression(sums)


def _row(
    problem: pulp.LpProblem, name: str, terms: Iterable[Terms], sense: int, limit: float
) -> None:
    problem.addConstraint(pulp.LpConstraint(expression(terms), sense, name, limit))


def _bound(value: float) -> float | None:
    return value if np.isfinite(value) else None
