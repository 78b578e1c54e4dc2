"""The capacity calendar: closed is closed, a share is kept in the mean, all else stays the same."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.pipeline.account import COUNTED
from sim.pipeline.records import Run
from sim.planning.model import build_model
from sim.planning.solution import solve
from sim.planning.today import Today
from sim.scenario.capacity_calendar import CalendarEntry, Opening
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, YEARS, buying, run
from tests.small_world import LAW, changed, small_world

WORLD = small_world(2, 2, modalities=2)
WEEKS = YEARS * WEEKS_PER_YEAR


def asking(*entries: dict[str, Any], **further: Any) -> Scenario:
    calendar = tuple(CalendarEntry(**entry) for entry in entries)
    return scenario(years=YEARS, capacity_calendar=calendar, **further)


def made(case: Scenario, world: World = WORLD, seed: int = 1) -> Run:
    by_cell = case.model_copy(update={"weekly": case.weekly.model_copy(update={"detail": "cell"})})
    plan = buying(world, **EVERYTHING)
    return run(world, plan, case=by_cell, seed=seed, sensitivity=0.9)


def done(found: Run, station: str) -> np.ndarray[Any, Any]:
    """Return what a station did, shape (w, r, m, g)."""
    return found.records.stations[station].counts[:, COUNTED.index("done")]


@given(seed=st.integers(0, 2**32 - 1), of=st.sampled_from(["imaging", "readers"]))
@settings(max_examples=5, deadline=None)
def test_an_entry_that_leaves_all_of_it_changes_nothing(seed: int, of: str) -> None:
    plain = run(WORLD, seed=seed)
    whole = run(WORLD, seed=seed, case=asking({"of": of, "share": 1.0}))
    pd.testing.assert_frame_equal(plain.cells(), whole.cells(), check_exact=True)
    pd.testing.assert_frame_equal(plain.ledger(), whole.ledger(), check_exact=True)


def test_a_closed_place_does_nothing_and_others_are_the_same_to_the_bit() -> None:
    closed = {"of": "imaging", "share": 0.0, "regions": ("AAA",), "modalities": ("ct",)}
    once = made(asking(closed | {"from_week": 10, "to_week": 14, "year": 2028, "until": 2029}))
    plain = made(asking())
    weeks = np.arange(WEEKS_PER_YEAR + 9, WEEKS_PER_YEAR + 14)
    exams, before = done(once, "imaging"), done(plain, "imaging")
    assert exams[weeks, 0, 1].sum() == 0
    assert (before[weeks, 0, 1].sum(axis=1) > 0).all()
    assert exams[weeks[-1] + 1, 0, 1].sum() > 0
    np.testing.assert_array_equal(exams[: weeks[0]], before[: weeks[0]])
    np.testing.assert_array_equal(exams[:, 0, 0], before[:, 0, 0])
    np.testing.assert_array_equal(exams[:, 1], before[:, 1])
    # who could not be examined waits, and is examined or reneges later
    after = once.records.stations["imaging"].counts[weeks[-1], COUNTED.index("waiting"), 0, 1]
    calm = plain.records.stations["imaging"].counts[weeks[-1], COUNTED.index("waiting"), 0, 1]
    assert after.sum() > calm.sum()


def test_every_year_holds_over_the_turn_of_the_year_and_in_the_warm_up() -> None:
    entry = {"of": "readers", "share": 0.0, "from_week": 51, "to_week": 2}
    found, plain = made(asking(entry)), made(asking())
    weeks = np.arange(WEEKS) % WEEKS_PER_YEAR
    holidays = (weeks >= 50) | (weeks < 2)
    assert done(found, "reading")[holidays].sum() == 0
    assert (done(found, "reading")[~holidays].sum(axis=(1, 2, 3)) > 0).all()
    # the first week follows on holidays of the warm-up: exams wait from the week before
    series = found.records.stations["reading"].start, plain.records.stations["reading"].start
    assert series[0].sum() > series[1].sum()


def test_hours_of_readers_are_the_share_of_what_they_were_and_serve_nothing_else() -> None:
    entry = {"of": "readers", "share": 0.25, "from_week": 1, "to_week": 26,
             "professions": ("radiologist",)}  # fmt: skip
    found = run(WORLD, case=asking(entry))
    plain = run(WORLD, case=asking())
    hours, before = (one.records.reader_hours[:, :, -1] for one in (found, plain))
    radiologists = WORLD.care.reader_hours_per_year[:, 1]
    np.testing.assert_allclose(before - hours, np.tile(radiologists * 0.75 / 2, (YEARS, 1)))
    *used, available = found.records.reader_hours.transpose(2, 0, 1)
    np.testing.assert_allclose(sum(used), available, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_units_are_whole_and_keep_the_share_in_the_mean(share: float) -> None:
    """Open units of a week are a Bernoulli around the share: a mean of n has a known error."""
    world = changed(WORLD, "care", units=np.full((2, 2), 3.0),
                    failures_per_week=np.full((2, 2), 1e-9))  # fmt: skip
    years = 20
    case = asking({"of": "imaging", "share": share}).model_copy(
        update={"horizon": scenario(years=years).horizon}
    )
    use = run(world, case=case).records.stations["imaging"].use[:, 1]
    units = use.astype(float) / 2
    assert set(np.unique(use)) <= set(range(2 * int(3 * share), 2 * int(np.ceil(3 * share)) + 1))
    spread = 3 * share - np.floor(3 * share)
    error = np.sqrt(spread * (1 - spread) / (2 * units.size))
    assert abs(units.mean() - 3 * share) <= 4 * error + 1e-12


@given(
    shares=st.lists(st.sampled_from([0.0, 0.3, 0.6, 1.0]), min_size=2, max_size=2).map(sorted),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=10, deadline=None)
def test_a_larger_share_opens_no_fewer_units_in_any_week(shares: list[float], seed: int) -> None:
    less, more = (
        run(WORLD, case=asking({"of": "imaging", "share": share}), seed=seed)
        .records.stations["imaging"].use[:, 1]
        for share in shares
    )  # fmt: skip
    assert (less <= more).all()


def test_entries_of_one_week_are_multiplied() -> None:
    both = [CalendarEntry(of="imaging", share=0.5),
            CalendarEntry(of="imaging", share=0.4, to_week=1, modalities=("ct",))]  # fmt: skip
    opening = Opening.of(both, "imaging", ("AAA",), ("dermoscopy", "ct"))
    np.testing.assert_allclose(opening.share(2027, 0), [[0.5, 0.2]])
    np.testing.assert_allclose(opening.share(2027, 1), [[0.5, 0.5]])
    np.testing.assert_allclose(opening.mean(2027), [[0.5, 0.5 - 0.3 / WEEKS_PER_YEAR]])


def test_the_optimisation_model_knows_it() -> None:
    """Half of units and hours all year is a world with half of them; closed in part is between."""
    world = changed(small_world(2, 2), "care", failures_per_week=np.full((2, 1), 1e-9))
    half = changed(
        world, "care", units=world.care.units / 2,
        reader_hours_per_year=world.care.reader_hours_per_year / 2,
    )  # fmt: skip
    nothing = {"budget_usd_per_year": 0.0}

    def covered(there: World, case: Scenario) -> float:
        model = build_model(there, LAW, case, integer=False)
        return float(np.mean(solve(model).expected.coverage))

    all_year = [{"of": "imaging", "share": 0.5}, {"of": "readers", "share": 0.5}]
    found = covered(world, asking(*all_year, **nothing))
    assert found == pytest.approx(covered(half, asking(**nothing)), rel=1e-6)
    spring = [entry | {"to_week": 26} for entry in all_year]
    assert found < covered(world, asking(*spring, **nothing)) < covered(world, asking(**nothing))
    open_units = Today.of(world, asking(*spring)).open_units
    np.testing.assert_allclose(open_units, 0.75)
