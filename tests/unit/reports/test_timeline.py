"""The timeline has a line a region, and of many regions the share in which something goes on."""

import numpy as np
import pandas as pd
import pytest

from reports.timeline import MOST_LINES, _going_on, timeline


def events(regions: int) -> pd.DataFrame:
    rows = [
        ("commissioned", f"R{number:03}", "2 site", 0.0, 26.0, 26.0)
        for number in range(regions)
        for _ in range(3)
    ]
    return pd.DataFrame(rows, columns=["kind", "region", "detail", "from_week", "week", "to_week"])


def test_many_regions_take_no_more_room_than_few() -> None:
    few = timeline(events(MOST_LINES), {}, start_year=2027, years=5)
    many = timeline(events(4 * MOST_LINES), {}, start_year=2027, years=5)
    assert len(many) < len(few)
    assert "AI deployment sites" in many


def test_the_height_is_the_share_of_regions_in_which_it_goes_on() -> None:
    line = np.array([0, 0, 1, 2, 3])
    begin = np.array([2027.0, 2028.0, 2027.0, 2020.0, 2040.0])
    until = np.array([2027.1, 2028.2, 2028.0, 2027.6, 2041.0])
    at, share = _going_on(line, begin, until, start_year=2027, end=2029)
    assert at == pytest.approx(np.arange(2027.0, 2029.1, 0.25))
    assert share == pytest.approx([0.75, 0.5, 0.5, 0.25, 0.5, 0.0, 0.0, 0.0, 0.25])
