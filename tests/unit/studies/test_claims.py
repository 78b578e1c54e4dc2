"""The claims of the review: what each is held against, and verdicts where the truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.claims_page import claim_words, claims_section, effect_words
from sim.domain.levers import Stage
from sim.executors.executor import executor_of
from sim.scenario.schema import Scenario
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.claim_evidence import Evidence, spent
from sim.studies.claims import (
    CLAIM_COLUMNS,
    CLAIMS,
    PER_MILLION,
    claims_table,
    few_countries,
    reviewed,
)
from sim.studies.data_claims import fairness_stays_where_it_was_tuned, gap_rises_as_labels_fall
from sim.studies.experiment import Purpose
from sim.studies.sample import Sample
from sim.studies.stage_value import StageValue, stage_value
from tests.unit.studies.small_study import PROFILE, RESPONSE, sample_small, small_scenario

CARE, CREATION = Stage.CARE, Stage.DATA_CREATION
DRAWS = 6
DESIGN = Design(small_scenario(draws=DRAWS, replications=1), sample_small)
VERDICTS = {"confirmed", "refuted", "undecided", "not tested"}


@pytest.fixture(scope="module")
def value() -> StageValue:
    with executor_of(workers=1) as executor:
        return stage_value(DESIGN, Answering(executor), searches=4, runs=60)


@pytest.fixture(scope="module")
def table(value: StageValue) -> pd.DataFrame:
    with executor_of(workers=1) as executor:
        found = claims_table(Evidence(DESIGN, Answering(executor), value))
    return found.set_index("claim")


def made_up(reached: np.ndarray, stages: tuple[Stage, ...]) -> StageValue:
    """Return a stage value of which only the objective of coalitions by draw is known."""
    count, draws = reached.shape
    plans = [f"plan {k}" for k in range(count)]
    coalitions = pd.DataFrame({"plan": plans, "worth": reached.mean(axis=1)})
    rows = [(plan, d, reached[k, d]) for k, plan in enumerate(plans) for d in range(draws)]
    purchases = pd.DataFrame(
        columns=["plan", "year", "region", "item", "stage", "units", "capex_usd"]
    )
    return StageValue(
        pd.DataFrame({"kind": "all", "stage": [str(stage) for stage in stages]}),
        coalitions,
        purchases,
        pd.DataFrame(rows, columns=["plan", "draw", "value"]),
    )


def verdict_on(claim: str, reached: np.ndarray, stages: tuple[Stage, ...]) -> tuple[str, float]:
    (test,) = (one.test for one in CLAIMS if one.name == claim)
    with executor_of(workers=1) as executor:
        found = test(Evidence(DESIGN, Answering(executor), made_up(reached, stages)))
    return found.verdict, found.effect


def by_draw(*values: float) -> np.ndarray:
    """Return values of coalitions, nearly the same in every draw."""
    noise = np.linspace(-1e-5, 1e-5, DRAWS)
    return np.array(values)[:, None] + np.outer(np.arange(len(values)), noise)


def test_every_claim_has_a_verdict_and_says_what_was_compared(table: pd.DataFrame) -> None:
    assert tuple(table.reset_index().columns) == CLAIM_COLUMNS
    assert set(table["verdict"]) <= VERDICTS
    assert table["compared"].str.len().min() > 20
    tested = table[table["verdict"] != "not tested"]
    assert (tested["low"] <= tested["effect"]).all()
    assert (tested["effect"] <= tested["high"]).all()
    untested = table[table["verdict"] == "not tested"]
    assert untested["effect"].isna().all()
    assert (untested["note"] != "").all()


def test_what_cannot_be_bought_here_is_not_tested(table: pd.DataFrame) -> None:
    for claim in ("C4", "C5", "C9", "C11", "C16"):
        assert table.loc[claim, "verdict"] == "not tested"


def test_the_whole_is_held_against_the_best_single_stage(
    table: pd.DataFrame, value: StageValue
) -> None:
    reached = value.reached()
    best = max((1, 2), key=lambda one: value.coalitions["worth"].iloc[one])
    assert table.loc["C2", "effect"] == pytest.approx((reached[3] - reached[best]).mean())


def test_a_package_of_complements_is_confirmed_and_one_of_substitutes_refuted() -> None:
    stages = (CARE, CREATION)
    assert verdict_on("C2", by_draw(0.2, 0.2, 0.2, 0.4), stages) == (
        "confirmed",
        pytest.approx(0.2),
    )
    assert verdict_on("C2", by_draw(0.2, 0.4, 0.3, 0.4), stages)[0] == "refuted"


def test_few_draws_decide_nothing() -> None:
    few = by_draw(0.2, 0.2, 0.2, 0.4)[:, :3]
    assert verdict_on("C2", few, (CARE, CREATION))[0] == "undecided"


def test_pretraining_is_held_against_stages_that_the_review_rates() -> None:
    assert str(CARE) not in reviewed()
    stages = (CARE, Stage.CURATION, Stage.PRE_TRAINING)
    # care brings 0.3, pre-training 0.05, curation 0.02
    sums = [0.1 + 0.3 * (c & 1) + 0.02 * (c >> 1 & 1) + 0.05 * (c >> 2 & 1) for c in range(8)]
    found, effect = verdict_on("C5", by_draw(*sums), stages)
    assert found == "confirmed"
    assert effect == pytest.approx(0.03, abs=1e-4)


def test_documentation_that_carries_the_others_is_seen() -> None:
    stages = (Stage.DOCUMENTATION, Stage.CURATION, Stage.EVALUATION)
    carried = [0.2 + 0.1 * (c == 7) for c in range(8)]
    assert verdict_on("C11", by_draw(*carried), stages)[0] == "confirmed"
    free = [0.2 + 0.1 * (c & 6 == 6) for c in range(8)]
    assert verdict_on("C11", by_draw(*free), stages)[0] == "refuted"


def test_four_countries_hold_most_of_the_public_patients() -> None:
    with executor_of(workers=1) as executor:
        evidence = Evidence(DESIGN, Answering(executor), made_up(by_draw(0.0, 1.0), (CARE,)))
        found = few_countries(evidence)
        again = few_countries(evidence)
    assert found == again
    assert 0.0 < found.low < found.effect < found.high <= 0.5


def test_money_for_one_thing_goes_to_nothing_else(value: StageValue) -> None:
    with executor_of(workers=1) as executor:
        evidence = Evidence(DESIGN, Answering(executor), value)
        plan = spent(evidence, "readers only", ("reader",), weight=np.array([1.0, 0.0]))
        nothing = spent(evidence, "servers only", ("gpu_server",))
    assert nothing is None
    assert plan is not None
    assert plan.units[:, 1].sum() == 0.0
    levers = [item.lever for item in plan.catalogue.items]
    assert {levers[i] for i in np.flatnonzero(plan.units.sum(axis=(0, 1)))} == {"reader"}


def test_the_page_counts_verdicts_and_words_have_no_nan(table: pd.DataFrame) -> None:
    rows = table.reset_index()
    section = claims_section({"claims": rows})
    assert sum(int(part.split()[0]) for part in section["counts"].split(", ")) == len(CLAIMS)
    for row in rows.to_dict("records"):
        assert "nan" not in claim_words(row)


def test_what_money_brings_is_said_in_points() -> None:
    row = {"effect": 1.54e-5, "low": 1.08e-5, "high": 1.99e-5, "unit": PER_MILLION}
    assert effect_words(row) == "+0.00154 points per million dollars, +0.00108 to +0.00199"


def test_what_little_money_brings_by_chance_is_no_rival_of_cheap_stages() -> None:
    stages = (Stage.CURATION, Stage.EVALUATION, Stage.DEPLOYMENT)
    # of no use is the third: there is nothing to hold the cheap ones against
    sums = [0.2 + 0.1 * (c & 1) + 0.1 * (c >> 1 & 1) for c in range(8)]
    assert verdict_on("C4", by_draw(*sums), stages)[0] == "not tested"


def with_response(**law: float) -> Evidence:
    """Return evidence in which the law is known, and nothing else."""

    def sampler(scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        sample = sample_small(scenario, draw, purpose)
        return replace(sample, response=replace(sample.response, **law))

    reached = by_draw(0.2, 0.2, 0.2, 0.2)
    with executor_of(workers=1) as executor:
        return Evidence(
            replace(DESIGN, sampler=sampler),
            Answering(executor),
            made_up(reached, (CARE, CREATION)),
        )


def test_another_place_is_one_where_its_studies_are_worth_less() -> None:
    apart = fairness_stays_where_it_was_tuned(with_response(kappa=0.1))
    assert apart.verdict == "confirmed"
    most = PROFILE.measured_max
    law = replace(RESPONSE, kappa=0.1)
    assert apart.effect == pytest.approx(float(law.error(0.0, most) - law.error(most, 0.0)))
    alike = fairness_stays_where_it_was_tuned(with_response(kappa=1.0))
    assert (alike.verdict, alike.effect) == ("refuted", pytest.approx(0.0))


def test_the_gap_rises_as_labels_fall_unless_all_studies_are_alike() -> None:
    assert gap_rises_as_labels_fall(with_response(kappa=0.1)).verdict == "confirmed"
    assert gap_rises_as_labels_fall(with_response(kappa=1.0)).verdict == "refuted"
