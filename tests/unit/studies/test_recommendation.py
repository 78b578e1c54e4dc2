"""The recommendation matrix: costs as plans spend, values as infrastructure changes, the review."""

import numpy as np
import pandas as pd
import pytest

from reports.matrix import matrix, matrix_rows, rating_words
from sim.domain.levers import Stage
from sim.domain.plan import spend_usd
from sim.equity.coverage import discount
from sim.executors.executor import executor_of
from sim.planning.rules import baseline
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.plans import plans_of
from sim.studies.recommendation import (
    ASPECTS,
    NOT_ASSESSED,
    Infrastructure,
    Recommendation,
    recommendation,
    review_ratings,
)
from sim.studies.stage_value import StageValue, stage_value, stage_value_of
from tests.unit.studies.small_study import sample_small, small_scenario

CARE, CREATION = str(Stage.CARE), str(Stage.DATA_CREATION)
DESIGN = Design(small_scenario(draws=3, replications=1), sample_small)


@pytest.fixture(scope="module")
def value() -> StageValue:
    with executor_of(workers=1) as executor:
        return stage_value(DESIGN, Answering(executor), searches=4, runs=60)


@pytest.fixture(scope="module")
def found(value: StageValue) -> Recommendation:
    with executor_of(workers=1) as executor:
        return recommendation(DESIGN, Answering(executor), value)


def cell(found: Recommendation, stage: str, aspect: str) -> pd.Series:
    table = found.table
    return table[(table["stage"] == stage) & (table["aspect"] == aspect)].iloc[0]


def test_every_stage_has_every_aspect(found: Recommendation) -> None:
    assert len(found.table) == (2 + len(NOT_ASSESSED)) * len(ASPECTS)
    left = found.table[found.table["stage"].isin(NOT_ASSESSED)]
    assert left["value"].isna().all()
    assert (left["basis"] == "not assessed").all()
    computed = found.table[found.table["aspect"] == "computation"].dropna(subset="value")
    hours = computed["value"]
    watts = DESIGN.sampler(DESIGN.scenario, None, "search").world.compute
    assert computed["energy_kwh"].to_numpy() == pytest.approx(
        (hours * watts.gpu_watts / 1e3 * watts.pue).to_numpy()
    )
    assert set(found.table["aspect"]) == set(ASPECTS)


def test_importance_is_the_shapley_value(found: Recommendation, value: StageValue) -> None:
    everyone = value.table[value.table["kind"] == "all"].set_index("stage")
    for stage in (CARE, CREATION):
        row = cell(found, stage, "importance")
        assert row[["value", "low", "high"]].tolist() == pytest.approx(
            everyone.loc[stage, ["shapley", "low", "high"]].tolist(), nan_ok=True
        )


def test_the_cost_of_a_stage_is_what_a_plan_spends_on_it(
    found: Recommendation, value: StageValue
) -> None:
    world = sample_small(DESIGN.scenario, None, "search").world
    plans = plans_of(
        value.plans, value.coalitions["plan"].unique(), baseline(world, DESIGN.scenario)
    )
    years = DESIGN.scenario.horizon.score_years
    weight = discount(years, DESIGN.scenario.equity.discount_rate)
    of_stage = [str(item.stage) == CARE for item in world.catalogue.items]
    spent = [
        float((weight @ spend_usd(plan, years=years).sum(axis=1))[of_stage].sum())
        for plan in plans.values()
    ]
    assert min(abs(cell(found, CARE, "cost")["value"] - one) for one in spent) < 1e-6
    assert cell(found, CARE, "cost")["value"] > 0.0
    shares = found.money.set_index("stage").loc[CARE]
    assert shares.sum() == pytest.approx(1.0)
    assert shares["computing"] == 0.0
    assert (found.table[found.table["aspect"] == "computation"]["value"].fillna(0.0) == 0.0).all()


def test_plans_are_read_from_tables_to_the_bit(value: StageValue) -> None:
    world = sample_small(DESIGN.scenario, None, "search").world
    again = stage_value_of(value.tables)
    assert again.fingerprint == value.fingerprint
    plans = plans_of(
        again.plans, again.coalitions["plan"].unique(), baseline(world, DESIGN.scenario)
    )
    bought = {name: plan for name, plan in plans.items() if (plan.units > 0).any()}
    assert set(bought) == set(value.plans["plan"])
    for name, plan in bought.items():
        rows = value.plans[value.plans["plan"] == name]
        assert plan.units.sum() == pytest.approx(rows["units"].sum())


def test_infrastructure_is_changed_in_every_draw_and_nothing_else() -> None:
    before = sample_small(DESIGN.scenario, 2, "search")
    after = Infrastructure(sample_small, 0.5)(DESIGN.scenario, 2, "search")
    assert after.world.care.units.tolist() == np.floor(0.5 * before.world.care.units).tolist()
    assert (
        after.world.care.reader_hours_per_year == 0.5 * before.world.care.reader_hours_per_year
    ).all()
    assert (after.world.compute.site_power_share <= 1.0).all()
    assert (after.world.care.need_per_year == before.world.care.need_per_year).all()
    assert after.seed == before.seed


def test_the_ratings_keep_what_the_caption_says() -> None:
    wide = review_ratings().pivot_table(index="stage", columns="aspect", values="review")
    assert set(wide.index) <= {str(stage) for stage in Stage}
    assert wide["importance"].idxmax() == "pre-training"
    assert wide.loc["data creation", "importance"] > wide.loc["generation", "importance"]
    for cheap in ("curation", "evaluation"):
        assert wide.loc[cheap, "cost"] < wide.loc[["pre-training", "data creation"], "cost"].min()
    assert wide["computation"].idxmax() == "pre-training"
    critical = wide.loc[["data creation", "fine-tuning with annotation"], "infrastructure"]
    assert critical.min() > wide.drop(critical.index)["infrastructure"].max()
    # not assessed there, so not here
    assert {"aggregation", "care delivery", "governance"}.isdisjoint(wide.index)


def test_the_page_names_what_was_not_assessed(found: Recommendation) -> None:
    said = matrix(found.tables)
    rows = matrix_rows(found.table).set_index("stage")
    assert "(" not in rows.loc[CARE, "importance"]
    assert "not assessed" in said["figure"]
    assert rows.loc[CREATION, "cost"].endswith("(high)")
    assert "<svg" in said["figure"]
    # two stages have no rank correlation
    assert "no rank correlation" in said["sentences"][0]


def test_a_rating_between_two_is_both() -> None:
    assert rating_words(2.5) == "high or medium"
    assert rating_words(1.5) == "low or medium"
