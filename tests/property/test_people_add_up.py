"""The log by person adds up to the counts of every cell and week; weeks of each are in order."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.pipeline.account import COUNTED
from sim.pipeline.people import MOST_PEOPLE, NEVER, first_come, person_log, with_people
from sim.pipeline.records import Run
from sim.pipeline.stations.order import STATIONS
from sim.units import WEEKS_PER_YEAR
from tests.property.test_pipeline import worlds
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, YEARS, buying, run

CELL = ["region", "modality", "group"]
WEEKS = YEARS * WEEKS_PER_YEAR


def kept(world: World, seed: int) -> tuple[Run, pd.DataFrame]:
    """Return a run and its log, of worlds with no more people than a log holds."""
    assume(1.1 * YEARS * world.care.need_per_year.sum() < MOST_PEOPLE)
    case, stations = with_people(scenario(years=YEARS), STATIONS)
    found = run(world, buying(world, **EVERYTHING), seed=seed, case=case, stations=stations,
                sensitivity=0.9)  # fmt: skip
    return found, person_log(found, seed=seed, replication=0)


def weekly(log: pd.DataFrame, column: str, world: World, *outcomes: str) -> np.ndarray[Any, Any]:
    """Return how many of some outcomes have each week in a column, shape (w, r, m, g)."""
    some = log[log["outcome"].isin(outcomes)] if outcomes else log
    some = some[some[column].notna()]
    counts = np.zeros((WEEKS, *world.shape), dtype=np.int64)
    places = [some[axis].cat.codes.to_numpy() for axis in CELL]
    np.add.at(counts, (some[column].to_numpy(dtype=np.int64), *places), 1)
    return counts


@given(world=worlds(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_log_adds_up_to_every_count(world: World, seed: int) -> None:
    found, log = kept(world, seed)
    stations = found.records.stations
    series = {
        (name, field): stations[name].counts[:, COUNTED.index(field)]
        for name in ("imaging", "reading", "read_with_ai")
        for field in COUNTED
    }
    with_ai = series["read_with_ai", "done"]
    for column, outcomes, counts in (
        ("arrived_week", (), series["imaging", "entered"]),
        ("exam_week", (), series["imaging", "done"]),
        ("end_week", ("reneged",), series["imaging", "left"]),
        ("end_week", ("read with AI",), with_ai),
        ("end_week", ("read without AI",), series["reading", "done"] - with_ai),
        ("end_week", ("lost its use",), series["reading", "left"]),
    ):
        np.testing.assert_array_equal(weekly(log, column, world, *outcomes), counts)
    for outcome, name in (("waits for an exam", "imaging"), ("waits for a reading", "reading")):
        at_end = series[name, "waiting"][-1].ravel()
        waiting = log[log["outcome"] == outcome].groupby(CELL, observed=False).size()
        np.testing.assert_array_equal(waiting.to_numpy(), at_end)
    # and so to the annual accounts, which were added up elsewhere
    cells = found.records.cells
    for name, column, outcomes in (
        ("arrived", "arrived_week", ()),
        ("exams", "exam_week", ()),
        ("reneged", "end_week", ("reneged",)),
        ("read_by_ai", "end_week", ("read with AI",)),
        ("read_by_human", "end_week", ("read without AI",)),
        ("unread", "end_week", ("lost its use",)),
    ):
        years = weekly(log, column, world, *outcomes).reshape(YEARS, WEEKS_PER_YEAR, *world.shape)
        np.testing.assert_array_equal(years.sum(axis=1), cells[name])


@given(world=worlds(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_everybody_s_weeks_are_in_order_and_who_came_first_is_examined_first(
    world: World, seed: int
) -> None:
    _, log = kept(world, seed)
    weeks = log[["arrived_week", "exam_week", "end_week"]].astype("Int64")
    came, exam, end = (weeks[name].fillna(NEVER).to_numpy(dtype=np.int64) for name in weeks)
    outcome = log["outcome"].to_numpy()
    examined = exam != NEVER
    assert (came[examined] <= exam[examined]).all()
    ended = end != NEVER
    assert (np.maximum(came, exam)[ended] <= end[ended]).all()
    assert set(outcome[~ended]) <= {"waits for an exam", "waits for a reading"}
    assert (exam[outcome == "waits for an exam"] == NEVER).all()
    assert (exam[outcome == "reneged"] == NEVER).all()
    assert (exam[outcome == "read with AI"] == end[outcome == "read with AI"]).all()
    for _, some in log[examined].groupby(CELL, observed=True):
        assert some.sort_values("person")["exam_week"].is_monotonic_increasing
    for _, some in log[outcome == "read without AI"].groupby(CELL, observed=True):
        exams = some["exam_week"].fillna(NEVER).to_numpy(dtype=np.int64)
        read = some["end_week"].to_numpy(dtype=np.int64)
        assert _by_exam(exams, read)


def _by_exam(exams: np.ndarray[Any, Any], read: np.ndarray[Any, Any]) -> bool:
    """Return whether nobody was read before all of an earlier week's exams that were read were."""
    last = pd.Series(read).groupby(exams).max().cummax().shift(fill_value=NEVER)
    first = pd.Series(read).groupby(exams).min()
    return bool((first >= last).all())


@given(
    flows=st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1, max_size=20),
    here=st.integers(0, 40),
    first=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_line_passes_whoever_comes(
    flows: list[tuple[int, int, int]], here: int, first: bool
) -> None:
    waiting, counts = here, []
    for come, most_done, most_left in flows:  # as many as there can be
        waiting += come
        served = min(most_done, waiting)
        gone = min(most_left, waiting - served)
        waiting -= served + gone
        counts.append((come, served, gone))
    entered, done, left = np.array(counts).T
    line = first_come(here, entered, done, left, np.random.default_rng(1), served_first=first)
    assert len(line.entered) == here + entered.sum()
    for weeks, count in ((line.entered, entered), (line.done, done), (line.left, left)):
        np.testing.assert_array_equal(
            np.bincount(weeks[weeks != NEVER], minlength=len(flows)), count
        )
    assert not ((line.done != NEVER) & (line.left != NEVER)).any()
    for weeks in (line.done, line.left):
        assert (weeks >= line.entered)[weeks != NEVER].all()
    assert (np.diff(line.done[line.done != NEVER]) >= 0).all()
