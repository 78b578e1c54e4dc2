"""Gaps between groups: how large, between whom, and who was too few to be compared."""

import math
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

import pandas as pd

MIN_COUNT = 100
"""Fewest exams, persons or positives behind a value that is compared with others."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Largest difference between groups that can be estimated."""

    value: float
    """Best less worst in the unit of the measure, at least 0; NaN with fewer than two groups."""
    ratio: float
    """Worst over best; NaN when not estimable or when the divisor is 0."""
    best: str
    """Group with the best value; empty when the gap is not estimable."""
    worst: str
    """Group with the worst value; empty when the gap is not estimable."""
    best_count: float
    """Count behind the best value."""
    worst_count: float
    """Count behind the worst value."""
    not_estimable: tuple[str, ...]
    """Groups left out because too few stand behind them, or their value is unknown."""

    def sentence(self, measure: str) -> str:
        """Return the gap in words, with counts and with the groups that were left out."""
        left_out = ", ".join(self.not_estimable)
        missing = f"; not estimable: {left_out}" if left_out else ""
        if math.isnan(self.value):
            return f"{measure}: gap not estimable{missing}"
        return (
            f"{measure}: {self.value:.3g} between {self.worst} (n = {self.worst_count:,.0f}) "
            f"and {self.best} (n = {self.best_count:,.0f}){missing}"
        )


def gap_between(
    values: pd.Series,
    counts: pd.Series,
    *,
    better: Literal["higher", "lower"] = "higher",
    min_count: float = MIN_COUNT,
) -> Gap:
    """Return the gap between the best and the worst group, naming the groups left out.

    Parameters
    ----------
    values : the measure by group, any unit; NaN where unknown.
    counts : exams, persons or positives behind each value, same index.
    better : which direction is better for the patient.
    min_count : fewest that a value needs behind it to be compared.
    """
    estimable = (counts >= min_count) & values.notna()
    left_out = tuple(str(name) for name in values.index[~estimable])
    usable = [
        (str(name), float(value), float(count))
        for name, value, count in zip(
            values.index[estimable], values[estimable], counts[estimable], strict=True
        )
    ]
    if len(usable) < 2:
        return Gap(math.nan, math.nan, "", "", math.nan, math.nan, left_out)
    ordered = sorted(usable, key=itemgetter(1), reverse=better == "higher")
    (best, top, top_count), (worst, bottom, bottom_count) = ordered[0], ordered[-1]
    return Gap(
        value=abs(top - bottom),
        ratio=bottom / top if top else math.nan,
        best=best,
        worst=worst,
        best_count=top_count,
        worst_count=bottom_count,
        not_estimable=left_out,
    )


def coverage_gaps(coverage: pd.DataFrame, *, min_count: float = MIN_COUNT) -> pd.DataFrame:
    """Return the gap in effective coverage between the groups of every region and year.

    Parameters
    ----------
    coverage : columns year, region, group, ec (share of need) and need (exams), one row a cell.

    Returns
    -------
    Columns year, region, gap (share of need), ratio, best, worst, best_need, worst_need (exams)
    and not_estimable (groups, joined with ", ").
    """
    rows = []
    for (year, region), part in coverage.groupby(["year", "region"], sort=False):
        by_group = part.set_index("group")
        gap = gap_between(by_group["ec"], by_group["need"], min_count=min_count)
        rows.append(
            {
                "year": year,
                "region": region,
                "gap": gap.value,
                "ratio": gap.ratio,
                "best": gap.best,
                "worst": gap.worst,
                "best_need": gap.best_count,
                "worst_need": gap.worst_count,
                "not_estimable": ", ".join(gap.not_estimable),
            }
        )
    return pd.DataFrame(rows)
