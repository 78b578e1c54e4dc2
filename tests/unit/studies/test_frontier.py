"""Frontiers: plans keep what their search was asked, and none kept is bettered by another."""

from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest

from reports.trade_offs import frontier_rows, frontier_section
from sim.executors.executor import executor_of
from sim.planning.limits import yearly_budget
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.frontier import Frontier, frontier
from sim.studies.outcomes import OUTCOMES
from sim.studies.store import open_store
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

DESIGN = Design(small_scenario(draws=5, replications=1), sample_small)
AXES = ("ede", "mean_ec", "spend_usd")  # few, for speed
PLANS = {
    "baseline": plan_of({}, name="baseline"),
    "plan": plan_of({"reader.dermatologist": 1.0, "outreach.group1": 1.0}),
}


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frontier") / "kept"


@pytest.fixture(scope="module")
def found(kept_in: Path) -> Frontier:
    return asked(kept_in)


def asked(folder: Path) -> Frontier:
    with (
        pytest.MonkeyPatch.context() as patch,
        executor_of(workers=1) as executor,
        open_store(folder, {"a": "test"}) as store,
    ):
        patch.setattr("sim.studies.frontier.AXES", AXES)
        return frontier(DESIGN, Answering(executor, store), PLANS, runs=50)


def kept(found: Frontier, axis: str) -> pd.DataFrame:
    table = found.table[found.table["axis"] == axis]
    return table[table["dominated_by"] == ""]


def test_no_point_is_bettered_by_another_and_every_other_plan_is(found: Frontier) -> None:
    assert set(found.table["axis"]) == {"mean_ec", "spend_usd"}
    for axis, part in found.table.groupby("axis"):
        sign = -1.0 if OUTCOMES[str(axis)].better == "lower" else 1.0
        points = part.set_index("plan")
        for one, other in permutations(kept(found, str(axis))["plan"], 2):
            ahead, mine = points.loc[other], points.loc[one]
            assert not (
                ahead["objective"] >= mine["objective"]
                and sign * ahead["value"] >= sign * mine["value"]
            )
        for name, better in points["dominated_by"].items():
            if better:
                assert points.loc[better, "objective"] >= points.loc[name, "objective"]
                assert sign * points.loc[better, "value"] >= sign * points.loc[name, "value"]


def test_a_plan_of_a_smaller_budget_keeps_it(found: Frontier) -> None:
    table = found.table[found.table["axis"] == "spend_usd"].set_index("plan")["value"]
    whole = float(yearly_budget(DESIGN.scenario).sum())
    for share in (0.25, 0.5, 0.75):
        if (name := f"at most {share:.0%} of the budget") in table:
            assert table[name] <= share * whole * 1.001


def test_what_is_there_is_a_point_and_the_page_has_a_figure(found: Frontier) -> None:
    assert {"baseline", "plan"} <= set(found.table["plan"])
    page = frontier_section(found.tables)
    assert page["figure"].startswith("<svg ")
    assert len(frontier_rows(found.table, "spend_usd")) == len(kept(found, "spend_usd"))
    assert set(found.plans["plan"]) <= set(found.table["plan"])


def test_what_is_kept_is_not_searched_for_again(
    found: Frontier, kept_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("sim.studies.asked_plans.search_asked", not_again)
    monkeypatch.setattr("sim.studies.judging.run_task", not_again)
    pd.testing.assert_frame_equal(asked(kept_in).table, found.table)
