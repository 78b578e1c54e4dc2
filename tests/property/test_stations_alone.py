"""Every station by itself, inputs fixed: more capacity never means less work, nobody is lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.pipeline.parts import flows_of, state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import State
from sim.pipeline.stations import need
from sim.pipeline.stations.annotation import Annotation
from sim.pipeline.stations.curation import Curation
from sim.pipeline.stations.documentation import Documentation
from sim.pipeline.stations.imaging import Imaging
from sim.pipeline.stations.reading import Reading
from sim.pipeline.stations.station import Station
from sim.streams import stream
from tests.scenarios import scenario
from tests.small_world import small_world

WEEKS = 52
ROUNDING = 1.0
"""Exams or studies per group that may still be in work at the end of a week."""


@dataclass(frozen=True)
class Case:
    """One station, where its work comes from, and what more capacity is."""

    station: type[Station]
    entering: str
    """The field of ``Flows`` that holds what comes in."""
    more: Callable[[State, World, int], None]
    """Adds so many units."""


def scanners(state: State, _: World, units: int) -> None:
    state.units_working += units


def bought(lever: str, scope: str = "") -> Callable[[State, World, int], None]:
    def buy(state: State, world: World, units: int) -> None:
        state.active[:, world.catalogue.index(lever, scope)] += units  # type: ignore[arg-type]

    return buy


CASES: Mapping[str, Case] = {
    "scanners": Case(Imaging, "arrived", scanners),
    "readers": Case(Reading, "exams", bought("reader", "dermatologist")),
    "stewards": Case(Documentation, "archived", bought("steward")),
    "curators": Case(Curation, "documented", bought("curator")),
    "annotation hours": Case(Annotation, "for_training", bought("annotation")),
}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Worlds of one to three groups, with or without an urgent one, patient or not."""
    groups = draw(st.integers(1, 3))
    world = small_world(1, groups)
    care = replace(
        world.care,
        priority=np.array([draw(st.integers(0, 1)) for _ in range(groups)]),
        patience_weeks=np.full(1, draw(st.floats(0.2, 30.0))),
        report_patience_weeks=np.full(1, draw(st.floats(0.2, 30.0))),
        reading_minutes=np.full(1, draw(st.floats(1.0, 60.0))),
        units_per_facility=np.full(1, draw(st.integers(1, 3)) * 1.0),
        reader_hours_per_year=world.care.reader_hours_per_year * draw(st.floats(0.1, 5.0)),
    )
    data = replace(world.data, annotation_minutes=np.full(1, draw(st.floats(0.5, 60.0))))
    return replace(world, care=care, data=data)


def alone(case: Case, world: World, *, units: int, rate: float, seed: int) -> np.ndarray:
    """Return what a station finished from the start to each week, shape (week, m, g).

    Checks on the way that every count is kept, and that no more is worked than there is capacity.
    """
    luck = RandomKeys(world, seed, 0)
    station, state, flows = (
        case.station(world, scenario(), luck),
        state_today(world),
        flows_of(world),
    )
    case.more(state, world, units)
    came = stream(seed, "entering").poisson(rate, (WEEKS, *world.shape))
    to_ai = stream(seed, "to ai").binomial(came, 0.3)
    flows.expected[:] = rate
    flows.reader_hours[:] = world.care.reader_hours_per_year / 52.0
    days, finished = luck.by_station("need/days"), np.zeros((WEEKS, *world.shape[1:]))
    before = np.zeros(world.shape, dtype=np.int64)
    chance, listed = np.zeros(world.shape[0] * world.shape[1]), np.zeros_like(before).reshape(-1)
    for week in range(WEEKS):
        entering = getattr(flows, case.entering)
        entering[:] = came[week]
        flows.to_ai[:] = to_ai[week]
        need.spread_over_days(week, days, flows.arrived, flows.by_day, chance, listed)
        station.step(state, flows, week)
        account = station.account(state, flows)
        nothing = np.zeros_like(before)
        out = [nothing if counts is None else counts for counts in account.counts()[1:]]
        np.testing.assert_array_equal(before + came[week], sum(out))
        assert min(counts.min() for counts in out) >= 0
        assert account.waiting is not None
        if case.station is not Imaging:
            # the capacity of imaging is a mean, exams are a chance about it
            assert account.busy is not None
            assert (account.busy <= account.capacity + 1e-6).all()
        before = account.waiting.copy()
        finished[week] = account.done[0]
    return finished.cumsum(axis=0)


@pytest.mark.parametrize("name", CASES)
@given(
    world=worlds(),
    few=st.integers(0, 6),
    more=st.integers(1, 6),
    rate=st.floats(0.5, 200.0),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=30, deadline=None)
def test_more_capacity_never_means_less_work(
    name: str, world: World, few: int, more: int, rate: float, seed: int
) -> None:
    case = CASES[name]
    less = alone(case, world, units=few, rate=rate, seed=seed)
    gain = alone(case, world, units=few + more, rate=rate, seed=seed) - less
    assert gain.sum(axis=(1, 2)).min() >= -ROUNDING
    assert gain.min() >= -ROUNDING * world.shape[2]
