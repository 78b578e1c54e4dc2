"""The law and its rivals as functions of one bounded vector, which is what a fit searches.

Floors and heights belong to a group; exponent, offset, kappa and limit are shared. A group's images
can be harder (its floor) or the start worse (its height), but what a study of one's own
and of another group is worth is one question, asked in every direction at once; with two groups
and a curve each, more could not be identified. Bounds hold by construction: never above chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sim.learning.scaling import effective, power_law, saturating, scale_at_zero, two_powers

Floats = NDArray[np.float64]
Predict = Callable[[Floats, Floats, Floats, float], Floats]
"""Of the vector, own and other counts of shape (cells, groups), and the error of chance."""

OFFSET_RANGE = (1.0, 1e4)
"""Studies; well beyond what is measured on both sides."""
LIMIT_RANGE = (10.0, 1e5)
"""Own studies; so far beyond what is measured that the upper end is no limit at all."""
POWER_RANGE = (0.05, 1.0)
"""At 1 the removable error falls as 1 / n, the rate of a regular parametric model; a steeper fit
over a short range would promise too much beyond it."""


@dataclass(frozen=True, slots=True)
class Form:
    """A functional form: what it predicts, and the bounds and starts of its shared part."""

    name: str
    predict: Predict
    shared: tuple[tuple[float, float, float], ...]
    """Lower bound, upper bound and first start of each shared parameter."""
    needs_own: bool = False
    """Whether it is infinite without own data."""
    has_floor: bool = True
    slopes: Predict | None = None
    """Derivatives of ``predict`` by the vector, shape (cells, groups, parameters); by differences
    where there are none."""

    def bounds(self, groups: int) -> tuple[Floats, Floats, Floats]:
        """Return lower bounds, upper bounds and the start; floors and heights are shares."""
        floors = ((0.0, 1.0, 0.3),) * groups if self.has_floor else ()
        by_group = floors + ((0.0, 1.0, 0.8),) * groups
        low, high, start = np.array(by_group + self.shared).T
        return low, high, start


@dataclass(frozen=True, slots=True)
class Target:
    """What a form is fitted to; arrays have shape (cells, groups)."""

    own: Floats
    other: Floats
    error: Floats
    """``nan`` where there is no value."""
    weight: Floats
    """Inverse variances: misfit is in units of noise."""
    chance: float


def fit_form(form: Form, target: Target, *, near: Floats | None = None) -> Floats:
    """Return the vector that minimises the weighted squared error over finite cells.

    Starts at ``near``, such as the fit to very similar values; without it from several points,
    as the sum of squares can have more than one valley.
    """
    low, high, start = form.bounds(target.own.shape[1])
    used = np.isfinite(target.error) & ((target.own > 0) | (not form.needs_own))
    root = np.sqrt(target.weight)[used]

    def residual(vector: Floats) -> Floats:
        predicted = form.predict(vector, target.own, target.other, target.chance)
        # tolerances are shares of the sum of squares: with the one, a law that goes through every
        # value does not go on looking for nothing
        return np.append((predicted - target.error)[used] * root, 1.0)

    def slopes(vector: Floats) -> Floats:
        assert form.slopes is not None
        of = form.slopes(vector, target.own, target.other, target.chance)
        return np.vstack([of[used] * root[:, None], np.zeros_like(vector)])

    margin = 1e-3 * (high - low)
    least = 1e-8 if near is None else 1e-6  # a draw's noise is far above what more steps would give
    tolerance = dict.fromkeys(("ftol", "xtol", "gtol"), least)
    starts = [np.clip(near, low + margin, high - margin)] if near is not None else None
    results = [
        least_squares(
            residual,
            first,
            jac=slopes if form.slopes else "2-point",
            bounds=(low, high),
            x_scale=high - low,
            max_nfev=200,
            **tolerance,
        )
        for first in starts or _starts(form, low, high, start)
    ]
    best: Floats = min(results, key=lambda result: float(result.cost)).x
    return best


def misfit(form: Form, vector: Floats, target: Target) -> float:
    """Return the weighted squared error that ``fit_form`` minimises."""
    missed = form.predict(vector, target.own, target.other, target.chance) - target.error
    return float(np.nansum(target.weight * missed**2))


def law_parameters(vector: Floats, groups: int, chance: float) -> dict[str, Floats]:
    """Return the law's parameters by name from its vector; floor and scale by group."""
    log_offset, power, kappa, log_limit = vector[2 * groups :]
    floor, offset = chance * vector[:groups], float(np.exp(log_offset))
    scale = scale_at_zero(
        vector[groups : 2 * groups], floor=floor, chance=chance, offset=offset, power=power
    )
    single = {"power": power, "kappa": kappa, "offset": offset, "limit": np.exp(log_limit)}
    return {"floor": floor, "scale": scale, **{k: np.asarray(v) for k, v in single.items()}}


def _starts(form: Form, low: Floats, high: Floats, start: Floats) -> list[Floats]:
    inner = [start]
    for share in (0.15, 0.7):
        other = start.copy()
        count = len(form.shared)
        other[-count:] = low[-count:] + share * (high[-count:] - low[-count:])
        inner.append(other)
    return inner


def _law(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    named = law_parameters(vector, own.shape[1], chance)
    return power_law(
        effective(own, other, named["kappa"], named["limit"]),
        floor=named["floor"],
        scale=named["scale"],
        power=float(named["power"]),
        offset=float(named["offset"]),
    )


def _law_slopes(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    """Return the derivatives of ``_law``, shape (cells, groups, parameters)."""
    groups = own.shape[1]
    floor, height = vector[:groups], vector[groups : 2 * groups]
    log_offset, power, kappa, log_limit = vector[2 * groups :]
    offset, limit = np.exp(log_offset), np.exp(log_limit)
    times = 1 + effective(own, other, kappa, limit) / offset
    left = times**-power
    removable = height * chance * (1 - floor) * left
    slopes = np.zeros((*own.shape, len(vector)))
    each = np.arange(groups)
    slopes[:, each, each] = chance * (1 - height * left)
    slopes[:, each, groups + each] = chance * (1 - floor) * left
    slopes[..., 2 * groups] = power * removable * (times - 1) / times
    slopes[..., 2 * groups + 1] = -removable * np.log(times)
    by_study = -power * removable / (offset * times)
    left_of_limit = 1 / (1 + kappa * other / limit)
    slopes[..., 2 * groups + 2] = by_study * other * left_of_limit**2
    slopes[..., 2 * groups + 3] = by_study * limit * (1 - left_of_limit) ** 2
    return slopes


def _law_with(name: str, *given: float) -> Form:
    """Return the law with a given limit, or kappa and limit, as a form of its own."""

    def predict(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
        return _law(np.append(vector, given), own, other, chance)

    def slopes(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
        return _law_slopes(np.append(vector, given), own, other, chance)[..., : -len(given)]

    return Form(name, predict, (_OFFSET, _POWER, _KAPPA)[: 4 - len(given)], slopes=slopes)


def _saturating(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    groups = own.shape[1]
    log_offset, kappa = vector[2 * groups :]
    floor = chance * vector[:groups]
    height = vector[groups : 2 * groups] * (chance - floor)
    studies = effective(own, other, float(kappa))
    return saturating(studies, floor=floor, height=height, offset=float(np.exp(log_offset)))


def _two_powers(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    groups = own.shape[1]
    own_power, total_scale, total_power = vector[2 * groups :]
    return two_powers(
        np.maximum(own, 1.0),  # cells without own data are not used, and must not overflow
        own + other,
        floor=chance * vector[:groups],
        own_term=(TWO_POWERS_SCALE * vector[groups : 2 * groups], float(own_power)),
        total_term=(float(total_scale), float(total_power)),
    )


def _floorless(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    return _law(with_floor(vector, own.shape[1]), own, other, chance)


def _floorless_slopes(vector: Floats, own: Floats, other: Floats, chance: float) -> Floats:
    groups = own.shape[1]
    return _law_slopes(with_floor(vector, groups), own, other, chance)[..., groups:]


def with_floor(vector: Floats, groups: int) -> Floats:
    """Return the vector of ``FLOORLESS`` as one of ``LAW``."""
    return np.append(np.zeros(groups), vector)


SATURATING = "saturating exponential"
TWO_POWERS_SCALE = 10.0
"""Largest scale of either power; at one study an error cannot need more."""
_OFFSET = (*np.log(OFFSET_RANGE).tolist(), float(np.log(100.0)))
_POWER = (*POWER_RANGE, 0.5)
_KAPPA = (0.0, 1.0, 0.4)
_LIMIT = (*np.log(LIMIT_RANGE).tolist(), float(np.log(1_000.0)))
_NO_LIMIT = float(np.log(1e12))

LAW = Form("law", _law, (_OFFSET, _POWER, _KAPPA, _LIMIT), slopes=_law_slopes)
FLOORLESS = Form(
    "law without floor",
    _floorless,
    LAW.shared,
    has_floor=False,
    slopes=_floorless_slopes,
)
RIVALS = (
    Form("two powers (Rolf et al. 2021)", _two_powers, (_POWER, (0.0, 10.0, 0.5), _POWER), True),
    _law_with("law without limit", _NO_LIMIT),
    _law_with("own data only", 0.0, _NO_LIMIT),
    _law_with("total data only", 1.0, _NO_LIMIT),
    Form(SATURATING, _saturating, (_OFFSET, _KAPPA)),
)
