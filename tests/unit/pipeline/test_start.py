"""The first year: it begins from the equilibrium of today, without a ramp."""

from functools import cache

import numpy as np
import pytest

from sim.pipeline.records import Run
from sim.units import WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_runs import runs
from tests.small_world import small_world

SEEDS = range(12)
YEARS = 4


@cache
def started(*, warm_up: int) -> list[Run]:
    """Return a run with every seed."""
    case = scenario(years=YEARS, warm_up=warm_up)
    return runs(small_world(2), case=case, seeds=SEEDS)


def first_quarter_against_later_years(*, warm_up: int, station: str, field: str) -> float:
    """Return a mean of the first quarter over that of the later years, both over all seeds."""
    weeks = np.zeros(YEARS * WEEKS_PER_YEAR)
    for run in started(warm_up=warm_up):
        weeks += run.station(station).groupby("week")[field].sum().to_numpy()
    return float(weeks[: WEEKS_PER_YEAR // 4].mean() / weeks[WEEKS_PER_YEAR:].mean())


@pytest.mark.parametrize(
    ("station", "field"),
    [("imaging", "queue"), ("imaging", "done"), ("reading", "queue"), ("archive", "done")],
)
def test_the_first_year_has_no_ramp(station: str, field: str) -> None:
    ratio = first_quarter_against_later_years(warm_up=2, station=station, field=field)
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_without_a_warm_up_queues_would_begin_empty() -> None:
    ratio = first_quarter_against_later_years(warm_up=0, station="imaging", field="queue")
    assert ratio < 0.7
