import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ProfileError
from sim.learning.response import (
    FACTORS,
    FROZEN_BEYOND,
    Response,
    available,
    draw_response,
    load_profile,
)

ONE = Response(floor=0.2, scale=2.0, power=0.4, kappa=0.25, offset=50.0)
COUNTS = st.floats(0, 1e5)


@pytest.fixture(scope="module")
def profile():
    return load_profile("dermoscopy_site")


def test_error_is_the_law_at_own_plus_kappa_other():
    assert ONE.error(100.0, 400.0) == pytest.approx(0.2 + 2.0 * 250**-0.4)


@given(COUNTS, COUNTS, st.floats(1, 1e4))
def test_own_studies_lower_the_error_at_least_as_much_as_others(own, other, more):
    before = ONE.error(own, other)
    assert ONE.error(own + more, other) <= ONE.error(own, other + more) <= before


def test_a_frozen_response_stops_at_its_edge():
    frozen = replace(ONE, edge=1_000.0)
    assert frozen.error(999.0, 0.0) == ONE.error(999.0, 0.0)
    assert frozen.error(5_000.0, 0.0) == ONE.error(1_000.0, 0.0)


def test_level_scales_the_error():
    half = replace(ONE, level=0.5)
    assert half.error(10.0, 10.0) == pytest.approx(0.5 * ONE.error(10.0, 10.0))


def test_an_error_is_at_most_one():
    poor = replace(ONE, level=5.0)
    assert poor.error(0.0, 0.0) == 1.0


@pytest.mark.parametrize("name", available())
def test_every_draw_of_a_shipped_profile_obeys_the_contract(name):
    profile = load_profile(name)
    own = np.array([0.0, 10.0, 100.0, 1_000.0, 1e6])
    chance = profile.specificity
    for draw in range(profile.size):
        error = draw_response(profile, draw).error(own, 0.0)
        assert (np.diff(error) <= 1e-12).all()
        assert 0 <= error[-1] <= error[0] <= chance + 1e-4  # stored with six digits
        assert 0 <= profile.draws["kappa"][draw] <= 1


@pytest.mark.parametrize("name", available())
def test_factors_are_named_bounded_and_reproduced_by_their_draws(name):
    factors = load_profile(name).factors
    assert tuple(factors) == FACTORS
    for factor in factors.values():
        if factor.status == "not measured":
            assert (factor.value, factor.runs, factor.draws) == (None, 0, ())
            continue
        assert factor.low <= factor.value <= factor.high
        assert np.median(factor.draws) == pytest.approx(factor.value, rel=1e-3, abs=1e-6)
        if factor.status == "measured":
            assert not factor.low <= factor.null <= factor.high


def test_the_shipped_profile_is_real_and_states_its_limits(profile):
    assert profile.data == "real"
    assert profile.size >= 200
    assert profile.power_source in {"measured", "nameplate", "default"}
    low, high = profile.kappa_interval
    assert low <= float(np.median(profile.draws["kappa"])) <= high


def test_draws_repeat_and_never_depend_on_what_was_drawn_before(profile):
    assert draw_response(profile, 3) == draw_response(profile, 3 + profile.size)
    assert draw_response(profile, 3) != draw_response(profile, 4)


def test_transport_sets_kappa_to_one_in_the_wanted_share_of_draws(profile):
    draws = range(2_000)
    ones = [draw_response(profile, d, kappa_one_weight=0.3).kappa == 1.0 for d in draws]
    assert np.mean(ones) == pytest.approx(0.3, abs=0.05)
    assert draw_response(profile, 7, kappa_one_weight=1.0).kappa == 1.0


def test_frozen_draws_stop_at_three_times_the_measured_range(profile):
    assert draw_response(profile, 0, frozen=True).edge == FROZEN_BEYOND * profile.measured_max
    assert draw_response(profile, 0).edge == math.inf


def test_an_unknown_profile_names_the_nearest_one():
    with pytest.raises(ProfileError, match="Did you mean 'dermoscopy_site'"):
        load_profile("dermoscopy_sit")
    assert "dermoscopy_site" in available()


def test_a_broken_fit_says_which_file(tmp_path):
    (tmp_path / "fit.json").write_text('{"schema": 1}')
    with pytest.raises(ProfileError, match=r"fit\.json: cannot be read"):
        load_profile(tmp_path)


def test_the_response_needs_neither_torch_nor_scipy():
    code = (
        "import sys, sim.learning.response; print({'torch', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
