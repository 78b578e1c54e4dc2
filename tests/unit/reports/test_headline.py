"""The headline is never stronger than the verdicts that it rests on."""

from itertools import product
from types import SimpleNamespace

import pandas as pd
import pytest

from reports.headline import headline

VERDICTS = ("beats", "does not beat", "undecided")
RULES = {"equal_split": "the equal split", "by_need": "the split by need"}
NO_MONEY = "No plan is shown to beat buying nothing: do not spend on the strength of this study."


def said(verdicts: dict[tuple[str, str], str]) -> str:
    """Return the headline of a study with these verdicts, by policy and opponent."""
    rows = [(*pair, verdict) for pair, verdict in verdicts.items()]
    table = pd.DataFrame(rows, columns=["policy", "baseline", "verdict"])
    return headline(SimpleNamespace(comparisons=lambda: table, best_rule="by_need"))


@pytest.mark.parametrize(("nothing", "split", "need"), list(product(VERDICTS, repeat=3)))
def test_the_plan_is_said_to_beat_only_what_it_beats(nothing: str, split: str, need: str) -> None:
    found = said(
        {
            ("plan", "baseline"): nothing,
            ("plan", "equal_split"): split,
            ("plan", "by_need"): need,
        }
    )
    against = {"buying nothing": nothing, RULES["equal_split"]: split, RULES["by_need"]: need}
    if found.startswith("Follow the plan"):
        assert set(against.values()) == {"beats"}
        assert all(rival in found for rival in against)
        assert "the best simple rule, the split by need" in found
    elif found.startswith("The plan is not shown to beat"):
        assert nothing == "beats"
        assert found.endswith("Spending as planned is better than buying nothing.")
        doubted = found.partition("not shown to beat")[2]
        assert [rival in doubted for rival in RULES.values()] == [
            split != "beats",
            need != "beats",
        ]
    else:
        assert found == NO_MONEY
        assert nothing != "beats"


def test_what_rules_do_against_each_other_is_not_said_of_the_plan() -> None:
    found = said(
        {
            ("equal_split", "baseline"): "beats",
            ("plan", "baseline"): "undecided",
            ("plan", "equal_split"): "beats",
        }
    )
    assert found == NO_MONEY


def test_a_rule_is_preferred_only_if_it_beats_buying_nothing() -> None:
    verdicts = {("plan", "baseline"): "beats", ("plan", "equal_split"): "undecided"}
    good = verdicts | {("equal_split", "baseline"): "beats"}
    poor = verdicts | {("equal_split", "baseline"): "does not beat"}
    assert "prefer the simpler rule. " in said(good)
    assert "prefer" not in said(poor)


def test_no_rule_is_preferred_where_the_plan_beats_the_best_one() -> None:
    verdicts = {("plan", "baseline"): "beats", ("plan", "equal_split"): "undecided"}
    verdicts[("equal_split", "baseline")] = "beats"
    found = said(verdicts | {("plan", "by_need"): "beats"})
    assert found.startswith("The plan is not shown to beat the equal split. ")
    assert "prefer" not in found
    assert "prefer" in said(verdicts | {("plan", "by_need"): "undecided"})


def test_what_was_not_compared_is_not_said() -> None:
    found = said({("plan", "equal_split"): "undecided"})
    assert found.startswith("The plan is not shown to beat the equal split")
    assert "do not spend" not in found
