"""Plans keep every unit on their way to disk and back."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from sim.planning.agreement import Effort
from sim.study import search
from sim.study.folder import read_table, write_part
from sim.study.plans import make_plans, proposals_of, tables_of
from sim.study.search import Candidate
from tests.small_world import ITEMS, small_world
from tests.unit.study.small_study import Watched, prepare_small, proposals, small_scenario

SCENARIO = small_scenario().model_copy(update={"policies": ("equal_split", "plan"), "levers": {}})
Work = Callable[[float], Candidate]


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


def test_plans_are_made_with_search_luck_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SEARCH_DRAWS", 2)
    watched = Watched()
    made = make_plans(SCENARIO, prepare=watched)
    assert watched.asked == {(draw, 0, "search") for draw in (None, 0, 1)}
    assert list(made) == ["equal_split", "plan"]
    assert [proposal.plan.name for proposal in made.values()] == ["equal_split", "plan"]
    assert made["plan"].plan.status in ("optimal", "feasible")
    assert "converged" in made["plan"].note
    assert made["plan"].duals is not None
    assert made["plan"].duals.shape == (2, len(ITEMS))
    assert made["equal_split"].duals is None


def test_a_solver_that_fails_leaves_every_policy_to_be_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "SEARCH_DRAWS", 1)
    monkeypatch.setattr(search, "EFFORT", Effort(time_limit_s=0.0))
    tables = tables_of(make_plans(SCENARIO, prepare=prepare_small))
    told = tables["programme"].set_index("policy")
    assert list(told.index) == ["equal_split", "plan"]
    assert told.loc["plan", "status"] == "none solved"
    assert "stands in: HiGHS found no plan" in told.loc["plan", "note"]
    assert "time limit reached" in told.loc["plan", "note"]
    assert set(tables["plan"]["policy"]) == {"equal_split", "plan"}
    assert tables["duals"].empty


def test_candidates_may_come_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SEARCH_DRAWS", 1)

    def backwards(work: Work, hedges: Iterable[float]) -> Iterable[Candidate]:
        return [work(hedge) for hedge in reversed(list(hedges))]

    one = make_plans(SCENARIO, prepare=prepare_small)["plan"]
    other = make_plans(SCENARIO, prepare=prepare_small, spread=backwards)["plan"]
    np.testing.assert_array_equal(one.plan.units, other.plan.units)
    assert one.note == other.note
