"""A measurement that is killed, wherever that is, goes on to the table of an undisturbed one."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path
from time import sleep

import pandas as pd
import psutil
import pytest

from sim.errors import ProfileError
from sim.executors.executor import executor_of
from sim.profiles.design import MeasurementPlan
from sim.profiles.measurement import measure
from sim.profiles.metering import meter
from tests.unit.profiles.conftest import IDLE_SECONDS

PLAN = MeasurementPlan(
    name="killed",
    task="find the stripe",
    modality="none",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    not_estimable=("c",),
    counts=(0, 20),
    seeds=2,
    folds=3,
    contrasts=[
        {
            "counts": [[20, 20]],
            "seeds": 1,
            "levels": [{"synthetic": 1}, {"pretraining_steps": 3}, {"noise": 0.2}],
        }
    ],
    generator_steps=3,
    pretraining_pool=40,
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=10,
    batch=16,
    device="cpu",
    threads=1,
)
RUNS = len(PLAN.cells())
VARYING = (
    *("seconds", "kwh", "emissions_kg", "peak_memory_mb", "finished", "commit"),
    *("peak_flops", "utilisation", "other_cores", "cpu_load", "idle_watts", "energy"),
)
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["sim.profiles.measurement", "torch._dynamo"])
"""Processes that have imported what they need: that takes longer than what they measure."""


def measure_until_killed(folder, method, last, workers):
    """Measure, and die at the ``last`` call of a method of paths in the folder."""
    left, original = [last], getattr(Path, method)

    def until_killed(self, *rest, **named):
        if str(folder) in str(self):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *rest, **named)

    setattr(Path, method, until_killed)
    meter.IDLE_SECONDS = IDLE_SECONDS
    with executor_of(workers=workers) as executor:
        measure(PLAN, data=None, out=folder, executor=executor)


def start(folder, method="replace", last=0, workers=1):
    """Measure in a process of its own, which dies at its ``last`` call of a method of paths."""
    process = PROCESSES.Process(target=measure_until_killed, args=(folder, method, last, workers))
    process.start()
    return process


def killed(process):
    process.join(timeout=300)
    assert process.exitcode == -signal.SIGKILL


def repeatable(folder):
    table = pd.read_parquet(folder / "runs.parquet")
    return table[[c for c in table if not c.endswith(VARYING)]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return repeatable(measure(PLAN, data=None, out=tmp_path_factory.mktemp("whole")))


@pytest.mark.slow
def test_killed_at_any_time_it_goes_on_to_the_same_table(tmp_path, undisturbed):
    folder, parts = tmp_path / "killed", tmp_path / "killed" / "parts"
    killed(start(folder, "replace", 1))
    assert not (folder / "measurement.json").exists()  # nothing half written is in its place

    busy = start(folder)
    while len(list(parts.glob("*.parquet"))) < 2 and busy.is_alive():
        sleep(0.01)
    busy.kill()
    killed(busy)
    done = len(list(parts.glob("*.parquet")))
    unprepared = 2 - len(list(parts.glob("*.npz")))
    assert 2 <= done < RUNS

    # the description, what is prepared, the runs left, and the table of all
    killed(start(folder, "replace", 1 + unprepared + RUNS - done + 1))
    assert not (folder / "runs.parquet").exists()
    assert len(list(parts.glob("*.parquet"))) == RUNS
    killed(start(folder, "unlink", 5))
    assert 0 < len(list(parts.iterdir())) < RUNS + 2

    measure(PLAN, data=None, out=folder)
    assert sorted(p.name for p in folder.iterdir()) == ["measurement.json", "runs.parquet"]
    pd.testing.assert_frame_equal(repeatable(folder), undisturbed)


@pytest.mark.slow
def test_killed_with_workers_it_leaves_none_and_goes_on_to_the_same_table(tmp_path, undisturbed):
    folder, parts = tmp_path / "killed", tmp_path / "killed" / "parts"
    busy = start(folder, workers=2)
    while len(list(parts.glob("*.parquet"))) < 4 and busy.is_alive():
        sleep(0.01)
    workers = psutil.Process(busy.pid).children(recursive=True)
    busy.kill()
    killed(busy)
    assert workers
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert 4 <= len(list(parts.glob("*.parquet"))) < RUNS

    measure(PLAN, data=None, out=folder)
    assert sorted(p.name for p in folder.iterdir()) == ["measurement.json", "runs.parquet"]
    pd.testing.assert_frame_equal(repeatable(folder), undisturbed)


@pytest.mark.parametrize(
    "text", ["", '{"plan": {"name": "cut', "[]", '{"plan": {}}', '{"name": "another program"}']
)
def test_a_description_that_is_cut_short_or_foreign_is_an_error(tmp_path, text):
    (tmp_path / "measurement.json").write_text(text)
    with pytest.raises(ProfileError, match=r"measurement\.json does not describe a measurement"):
        measure(PLAN, data=None, out=tmp_path)
    assert (tmp_path / "measurement.json").read_text() == text


def test_a_file_that_is_no_table_of_runs_is_an_error(tmp_path):
    (tmp_path / "runs.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(ProfileError, match=r"runs\.parquet is not a table of runs"):
        measure(PLAN, data=None, out=tmp_path)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "runs.parquet")
    with pytest.raises(ProfileError, match="no run_id, group or error"):
        measure(PLAN, data=None, out=tmp_path)
