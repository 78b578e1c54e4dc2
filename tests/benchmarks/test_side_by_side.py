"""What a simulated plan costs: plans side by side against one by one, as they were once.

Before plans were simulated side by side each was a run of its own. That code is taken from the
project's history, and both are timed in turns on the same plans: those of the East Africa scenario
with one purchase more: as many countries, groups and years then as now. What plans reach is not
compared, as tables, levers and profile have changed since; that a run is the same to the bit
whichever others it is moved with is held in tests/property. `make bench` shows the table.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.test_speed import show

ROOT = Path(__file__).parents[2]
ONE_BY_ONE = "c580c3b"
"""Last commit that simulated plans one by one."""
TURNS = 3

OLD = """
import json, time
from sim.planning.purchases import most_per_year
from sim.planning.rules import equal_split
from sim.study.execution import unrecorded
from sim.study.experiment import prepare
from sim.study.marginal import additions
from sim.study.names import load_scenario
from sim.study.search import _equity

scenario = unrecorded(load_scenario("scenarios/east_africa.yaml"))
setting = prepare(scenario, 0, 0)
base = equal_split(setting.world, scenario)
most = most_per_year(setting.world, scenario)
plans = [extra.plan for extra in additions(scenario, base, most=most, duals=None)]
_equity(scenario, setting.run(base))
start = time.process_time()
setting = prepare(scenario, 0, 0)
ede = [_equity(scenario, setting.run(plan)) for plan in plans]
seconds = time.process_time() - start
print(json.dumps({"plans": len(plans), "seconds": seconds, "ede": ede}))
"""
NEW = """
import json, time
from sim.planning.decisions import most_per_year
from sim.planning.rules import equal_split
from sim.studies.assembly import Gathered
from sim.studies.batch import Design, Task, run_task
from sim.studies.experiment import Experiment, Trial
from sim.studies.marginal import additions
from sim.studies.names import load_scenario
from sim.studies.sample import parameter_sample

scenario = load_scenario("scenarios/east_africa.yaml")
world = parameter_sample(scenario, 0).world
base = equal_split(world, scenario)
tried = additions(scenario, base, most=most_per_year(world, scenario), duals=None)
trials = [Trial(extra.plan.name, extra.plan) for extra in tried]

def equity():
    gathered = Gathered(scenario, world.regions)
    gathered.add(run_task(Design(scenario), Task(0, tuple((trial, 0) for trial in trials))))
    return [gathered.ede[Experiment(trial.name, 0, 0)] for trial in trials]

equity()
start = time.process_time()
ede = equity()
seconds = time.process_time() - start
print(json.dumps({"plans": len(trials), "seconds": seconds, "ede": ede}))
"""
WORLD = """
import json, time
from tests.benchmarks.test_speed import world_of_five_modalities
from tests.scenarios import scenario
from tests.small_world import fixed_response
from sim.domain.plan import empty_plan
from sim.pipeline.run import simulate

world, set_up = world_of_five_modalities(), scenario(years=10)
plan = empty_plan("bench", world.catalogue, world.regions, years=10, start_year=2027)

def run():
    start = time.process_time()
    simulate(world, plan, fixed_response(), scenario=set_up, seed=1, replication=0)
    return time.process_time() - start

run()
print(json.dumps({"plans": 1, "seconds": min(run(), run()), "ede": []}))
"""


@pytest.fixture
def one_by_one(tmp_path: Path) -> Iterator[Path]:
    """Return a tree of the code that simulated plans one by one."""
    tree = tmp_path / "old"
    made = subprocess.run(
        ["git", "-C", str(ROOT), "worktree", "add", "--detach", str(tree), ONE_BY_ONE],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"this copy has no history back to {ONE_BY_ONE}: {made.stderr.strip()}")
    yield tree
    subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)], check=True)


def timed(code: str, tree: Path, cache: Path) -> dict[str, Any]:
    """Run code in a tree, in a process and with compiled kernels of its own."""
    env = os.environ | {"PYTHONPATH": str(tree), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=env, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_seconds_of_a_plan_against_plans_one_by_one(one_by_one: Path, tmp_path: Path) -> None:
    rows = []
    for what, old_code, new_code in (
        ("additions, East Africa", OLD, NEW),
        ("world, one plan", WORLD, WORLD),
    ):
        old, new = (
            [timed(code, tree, tmp_path / name) for _ in range(TURNS)]
            for name, code, tree in (("old_cache", old_code, one_by_one), ("cache", new_code, ROOT))
        )
        theirs, ours = (
            1e3 * min(one["seconds"] for one in runs) / runs[0]["plans"] for runs in (old, new)
        )
        plans = str(new[0]["plans"])
        rows.append((what, plans, f"{theirs:,.1f}", f"{ours:,.1f}", f"{theirs / ours:.1f}"))
        for one in (*old, *new):
            assert all(0.0 < float(ede) < 1.0 for ede in one["ede"])
    show(
        "CPU milliseconds of a simulated plan, the least of a few turns",
        ("plans", "number", "one by one", "side by side", "ratio"),
        rows,
    )
