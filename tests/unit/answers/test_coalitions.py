"""Shapley values: known games, their axioms, and what searches of some coalitions settle."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.answers.coalitions import (
    alone,
    best_plans,
    first_to_search,
    lost_without,
    next_to_search,
    parts_of,
    reached_at_most,
    shapley,
    shapley_bounds,
)
from sim.domain.levers import Floats

games = st.integers(1, 5).flatmap(
    lambda parts: arrays(float, 1 << parts, elements=st.floats(-9, 9))
)


def sums(of: Floats) -> Floats:
    return np.array([of[list(parts_of(c))].sum() for c in range(1 << len(of))])


def test_of_additive_parts_each_gets_its_own() -> None:
    own = np.array([3.0, 1.0, 0.0, 2.5])
    values = sums(own)
    assert shapley(values) == pytest.approx(own)
    assert alone(values) == pytest.approx(own)
    assert lost_without(values) == pytest.approx(own)


def test_links_of_a_chain_share_what_only_all_bring() -> None:
    values = np.zeros(1 << 4)
    values[[c for c in range(16) if c & 0b0111 == 0b0111]] = 6.0
    assert shapley(values) == pytest.approx([2.0, 2.0, 2.0, 0.0])
    assert alone(values).tolist() == [0.0] * 4
    assert lost_without(values).tolist() == [6.0, 6.0, 6.0, 0.0]


def test_substitutes_share_what_either_brings() -> None:
    values = np.array([float(c & 0b11 > 0) for c in range(8)])
    assert shapley(values) == pytest.approx([0.5, 0.5, 0.0])
    assert lost_without(values).tolist() == [0.0] * 3


def test_gloves_have_their_published_value() -> None:
    """One left glove and two right ones: 2/3 and 1/6 each (Shapley and Shubik 1969)."""
    values = np.array([float(c & 0b001 and c & 0b110) > 0 for c in range(8)], dtype=float)
    assert shapley(values) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


@given(games)
def test_all_of_it_adds_up_to_what_the_whole_gains(values: Floats) -> None:
    assert shapley(values).sum() == pytest.approx(values[-1] - values[0], abs=1e-9)


@given(games)
def test_it_is_the_mean_over_all_orders(values: Floats) -> None:
    parts = len(values).bit_length() - 1
    mean = np.zeros(parts)
    orders = list(permutations(range(parts)))
    for order in orders:
        so_far = 0
        for part in order:
            mean[part] += values[so_far | 1 << part] - values[so_far]
            so_far |= 1 << part
    assert shapley(values) == pytest.approx(mean / len(orders), abs=1e-9)


def test_other_axes_are_kept() -> None:
    values = np.random.default_rng(1).normal(size=(8, 5, 2))
    assert shapley(values)[:, 3, 1] == pytest.approx(shapley(values[:, 3, 1]))


def test_a_coalition_takes_the_best_plan_that_needs_no_other_part() -> None:
    needs = np.array([0b00, 0b01, 0b11, 0b10])
    chosen = best_plans(needs, np.array([0.0, 2.0, 5.0, -1.0]), parts=2)
    assert chosen.tolist() == [0, 1, 0, 2]


def test_every_coalition_needs_a_plan() -> None:
    with pytest.raises(ValueError, match="one plan has to need nothing"):
        best_plans(np.array([1]), np.array([1.0]), parts=1)


@given(games, st.lists(st.integers(0, 31), max_size=8))
def test_what_is_reached_lies_within_bounds_that_close(values: Floats, some: list[int]) -> None:
    """The true values of a game in which more parts never reach less; some are searched."""
    parts = len(values).bit_length() - 1
    true = np.array(
        [max(values[s] for s in range(len(values)) if s & ~c == 0) for c in range(len(values))]
    )
    searched = np.unique([len(values) - 1, *(one % len(values) for one in some)])
    best = best_plans(np.array([0, *searched]), np.array([true[0], *true[searched]]), parts=parts)
    reached = np.array([true[0], *true[searched]])[best]
    most = reached_at_most(reached, searched)
    assert (reached <= true + 1e-12).all()
    assert (true <= most + 1e-12).all()
    least, greatest = shapley_bounds(reached, most)
    exact = shapley(true)
    assert (least <= exact + 1e-9).all()
    assert (exact <= greatest + 1e-9).all()
    everything = np.arange(len(true))
    assert reached_at_most(true, everything) == pytest.approx(true)
    assert next_to_search(reached_at_most(true, everything) - true, everything, count=9) == []


def test_what_holds_most_doubt_is_searched_first() -> None:
    doubt = np.array([0.0, 1.0, 1.0, 1.0, 4.0, 1.0, 1.0, 1.0])
    assert next_to_search(doubt, np.array([7]), count=2) == [0b101, 0b110]
    doubt[0b101] = doubt[0b110] = 0.0
    assert next_to_search(doubt, np.array([7]), count=1) == [0b100]


def test_a_game_of_complements_and_substitutes_is_settled_by_few_searches() -> None:
    """Ten parts, of which four matter: two are links of a chain, two do the same."""

    def worth(coalition: int) -> float:
        chain = 5.0 * (coalition & 0b11 == 0b11)
        return chain + 2.0 * bool(coalition & 0b1100)

    def search(coalition: int) -> int:
        """Return the coalition that the best plan needs: no part that brings nothing."""
        needs = coalition & 0b11 if coalition & 0b11 == 0b11 else 0
        return needs | (coalition & 0b100 or coalition & 0b1000)

    searched, found = [0b1111111111], [0, search(0b1111111111)]
    for _ in range(40):
        needs = np.array(found)
        worths = np.array([worth(c) for c in found])
        reached = worths[best_plans(needs, worths, parts=10)]
        most = reached_at_most(reached, np.array(searched))
        todo = next_to_search(most - reached, np.array(searched), count=1)
        if not todo:
            break
        searched += todo
        found += map(search, todo)
    assert len(searched) < 25
    assert reached == pytest.approx([worth(c) for c in range(1024)])
    assert shapley(reached) == pytest.approx([2.5, 2.5, 1.0, 1.0, *[0.0] * 6])


def test_the_whole_comes_first() -> None:
    assert first_to_search(3) == [0b111, 0b001, 0b010, 0b100, 0b110, 0b101, 0b011]
    assert first_to_search(1) == [1, 0]


def test_a_value_is_needed_for_every_coalition() -> None:
    with pytest.raises(ValueError, match="3 is no power of two"):
        shapley(np.zeros(3))
