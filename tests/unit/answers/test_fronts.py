"""No point of a frontier betters another in every respect, and what is left out is bettered."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from sim.answers.fronts import NONE, dominated_by

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
