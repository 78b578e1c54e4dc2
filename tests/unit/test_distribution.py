"""Distributions of inputs against scipy's, cut off at the bounds of the quantity."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.baseline.build import world_and_inputs
from sim.domain.bounds import SHARE, Bounds
from sim.domain.distribution import Distribution, Shape, triangular
from sim.scenario.ai import ResponseSpec
from sim.scenario.spec import Assumption, Override
from sim.studies.sample import response_of
from tests.scenarios import scenario
from tests.unit.studies.small_study import PROFILE

Z = stats.norm.ppf(0.975)
U = np.linspace(0.001, 0.999, 37)
POSITIVE = Bounds(0.0, 1e6, "minutes")
SHAPES: tuple[Shape, ...] = ("triangular", "uniform", "normal", "lognormal", "beta")


def at(known: Distribution, bounds: Bounds) -> np.ndarray:
    return np.array([known.at(u, bounds) for u in U])


def test_each_is_the_one_that_scipy_knows() -> None:
    share = (0.3, 0.2, 0.4)
    sd = 0.2 / (2 * Z)
    size = 0.3 * 0.7 / sd**2 - 1.0
    cut = ((0.0 - 0.3) / sd, (1.0 - 0.3) / sd)
    wanted = {
        "triangular": stats.triang(0.5, loc=0.2, scale=0.2),
        "uniform": stats.uniform(0.2, 0.2),
        "normal": stats.truncnorm(*cut, loc=0.3, scale=sd),
        "beta": stats.beta(0.3 * size, 0.7 * size),
    }
    for shape, same in wanted.items():
        found = at(Distribution(*share, shape=shape), SHARE)
        assert found == pytest.approx(same.ppf(U), rel=1e-9), shape
    found = at(Distribution(4.0, 2.0, 8.0, "lognormal"), POSITIVE)
    assert found == pytest.approx(stats.lognorm(np.log(2) / Z, scale=4.0).ppf(U), rel=1e-6)


def test_low_and_high_are_the_95_percent_interval_of_those_without_ends() -> None:
    assert Distribution(0.5, 0.4, 0.6, "normal").at(0.025, SHARE) == pytest.approx(0.4)
    assert Distribution(4.0, 2.0, 8.0, "lognormal").at(0.975, POSITIVE) == pytest.approx(8.0)
    beta = Distribution(0.1, 0.05, 0.17, "beta")
    assert beta.at(0.975, SHARE) - beta.at(0.025, SHARE) == pytest.approx(0.12, rel=0.03)


def test_what_lies_beyond_the_bounds_is_cut_off_and_not_piled_up() -> None:
    wide = Distribution(0.1, -0.3, 0.5, "normal")
    sd = 0.8 / (2 * Z)
    same = stats.truncnorm(-0.1 / sd, 0.9 / sd, loc=0.1, scale=sd)
    assert at(wide, SHARE) == pytest.approx(same.ppf(U), abs=1e-9)
    low = Distribution(4.0, 2.0, 8.0, "lognormal")
    narrow = Bounds(3.0, 6.0, "minutes")
    law = stats.lognorm(np.log(2) / Z, scale=4.0)
    part = law.cdf(3.0) + U * (law.cdf(6.0) - law.cdf(3.0))
    assert at(low, narrow) == pytest.approx(law.ppf(part), rel=1e-9)


def test_quantiles_are_met_and_even_between() -> None:
    known = Distribution(3.0, 1.0, 9.0, quantiles=((0.05, 2.0), (0.5, 3.0), (0.95, 7.0)))
    heights = ([0.05, 0.45, 0.45, 0.05], [1.0, 2.0, 3.0, 7.0, 9.0])
    same = stats.rv_histogram(heights, density=False)
    assert at(known, POSITIVE) == pytest.approx(same.ppf(U))
    assert known.at(0.5, POSITIVE) == 3.0


@given(
    shape=st.sampled_from(SHAPES),
    ends=st.tuples(st.floats(0.01, 0.95), st.floats(0.01, 0.95)).filter(
        lambda pair: abs(pair[0] - pair[1]) > 0.01
    ),
    us=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=9),
)
def test_a_draw_rises_with_its_chance_and_stays_in_bounds(
    shape: Shape, ends: tuple[float, float], us: list[float]
) -> None:
    low, high = sorted(ends)
    middle = (low * high) ** 0.5 if shape == "lognormal" else (low + high) / 2.0
    known = Distribution(middle, low, high, shape)
    if known.wrong():
        assert shape == "beta"
        return
    drawn = [known.at(u, SHARE) for u in sorted(us)]
    assert all(0.0 <= value <= 1.0 for value in drawn)
    assert all(b >= a - 1e-9 for a, b in pairwise(drawn))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"value": 0.5, "low": 0.6, "high": 0.7}, "value 0.5 is not within 0.6 to 0.7"),
        (
            {"distribution": "normal", "value": 0.3, "low": 0.2, "high": 0.7},
            "the middle of normal from 0.2 to 0.7 is 0.45, not 0.3; correct it, or give quantiles",
        ),
        (
            {"distribution": "lognormal", "value": 5.0, "low": 2.0, "high": 8.0},
            "the middle of lognormal from 2 to 8 is 4, not 5",
        ),
        (
            {"distribution": "lognormal", "value": 0.0, "low": 0.0, "high": 8.0},
            "needs low above 0",
        ),
        ({"distribution": "normal", "value": 1.0}, "normal needs low and high apart"),
        ({"distribution": "beta", "value": 2.0, "low": 1.0, "high": 3.0}, "of a share between 0"),
        ({"distribution": "beta", "value": 0.5, "low": 0.0, "high": 2.0}, "is as wide; give"),
        (
            {"quantiles": {0.5: 3.0, 0.1: 4.0}, "value": 3.0, "low": 1.0, "high": 9.0},
            "of rising probabilities between 0 and 1",
        ),
        (
            {"quantiles": {0.1: 3.0, 0.5: 2.0}, "value": 3.0, "low": 1.0, "high": 9.0},
            "must rise with their probabilities",
        ),
        (
            {
                "quantiles": {0.5: 3.0},
                "distribution": "beta",
                "value": 3.0,
                "low": 1.0,
                "high": 4.0,
            },
            "leave out 'beta'",
        ),
        ({"sample": (1.0, 2.0), "distribution": "uniform", "value": 1.0, "low": 0.0}, "sample"),
    ],
)
def test_a_distribution_that_there_is_not_is_refused(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Override.model_validate({"source": "made up"} | given)


def test_draws_of_overrides_and_assumptions_follow_it() -> None:
    name = "dermoscopy.reading_minutes"
    given = {"value": 4.0, "low": 2.0, "high": 8.0, "source": "made up"}
    plain = scenario(overrides={name: Override(**given)})
    long = scenario(overrides={name: Override(**given, distribution="lognormal")})
    for draw in range(8):
        full = f"{name}.LIC"
        before, after = (
            world_and_inputs(one, draw=draw)[1].drawn[full].value for one in (plain, long)
        )
        same = stats.lognorm(np.log(2) / Z, scale=4.0).cdf(after)
        assert triangular(same, low=2.0, mode=4.0, high=8.0) == pytest.approx(before)
    used = world_and_inputs(long, draw=0)[1].used[full]
    assert used.note == "set by the scenario; lognormal"


def test_the_level_of_errors_follows_it() -> None:
    level = Assumption(value=0.5, low=0.3, high=0.7, source="made up", distribution="uniform")
    case = scenario(response=ResponseSpec(level=level))
    drawn = [response_of(case, PROFILE, draw=d, purpose="judge").level for d in range(300)]
    assert np.std(drawn) == pytest.approx(0.4 / 12**0.5, rel=0.1)
