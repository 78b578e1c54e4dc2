"""What knowing more is worth: closed forms, and what holds for whatever draws."""

from math import exp, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr
from scipy.stats import norm, qmc

from sim.answers.information import (
    gain_of_everything,
    gain_of_knowing,
    gain_of_measuring,
    gain_without_chance,
)
from sim.answers.regression import features, predicted
from sim.domain.levers import Floats

DRAWS = 4_096


def normals(parameters: int, *, seed: int = 1) -> Floats:
    """Return evenly spread draws of independent standard normal numbers."""
    spread = qmc.Sobol(parameters, seed=seed).random(DRAWS)
    return np.asarray(norm.ppf(spread))


def two_actions(more: Floats) -> Floats:
    return np.stack([np.zeros(len(more)), more], axis=1)


def closed_form(mean: float, deviation: float) -> float:
    """Expected value of knowing a normal gain before choosing between it and nothing.

    The unit normal loss integral: Raiffa and Schlaifer 1961, Applied Statistical Decision Theory.
    """
    z = abs(mean) / deviation
    return deviation * (exp(-z * z / 2.0) / sqrt(2.0 * pi) - z * ndtr(-z))


@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.3])
def test_perfect_information_on_a_normal_gain_has_its_closed_form(mean: float) -> None:
    found = gain_of_everything(two_actions(mean + normals(1)[:, 0])).mean()
    assert found == pytest.approx(closed_form(mean, 1.0), rel=0.02)


@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.3])
def test_partial_information_on_a_normal_gain_has_its_closed_form(mean: float) -> None:
    z = normals(3)
    values = two_actions(mean + z @ [1.0, 0.6, 0.0])
    both, first, second, neither = (
        gain_of_knowing(values, z[:, known]).mean() for known in ([0, 1], [0], [1], [2])
    )
    assert both == pytest.approx(closed_form(mean, sqrt(1.36)), rel=0.02)
    assert first == pytest.approx(closed_form(mean, 1.0), rel=0.02)
    assert second == pytest.approx(closed_form(mean, 0.6), rel=0.05, abs=0.004)
    assert abs(neither) < 0.01


def test_nothing_is_worth_knowing_where_nothing_is_unknown() -> None:
    values = np.tile([1.0, 2.0, 1.5], (20, 1))
    assert gain_of_everything(values).tolist() == [0.0] * 20
    assert gain_of_knowing(values, np.zeros((20, 3))).tolist() == [0.0] * 20


def test_what_never_changes_the_choice_is_worth_nothing() -> None:
    z = normals(1)
    values = np.stack([z[:, 0], z[:, 0] - 1.0], axis=1)
    assert gain_of_knowing(values, z).max() == 0.0


@given(
    arrays(float, st.tuples(st.integers(3, 30), st.integers(1, 4)), elements=st.floats(-9, 9)),
    st.integers(0, 3),
)
def test_in_no_draw_is_some_knowledge_worth_more_than_all(values: Floats, parameters: int) -> None:
    known = np.random.default_rng(1).normal(size=(len(values), parameters))
    whole, part = gain_of_everything(values), gain_of_knowing(values, known)
    assert (part <= whole).all()
    assert (whole >= 0.0).all()


def test_luck_is_not_taken_for_knowledge() -> None:
    rng = np.random.default_rng(5)
    first, second = (rng.normal(size=(DRAWS, 2)) for _ in range(2))
    assert gain_of_everything((first + second) / 2.0).mean() > 0.3
    assert abs(gain_without_chance(first, second).mean()) < 0.05


def test_without_luck_both_are_the_same() -> None:
    values = two_actions(normals(1)[:, 0])
    assert gain_without_chance(values, values) == pytest.approx(gain_of_everything(values))


def test_a_draw_is_predicted_without_itself() -> None:
    x = normals(1)[:60]
    y = np.sin(x)
    moved = y.copy()
    moved[7] += 1e3
    before, after = (predicted(x, outcome).by_others[7, 0] for outcome in (y, moved))
    # only its penalty may follow what the draw itself says
    assert abs(after - before) < 1.0
    assert predicted(x, y).mean_of_others[7, 0] == pytest.approx(np.delete(y, 7).mean())


def test_leaving_out_is_what_a_second_fit_without_the_draw_says() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(40, 1))
    y = x[:, :1] + rng.normal(scale=0.1, size=(40, 1))
    basis = features(x)
    found = predicted(x, y).by_others[11, 0]
    rest = np.delete(np.arange(40), 11)
    tried = []
    for penalty in np.logspace(-3.0, 5.0, 17) * 40:
        middle, height = basis[rest].mean(axis=0), y[rest].mean()
        away = basis[rest] - middle
        slope = np.linalg.solve(
            away.T @ away + penalty * np.eye(basis.shape[1]), away.T @ (y[rest] - height)
        )
        tried.append(((basis[11] - middle) @ slope + height).item())
    assert min(abs(found - value) for value in tried) < 1e-2


def test_infinite_and_constant_parameters_do_no_harm() -> None:
    x = normals(1)[:50]
    odd = np.hstack([x, np.ones((50, 1)), np.where(x > 1.0, np.inf, x)])
    assert np.isfinite(predicted(odd, x).by_others).all()
    assert features(np.ones((50, 2))).shape == (50, 0)


def test_two_draws_are_too_few() -> None:
    with pytest.raises(ValueError, match="2 draws"):
        predicted(np.zeros((2, 1)), np.zeros((2, 1)))


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_a_measurement_of_a_normal_gain_has_its_closed_form(noise: float) -> None:
    """The mean after a measurement is normal: variance 1 / (1 + noise^2) of a prior of 1."""
    z = normals(1, seed=3)[:, 0]

    def measure(true: Floats, rng: np.random.Generator) -> Floats:
        return true + noise * rng.standard_normal(len(true))

    found = gain_of_measuring(two_actions(0.2 + z), 0.2 + z, measure, np.random.default_rng(1))
    expected = closed_form(0.2, 1.0 / sqrt(1.0 + noise**2))
    assert found.mean() == pytest.approx(expected, rel=0.02, abs=0.004)


def test_an_exact_measurement_is_knowing() -> None:
    z = normals(1)[:200, 0]
    values = two_actions(z)
    found = gain_of_measuring(values, z, lambda true, _: true, np.random.default_rng(1))
    assert found == pytest.approx(gain_of_knowing(values, z[:, None]))
