"""Laws that every index of inequality must keep, whatever the world."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.domain.levers import Floats
from sim.equity.inequality import (
    atkinson,
    concentration_index,
    equally_distributed,
    gini,
    theil,
    theil_between_within,
    worst,
)

FLOOR = 1e-6
Cells = tuple[Floats, Floats]


@st.composite
def populations(draw: st.DrawFn) -> Cells:
    size = draw(st.integers(2, 12))
    coverage = draw(st.lists(st.floats(1e-3, 1.0), min_size=size, max_size=size))
    persons = draw(st.lists(st.floats(0.1, 1e4), min_size=size, max_size=size))
    return np.array(coverage), np.array(persons)


AVERSION = st.floats(0.0, 20.0)


@given(cells=populations(), factor=st.floats(0.01, 100.0), aversion=AVERSION)
def test_indices_do_not_depend_on_the_unit(cells: Cells, factor: float, aversion: float) -> None:
    ec, weights = cells
    for index in (gini, theil):
        assert index(ec * factor, weights) == pytest.approx(index(ec, weights), abs=1e-9)
    scaled = atkinson(ec * factor, weights, aversion=aversion, floor=FLOOR)
    assert scaled == pytest.approx(
        atkinson(ec, weights, aversion=aversion, floor=FLOOR), rel=1e-9, abs=1e-9
    )


@given(cells=populations(), factor=st.floats(0.01, 100.0), aversion=AVERSION)
def test_indices_depend_on_shares_of_people_only(
    cells: Cells, factor: float, aversion: float
) -> None:
    ec, weights = cells
    doubled = np.concatenate([ec, ec]), np.concatenate([weights, weights]) * factor
    assert gini(*doubled) == pytest.approx(gini(ec, weights), abs=1e-9)
    assert theil(*doubled) == pytest.approx(theil(ec, weights), abs=1e-9)
    ede = equally_distributed(ec, weights, aversion=aversion, floor=FLOOR)
    twice = equally_distributed(*doubled, aversion=aversion, floor=FLOOR)
    assert twice == pytest.approx(ede, rel=1e-9)


@given(cells=populations(), share=st.floats(0.0, 0.5), aversion=AVERSION)
def test_a_transfer_from_rich_to_poor_never_raises_inequality(
    cells: Cells, share: float, aversion: float
) -> None:
    ec, weights = cells
    poor, rich = int(ec.argmin()), int(ec.argmax())
    assume(poor != rich)
    persons = share * (ec[rich] - ec[poor]) * min(weights[poor], weights[rich])
    after = ec.copy()
    after[poor] += persons / weights[poor]
    after[rich] -= persons / weights[rich]
    for index in (gini, theil):
        assert index(after, weights) <= index(ec, weights) + 1e-9
    before = equally_distributed(ec, weights, aversion=aversion, floor=FLOOR)
    assert equally_distributed(after, weights, aversion=aversion, floor=FLOOR) >= before - 1e-9


@given(cells=populations(), low=AVERSION, more=AVERSION)
def test_ede_lies_between_worst_and_mean_and_falls_with_aversion(
    cells: Cells, low: float, more: float
) -> None:
    ec, weights = cells
    careless = equally_distributed(ec, weights, aversion=low, floor=FLOOR)
    averse = equally_distributed(ec, weights, aversion=low + more, floor=FLOOR)
    assert worst(ec, weights) <= averse * (1 + 1e-9)
    assert averse <= careless * (1 + 1e-9)
    assert careless <= np.average(ec, weights=weights) * (1 + 1e-9)


@given(cells=populations(), labels=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_theil_is_its_two_parts(cells: Cells, labels: list[int]) -> None:
    ec, weights = cells
    between, within = theil_between_within(ec, weights, labels[: len(ec)])
    assert between + within == pytest.approx(theil(ec, weights), abs=1e-9)
    assert min(between, within) >= -1e-12


@given(cells=populations(), rank=st.permutations(range(12)))
def test_no_ranking_is_more_unequal_than_the_one_by_coverage(cells: Cells, rank: list[int]) -> None:
    ec, weights = cells
    index = concentration_index(ec, weights, np.array(rank[: len(ec)]))
    assert abs(index) <= gini(ec, weights) + 1e-9


@given(value=st.floats(1e-3, 1.0), size=st.integers(1, 9), aversion=AVERSION)
def test_equal_cells_are_equal(value: float, size: int, aversion: float) -> None:
    ec, weights = np.full(size, value), np.arange(1.0, size + 1)
    assert gini(ec, weights) == pytest.approx(0.0, abs=1e-12)
    assert theil(ec, weights) == pytest.approx(0.0, abs=1e-12)
    assert atkinson(ec, weights, aversion=aversion, floor=FLOOR) == pytest.approx(0.0, abs=1e-12)
