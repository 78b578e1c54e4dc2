"""The first year: it begins from the equilibrium of today, without a ramp."""

import numpy as np
import pytest

from sim.units import WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_runs import run
from tests.small_world import small_world

SEEDS = range(12)
YEARS = 4


def first_quarter_against_later_years(*, warm_up: int, station: str, field: str) -> float:
    """Return a mean of the first quarter over that of the later years, both over all seeds."""
    case = scenario(years=YEARS, warm_up=warm_up)
    weeks = np.zeros(YEARS * WEEKS_PER_YEAR)
    for seed in SEEDS:
        table = run(small_world(2), case=case, seed=seed).station(station)
        weeks += table.groupby("week")[field].sum().to_numpy()
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
