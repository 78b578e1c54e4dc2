"""Plans keep budgets by year, carry-over and limits of spending, whoever makes them."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.baseline.world import World
from sim.domain.plan import Plan, spend_usd
from sim.errors import InfeasibleError
from sim.planning.limits import broken, fitted, limits_of, scaled_budget, yearly_budget
from sim.planning.model import build_model
from sim.planning.moves import Purse, steps_of, taken
from sim.planning.rules import RULES, Rule
from sim.planning.solution import solve
from sim.planning.unspent import spending_words
from sim.scenario.schema import Horizon, Scenario
from sim.scenario.treasury import Treasury
from tests.scenarios import scenario
from tests.small_world import LAW, small_world

WORLD = small_world(2)
YEARS = Horizon(decide_years=3, score_years=5, start_year=2027)
FIRST, SECOND = WORLD.regions


def asking(**treasury: Any) -> Scenario:
    stated = Treasury.model_validate_json(json.dumps(treasury), strict=True)
    return scenario(horizon=YEARS, budget_usd_per_year=4e5, treasury=stated)


def spent(units: np.ndarray, case: Scenario) -> np.ndarray:
    """Return spending by the prices of plans, which limits do not compute: (y, r, i)."""
    made = RULES["baseline"](WORLD, case)
    return spend_usd(type(made)("x", units, made.regions, made.catalogue, 2027), years=5)


CASES = {
    "budgets by year": asking(budget_usd={"2027": 9e5, "2029": 1e5}),
    "carried over": asking(carry_over=True),
    "most on a stage": asking(spending=[{"at_most": 0.1, "stages": ["care delivery"]}]),
    "least in a region": asking(spending=[{"at_least": 0.6, "regions": [SECOND]}]),
    "least on levers": asking(spending=[{"at_least": 0.3, "levers": ["audit", "steward"]}]),
    "most in early years": asking(spending=[{"at_most_usd": 2e5, "years": [2027, 2028]}]),
    "least for a group": asking(spending=[{"at_least": 0.4, "groups": ["group1"]}]),
}


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("rule", ["equal_split", "thirds", "only_outreach"])
def test_rules_keep_every_limit(name: str, rule: str) -> None:
    case = CASES[name]
    assert broken(limits_of(WORLD, case), RULES[rule](WORLD, case)) == []


SOLVED_LONG = ("most on a stage", "most in early years")


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.slow if one in SOLVED_LONG else ()) for one in CASES],
)
def test_the_optimisation_model_keeps_every_limit(name: str) -> None:
    case = CASES[name]
    plan = solve(build_model(WORLD, LAW, case), nodes=1).plan
    assert broken(limits_of(WORLD, case), plan) == []
    assert plan.units.any()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(CASES)),
    st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    st.floats(1e3, 3e6),
)
def test_what_is_fitted_after_any_moves_keeps_every_limit(
    name: str, picks: list[int], usd: float
) -> None:
    purse = Purse(WORLD, CASES[name])
    start = RULES["equal_split"](WORLD, CASES[name]).units
    steps = list(steps_of(purse, start))
    units, _ = taken(purse, start, [steps[p % len(steps)] for p in picks], usd, beyond=True)
    kept = fitted(purse.limits, units)
    assert purse.is_kept_by(kept)
    assert (kept <= units).all()
    if purse.is_kept_by(units):
        assert (kept == units).all()


def test_money_of_a_year_is_what_is_stated_for_it() -> None:
    case = CASES["budgets by year"]
    assert yearly_budget(case).tolist() == [9e5, 4e5, 1e5, 4e5, 4e5]
    paid = spent(RULES["thirds"](WORLD, case).units, case).sum(axis=(1, 2))
    assert (paid <= yearly_budget(case) * (1 + 1e-9)).all()
    assert yearly_budget(scaled_budget(case, 0.5)).tolist() == [4.5e5, 2e5, 5e4, 2e5, 2e5]


def test_money_that_is_carried_over_buys_more_later_and_no_more_in_all() -> None:
    late = {"budget_usd": {"2027": 8e5, "2028": 0.0, "2029": 0.0, "2030": 0.0, "2031": 0.0}}
    apart, carried = (asking(**late, carry_over=over) for over in (False, True))
    without, with_it = (
        spent(solve(build_model(WORLD, LAW, case), nodes=1).plan.units, case).sum(axis=(1, 2))
        for case in (apart, carried)
    )
    assert without[1:].sum() == 0.0  # nothing that has to be kept running
    assert with_it[1:].sum() > 1e5
    assert with_it.sum() <= 8e5 * (1 + 1e-6)


def test_shares_of_spending_are_those_of_the_ledger() -> None:
    case = CASES["least in a region"]
    plan = solve(build_model(WORLD, LAW, case), nodes=1).plan
    by_region = spent(plan.units, case).sum(axis=(0, 2))
    assert by_region[1] / by_region.sum() >= 0.6 - 1e-6
    free = asking()
    by_region = spent(solve(build_model(WORLD, LAW, free), nodes=1).plan.units, free).sum((0, 2))
    assert by_region[1] / by_region.sum() < 0.6  # else it would say nothing


def test_what_cannot_be_kept_together_is_named_in_words() -> None:
    both = [{"at_least": 0.6, "regions": [region]} for region in WORLD.regions]
    floor = {"at_least_usd": 1e5, "regions": [FIRST]}
    with pytest.raises(InfeasibleError) as error:
        solve(build_model(WORLD, LAW, asking(spending=[*both, floor])))
    said = " ".join(error.value.conflict)
    assert f"at least 60% of the money for {FIRST}" in said
    assert f"at least 60% of the money for {SECOND}" in said
    assert f"at least USD 100,000 for {FIRST}" in said
    with pytest.raises(InfeasibleError) as error:
        solve(build_model(WORLD, LAW, asking(spending=[{"at_least_usd": 1e7}])))
    assert "the budget of 2027" in error.value.conflict


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"regions": ["KEN"]}, "says no limit"),
        ({"at_least": 0.6, "at_most": 0.5}, "at_least 0.6 is above at_most 0.5"),
        ({"at_least": 60}, "less than or equal to 1"),
        ({"at_least": 0.1, "stages": ["deploymnt"]}, "deployment"),
    ],
)
def test_limits_that_mean_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        asking(spending=[given])


def test_years_beyond_the_scored_ones_are_refused() -> None:
    with pytest.raises(ValidationError, match="2040 is not within 2027 to 2031"):
        asking(budget_usd={"2040": 1e6})


def test_why_money_is_left_is_said() -> None:
    case = asking()
    purse = Purse(WORLD, case)
    nothing, thirds = (RULES[name](WORLD, case).units for name in ("baseline", "thirds"))
    assert spending_words(purse, nothing, {}).startswith(
        "0% of the money is spent, as nothing that"
    )
    steps = {one.name: 1.0 for one in steps_of(purse, nothing)}
    assert "did no better over all search draws" in spending_words(purse, nothing, steps)
    full = thirds
    for _ in range(60):
        full, _ = taken(
            purse, full, [one for one in steps_of(purse, full) if one.kind == "buy"], 1e4
        )
    share = purse.spent_usd(full).sum() / purse.total_usd
    words = spending_words(purse, full, {})
    assert words.startswith(f"{share:.0%} of the money is spent")
    assert ("the budget of 20" in words) == (share < 0.95)


def test_a_limit_that_is_far_away_does_not_widen_the_budget() -> None:
    case = asking(spending=[{"at_most_usd": 1e15}])
    purse = Purse(WORLD, case)
    units = np.zeros_like(RULES["baseline"](WORLD, case).units)
    at = np.unravel_index(np.argmax(purse.claim_usd[0]), units.shape)  # dear in the first year
    units[at] = np.ceil(1.001 * purse.most_usd[0] / purse.claim_usd[(0, *at)])
    assert not purse.is_kept_by(units)
    assert "the budget of 2027" in broken(
        purse.limits, replace(RULES["baseline"](WORLD, case), units=units)
    )
    assert purse.is_kept_by(fitted(purse.limits, units))


def test_a_rule_of_ones_own_is_fitted_too() -> None:
    case = CASES["least in a region"]

    def first_only(world: World, scenario: Scenario) -> Plan:
        free = scenario.model_copy(update={"treasury": Treasury()})
        plan = RULES["equal_split"](world, free)
        return replace(plan, units=plan.units * np.array([1.0, 0.0])[None, :, None])

    made = Rule(first_only)(WORLD, case)
    assert broken(limits_of(WORLD, case), made) == []
