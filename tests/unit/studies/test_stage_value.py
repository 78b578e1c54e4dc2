"""What stages are worth: worlds in which that is known, sums, and the same bits however done."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.stages import stage_sentences
from sim.baseline.world import World
from sim.domain.levers import Stage
from sim.errors import AnswerError
from sim.executors.executor import executor_of
from sim.planning.decisions import most_per_year
from sim.scenario.schema import Scenario
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.experiment import Purpose
from sim.studies.sample import Sample
from sim.studies.stage_plans import (
    bought_from,
    choice_worth,
    only_stages,
    stages_of,
    without_stages,
)
from sim.studies.stage_value import StageValue, stage_value
from sim.studies.store import open_store
from tests.small_world import at_once, changed
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

CARE, CREATION = str(Stage.CARE), str(Stage.DATA_CREATION)
DRAWS, RUNS = 3, 60


class Changed:
    """Small samples whose world is changed; it travels to workers."""

    def __init__(self, change: Callable[[World], World]) -> None:
        self.change = change

    def __call__(self, scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        sample = sample_small(scenario, draw, purpose)
        return replace(sample, world=self.change(sample.world))


def neither_helps_alone(world: World) -> World:
    """Nobody comes without a mobile clinic, and nobody is examined without an imaging unit."""
    care = world.care
    return at_once(
        changed(
            world,
            "care",
            reach=np.zeros_like(care.reach),
            units=np.zeros_like(care.units),
            reader_hours_per_year=np.full_like(care.reader_hours_per_year, 1e5),
        )
    )


def units_are_of_no_use(world: World) -> World:
    """There are more imaging units than exams could ever need."""
    return at_once(changed(world, "care", units=np.full_like(world.care.units, 1e4)))


def valued(
    change: Callable[[World], World], *, workers: int = 1, folder: Path | None = None
) -> StageValue:
    design = Design(small_scenario(draws=DRAWS, replications=1), Changed(change))
    with executor_of(workers=workers) as executor:
        if folder is None:
            return stage_value(design, Answering(executor), searches=4, runs=RUNS)
        with open_store(folder, {"a": "test"}) as store:
            return stage_value(design, Answering(executor, store), searches=4, runs=RUNS)


@pytest.fixture(scope="module")
def chained() -> StageValue:
    return valued(neither_helps_alone)


def rows(found: StageValue, who: str = "all") -> pd.DataFrame:
    table = found.table[found.table["who"] == who]
    return table.set_index("stage")


def test_links_of_a_chain_share_the_whole_equally(chained: StageValue) -> None:
    by_stage = rows(chained)
    nothing, whole = (chained.coalitions["value"].iloc[k] for k in (0, -1))
    gain = whole - nothing
    assert gain > 0.05
    assert by_stage["alone"].tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert by_stage["without"].tolist() == pytest.approx([gain, gain])
    assert by_stage["shapley"].tolist() == pytest.approx([gain / 2.0, gain / 2.0])
    assert by_stage["share"].tolist() == pytest.approx([0.5, 0.5])
    assert chained.settled == 1.0
    assert "when added up: together more than that." in stage_sentences(chained.tables)[0]


def test_a_stage_of_no_use_is_worth_nothing_and_the_other_all() -> None:
    found = valued(units_are_of_no_use)
    by_stage = rows(found)
    nothing, whole = (found.coalitions["value"].iloc[k] for k in (0, -1))
    assert by_stage.loc[CREATION, ["shapley", "alone", "without"]].tolist() == [0.0, 0.0, 0.0]
    assert by_stage.loc[CARE, "shapley"] == pytest.approx(whole - nothing)
    assert by_stage.loc[CARE, "alone"] == by_stage.loc[CARE, "without"] > 0.0
    assert "when added up: together as much as that." in stage_sentences(found.tables)[0]


@pytest.mark.parametrize("who", ["all", "AAA", "BBB", "group0", "group1"])
def test_values_of_stages_add_up_to_the_whole_for_everyone(chained: StageValue, who: str) -> None:
    by_stage = rows(chained, who)
    # in a game of two parts the halves of alone and of without make the value
    halves = (by_stage["alone"] + by_stage["without"]) / 2.0
    assert by_stage["shapley"].tolist() == pytest.approx(halves.tolist())
    assert by_stage["shapley"].sum() == pytest.approx(
        by_stage["alone"].iloc[0] + by_stage["without"].iloc[1]
    )


def test_bounds_hold_what_was_found(chained: StageValue) -> None:
    everyone = rows(chained)
    assert (everyone["least"] <= everyone["most"]).all()
    assert rows(chained, "AAA")["least"].isna().all()
    assert (everyone["draws"] == DRAWS).all()


def require_same(one: StageValue, other: StageValue) -> None:
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


@pytest.mark.slow
def test_the_same_bits_come_of_two_processes(chained: StageValue) -> None:
    require_same(chained, valued(neither_helps_alone, workers=2))


def test_what_has_finished_is_kept_to_the_bit_and_not_done_again(
    chained: StageValue, tmp_path: Path
) -> None:
    require_same(chained, valued(neither_helps_alone, folder=tmp_path / "kept"))
    files = sorted((tmp_path / "kept" / "partial" / "results").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    assert sum(file.name.startswith("coalition") for file in files) == 3
    valued(neither_helps_alone, folder=tmp_path / "kept")
    assert [file.stat().st_mtime_ns for file in files] == before


def test_a_coalition_can_buy_from_its_stages_only() -> None:
    scenario = small_scenario()
    world = sample_small(scenario, None, "search").world
    assert stages_of(world, scenario) == (Stage.CARE, Stage.DATA_CREATION)
    within = only_stages(scenario, (Stage.DATA_CREATION,))
    bought = most_per_year(world, within).any(axis=0)
    levers = {i.lever for i, any_ in zip(world.catalogue.items, bought, strict=True) if any_}
    assert levers == {"scanner"}
    # what the scenario forbids stays forbidden
    assert stages_of(world, only_stages(scenario, tuple(Stage))) == stages_of(world, scenario)


def test_a_plan_without_a_stage_keeps_what_it_buys_from_others() -> None:
    plan = plan_of({"reader.dermatologist": 1.0, "scanner.dermoscopy": 2.0})
    assert bought_from(plan) == (Stage.CARE, Stage.DATA_CREATION)
    left = without_stages(plan, (Stage.CARE,))
    assert bought_from(left) == (Stage.DATA_CREATION,)
    assert left.units.sum() == pytest.approx(4.0)


def test_what_is_left_of_a_known_plan_stands_where_no_search_finds_better() -> None:
    """With little money the one search finds clinics, which are care, and no units."""
    known = replace(plan_of({"reader.dermatologist": 1.0, "scanner.dermoscopy": 1.0}), name="known")
    money = {"budget_usd_per_year": 40_000.0}
    poor = small_scenario(draws=DRAWS, replications=1).model_copy(update=money)
    design = Design(poor, Changed(at_once))
    with executor_of(workers=1) as executor:
        found = stage_value(design, Answering(executor), known=[known], searches=1, runs=RUNS)
    coalitions = found.coalitions.set_index("stages")
    left = without_stages(known, (Stage.CARE,))
    nothing, units = choice_worth(design, [plan_of({}), left]).mean(axis=1)
    assert coalitions["plan"][CREATION] == f"known without {CARE}"
    assert coalitions["worth"][CREATION] == pytest.approx(units)
    assert units > nothing


def test_one_stage_is_no_comparison() -> None:
    scenario = only_stages(small_scenario(), (Stage.CARE,))
    with (
        executor_of(workers=1) as executor,
        pytest.raises(AnswerError, match="here care delivery has"),
    ):
        stage_value(Design(scenario, sample_small), Answering(executor))
