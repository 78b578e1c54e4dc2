"""Paired differences, intervals over draws, and the three verdicts."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim.answers.intervals import t_interval
from sim.studies.comparison import compare, sentence, values_of, verdict, worse_off


def table(**by_policy: list[float]) -> pd.DataFrame:
    """Return a table by policy and draw from one list of draws per policy."""
    draws = len(next(iter(by_policy.values())))
    index = pd.MultiIndex.from_tuples(
        list(product(by_policy, range(draws))), names=["policy", "draw"]
    )
    values = np.concatenate(list(by_policy.values()))
    return pd.DataFrame({"ede": values, "gini": values}, index=index)


BASE = [0.10, 0.50, 0.20, 0.40, 0.30, 0.60]
GAINS = [0.02, 0.03, 0.01, 0.02, 0.03, 0.01]


def test_differences_are_paired_by_draw() -> None:
    plan = [a + b for a, b in zip(BASE, GAINS, strict=True)]
    row = compare(table(baseline=BASE, plan=plan), "ede", baseline="baseline").iloc[0]
    half = stats.t.ppf(0.975, 5) * np.std(GAINS, ddof=1) / math.sqrt(6)
    assert row["difference"] == pytest.approx(0.02)
    assert row["low"] == pytest.approx(0.02 - half)
    assert row["high"] == pytest.approx(0.02 + half)
    assert row["relative"] == pytest.approx(0.02 / 0.35)
    assert (row["p_positive"], row["draws"], row["verdict"]) == (1.0, 6, "beats")


def test_order_of_rows_does_not_matter() -> None:
    plan = [a + b for a, b in zip(BASE, GAINS, strict=True)]
    whole = table(baseline=BASE, plan=plan)
    shuffled = whole.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(
        compare(whole, "ede", baseline="baseline"), compare(shuffled, "ede", baseline="baseline")
    )


@pytest.mark.parametrize(
    ("gain", "low", "high", "draws", "expected"),
    [
        (0.02, 0.01, 0.03, 20, "beats"),
        (0.02, 0.01, 0.03, 4, "undecided"),
        (0.02, math.nan, math.nan, 20, "undecided"),
        (0.02, -0.01, 0.05, 20, "undecided"),
        (0.0004, 0.0003, 0.0005, 20, "does not beat"),
        (-0.02, -0.03, -0.01, 20, "does not beat"),
        (0.0009, 0.0001, 0.0017, 20, "undecided"),
    ],
)
def test_verdict_rules(gain: float, low: float, high: float, draws: int, expected: str) -> None:
    assert verdict(gain, low, high, draws=draws, worthwhile=0.001) == expected


def test_lower_is_better_turns_the_verdict_round() -> None:
    plan = [a - b for a, b in zip(BASE, GAINS, strict=True)]
    both = table(baseline=BASE, plan=plan)
    assert compare(both, "gini", baseline="baseline")["verdict"].item() == "beats"
    assert compare(both, "ede", baseline="baseline")["verdict"].item() == "does not beat"


def test_equal_policies_do_not_beat_each_other() -> None:
    row = compare(table(baseline=BASE, plan=BASE), "ede", baseline="baseline").iloc[0]
    assert (row["difference"], row["p_positive"], row["verdict"]) == (0.0, 0.0, "does not beat")


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(ValueError, match="'rule' is not one of baseline, plan"):
        compare(table(baseline=BASE, plan=BASE), "ede", baseline="rule")


def test_few_draws_have_no_interval_and_the_sentence_says_so() -> None:
    few = [a + b for a, b in zip(BASE[:4], GAINS[:4], strict=True)]
    row = compare(table(baseline=BASE[:4], plan=few), "ede", baseline="baseline").iloc[0]
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])
    assert row["verdict"] == "undecided"
    assert "(no interval of fewer than 5 draws; 4 draws" in sentence(row, replications=3)


def test_intervals_of_shares_and_of_their_differences_end_at_their_bounds() -> None:
    low_and_high = [0.01, 0.99, 0.02, 0.98, 0.97]
    both = table(baseline=low_and_high, plan=low_and_high[::-1])
    values = values_of(both, "ede")
    assert values["low"].min() >= 0.0
    assert values["high"].max() <= 1.0
    low, high = compare(both, "ede", baseline="baseline").iloc[0][["low", "high"]]
    assert -1.0 <= low < high <= 1.0


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    samples = rng.normal(1.0, 2.0, (2_000, 6))
    covered = [low <= 1.0 <= high for low, high in (t_interval(pd.Series(s)) for s in samples)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_a_sentence_carries_numbers_interval_and_sample_size() -> None:
    plan = [a + b for a, b in zip(BASE, GAINS, strict=True)]
    row = compare(table(baseline=BASE, plan=plan), "ede", baseline="baseline").iloc[0]
    said = sentence(row, replications=3)
    assert said.startswith("The plan beats buying nothing. Equally")
    assert "0.37 against 0.35, difference +0.02 share of need (95% interval +0.0106 to" in said
    assert "6 draws of 3 replications, higher in 6 of 6 draws" in said


def cells_of(**by_policy: list[list[float]]) -> pd.DataFrame:
    """Return cells of one year from lists, by policy, of the coverage of two groups by draw."""
    rows = [
        {"policy": policy, "draw": draw, "year": year, "region": "AAA", "group": group, "ec": ec}
        for policy, draws in by_policy.items()
        for draw, coverage in enumerate(draws)
        for group, ec in zip(("urban", "rural"), coverage, strict=True)
        for year in range(2030, 2036)
    ]
    return pd.DataFrame(rows)


def test_who_gains_on_average_is_worse_off_in_the_draws_in_which_he_loses() -> None:
    cells = cells_of(
        baseline=[[0.5, 0.2], [0.5, 0.2], [0.5, 0.2], [0.5, 0.2]],
        plan=[[0.4, 0.3], [0.9, 0.3], [0.48, 0.1999], [0.9, 0.2]],
        rule=[[0.5, 0.2], [0.5, 0.2], [0.5, 0.2], [0.5, 0.1]],
    )
    cells.loc[cells["year"] == 2030, "ec"] = 0.0  # before the last five years
    found = worse_off(cells, baseline="baseline")
    assert found[["policy", "region", "group", "worse", "draws"]].to_numpy().tolist() == [
        ["plan", "AAA", "urban", 2, 4],
        ["rule", "AAA", "rural", 1, 4],
    ]
    assert found["mean_loss"].tolist() == pytest.approx([0.06, 0.1])
    assert found["largest_loss"].tolist() == pytest.approx([0.1, 0.1])


def test_nobody_is_worse_off_than_what_was_not_simulated() -> None:
    cells = cells_of(plan=[[0.4, 0.3]], rule=[[0.1, 0.1]])
    assert worse_off(cells, baseline="baseline").empty
    even = cells_of(baseline=[[0.4, 0.3]], plan=[[0.4, 0.3]])
    assert worse_off(even, baseline="baseline").empty
