"""Paired comparisons of policies, with intervals and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sim.answers.intervals import (
    FEWEST_DRAWS,
    LEVEL,
    NO_INTERVAL,
    band,
    interval_words,
    p_value,
    t_interval,
)
from sim.domain.levers import Floats
from sim.planning.rules import phrase_of
from sim.scenario.schema import Scenario
from sim.studies.outcomes import OUTCOMES

WORTHWHILE = 0.005
"""Smallest difference, relative to the baseline's value, that is called a difference."""

LAST_YEARS = 5
"""Years at the end over which the coverage of a cell is looked at."""
WORSE_OFF = 0.001
"""Loss of coverage, share of need, from which a cell counts as worse off."""

Verdict = Literal["beats", "does not beat", "undecided", ""]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How plans compare on one measure, paired draw by draw."""

    metric: str
    means: pd.DataFrame
    """Each policy's mean over draws; see ``values_of``."""
    differences: pd.DataFrame
    """See ``compare``."""
    by_draw: pd.DataFrame
    """Every measure by policy and draw."""

    def __str__(self) -> str:
        outcome = OUTCOMES.called(self.metric)
        shown = self.differences[["policy", "baseline", "difference", "low", "high", "verdict"]]
        return (
            f"{outcome.label}, {outcome.unit}; {LEVEL:.0%} intervals over draws\n"
            f"{self.means.to_string(index=False, na_rep='-')}\n\n"
            f"{shown.to_string(index=False, na_rep='-')}"
            + (f"\n-: {NO_INTERVAL}" if self.means["low"].isna().any() else "")
        )

    def __repr__(self) -> str:
        return str(self)


def values_of(by_draw: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return each policy's mean of a measure over draws: policy, value, low, high, draws."""
    outcome, rows = OUTCOMES.called(metric), []
    for policy in by_draw.index.unique("policy"):
        values = by_draw[metric].xs(policy, level="policy").dropna()
        low, high = t_interval(values, within=outcome.bounds)
        row = {"policy": policy, "value": float(values.mean()), "low": low, "high": high}
        rows.append(row | {"draws": len(values)})
    table = pd.DataFrame(rows)
    table.attrs["units"] = dict.fromkeys(("value", "low", "high"), outcome.unit)
    return table


def compare(by_draw: pd.DataFrame, metric: str, *, baseline: str) -> pd.DataFrame:
    """Return the difference of every policy from a baseline on one measure, paired by draw.

    Parameters
    ----------
    by_draw : measures by policy and draw, see ``sim.studies.outcomes.by_draw``.
    metric : name of a measure in ``OUTCOMES``.
    baseline : policy that the others are compared with.

    Returns
    -------
    One row per other policy: policy, baseline, metric, value and baseline_value (means over
    draws), difference, low and high (interval of the mean difference over draws), relative
    (difference over the baseline's value), draw_low and draw_high (5th and 95th percentile of the
    draws), p_positive (share of draws with a difference above 0), p_value (of a paired t test, two
    sides), draws and verdict.
    """
    wide = by_draw[metric].unstack("policy")  # noqa: PD010
    if baseline not in wide:
        raise ValueError(f"baseline '{baseline}' is not one of {', '.join(wide.columns)}")
    order = [p for p in by_draw.index.unique("policy") if p != baseline]
    return pd.DataFrame([_row(wide, metric, policy, baseline) for policy in order])


def reached_by_budget(budget: Sequence[float], by_draw: pd.DataFrame) -> pd.DataFrame:
    """Return what plans of yearly budgets reach; see ``Study.by_budget``.

    Parameters
    ----------
    budget : US dollars a year.
    by_draw : measures by policy, one a budget in the same order, and draw.
    """
    metrics = ("ede", "mean_ec", "worst_ec", "spend_usd", "emissions_t_co2e")
    table = pd.DataFrame({"budget_usd_per_year": list(map(float, budget))})
    units = dict.fromkeys(table.columns, "US dollars")
    for metric in metrics:
        values = values_of(by_draw, metric)
        for name, column in (
            (metric, "value"),
            (f"{metric}_low", "low"),
            (f"{metric}_high", "high"),
        ):
            table[name], units[name] = values[column], OUTCOMES[metric].unit
    table.attrs["units"] = units
    return table


def last_years(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of cells with need in the last ``LAST_YEARS``."""
    recent: pd.DataFrame = cells[cells["year"] > cells["year"].max() - LAST_YEARS]
    return recent.dropna(subset="ec")


def years_looked_at(scenario: Scenario) -> int:
    """Return how many years ``last_years`` are: all that are scored where these are fewer."""
    return min(LAST_YEARS, scenario.horizon.score_years)


def worse_off(cells: pd.DataFrame, *, baseline: str) -> pd.DataFrame:
    """Return who is covered less than under a baseline, how often, and by how much.

    Counted by cell and draw, before any average: who gains in one draw and loses in another is
    worse off in the other. Over the last ``LAST_YEARS``; losses below ``WORSE_OFF`` do not count.

    Parameters
    ----------
    cells : policy, draw, year, region, group and ec (share of need).

    Returns
    -------
    Of every other policy and cell that is worse off in any draw: policy, region, group, worse
    (draws in which it is), draws, mean_loss (over these draws) and largest_loss, shares of need;
    by policy, the most often worse off first. Empty without the baseline.
    """
    keys = ["policy", "region", "group"]
    mean = last_years(cells).groupby([*keys, "draw"], sort=False)["ec"].mean().unstack("policy")  # noqa: PD010
    columns = [*keys, "worse", "draws", "mean_loss", "largest_loss"]
    if baseline not in mean:
        return pd.DataFrame(columns=columns)
    others = mean.columns.drop(baseline)
    loss = pd.Series(mean[others].rsub(mean[baseline], axis=0).stack())  # noqa: PD013
    lost = loss[loss > WORSE_OFF].groupby(keys, sort=False).agg(["size", "mean", "max"])
    lost.insert(1, "draws", cells["draw"].nunique())
    table = lost.reset_index().set_axis(columns, axis=1)
    place = {policy: number for number, policy in enumerate(cells["policy"].unique())}
    by = [table["policy"].map(place), -table["worse"], -table["mean_loss"]]
    return table.iloc[np.lexsort(by[::-1])].reset_index(drop=True)


def verdict(gain: float, low: float, high: float, *, draws: int, worthwhile: float) -> Verdict:
    """Return whether a gain (better is positive) is one.

    "beats": the interval lies above 0 and the gain is worthwhile. "does not beat": the interval
    excludes a worthwhile gain. "undecided": too few draws to say either.
    """
    if draws < FEWEST_DRAWS or np.isnan(low):
        return "undecided"
    if low > 0.0 and gain >= worthwhile:
        return "beats"
    return "does not beat" if high < worthwhile else "undecided"


def together(table: pd.DataFrame) -> pd.DataFrame:
    """Return comparisons whose verdicts hold for all of them together.

    Of many comparisons some are won by chance: "beats" stays where the p value, adjusted after
    Holm (1979), is below one less ``LEVEL``, and is "undecided" elsewhere.
    """
    adjusted = holm(table["p_value"].to_numpy(dtype=float))
    doubtful = (table["verdict"] == "beats") & ~(adjusted < 1.0 - LEVEL)
    return table.assign(verdict=table["verdict"].mask(doubtful, "undecided"), p_holm=adjusted)


def holm(p_values: Floats) -> Floats:
    """Return p values adjusted for their number (Holm 1979); those that are NaN count for nothing.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted, known = p_values.copy(), np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return adjusted


def sentence(row: pd.Series, *, replications: int) -> str:
    """Return one comparison in plain words, with numbers, interval and sample size."""
    outcome = OUTCOMES.called(str(row["metric"]))
    policy, baseline = phrase_of(str(row["policy"])), phrase_of(str(row["baseline"]))
    claim = {
        "beats": f"{policy} beats {baseline}",
        "does not beat": f"{policy} does not beat {baseline}",
    }.get(str(row["verdict"]), f"Undecided whether {policy} beats {baseline}")
    claim = claim[0].upper() + claim[1:]
    positive = round(float(row["p_positive"]) * int(row["draws"]))
    return (
        f"{claim}. {outcome.label}: {row['value']:.3g} against {row['baseline_value']:.3g}, "
        f"difference {row['difference']:+z.3g} {outcome.unit} "
        f"({interval_words(row['low'], row['high'])}; "
        f"{int(row['draws'])} draws of {replications} replications, "
        f"higher in {positive} of {int(row['draws'])} draws)."
    )


def _row(wide: pd.DataFrame, metric: str, policy: str, baseline: str) -> dict[str, object]:
    both = wide[[policy, baseline]].dropna()
    difference = both[policy] - both[baseline]
    outcome = OUTCOMES.called(metric)
    low, high = t_interval(difference, within=outcome.bounds_of_change)
    mean, reference = float(difference.mean()), float(both[baseline].mean())
    better = outcome.better
    gain, floor, top = (mean, low, high) if better == "higher" else (-mean, -high, -low)
    said: Verdict = ""
    if better != "neither":
        worthwhile = WORTHWHILE * abs(reference)
        said = verdict(gain, floor, top, draws=len(both), worthwhile=worthwhile)
    return {
        "policy": policy,
        "baseline": baseline,
        "metric": metric,
        "value": float(both[policy].mean()),
        "baseline_value": reference,
        "difference": mean,
        "low": low,
        "high": high,
        "relative": mean / reference if reference else float("nan"),
        "draw_low": band(difference)[0],
        "draw_high": band(difference)[1],
        "p_positive": float((difference > 0).mean()) if len(both) else float("nan"),
        "p_value": p_value(difference),
        "draws": len(both),
        "verdict": said,
    }
