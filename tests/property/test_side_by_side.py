"""Runs that are moved side by side are those that each would be by itself, bit by bit."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.pipeline import run as runs
from sim.pipeline.account import Account
from sim.pipeline.case import Case
from sim.pipeline.parts import Stations, state_today, with_stations
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many, warm_up_many
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.imaging import Imaging
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.scenario.schema import Scenario
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, nothing
from tests.small_world import changed, fixed_response, small_world

YEARS = 2
SET_UP = scenario(years=YEARS)
WORLD = small_world(2, 2, modalities=2)
OTHER = changed(
    changed(
        WORLD,
        "care",
        reading_minutes=np.array([7.0, 33.0]),
        patience_weeks=np.full(2, 5.0),
        growth_per_year=np.array([0.04, -0.02]),
    ),
    "data",
    synthetic_limit=0.5,
    rejected_share=np.array([0.3, 0.0]),
)
"""The same places in another draw: what is the same everywhere differs too."""
DIFFERENT = (
    nothing(WORLD, years=YEARS),
    buying(WORLD, years=YEARS, **EVERYTHING),
    replace(buying(WORLD, years=YEARS, scanner=2, reader=3), name="care"),
)


def cases_of(worlds: tuple[World, ...], set_up: Scenario, stations: Stations) -> list[Case]:
    lucks = [RandomKeys(world, seed, 0) for world in worlds for seed in (1, 2)]
    starts = warm_up_many(lucks, scenario=set_up, stations=stations)
    return [
        Case(start, plan, fixed_response(sensitivity=0.8))
        for start, plan in product(starts, DIFFERENT)
    ]


@cache
def every_case() -> list[Case]:
    return cases_of((WORLD, OTHER), SET_UP, STATIONS)


@cache
def alone() -> list[Run]:
    """Return every case by itself."""
    return [simulate_many([case], scenario=SET_UP)[0] for case in every_case()]


ALL = range(2 * 2 * len(DIFFERENT))


def same(one: Run, other: Run) -> None:
    for name, values in one.records.cells.items():
        np.testing.assert_array_equal(values, other.records.cells[name], err_msg=name)
    for name in ("spend_usd", "exam_costs_usd", "energy_kwh", "reader_hours", "emissions_t_co2e"):
        values = getattr(one.records, name)
        np.testing.assert_array_equal(values, getattr(other.records, name), err_msg=name)
    for name in ("events", "jobs", "releases", "audits"):
        assert getattr(one, name)().equals(getattr(other, name)()), name
    for name in one.records.stations:
        assert one.station(name).equals(other.station(name)), name


def test_the_cases_differ() -> None:
    assert len(every_case()) == len(ALL)
    exams = {run.records.cells["exams"].sum() for run in alone()}
    assert len(exams) > len(ALL) / 2
    assert any(len(run.records.audits) for run in alone())


@given(
    chosen=st.lists(st.sampled_from(ALL), min_size=2, max_size=len(ALL), unique=True),
    cells=st.sampled_from([1, 17, 40, 8_000]),
)
@example(chosen=ALL[::-1], cells=8_000)
@settings(max_examples=7, deadline=None)
def test_a_run_is_the_same_whichever_others_it_is_stacked_with(
    chosen: Sequence[int], cells: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CELLS_AT_ONCE", cells)
        found = simulate_many([every_case()[k] for k in chosen], scenario=SET_UP)
    for k, run in zip(chosen, found, strict=True):
        same(alone()[k], run)


def test_a_start_is_the_same_whichever_others_it_is_warmed_up_with() -> None:
    lucks = [RandomKeys(world, 3, k) for world in (WORLD, OTHER) for k in range(2)]
    together = warm_up_many(lucks, scenario=SET_UP)
    for luck, start in zip(lucks, together, strict=True):
        (single,) = warm_up_many([luck], scenario=SET_UP)
        for name in single.state:
            np.testing.assert_array_equal(
                getattr(single.state, name), getattr(start.state, name), err_msg=name
            )


def test_stations_keep_nothing_from_week_to_week_but_the_state() -> None:
    luck = RandomKeys(WORLD, 3, 0)
    states = [state_today(WORLD) for _ in range(2)]
    for state in states:
        state.active[...], state.reading_waiting[...] = 3.0, 10_000
        state.gate_open[:, 0], state.generator_ready[...] = 1, True
    one, seen = Week(WORLD, SET_UP, STATIONS, luck), set()
    for tick in range(30):
        anew = Week(WORLD, SET_UP, STATIONS, luck)
        for week, state in zip((one, anew), states, strict=True):
            week.step(state, tick)
        for name in states[0]:
            np.testing.assert_array_equal(*(getattr(s, name) for s in states), err_msg=name)
        for name in one.flows:
            pair = [getattr(week.flows, name) for week in (one, anew)]
            np.testing.assert_array_equal(*pair, err_msg=name)
        accounts = [week.accounts(s, STATIONS) for week, s in zip((one, anew), states, strict=True)]
        for name, account in accounts[0].items():
            for field in Account.__dataclass_fields__:
                pair = [getattr(a, field) for a in (account, accounts[1][name])]
                np.testing.assert_array_equal(*pair, err_msg=f"{name} {field}")
        seen |= {name for name in one.flows.counted if getattr(one.flows, name).any()}
    assert seen == set(one.flows.counted)


class ClosedForHalfOfTheYear(Imaging):
    """Puts other arrays into the state, and back, as a station of one's own may."""

    states = (Array("weeks_closed", "r m", "weeks so far", float),)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        state.weeks_closed = state.weeks_closed + 1.0
        working = state.units_working
        if closed := tick % 52 < 26:
            state.units_working = np.zeros_like(working)
        super().step(state, flows, tick)
        if closed:
            state.units_working = working


def test_stations_of_ones_own_are_stacked_where_the_draw_is_one() -> None:
    stations = with_stations(ClosedForHalfOfTheYear)
    cases = cases_of((WORLD, OTHER), SET_UP, stations)
    found = simulate_many(cases, scenario=SET_UP, stations=stations)
    for case, run in zip(cases, found, strict=True):
        (single,) = simulate_many([case], scenario=SET_UP, stations=stations)
        same(single, run)
    assert found[0].records.cells["exams"].sum() < alone()[0].records.cells["exams"].sum()
