"""Plans keep every unit on their way to disk and back."""

from pathlib import Path

import numpy as np
import pytest

from sim.scenario.schema import Scenario
from sim.study.design import Purpose
from sim.study.experiment import Setting
from sim.study.folder import read_table, write_part
from sim.study.plans import SEARCH_REPLICATIONS, make_plans, observe, proposals_of, tables_of
from tests.small_world import small_world
from tests.unit.study.small_study import plan_of, prepare_small, proposals, small_scenario

SCENARIO = small_scenario().model_copy(update={"policies": ("equal_split", "plan"), "levers": {}})


def test_plans_come_back_from_a_folder_unit_by_unit(tmp_path: Path) -> None:
    made = proposals()
    write_part(tmp_path / "plans", tables_of(made))
    names = ("plan", "programme", "duals")
    tables = {name: read_table(tmp_path / "plans", name) for name in names}
    world = small_world()
    found = proposals_of(
        tables, scenario=small_scenario(), regions=world.regions, catalogue=world.catalogue
    )
    assert list(found) == list(made)
    for name, proposal in made.items():
        np.testing.assert_array_equal(found[name].plan.units, proposal.plan.units)
        assert found[name].note == proposal.note
        assert found[name].plan.name == name
    assert found["plan"].plan.gap == 0.01
    np.testing.assert_array_equal(found["plan"].duals, made["plan"].duals)
    assert found["baseline"].duals is None
    assert np.isnan(found["baseline"].plan.gap)


def test_plans_are_made_on_central_values_with_search_luck_only() -> None:
    asked: list[tuple[int | None, int, str]] = []

    def prepare(
        scenario: Scenario, draw: int | None, replication: int, purpose: Purpose
    ) -> Setting:
        asked.append((draw, replication, purpose))
        return prepare_small(scenario, draw, replication, purpose)

    made = make_plans(SCENARIO, prepare=prepare)
    assert asked == [(None, k, "search") for k in range(SEARCH_REPLICATIONS)]
    assert list(made) == ["equal_split", "plan"]
    assert [proposal.plan.name for proposal in made.values()] == ["equal_split", "plan"]
    assert made["plan"].plan.status in ("optimal", "feasible")
    assert "converged" in made["plan"].note
    assert made["plan"].duals is not None
    assert made["plan"].duals.shape == (2, 10)
    assert made["equal_split"].duals is None


def test_what_is_observed_is_the_mean_over_replications() -> None:
    settings = [prepare_small(SCENARIO, None, k, "search") for k in range(2)]
    plan = plan_of({"scanner.dermoscopy": 1.0, "annotation": 1.0, "curator": 1.0, "steward": 1.0})
    runs = [one.run(plan) for one in settings]
    seen = observe(settings, plan)
    exams = np.mean([run.records.cells["exams"].sum(axis=3) for run in runs], axis=0)
    np.testing.assert_allclose(seen.flows.exams, exams)
    done = sum(run.weekly().query("station == 'annotation'")["done"].sum() for run in runs)
    assert done > 0
    assert seen.flows.annotated.sum() == pytest.approx(done / 2)
    assert 0.0 < seen.ede < 1.0
