"""What a result hangs on: published test functions with analytic indices, and guards."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from sim.answers.sensitivity import FEWEST, METHODS, explained, given_data
from sim.errors import AnswerError

DRAWS = 2_048
FIRST_ORDER = {"a": 0.3139, "b": 0.4424, "c": 0.0}
"""Of Ishigami's function with a = 7 and b = 0.1 (Ishigami and Homma 1990)."""


@pytest.fixture(scope="module")
def ishigami() -> tuple[pd.DataFrame, pd.Series]:
    x = np.pi * (2.0 * qmc.Sobol(3, seed=3).random(DRAWS) - 1.0)
    a, b, c = x.T
    y = np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
    return pd.DataFrame(x, columns=list("abc")), pd.Series(y)


def test_shares_of_variance_are_the_analytic_ones(ishigami: tuple[pd.DataFrame, pd.Series]) -> None:
    x, y = ishigami
    for name, share in FIRST_ORDER.items():
        found, low, high = explained(x[[name]].to_numpy(), y.to_numpy(), np.random.default_rng(1))
        # a polynomial of degree 4 has all of sin(a), and nine tenths of sin(b) squared
        assert found == pytest.approx(share, abs=0.05), name
        assert low <= found <= high


def test_two_parameters_tell_the_sum_of_what_each_tells(
    ishigami: tuple[pd.DataFrame, pd.Series],
) -> None:
    x, y = ishigami
    found, *_ = explained(x[["a", "b"]].to_numpy(), y.to_numpy(), np.random.default_rng(1))
    assert found == pytest.approx(FIRST_ORDER["a"] + FIRST_ORDER["b"], abs=0.06)


def test_chance_tells_nothing() -> None:
    rng = np.random.default_rng(4)
    found = [
        explained(rng.normal(size=(40, 1)), rng.normal(size=40), np.random.default_rng(1))[0]
        for _ in range(30)
    ]
    assert np.mean(found) < 0.05


def test_what_never_varies_hangs_on_nothing() -> None:
    assert explained(np.eye(5), np.ones(5), np.random.default_rng(1)) == (0.0, 0.0, 0.0)


def test_salib_gives_the_analytic_indices(ishigami: tuple[pd.DataFrame, pd.Series]) -> None:
    pytest.importorskip("SALib")
    x, y = ishigami
    found = given_data(x, y, method="rbd_fast", seed=1).set_index("parameter")
    for name, share in FIRST_ORDER.items():
        row = found.loc[name]
        assert row["index"] == pytest.approx(share, abs=0.05)
        assert row["low"] - 0.05 <= share <= row["high"] + 0.05


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ranks_what_matters_before_what_does_not(method: str) -> None:
    pytest.importorskip("SALib")
    x = pd.DataFrame(qmc.Sobol(3, seed=2).random(512), columns=["much", "little", "none"])
    y = x["much"] + 0.3 * x["little"]
    found = given_data(x.assign(same=1.0), y, method=method, seed=1)
    assert found["parameter"].iloc[0] == "much"
    assert set(found["parameter"]) == {"much", "little", "none"}
    again = given_data(x.assign(same=1.0), y, method=method, seed=1)
    pd.testing.assert_frame_equal(found, again)


@pytest.mark.parametrize("method", METHODS)
def test_infinite_parameters_are_the_largest(method: str) -> None:
    pytest.importorskip("SALib")
    values = qmc.Sobol(1, seed=2).random(256)[:, 0]
    y = pd.Series(values)
    plain, odd = (
        given_data(pd.DataFrame({"x": x}), y, method=method, seed=1)["index"].item()
        for x in (values, np.where(values == values.max(), np.inf, values))
    )
    assert plain == odd


def test_results_that_are_no_numbers_are_refused(
    ishigami: tuple[pd.DataFrame, pd.Series],
) -> None:
    x, y = ishigami
    with pytest.raises(AnswerError, match="in 1 of 2048 draws the result is no number"):
        given_data(x, y.mask(y.index == 3), method="pawn", seed=1)


def test_a_constant_result_has_no_index_at_all(ishigami: tuple[pd.DataFrame, pd.Series]) -> None:
    pytest.importorskip("SALib")
    x, y = ishigami
    assert given_data(x, 0.0 * y, method="delta", seed=1).empty


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    with pytest.raises(AnswerError, match=r"no method 'delt'.*delta"):
        given_data(pd.DataFrame({"x": [1.0]}), pd.Series([1.0]), method="delt", seed=1)


def test_too_few_draws_are_said() -> None:
    x = pd.DataFrame({"x": np.arange(FEWEST - 1.0)})
    with pytest.raises(AnswerError, match=f"this study has {FEWEST - 1}"):
        given_data(x, x["x"], method="pawn", seed=1)


def test_without_salib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SALib", None)
    monkeypatch.setattr("sim.answers.sensitivity.find_spec", lambda _: None)
    x = pd.DataFrame({"x": np.arange(FEWEST + 0.0)})
    with pytest.raises(AnswerError, match=r"equiscan\[answers\]"):
        given_data(x, x["x"], method="pawn", seed=1)
