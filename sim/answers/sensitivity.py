# ruff: noqa: PLC0415 - SALib is optional, and the rest of the package does without
"""What a result hangs on: shares of its variance, and indices of SALib from given draws."""

import warnings
from collections.abc import Iterator
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
    parameter, method, ``index`` with low and high (95%), and ``draws``. No parameter where the
    result is the same in all draws: nothing hangs on anything.

    Raises
    ------
    AnswerError
        Without SALib, of an unknown method, of fewer than ``FEWEST`` draws, or where a result is
        not a number: one that is not leaves SALib without any index.
    """
    _require(y, method)
    columns = ["parameter", "method", "index", "low", "high", "draws"]
    known = varying(x)
    if (y == y.iloc[0]).all() or known.empty:
        return pd.DataFrame(columns=columns)
    index, half = _analysed(known.rank(method="first") / len(x), y.to_numpy(float), method, seed)
    table = pd.DataFrame(
        {
            "parameter": known.columns,
            "method": method,
            "index": index,
            "low": index - half,
            "high": index + half,
            "draws": len(y),
        }
    )
    return table.sort_values("index", ascending=False, kind="stable", ignore_index=True)


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
    if find_spec("SALib") is None:
        raise AnswerError(f"{method} needs SALib: pip install 'equiscan[answers]'.")


def _analysed(x: pd.DataFrame, y: Floats, method: str, seed: int) -> tuple[Floats, Floats]:
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
            found = delta.analyze(problem, values, y, method="delta", seed=seed)
            index, half = found["delta_raw"], found["delta_raw_conf"]
        else:
            found = rbd_fast.analyze(problem, values, y, seed=seed)
            index, half = found["S1"], found["S1_conf"]
    if not np.isfinite(index).all():
        raise AnswerError(f"{method} comes to no number with {len(y)} draws: take more.")
    return np.asarray(index, dtype=float), np.asarray(half, dtype=float)


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Keep what SALib changes for the whole process: random state, and how warnings are shown."""
    state, form = np.random.get_state(), warnings.formatwarning  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        warnings.formatwarning = form
