"""No point of a frontier betters another in every respect, and what is left out is bettered."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from sim.answers.fronts import NONE, dominated_by, knee

POINTS = arrays(float, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=st.integers(0, 4))


def betters(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one >= other).all() and (one > other).any())


@given(POINTS)
def test_points_kept_do_not_dominate_each_other_and_all_others_are_dominated(
    points: np.ndarray,
) -> None:
    found = dominated_by(points)
    kept = np.flatnonzero(found == NONE)
    assert len(kept) >= 1
    for k in kept:
        assert not any(betters(points[j], points[k]) for j in kept)
    for k in np.flatnonzero(found != NONE):
        named = found[k]
        assert found[named] == NONE
        assert betters(points[named], points[k]) or (points[named] == points[k]).all()


@given(st.floats(0.05, 0.9), st.floats(1e-3, 1e3), st.floats(-10.0, 10.0))
def test_a_circle_bends_most_in_its_middle_in_any_unit(
    part: float, unit: float, start: float
) -> None:
    turn = np.linspace(0.0, np.pi / 2, 21)
    circle = np.column_stack([np.sin(turn), start + unit * np.cos(turn)])
    assert knee(circle) == 10
    line = np.column_stack([turn, -part * turn])
    assert knee(line[[0, -1]]) == NONE
    hollow = np.column_stack([1.0 - np.sin(turn), 1.0 - np.cos(turn)])[::-1]
    assert knee(hollow) in (NONE, 0, 20)
