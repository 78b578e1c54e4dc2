from hypothesis import given
from hypothesis import strategies as st

from sim.learning.effects import effective_studies


@given(st.floats(0, 0.5), st.floats(0, 1))
def test_damage_never_adds_studies(noise, quality):
    assert 0 <= effective_studies(1_000, noise=noise, quality=quality) <= 1_000


def test_labels_by_coin_toss_are_worth_nothing():
    assert effective_studies(1_000, noise=0.5) == 0


def test_synthetic_studies_count_up_to_a_multiple_of_the_real_ones():
    few, many = effective_studies([100, 100], [150, 900], worth=0.2, limit=2.0)
    assert few == 100 + 0.2 * 150
    assert many == 100 + 0.2 * 200


def test_harmful_synthetic_studies_take_at_most_everything():
    few, many = effective_studies([100, 100], [150, 900], worth=-0.6, limit=2.0)
    assert few == 100 - 0.6 * 150
    assert many == 0


def test_nothing_real_makes_synthetic_worthless():
    assert effective_studies(0, 900, worth=0.2, limit=2.0) == 0
