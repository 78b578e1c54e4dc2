import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.domain.holdings import Holdings
from sim.learning.gate import benefit_of, needed_benefit
from sim.learning.law import benefit, effective_studies, sensitivity_for
from sim.scenario.ai import Gate
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import fixed_response, small_world


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


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 5))
def test_sensitivity_for_inverts_the_benefit_where_it_is_not_cut_off(
    sensitivity, specificity, target, penalty
):
    found = float(benefit(sensitivity, specificity, target, penalty))
    assert 0 <= found <= sensitivity
    back = float(sensitivity_for(found, specificity, target, penalty))
    assert back == pytest.approx(sensitivity, abs=1e-9) if found > 0 else back >= sensitivity


def test_a_run_counts_readings_at_the_benefit_of_the_law():
    """What the accounts add up in a compiled kernel is the law's benefit, reading by reading."""
    world = small_world(2)
    gate = Gate(target_specificity=0.95, penalty=1.5, margin=0.3)
    cells = run(world, buying(world, **EVERYTHING), case=scenario(gate=gate)).records.cells
    release = fixed_response()(Holdings(np.zeros(1), np.zeros(1)))
    ai, human = (benefit_of(reads, gate) for reads in (release, world.care.reader))
    assert cells["read_by_ai"].sum() > 0
    expected = cells["read_by_ai"] * ai + cells["read_by_human"] * human
    np.testing.assert_allclose(cells["benefit"], expected, rtol=1e-9)


def test_the_gate_asks_for_the_readers_benefit_less_the_margin():
    """Readers of 0.8 and 0.82: 0.8 less a penalty of 0.08, less 0.05."""
    needed = needed_benefit(small_world(1).care.reader, Gate(margin=0.05, target_specificity=0.9))
    assert needed.tolist() == pytest.approx([0.67])
