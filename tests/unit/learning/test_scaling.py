import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.learning.scaling import (
    effective,
    power_law,
    saturating,
    scale_at_zero,
    two_powers,
)

COUNTS = st.floats(0, 1e6)
SHARES = st.floats(0, 1)
LAWS = st.fixed_dictionaries(
    {
        "share": st.floats(0.01, 1),
        "floor": st.floats(0, 0.45),
        "power": st.floats(0.05, 1),
        "offset": st.floats(1, 1e4),
    }
)
CHANCE = 0.5


def law(studies, *, share, floor, power, offset):
    scale = float(scale_at_zero(share, floor=floor, chance=CHANCE, offset=offset, power=power))
    return power_law(studies, floor=floor, scale=scale, power=power, offset=offset), scale


@given(LAWS, COUNTS, COUNTS)
def test_more_studies_never_raise_the_error(constants, a, b):
    error, _ = law([min(a, b), max(a, b)], **constants)
    assert error[1] <= error[0] + 1e-12


@given(LAWS, COUNTS)
def test_error_stays_between_its_floor_and_chance(constants, studies):
    error, _ = law([0.0, studies], **constants)
    assert np.isfinite(error).all()
    assert (error >= constants["floor"] - 1e-12).all()
    assert (error <= CHANCE + 1e-9).all()


@given(LAWS)
def test_no_data_leaves_the_chosen_share_of_the_way_to_chance(constants):
    error, _ = law(0.0, **constants)
    expected = constants["floor"] + constants["share"] * (CHANCE - constants["floor"])
    assert error == pytest.approx(expected)


@given(COUNTS, COUNTS, SHARES)
def test_effective_studies_lie_between_own_and_total(own, other, kappa):
    assert own <= effective(own, other, kappa) <= (own + other) * (1 + 1e-12)


def test_saturating_falls_from_height_to_floor():
    error = saturating([0.0, 100.0, 1e9], floor=0.1, height=0.3, offset=100.0)
    assert error == pytest.approx([0.4, 0.1 + 0.3 / np.e, 0.1])


def test_two_powers_adds_own_and_total_terms():
    error = two_powers(4.0, 100.0, floor=0.1, own_term=(1.0, 0.5), total_term=(2.0, 0.5))
    assert error == pytest.approx(0.1 + 0.5 + 0.2)
