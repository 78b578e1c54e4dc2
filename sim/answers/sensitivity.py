# ruff: noqa: PLC0415 - SALib is optional, and the rest of the package does without
"""What a result hangs on: shares of its variance, and indices of SALib."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from sim.answers.regression import predicted, varying
from sim.domain.levers import Floats
from sim.errors import AnswerError, nearest

Method = Literal["delta", "pawn", "rbd_fast"]
METHODS: tuple[Method, ...] = get_args(Method)
"""Methods of SALib that take draws as they are: Borgonovo's delta, PAWN, and RBD-FAST."""
RESAMPLES = 200
"""Resamples of draws behind an interval of a share of variance."""
SHUFFLES = 60
"""Shuffles of draws that say what parameters tell by chance."""
DUMMIES = 60
"""Random columns that say what an index comes to by chance."""
ONE_IN_TWENTY = 0.95
FEWEST_POINTS = 16
"""Points of a Sobol sequence from which on a design says anything at all."""
FEWEST = 64
"""Draws from which on the methods of SALib say anything: RBD-FAST needs 2M + 1 = 21, PAWN ten
slices of some draws each."""


def explained(x: Floats, y: Floats, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the share of a result's variance that parameters tell of draws not seen, 0 to 1.

    Parameters
    ----------
    x : parameters, shape (draw, parameter).
    y : the result, shape (draw,).
    rng : resamples the draws.

    Returns
    -------
    The share with a 95% interval of a bootstrap over draws; 0 where nothing varies.
    """
    found = predicted(x, y[:, None])
    left = (y - found.by_others[:, 0]) ** 2
    whole = (y - found.mean_of_others[:, 0]) ** 2
    if not whole.sum() > 0.0:
        return 0.0, 0.0, 0.0
    rows = rng.integers(len(y), size=(RESAMPLES, len(y)))
    totals = whole[rows].sum(axis=1)
    again = 1.0 - left[rows].sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(again, [0.025, 0.975])
    return tuple(float(np.clip(v, 0.0, 1.0)) for v in (1.0 - left.sum() / whole.sum(), low, high))  # type: ignore[return-value]


def told_by_chance(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Return the share that parameters tell of a result whose draws are shuffled.

    With many parameters and few draws some tell much by chance: what they tell of a result that has
    nothing to do with them says how much (a permutation test).

    Parameters
    ----------
    x, y : as of ``explained``.
    rng : shuffles; the same for parameters that are compared with each other.

    Returns
    -------
    One share for each of ``SHUFFLES``, 0 or more.
    """
    shuffled = np.stack([rng.permutation(y) for _ in range(SHUFFLES)], axis=1)
    found = predicted(x, shuffled)
    left = ((shuffled - found.by_others) ** 2).sum(axis=0)
    whole = ((shuffled - found.mean_of_others) ** 2).sum(axis=0)
    shares = 1.0 - np.divide(left, whole, out=np.ones(SHUFFLES), where=whole > 0.0)
    return np.asarray(np.clip(shares, 0.0, 1.0))


def given_data(x: pd.DataFrame, y: pd.Series, *, method: str, seed: int) -> pd.DataFrame:
    """Return an index of every parameter from draws as they are, the largest first.

    Parameters
    ----------
    x : parameters, one column each; draws are rows.
    y : the result, by the same draws.
    method : one of ``METHODS``. ``delta``: how far knowing the parameter moves the distribution
        of the result (Borgonovo 2007), 0 to 1. ``pawn``: the median distance of its distribution
        functions (Pianosi and Wagener 2018), 0 to 1. ``rbd_fast``: the share of its variance
        (Tarantola et al. 2006).
    seed : of the bootstrap.

    Returns
    -------
    parameter, method, ``index`` with low and high (95%), ``chance`` (the index that of ``DUMMIES``
    random columns, on which nothing hangs, one in twenty passes) and ``draws``. No parameter where
    the result is the same in all draws: nothing hangs on anything.

    Raises
    ------
    AnswerError
        Without SALib, of an unknown method, of fewer than ``FEWEST`` draws, or where a result is
        not a number: one that is not leaves SALib without any index.
    """
    _require(y, method)
    columns = ["parameter", "method", "index", "low", "high", "chance", "draws"]
    known = varying(x)
    if (y == y.iloc[0]).all() or known.empty:
        return pd.DataFrame(columns=columns)
    ranks, numbers = known.rank(method="first") / len(x), y.to_numpy(float)
    index, half = _analysed(ranks, numbers, method, seed)
    dummies = np.random.default_rng(seed).random((len(x), DUMMIES))
    noise = pd.DataFrame(dummies).rank() / len(x)
    by_chance, _ = _analysed(noise, numbers, method, seed, resamples=2)
    table = pd.DataFrame(
        {
            "parameter": known.columns,
            "method": method,
            "index": index,
            "low": index - half,
            "high": index + half,
            "chance": float(np.quantile(by_chance, ONE_IN_TWENTY)),
            "draws": len(y),
        }
    )
    return table.sort_values("index", ascending=False, kind="stable", ignore_index=True)


def saltelli_design(groups: Sequence[str], *, points: int, seed: int) -> Floats:
    """Return uniform numbers by which Sobol indices of groups of parameters are found.

    Saltelli's design on a scrambled Sobol sequence: of every two points that differ in all
    parameters one that takes each group from the second and the rest from the first.

    Parameters
    ----------
    groups : the group of every parameter.
    points : of the sequence, a power of two, ``FEWEST_POINTS`` at least.
    seed : of the scrambling.

    Returns
    -------
    Shape (points x (number of groups + 2), parameter), 0 to 1.

    Raises
    ------
    AnswerError
        Without SALib, or of another number of points.
    """
    if points < FEWEST_POINTS or points & (points - 1):
        raise AnswerError(
            f"the design has a power of two of points, {FEWEST_POINTS} or more, as in "
            f"{2 * FEWEST_POINTS} or {4 * FEWEST_POINTS}; not {points}."
        )
    _require_salib("a Sobol design")
    from SALib.sample import sobol

    with _left_as_it_was():
        rows = sobol.sample(_problem(groups), points, calc_second_order=False, seed=seed)
    return np.asarray(rows, dtype=float)


def sobol_indices(groups: Sequence[str], y: Floats, *, seed: int) -> pd.DataFrame:
    """Return the Sobol indices of groups of parameters from the results of a Saltelli design.

    Parameters
    ----------
    groups : as of ``saltelli_design``.
    y : the result of every row of the design.
    seed : of the bootstrap, 1 or more.

    Returns
    -------
    what, unknowns (parameters of the group), ``first`` (share of the variance that the group makes
    by itself), ``total`` (with all that it makes together with others), each with a 95% interval of
    a bootstrap over the points, and runs; the largest total first.

    Raises
    ------
    AnswerError
        Where a result is not a number, or all are the same: SALib would say 0.0 of every index.

    References
    ----------
    Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018.
    """
    if bad := int((~np.isfinite(y)).sum()):
        raise AnswerError(f"in {bad} of {len(y)} runs the result is no number: no index is right.")
    if np.ptp(y) == 0.0:
        raise AnswerError(f"the result is the same in all {len(y)} runs: it hangs on nothing.")
    _require_salib("a Sobol index")
    from SALib.analyze import sobol

    with _left_as_it_was():
        found = sobol.analyze(
            _problem(groups), y, calc_second_order=False, num_resamples=RESAMPLES, seed=seed
        )
    names = list(dict.fromkeys(groups))
    columns: dict[str, Any] = {"what": names, "unknowns": [groups.count(one) for one in names]}
    for column, name in (("first", "S1"), ("total", "ST")):
        middle, half = found[name], found[f"{name}_conf"]
        columns |= {column: middle, f"{column}_low": middle - half, f"{column}_high": middle + half}
    table = pd.DataFrame(columns | {"runs": len(y)})
    return table.sort_values("total", ascending=False, kind="stable", ignore_index=True)


def _problem(groups: Sequence[str]) -> dict[str, Any]:
    """Return how SALib describes parameters between 0 and 1, each of a group."""
    names = [f"x{number}" for number in range(len(groups))]
    bounds = [[0.0, 1.0]] * len(names)
    return {"num_vars": len(names), "names": names, "bounds": bounds, "groups": list(groups)}


def _require(y: pd.Series, method: str) -> None:
    if method not in METHODS:
        raise AnswerError(
            f"no method '{method}'; there are {', '.join(METHODS)}.{nearest(method, METHODS)}"
        )
    if len(y) < FEWEST:
        raise AnswerError(
            f"{method} needs at least {FEWEST} draws; this study has {len(y)}. Run it again with "
            f"--set uncertainty.draws={FEWEST} or more."
        )
    if bad := int((~np.isfinite(y)).sum()):
        raise AnswerError(f"in {bad} of {len(y)} draws the result is no number: no index is right.")
    _require_salib(method)


def _require_salib(what: str) -> None:
    if find_spec("SALib") is None:
        raise AnswerError(f"{what} needs SALib: pip install 'equiscan[answers]'.")


def _analysed(
    x: pd.DataFrame, y: Floats, method: str, seed: int, *, resamples: int = 100
) -> tuple[Floats, Floats]:
    """Return the index of every parameter and half its interval.

    SALib sees ranks: none of the methods depends on more, and values may be infinite.
    """
    from SALib.analyze import delta, pawn, rbd_fast

    names = [f"x{number}" for number in range(x.shape[1])]
    problem: dict[str, Any] = {
        "num_vars": len(names),
        "names": names,
        "bounds": [[0.0, 1.0]] * len(names),
    }
    values = x.to_numpy(dtype=float)
    with _left_as_it_was():
        if method == "pawn":
            found = pawn.analyze(problem, values, y, S=10, seed=seed)
            index, half = found["median"], [np.nan] * len(names)
        elif method == "delta":
            found = delta.analyze(
                problem, values, y, method="delta", num_resamples=resamples, seed=seed
            )
            index, half = found["delta_raw"], found["delta_raw_conf"]
        else:
            found = rbd_fast.analyze(problem, values, y, num_resamples=resamples, seed=seed)
            index, half = found["S1"], found["S1_conf"]
    if not np.isfinite(index).all():
        raise AnswerError(f"{method} comes to no number with {len(y)} draws: take more.")
    return np.asarray(index, dtype=float), np.asarray(half, dtype=float)


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Keep what SALib changes for the whole process: random state, and how warnings are shown.

    Its warnings are not shown: they call parameters by names that are not the user's, and what it
    says of bias the indices of random columns show.
    """
    state, form = np.random.get_state(), warnings.formatwarning  # noqa: NPY002
    try:
        with warnings.catch_warnings(record=True):
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        warnings.formatwarning = form
