"""Who does the runs makes no difference, and a worker that dies costs one run a second try."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.errors import ExecutorError
from sim.executors.executor import Executor, executor_of
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.measurement import measure
from sim.profiles.metering.energy import energy_per_image, measured_alone
from sim.profiles.training.bench import (
    MeasurementData,
    Setup,
    bench_of,
    cases_of,
    digest,
    forget,
)
from sim.profiles.training.preparation import preparations
from sim.profiles.training.tasks import Preparation, needed
from sim.profiles.treatment import Treatment

PLAN = MeasurementPlan(
    name="executed",
    task="find the stripe",
    modality="none",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    counts=(0, 20),
    seeds=1,
    folds=3,
    contrasts=[
        {
            "counts": [[20, 20]],
            "seeds": 1,
            "levels": [
                {"synthetic": 1},
                {"synthetic": 1, "pretraining_steps": 3},
                {"pretraining_steps": 3},
                {"width": 2},
                {"noise": 0.2},
            ],
        },
        {
            "counts": [[0, 20]],
            "seeds": 1,
            "levels": [{"synthetic": 2}, {"synthetic": 2, "synthetic_for": "all"}],
        },
    ],
    generator_steps=3,
    pretraining_pool=40,
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=5,
    batch=16,
    device="cpu",
    threads=1,
)
VARYING = (
    *("seconds", "kwh", "emissions_kg", "peak_memory_mb", "finished", "commit", "energy"),
    *("peak_flops", "utilisation", "other_cores", "cpu_load", "idle_watts"),
)
KILLED = "n20-20_noise0.2_corrupted0_seed0"
"""A run that its worker dies of."""


def repeatable(folder):
    table = pd.read_parquet(folder / "runs.parquet")
    return table[[c for c in table if not c.endswith(VARYING)]]


@contextmanager
def asked(kind: str) -> Iterator[Executor]:
    if kind == "threads":
        with ThreadPoolExecutor(2) as threads, executor_of(given=threads) as executor:
            yield executor
    elif kind == "pool":
        processes = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        with processes, executor_of(given=processes) as executor:
            yield executor
    elif kind == "cluster":
        with executor_of(cluster="local:2") as executor:
            yield executor
    else:
        with executor_of(workers=2) as executor:
            yield executor


@dataclass(frozen=True)
class Deadly:
    """Kill whoever does one run: the first time only, where a mark is left."""

    executor: Executor
    mark: Path | None = None
    workers: int = 2

    def run(self, work, tasks):
        yield from self.executor.run(_Deadly(work, self.mark), tasks)


@dataclass(frozen=True)
class _Deadly:
    work: object
    mark: Path | None

    def __call__(self, task):
        is_deadly = not isinstance(task, (Preparation, MeasurementPlan))
        if is_deadly and task.cell.run_id == KILLED and not (self.mark and self.mark.exists()):
            if self.mark:
                self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.work(task)


def test_what_runs_share_is_prepared_once():
    cells = PLAN.cells()
    wanted = needed(cells)
    assert set(wanted) == {name for cell in cells for name in preparations(cell).values()}
    assert sorted(task.kind for task in wanted.values()) == [
        *["generator"] * 2,
        "pretraining",
    ]


def test_what_tells_the_cost_of_an_image_runs_alone():
    varied = {Cell((20, 20), 0), Cell((20, 20), 0, Treatment(width=2))}
    assert measured_alone(PLAN.cells()) == varied
    without = PLAN.model_copy(update={"contrasts": (), "seeds": 2})
    assert measured_alone(without.cells()) == {Cell((20, 20), 0), Cell((20, 20), 1)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return measure(PLAN, data=None, out=tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """Two processes, one of which is killed in the midst of a run."""
    folder = tmp_path_factory.mktemp("beside")
    with asked("processes") as executor:
        deadly = Deadly(executor, folder / "mark")
        measure(PLAN, data=None, out=folder / "runs", executor=deadly)
    assert (folder / "mark").exists()
    return folder / "runs"


@pytest.mark.slow
def test_two_processes_make_the_table_of_one_though_one_is_killed(alone, beside):
    pd.testing.assert_frame_equal(repeatable(beside), repeatable(alone), check_exact=True)


@pytest.mark.slow
def test_a_cluster_does_so_too(alone, tmp_path):
    with asked("cluster") as executor:
        deadly = Deadly(executor, tmp_path / "mark")
        measure(PLAN, data=None, out=tmp_path / "runs", executor=deadly)
    assert (tmp_path / "mark").exists()
    pd.testing.assert_frame_equal(
        repeatable(tmp_path / "runs"), repeatable(alone), check_exact=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threads", "pool"])
def test_any_executor_makes_the_table_of_one(kind, alone, tmp_path):
    with asked(kind) as executor:
        measure(PLAN, data=None, out=tmp_path, executor=executor)
    pd.testing.assert_frame_equal(repeatable(tmp_path), repeatable(alone), check_exact=True)


@pytest.mark.slow
def test_a_run_that_ends_every_worker_is_named_and_what_is_finished_is_kept(alone, tmp_path):
    with (
        asked("processes") as executor,
        pytest.raises(ExecutorError, match=f"'{KILLED}' was given to 3 workers, and each died"),
    ):
        measure(PLAN, data=None, out=tmp_path, executor=Deadly(executor))
    kept = {file.stem for file in (tmp_path / "parts").glob("*.parquet")}
    assert {cell.run_id for cell in measured_alone(PLAN.cells())} <= kept
    assert KILLED not in kept
    prepared = {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").glob("*.npz")}
    assert prepared
    seen = []

    def watch(*done):
        seen.append(done[2])
        assert prepared.items() <= {f: f.stat().st_mtime_ns for f in prepared}.items()

    measure(PLAN, data=None, out=tmp_path, progress=watch)
    assert set(seen) == {cell.run_id for cell in PLAN.cells()} - kept
    pd.testing.assert_frame_equal(repeatable(tmp_path), repeatable(alone))


@pytest.mark.slow
def test_runs_beside_others_say_so_and_give_no_joules_per_image(alone, beside):
    runs = pd.read_parquet(beside / "runs.parquet").drop_duplicates("run_id")
    assert runs["error"].isna().all()
    assert (runs[["kwh", "inference_kwh", "emissions_kg"]] > 0).all(axis=None)
    by_itself = {cell.run_id for cell in measured_alone(PLAN.cells())}
    assert (runs.loc[runs["run_id"].isin(by_itself), "energy"] == "alone").all()
    assert (runs["energy"] == "apportioned").any()
    assert (pd.read_parquet(alone / "runs.parquet")["energy"] == "alone").all()
    energy = energy_per_image(runs.assign(other_cores=0.0, energy="apportioned", kwh=1e9))
    assert energy["runs_alone"] == 0
    mixed = runs.assign(other_cores=0.0)
    mixed.loc[mixed["energy"] == "apportioned", "kwh"] = 1e9
    assert energy_per_image(mixed)["joules_per_training_sample"] < 1e3
    assert energy_per_image(mixed.assign(other_cores=1.0))["joules_per_training_sample"] < 1e3


def test_a_run_that_tells_the_cost_of_an_image_is_made_again_where_it_was_not_alone(
    alone, tmp_path
):
    table = pd.read_parquet(alone / "runs.parquet")
    (tmp_path / "measurement.json").write_bytes((alone / "measurement.json").read_bytes())
    table.assign(energy="apportioned").to_parquet(tmp_path / "runs.parquet")
    seen = []
    measure(PLAN, data=None, out=tmp_path, progress=lambda *done: seen.append(done[2]))
    assert sorted(seen) == sorted(cell.run_id for cell in measured_alone(PLAN.cells()))


def test_what_both_kinds_of_preparing_cost_is_recorded(alone):
    runs = pd.read_parquet(alone / "runs.parquet").drop_duplicates("run_id")
    both = runs[(runs["synthetic"] > 0) & (runs["pretraining_steps"] > 0)]
    assert len(both) == 1
    assert (both[["generator_kwh", "pretraining_kwh", "generation_kwh"]] > 0).all(axis=None)
    energy = energy_per_image(runs)
    given = sum(runs[f"{block}kwh"].sum() for block in ("", "inference_", "generation_"))
    made = runs.drop_duplicates("generator")["generator_kwh"].sum()
    made += runs.drop_duplicates("pretraining")["pretraining_kwh"].sum()
    assert energy["kwh"] == pytest.approx(given + made)


def test_a_row_says_what_was_generated_for_whom(alone):
    runs = pd.read_parquet(alone / "runs.parquet").drop_duplicates("run_id")
    without = runs[(runs["synthetic"] > 0) & (runs["n_a"] == 0)].set_index("synthetic_for")
    assert without.loc["held", ["generated_a", "generated_b"]].tolist() == [0, 40]
    assert without.loc["all", ["generated_a", "generated_b"]].tolist() == [40, 40]
    assert without["studies_trained"].to_dict() == {"held": 60, "all": 100}
    assert without.loc["held", "generator"] == without.loc["all", "generator"]


def test_workers_with_other_torch_or_other_images_are_refused(monkeypatch, tmp_path):
    inputs = MeasurementData(PLAN.model_dump_json(), None, None)
    known = digest(cases_of(inputs))
    with pytest.raises(ExecutorError, match=r"has torch .*, not 1\.0\. Give every machine"):
        bench_of(Setup(inputs, known, "cpu", "1.0"))
    monkeypatch.setattr("sim.profiles.training.bench.version", lambda _: "1.0")
    with pytest.raises(ExecutorError, match=r"has images with checksum .*, not other"):
        bench_of(Setup(inputs, "other", "cpu", "1.0"))
    real = PLAN.model_copy(update={"source": "file"})
    absent = MeasurementData(real.model_dump_json(), str(tmp_path / "absent.npz"), None)
    with pytest.raises(ExecutorError, match=r"cannot read the images: .*absent\.npz"):
        bench_of(Setup(absent, "other", "cpu", "1.0"))
    forget()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--workers", "0"], "should be greater than or equal to 1"),
        (["--workers", "2", "--cluster", "local:2"], "leave out the number of workers"),
        (["--cluster", "host:8786"], "is no cluster: write tcp://HOST:PORT"),
    ],
)
def test_who_does_the_runs_must_be_possible(more, said, tmp_path):
    plan = Path(__file__).parents[3] / "sim" / "profiles" / "plans" / "fundus_sex.yaml"
    command = ["profile", "measure", "--plan", str(plan), "--out", str(tmp_path), *more]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())
