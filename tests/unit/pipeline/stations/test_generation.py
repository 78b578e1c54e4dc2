"""Synthetic studies: never without real ones, never beyond their multiple, worth what is said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.learning.law import effective_studies
from sim.pipeline.parts import state_today
from sim.pipeline.stations.governance import holdings, usable
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import small_world

PLENTY = EVERYTHING | {"steward": 4, "curator": 4, "synthesis": 500}


def generated(world: World, **units: float) -> tuple[np.ndarray, np.ndarray]:
    """Return synthetic and labelled studies by region at the end of every week, shape (w, r)."""
    result = run(world, buying(world, **units))
    by_week = [
        result.station(name).pivot_table(index="week", columns="region", values="done").cumsum()
        for name in ("generation", "annotation")
    ]
    return by_week[0].to_numpy(), by_week[1].to_numpy()


def test_synthetic_studies_stay_below_their_multiple_of_real_ones() -> None:
    world = small_world(2)
    synthetic, real = generated(world, **PLENTY)
    gained = synthetic - synthetic[0]
    assert gained[-1].min() > 0
    # the labels of the warm-up are real as well
    before = run(world, buying(world, **PLENTY)).world.data.synthetic_limit * 2_000
    assert (synthetic <= 2.0 * real + before).all()


@pytest.mark.parametrize("minimum", [1e9])
def test_there_is_no_generator_without_enough_real_studies(minimum: float) -> None:
    world = small_world(2)
    world = replace(world, data=replace(world.data, synthetic_minimum=minimum))
    synthetic, _ = generated(world, **PLENTY)
    assert synthetic.max() == 0


def test_nothing_is_generated_unless_it_is_paid_for() -> None:
    synthetic, _ = generated(small_world(2), **(PLENTY | {"synthesis": 0}))
    assert synthetic.max() == 0


def test_holdings_count_synthetic_studies_at_their_worth_and_at_home_only() -> None:
    world = small_world(2, 1)
    state = state_today(world)
    state.labelled[0, 0, 0], state.synthetic[0, 0, 0] = 1_000, 5_000
    with_them = holdings(world, state, usable(world, state))
    state.synthetic[:] = 0
    without = holdings(world, state, usable(world, state))
    label = (1 - 2 * 0.05) ** 2
    # limit 2.0 and worth 0.2: 2,000 of them count, for 400 real ones
    assert with_them.own[0, 0, 0] - without.own[0, 0, 0] == pytest.approx(label * 400)
    np.testing.assert_array_equal(with_them.other, without.other)
    np.testing.assert_array_equal(with_them.own[1], without.own[1])


@given(
    real=st.floats(0, 1e6),
    synthetic=st.floats(0, 1e6),
    more=st.floats(0, 1e6),
    worth=st.floats(0, 1),
    limit=st.floats(0, 10),
)
def test_more_synthetic_studies_are_never_worth_less_nor_more_than_the_limit(
    real: float, synthetic: float, more: float, worth: float, limit: float
) -> None:
    few, many = (
        float(effective_studies(real, n, worth=worth, limit=limit)) - real
        for n in (synthetic, synthetic + more)
    )
    assert -1e-9 <= few <= many <= worth * limit * real + 1e-9


def test_a_federation_lets_others_use_what_may_not_leave() -> None:
    world = small_world(3, 1)
    state = state_today(world)
    state.labelled[0, 0, 0], state.shared[0, 0, 0] = 1_000, 100
    apart = holdings(world, state, usable(world, state))
    state.active[0, world.catalogue.index("federation")] = 1.0
    together = holdings(world, state, usable(world, state))
    gain = together.other - apart.other
    # 900 stay where they are; one is worth 0.9 of one that is shared; labels are 5% wrong
    assert gain[1, 0, 0] == pytest.approx(900 * 0.9 * (1 - 2 * 0.05) ** 2)
    assert gain[0, 0, 0] == 0.0
    np.testing.assert_array_equal(together.own, apart.own)
