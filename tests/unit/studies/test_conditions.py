"""A plan that is searched for keeps what is asked of it as simulated, or none is given."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial as bind
from typing import Any

import numpy as np
import pytest

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import UnsolvedError
from sim.planning.moves import Purse
from sim.planning.rules import RULES
from sim.scenario.schema import Scenario
from sim.scenario.treasury import Treasury
from sim.studies.batch import Design
from sim.studies.conditions import conditions_of, gains, score
from sim.studies.lots import lots, simulated
from sim.studies.search import Search
from tests.small_world import small_world
from tests.unit.studies.small_study import sample_small, small_scenario

WORLD = small_world()
RUNS = 300


def asking(**changes: Any) -> Scenario:
    treasury = Treasury.model_validate(changes.pop("treasury", {}))
    return small_scenario().model_copy(update={"treasury": treasury} | changes)


def values(case: Scenario, plans: Sequence[Plan], draws: Sequence[int]) -> Floats:
    return np.hstack(
        [simulated(Design(case, sample_small), lot) for lot in lots("step", plans, draws).values()]
    )


def found(case: Scenario) -> tuple[Plan, Floats]:
    """Return the plan that a search finds, and what it reaches in other draws, (draw, value)."""
    search = Search(
        bind(values, case), RUNS, purse=Purse(WORLD, case), conditions=conditions_of(case)
    )
    rules = {name: RULES[name](WORLD, case) for name in ("baseline", "only_outreach", "thirds")}
    plan = search.find(rules, ["only_outreach", "thirds"]).best.plan
    return plan, values(case, [plan], search.draws)[0]


FREE = found(asking())


def test_without_conditions_nothing_but_the_outcome_is_looked_at() -> None:
    assert conditions_of(asking()) == ()
    assert FREE[1].shape[1] == 1


def test_an_outcome_is_limited_from_above() -> None:
    unlimited = asking(treasury={"outcomes": {"spend_usd": {"at_most": 1e12}}})
    spent = 1e12 * (1.0 + values(unlimited, [FREE[0]], range(8))[0, :, 1].mean())
    case = asking(treasury={"outcomes": {"spend_usd": {"at_most": 0.5 * spent}}})
    plan, reached = found(case)
    assert reached[:, 1].mean() <= 0.0
    assert plan.units.any()
    assert reached[:, 0].mean() < FREE[1][:, 0].mean()
    assert conditions_of(case)[0].words.startswith("Money spent by the plan at most ")


def test_an_outcome_is_limited_from_below_or_no_plan_is_given() -> None:
    least = float(FREE[1][:, 0].mean())
    kept = asking(treasury={"outcomes": {"ede": {"at_least": 0.98 * least}}})
    assert found(kept)[1][:, 1].mean() <= 0.0
    beyond = asking(treasury={"outcomes": {"ede": {"at_least": 0.99}}})
    with pytest.raises(UnsolvedError, match="no plan was found that keeps: Equally distributed"):
        found(beyond)


def test_nobody_is_worse_off_than_with_nothing_bought() -> None:
    case = asking(treasury={"worse_off": 0.01})
    nothing, thirds = (RULES[name](WORLD, case) for name in ("baseline", "thirds"))
    reached = values(case, [nothing, thirds], range(3))
    np.testing.assert_allclose(reached[0, :, 1], -1.0)  # nothing is lost of a hundredth
    assert (reached[1, :, 1] != reached[0, :, 1]).any()
    assert found(case)[1][:, 1].mean() <= 0.0


def test_a_budget_that_pays_for_exams_too_is_kept_as_simulated() -> None:
    case = asking(exam_costs="in_budget")
    (condition,) = conditions_of(case)
    assert "the budget of every year pays for what exams cost" in condition.words
    over = values(case, [RULES["baseline"](WORLD, case)], range(2))[0, :, 1]
    np.testing.assert_allclose(over, -1.0)
    assert found(case)[1][:, 1].mean() <= 0.0


def test_a_plan_that_passes_a_condition_scores_below_one_that_keeps_it() -> None:
    better_but_over = np.array([[0.5, 0.02], [0.5, 0.0]])
    kept = np.array([[0.45, 0.1], [0.45, -0.1]])
    assert score(kept) == pytest.approx(0.45)
    assert score(better_but_over) == pytest.approx(0.4)
    assert gains(better_but_over[None], kept)[0] == pytest.approx(-0.05)


def test_conditions_do_not_change_what_is_simulated() -> None:
    plans = [replace(RULES["thirds"](WORLD, asking()), name="one")]
    free = values(asking(), plans, range(2))
    asked = values(asking(treasury={"worse_off": 0.01}), plans, range(2))
    np.testing.assert_array_equal(free[..., 0], asked[..., 0])
