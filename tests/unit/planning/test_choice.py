"""One option for every place: the best of all choices, counted out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import InfeasibleError
from sim.planning.choice import choose
from sim.planning.limits import Limit
from sim.planning.objectives import BESIDE


def limits(*most: float) -> list[Limit]:
    return [
        Limit(f"row{k}", f"limit {k}", np.zeros((1, 1, 1)), value, 1e-6)
        for k, value in enumerate(most)
    ]


def of_own(value: np.ndarray) -> np.ndarray:
    """Return values of which each place adds to a region of its own, shape (p, o, r)."""
    return value[..., None] * np.eye(len(value))[:, None]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_no_choice_that_keeps_the_limits_is_better(seed: int, worst: bool, apart: bool) -> None:
    """Places that add to several regions, of which two exclude each other or do not."""
    rng = np.random.default_rng(seed)
    value, base = np.log(rng.uniform(0.05, 0.9, (3, 4, 2))), rng.uniform(-1.0, 1.0, 2)
    claims = rng.uniform(0.0, 1.0, (2, 3, 4))
    claims[:, :, 0] = 0.0  # nothing is always to be had
    rows, exclusive = limits(1.2, 1.6), [(0, 2)] if apart else []
    found = choose(value, claims, rows, base=base, exclusive=exclusive, worst=worst, gap=0.0)

    def reached(option: tuple[int, ...]) -> float:
        own = base + value[range(3), option].sum(axis=0)
        return float(own.min() + BESIDE * own.mean()) if worst else float(own.sum())

    def kept(option: tuple[int, ...]) -> bool:
        taken = claims[:, range(3), option].sum(axis=1)
        within = bool((taken <= [row.most + 1e-6 for row in rows]).all())
        return within and not (apart and option[0] and option[2])

    best = max(reached(option) for option in product(range(4), repeat=3) if kept(option))
    assert kept(tuple(found.option))
    assert found.value == pytest.approx(best, abs=1e-6)
    assert found.gap <= 1e-6
    assert found.value + found.gap >= best - 1e-9


def test_what_is_not_to_be_had_is_not_chosen() -> None:
    value = of_own(np.array([[0.0, 9.0, 0.0], [0.0, 0.0, 5.0]]))
    value[0, 2], value[1, 1] = np.nan, np.nan
    found = choose(value, np.zeros((1, 2, 3)), limits(1.0))
    assert found.option.tolist() == [1, 2]


def test_limits_that_no_choice_keeps_are_named() -> None:
    with pytest.raises(InfeasibleError, match="limit 0"):
        choose(np.zeros((2, 2, 1)), np.ones((1, 2, 2)), limits(1.0))
