"""What the imaging kernel must never do, on many stations at once."""

import numpy as np
import pytest

from sim.pipeline.stations import imaging, need
from sim.streams import keys, stream
from sim.units import DAYS_PER_WEEK

STATIONS, WEEKS = 400, 104
RATES = stream(3, "rates")
ARRIVALS_PER_DAY = np.exp(RATES.uniform(0.0, np.log(500.0), STATIONS))
EXAMS_PER_UNIT_DAY = RATES.uniform(2.0, 35.0, (STATIONS, 1))
LOADS = RATES.uniform(0.3, 2.0, STATIONS)


def exams_upto(working: np.ndarray, *, units_per_facility: int) -> np.ndarray:
    """Return exams of every station from the start to each week, shape (week, station).

    Checks on the way that nobody is lost or made up.
    """
    names = [str(number) for number in range(STATIONS)]
    luck = np.stack([keys(1, 0, draw, names)[:, None] for draw in ("a", "b", "c", "d")])
    days = keys(1, 0, "days", names)[:, None]
    came = stream(4, "arrivals").poisson(ARRIVALS_PER_DAY * DAYS_PER_WEEK, (WEEKS, STATIONS))
    leave, together = np.full((STATIONS, 1), 1.0 / 14.0), np.full((STATIONS, 1), units_per_facility)
    urgent, expected = np.zeros(1, dtype=bool), np.zeros((STATIONS, 1, 1))
    there = imaging.places_of(luck, together, EXAMS_PER_UNIT_DAY, leave, urgent)
    place = np.zeros_like(there.which)
    waiting, exams, reneged = (np.zeros((STATIONS, 1, 1), dtype=np.int64) for _ in range(3))
    mean_waiting = np.zeros((STATIONS, 1, 1))
    by_day = np.zeros((DAYS_PER_WEEK, STATIONS, 1), dtype=np.int64)
    chance, listed = np.zeros(STATIONS), np.zeros(STATIONS, dtype=np.int64)
    upto = np.zeros((WEEKS, STATIONS))
    for week in range(WEEKS):
        before, arrived = waiting.copy(), came[week][:, None, None]
        need.spread_over_days(week, days, arrived, by_day, chance, listed)
        people = imaging.Patients(
            by_day, arrived, expected, waiting, exams, reneged, mean_waiting,
            np.full((STATIONS, 1), imaging.NO_LIMIT),
            *np.zeros((2, *waiting.shape), dtype=np.int64),
        )  # fmt: skip
        imaging.step(week, there, people, working[:, None], place)
        np.testing.assert_array_equal(before + arrived, exams + reneged + waiting)
        assert min(waiting.min(), exams.min(), reneged.min()) >= 0
        assert mean_waiting.min() >= 0.0
        upto[week] = exams[:, 0, 0]
    return upto.cumsum(axis=0)


@pytest.mark.parametrize("units_per_facility", [1, 3])
def test_more_units_never_mean_fewer_exams_in_any_week(units_per_facility: int) -> None:
    few = np.maximum(1, ARRIVALS_PER_DAY / EXAMS_PER_UNIT_DAY[:, 0] / LOADS).astype(np.int64)
    base = exams_upto(few, units_per_facility=units_per_facility)
    for more in (1, 3):
        gain = exams_upto(few + more, units_per_facility=units_per_facility) - base
        # one exam may still be on a unit at the end of a week
        assert gain.min() >= -1.0
        assert gain[-1].sum() > 0.0


def test_without_units_there_are_no_exams() -> None:
    none = np.zeros(STATIONS, dtype=np.int64)
    assert exams_upto(none, units_per_facility=2).sum() == 0
