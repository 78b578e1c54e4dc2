"""The answer box says whether what a treasury asks is kept."""

from dataclasses import replace
from pathlib import Path

from reports.answer import answer_box, largest_loss
from sim.scenario.treasury import Treasury
from sim.studies.result import StudyResult


def asked(result: StudyResult, **treasury: object) -> list[str]:
    scenario = result.scenario.model_copy(update={"treasury": Treasury.model_validate(treasury)})
    return [said for said in answer_box(replace(result, scenario=scenario)) if "sked" in said]


def test_nothing_is_said_of_what_nobody_asked(planned: tuple[Path, StudyResult]) -> None:
    assert asked(planned[1]) == []


def test_limits_of_outcomes_are_held_against_what_was_judged(
    planned: tuple[Path, StudyResult],
) -> None:
    spent = float(planned[1].values("spend_usd").set_index("policy").loc["plan", "value"])
    (kept,) = asked(planned[1], outcomes={"spend_usd": {"at_most": spent * 1.01}})
    (passed,) = asked(planned[1], outcomes={"spend_usd": {"at_most": spent * 0.99}})
    assert kept.startswith("Asked: Money spent by the plan at most")
    assert "under the plan" in kept
    assert "does not keep it" not in kept
    assert "under the plan, which does not keep it" in passed
    (low,) = asked(planned[1], outcomes={"ede": {"at_least": 0.9999}})
    assert low.count("does not keep it") == 2  # nor does buying nothing


def test_the_largest_loss_is_that_of_the_worst_cell_in_each_draw(
    planned: tuple[Path, StudyResult],
) -> None:
    result = planned[1]
    lost = largest_loss(result)
    assert len(lost) == result.scenario.uncertainty.draws
    (said,) = asked(result, worse_off=1.0)
    assert said.endswith(": kept.")
    (said,) = asked(result, worse_off=0.0)
    assert said.endswith("not kept." if lost.mean() > 0.0 else ": kept.")


def test_what_spending_is_asked_for_is_listed(planned: tuple[Path, StudyResult]) -> None:
    (said,) = asked(planned[1], spending=[{"at_least": 0.4, "regions": ["AAA"], "years": [2027]}])
    assert said == ("The plan spends as it is asked to: at least 40% of the money for AAA in 2027.")
