"""Gaps carry their counts and say who could not be compared."""

import math

import numpy as np
import pandas as pd
import pytest

from sim.equity.gaps import coverage_gaps, gap_between

VALUES = pd.Series({"urban": 0.8, "rural": 0.2, "remote": 0.05, "unknown": np.nan})
COUNTS = pd.Series({"urban": 900, "rural": 400, "remote": 40, "unknown": 500})


def test_a_gap_names_groups_counts_and_who_is_left_out() -> None:
    gap = gap_between(VALUES, COUNTS)
    assert (gap.best, gap.worst, gap.best_count, gap.worst_count) == ("urban", "rural", 900, 400)
    assert gap.value == pytest.approx(0.6)
    assert gap.ratio == pytest.approx(0.25)
    assert gap.not_estimable == ("remote", "unknown")
    assert gap.sentence("coverage") == (
        "coverage: 0.6 between rural (n = 400) and urban (n = 900); not estimable: remote, unknown"
    )


def test_lower_is_better_swaps_best_and_worst() -> None:
    gap = gap_between(VALUES, COUNTS, better="lower")
    assert (gap.best, gap.worst, gap.ratio) == ("rural", "urban", pytest.approx(4.0))


def test_one_group_has_no_gap() -> None:
    gap = gap_between(VALUES, COUNTS, min_count=800)
    assert math.isnan(gap.value)
    assert math.isnan(gap.ratio)
    assert gap.not_estimable == ("rural", "remote", "unknown")
    assert "not estimable" in gap.sentence("coverage")


def test_gaps_of_every_region_and_year() -> None:
    table = pd.DataFrame(
        {
            "year": 2027,
            "region": ["AAA", "AAA", "BBB", "BBB"],
            "group": ["urban", "rural"] * 2,
            "ec": [0.6, 0.3, 0.5, 0.1],
            "need": [200, 300, 200, 30],
        }
    )
    gaps = coverage_gaps(table).set_index("region")
    assert gaps.loc["AAA", "gap"] == pytest.approx(0.3)
    assert gaps.loc["AAA", ["best_need", "worst_need"]].tolist() == [200, 300]
    assert math.isnan(gaps.loc["BBB", "gap"])
    assert gaps.loc["BBB", "not_estimable"] == "rural"
