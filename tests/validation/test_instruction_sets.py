"""Another processor gives the same plan and the same counts: without its vectors, to the unit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from sim.studies import proposals
from sim.studies.batch import Design
from sim.studies.proposals import candidate
from tests.unit.studies.small_study import run_small, sample_small, small_scenario

ROOT = Path(__file__).parents[2]
COUNTS = ("need", "arrived", "exams", "reneged", "read_by_ai", "read_by_human", "labelled")


def plan_and_counts() -> dict[str, list[float]]:
    """Return what a small study plans, and what a judged run of it counts."""
    scenario = small_scenario().model_copy(update={"levers": {}})
    with mock.patch.object(proposals, "SEARCH_DRAWS", 1):
        plan = candidate(Design(scenario, sample_small), 0.0).plan
    cells = run_small(scenario, plan).records.cells
    counts = {name: cells[name].ravel().tolist() for name in COUNTS}
    return {"units": plan.units.ravel().tolist()} | counts


@pytest.mark.slow
def test_a_processor_without_vectors_gives_the_same_plan_and_counts(tmp_path: Path) -> None:
    here = plan_and_counts()
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.validation.test_instruction_sets"]
    told = subprocess.run(
        command, env=os.environ | plain, cwd=ROOT, capture_output=True, text=True, check=True
    )
    there = json.loads(told.stdout)
    assert there.pop("vectors") == []
    assert sum(here["units"]) > 0.0
    assert sum(here["exams"]) > 0.0
    assert there == here


if __name__ == "__main__":
    vectors = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    print(json.dumps(plan_and_counts() | {"vectors": vectors}))  # noqa: T201
