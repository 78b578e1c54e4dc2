"""What a scenario says about urgent groups reaches the queues, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.scenario.schema import Group
from tests.scenarios import build_world, fixed, scenario
from tests.small_runs import run

TINY = str(Path(__file__).parents[3] / "scenarios" / "tiny.yaml")


def with_priority(urban: str, rural: str) -> np.ndarray:
    groups = {
        "urban": Group(share="urban_share", reach=fixed(0.5), priority=urban),  # type: ignore[arg-type]
        "rural": Group(share="rural_share", reach=fixed(0.2), priority=rural),  # type: ignore[arg-type]
    }
    return build_world(scenario(groups=groups)).care.priority


def test_a_scenario_names_urgent_groups() -> None:
    assert with_priority("routine", "urgent").tolist() == [1, 0]
    assert with_priority("routine", "routine").tolist() == [1, 1]


def test_the_command_line_knows_two_classes() -> None:
    good = CliRunner().invoke(app, ["validate", TINY, "--set", "groups.rural.priority=urgent"])
    assert good.exit_code == 0, good.stderr
    bad = CliRunner().invoke(app, ["validate", TINY, "--set", "groups.rural.priority=urgant"])
    assert bad.exit_code == 2
    assert "urgent" in bad.stderr


def test_urgent_people_wait_less_and_as_many_are_examined() -> None:
    world = build_world(scenario())
    crowded = replace(world.care, need_per_year=world.care.need_per_year * 4.0)
    equal = run(replace(world, care=crowded)).cells()
    care = replace(crowded, priority=np.array([1, 0]))
    first = run(replace(world, care=care)).cells()
    together = ["region", "year"]
    assert (first.groupby(together)["exams"].sum() == equal.groupby(together)["exams"].sum()).all()
    assert (first["exams"] != equal["exams"]).any()
    wait = [cells.groupby("group")["waiting_weeks"].sum() for cells in (equal, first)]
    assert wait[1]["rural"] < 0.2 * wait[0]["rural"]
    assert wait[1].sum() == pytest.approx(wait[0].sum())


def test_where_all_are_urgent_nobody_is() -> None:
    world = build_world(scenario())
    urgent = replace(world.care, priority=np.zeros(2, dtype=np.int64))
    assert run(replace(world, care=urgent)).cells().equals(run(world).cells())
