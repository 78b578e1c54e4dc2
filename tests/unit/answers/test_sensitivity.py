"""What a result hangs on: published test functions with analytic indices, and guards."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, qmc

from sim.answers.sensitivity import (
    FEWEST,
    METHODS,
    explained,
    given_data,
    saltelli_design,
    sobol_indices,
)
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
        assert row["low"] <= share <= row["high"]
        assert row["high"] - row["low"] < 0.1


def test_pawn_of_ishigami_is_what_a_quadrature_says(
    ishigami: tuple[pd.DataFrame, pd.Series],
) -> None:
    """It has no interval. Of ten slices of each parameter, as SALib takes them."""
    pytest.importorskip("SALib")
    cells = 100
    middles = np.pi * (2.0 * (np.arange(cells) + 0.5) / cells - 1.0)
    a, b, c = np.meshgrid(middles, middles, middles, indexing="ij")
    whole = np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
    levels = np.linspace(whole.min(), whole.max(), 200)

    def below(y: np.ndarray) -> np.ndarray:
        return np.searchsorted(np.sort(y, axis=None), levels) / y.size

    found = given_data(*ishigami, method="pawn", seed=1).set_index("parameter")["index"]
    for axis, name in enumerate("abc"):
        slices = np.split(np.moveaxis(whole, axis, 0), 10)
        distances = [np.abs(below(one) - below(whole)).max() for one in slices]
        assert found[name] == pytest.approx(np.median(distances), abs=0.02), name


@pytest.mark.slow
def test_delta_of_a_sum_of_normals_is_near_its_integral() -> None:
    """SALib smooths densities, and its interval does not hold what that makes of the index."""
    pytest.importorskip("SALib")
    weights = np.array([1.0, 0.5, 0.0])
    z = norm.ppf(qmc.Sobol(3, seed=2).random(DRAWS))
    x = pd.DataFrame(z, columns=list("abc"))
    found = given_data(x, pd.Series(z @ weights), method="delta", seed=1).set_index("parameter")
    y, quantiles = np.linspace(-9.0, 9.0, 4001), norm.ppf((np.arange(1000) + 0.5) / 1000)
    for name, share in zip("ab", weights**2 / (weights**2).sum(), strict=False):
        apart = [
            np.abs(norm.pdf(y, np.sqrt(share) * at, np.sqrt(1.0 - share)) - norm.pdf(y)).sum()
            for at in quantiles
        ]
        delta = 0.5 * float(np.mean(apart)) * (y[1] - y[0])
        assert found.loc[name, "index"] == pytest.approx(delta, abs=0.04), name
    assert found.loc["c", "index"] < found.loc["c", "chance"]


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


def ishigami_of(u: np.ndarray) -> np.ndarray:
    a, b, c = np.pi * (2.0 * u.T - 1.0)
    return np.asarray(np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a))


def g_function_of(u: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sobol's g-function (Saltelli and Sobol 1995)."""
    return np.asarray(((np.abs(4.0 * u - 2.0) + weights) / (1.0 + weights)).prod(axis=1))


TOTAL = {"a": 0.5576, "b": 0.4424, "c": 0.2437}
"""Total indices of Ishigami's function."""


def test_sobol_indices_of_ishigami_are_the_analytic_ones() -> None:
    pytest.importorskip("SALib")
    groups = list("abc")
    found = sobol_indices(
        groups, ishigami_of(saltelli_design(groups, points=1024, seed=5)), seed=5
    ).set_index("what")
    assert (found["runs"] == 1024 * 5).all()
    for name in groups:
        row = found.loc[name]
        assert row["first_low"] <= FIRST_ORDER[name] <= row["first_high"], name
        assert row["total_low"] <= TOTAL[name] <= row["total_high"], name
        assert row["total_high"] - row["total_low"] < 0.25


def test_sobol_indices_of_the_g_function_are_the_analytic_ones() -> None:
    pytest.importorskip("SALib")
    weights = np.array([0.0, 1.0, 4.5, 9.0, 99.0])
    single = 1.0 / (3.0 * (1.0 + weights) ** 2)
    whole = (1.0 + single).prod() - 1.0
    groups = [f"x{k}" for k in range(5)]
    y = g_function_of(saltelli_design(groups, points=1024, seed=2), weights)
    found = sobol_indices(groups, y, seed=2).set_index("what").loc[groups]
    total = single * (1.0 + whole) / (1.0 + single) / whole
    for k, name in enumerate(groups):
        row = found.loc[name]
        # of what makes next to nothing the interval is narrower than the rounding of a quadrature
        assert row["first_low"] - 0.005 <= single[k] / whole <= row["first_high"] + 0.005, name
        assert row["total_low"] - 0.005 <= total[k] <= row["total_high"] + 0.005, name


def test_a_group_has_the_index_of_all_that_its_parameters_make() -> None:
    pytest.importorskip("SALib")
    groups = ["ac", "b", "ac"]
    y = ishigami_of(saltelli_design(groups, points=512, seed=3))
    assert len(y) == 512 * 4
    found = sobol_indices(groups, y, seed=3).set_index("what")
    # a and c act together, b alone: nothing is shared between the groups
    for name, share in (("ac", 1.0 - FIRST_ORDER["b"]), ("b", FIRST_ORDER["b"])):
        for index in ("first", "total"):
            row = found.loc[name]
            assert row[f"{index}_low"] <= share <= row[f"{index}_high"]
    assert found["unknowns"].to_dict() == {"ac": 2, "b": 1}


def test_sobol_indices_of_no_numbers_and_of_a_constant_are_refused() -> None:
    pytest.importorskip("SALib")
    y = ishigami_of(saltelli_design(list("abc"), points=16, seed=3))
    with pytest.raises(AnswerError, match="in 1 of 80 runs the result is no number"):
        sobol_indices(list("abc"), np.where(np.arange(80) == 7, np.nan, y), seed=1)
    with pytest.raises(AnswerError, match="the same in all 80 runs"):
        sobol_indices(list("abc"), np.full(80, 0.3), seed=1)


@pytest.mark.parametrize("points", [0, 8, 48, 100])
def test_a_number_of_points_that_fits_no_sequence_is_refused(points: int) -> None:
    with pytest.raises(AnswerError, match=f"power of two.*not {points}"):
        saltelli_design(["a"], points=points, seed=1)


@pytest.mark.parametrize("method", METHODS)
def test_indices_are_held_against_random_columns(method: str) -> None:
    pytest.importorskip("SALib")
    rng = np.random.default_rng(8)
    x = pd.DataFrame(rng.random((128, 9)), columns=["much", *(f"none{k}" for k in range(8))])
    found = given_data(x, 3.0 * x["much"] + pd.Series(rng.random(128)), method=method, seed=1)
    above = found[found["index"] > found["chance"]]["parameter"].tolist()
    assert above[0] == "much"
    assert len(above) <= 3  # one of twenty by chance, in the mean


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
