"""Numbers in words: rounded the same way everywhere, and never "nan"."""

import math
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import words
from sim.domain.levers import LEVERS
from sim.planning.rules import phrase_of, policies

NAN = float("nan")
AMOUNTS = st.just(0.0) | st.floats(1e-3, 1e12)


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (0.0, "$0"),
        (7.0, "$7"),
        (1_234.0, "$1,230"),
        (999_400.0, "$999,000"),
        (1e6, "$1 million"),
        (4_256_000.0, "$4.26 million"),
        (123_456_789.0, "$123 million"),
        (14_060_000_000.0, "$14,100 million"),
    ],
)
def test_dollars_have_three_digits(usd: float, said: str) -> None:
    assert words.dollars(usd) == said


@given(AMOUNTS)
def test_dollars_and_numbers_say_the_amount_to_three_digits(amount: float) -> None:
    assert "e" not in words.dollars(amount)
    said = words.dollars(amount).removeprefix("$").replace(",", "")
    value, _, unit = said.partition(" ")
    whole = 0.5 if not unit else 0.0  # dollars below a million are whole
    assert float(value) * (1e6 if unit else 1.0) == pytest.approx(amount, rel=0.006, abs=whole)
    assert "e" not in words.number(amount)
    assert float(words.number(amount).replace(",", "")) == pytest.approx(amount, rel=0.0051)


def test_points_carry_their_sign() -> None:
    assert words.points(0.0123) == "+1.23"
    assert words.points(-0.0123) == "-1.23"
    assert words.points(0.00012, digits=3) == "+0.012"
    assert words.points(-1e-9) == "+0.00"
    assert words.percent(-1e-9) == "0.0%"


def test_what_has_no_value_is_said_in_words() -> None:
    for say in (words.percent, words.points, words.number):
        assert say(NAN) == "not estimable"
    for low, high in ((NAN, NAN), (NAN, 0.1), (0.1, NAN)):
        assert words.interval(low, high) == "no interval of fewer than 5 draws"


@given(st.floats(-1.0, 1.0), st.floats(0.0, 1.0))
def test_an_interval_says_both_ends_in_order(low: float, width: float) -> None:
    found = [float(end) for end in words.interval(low, low + width).split(" to ")]
    assert found == pytest.approx([100 * low, 100 * (low + width)], abs=0.0051)
    assert found[0] <= found[1]


def test_every_lever_has_words() -> None:
    said = {words.item_words(name) for name in LEVERS}
    assert len(said) == len(LEVERS)
    assert not said & set(LEVERS)
    assert words.item_words("reader.dermatologist") == "trained readers (dermatologist)"


@pytest.mark.parametrize(
    ("verdict", "claim"),
    [
        ("beats", "The plan beats buying nothing: +1.20 points"),
        ("does not beat", "The plan does not beat buying nothing: +1.20 points"),
        ("undecided", "The plan is not shown to beat buying nothing: +1.20 points"),
    ],
)
def test_a_comparison_claims_what_its_verdict_says(verdict: str, claim: str) -> None:
    row = pd.Series(
        {
            "policy": "plan",
            "baseline": "baseline",
            "metric": "worst_ec",
            "verdict": verdict,
            "difference": 0.012,
            "low": NAN,
            "high": NAN,
            "draws": 1,
            "p_positive": 1.0,
        }
    )
    said = words.verdict_words(row)
    assert said.startswith(claim)
    assert "points of effective coverage of the worst-off cell (" in said
    assert "(no interval of fewer than 5 draws; better in 1 of 1 draws)" in said


@given(st.lists(st.floats(0.0, 1e9), min_size=8, max_size=8))
def test_shares_of_money_add_up_to_all_of_it(usd: list[float]) -> None:
    spend = pd.DataFrame([usd], columns=[f"stage{i}" for i in range(8)])
    said = words.shares_of_money(spend)
    if math.fsum(usd) == 0.0:
        assert said == "nothing is bought"
        return
    shares = [int(share) for share in re.findall(r"(\d+)%", said)]
    assert sum(shares) == pytest.approx(100, abs=3)
    assert shares[:4] == sorted(shares[:4], reverse=True)


def test_every_policy_can_be_the_object_of_a_sentence() -> None:
    phrases = [phrase_of(name) for name in policies()]
    assert phrases[:3] == ["buying nothing", "the equal split", "the split by need"]
    assert phrases[3] == "the rule 'Split over useful stages'"
    assert phrases[-3:] == ["the plan", "the greedy plan", "the random search"]
