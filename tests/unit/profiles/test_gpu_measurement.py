"""What is measured on a lent GPU: in order, within its time, resumable, and called what it is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from sim.cli import app
from sim.profiles import device_costs, gpu_measurement
from sim.profiles.design import Contrast, MeasurementPlan
from sim.profiles.device_costs import COSTS, settings_of
from sim.profiles.gpu_measurement import FINE_TUNED, GRIDS, measure_gpu
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.training.network import build, flops, train
from sim.profiles.treatment import CONTROL, Treatment
from sim.streams import stream

pytest.importorskip("efficientnet_lite_pytorch")
TINY = """
name: {name}
task: find the bright ones
modality: none
citation: made up
groups: [a, b]
counts: [0, 6]
seeds: 1
folds: 3
fewest_tested: 2
prevalence: 0.5
image_px: 16
steps: 2
batch: 4
threads: 1
"""
AS_ENCODER = "model: fine_tuned\nshown_px: 32\n"
RUNS, SETTINGS = 3, 4
SMALL = {FINE_TUNED: "ham10000", "dermoscopy": "ham10000", "chest_xray": "kermany"}
"""Plans that are measured here; of the last there are no images."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images of two groups, of which the bright ones are positive."""
    rng = stream(1, "bright")
    label = np.arange(60) % 2
    pixels = rng.integers(0, 120, (60, 16, 16, 3)) + 80 * label[:, None, None, None]
    folder = tmp_path_factory.mktemp("images")
    np.savez(
        folder / "ham10000_tiny.npz",
        images=pixels.astype(np.uint8),
        label=label,
        group=np.where(np.arange(60) < 30, "a", "b"),
        id=np.arange(60).astype(str),
    )
    return folder


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans")
    for name in SMALL:
        text = TINY.format(name=name) + (AS_ENCODER if name == FINE_TUNED else "")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True, scope="module")
def _small(plans: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_measurement, "PLANS", plans)
        patch.setattr(gpu_measurement, "GRIDS", SMALL)
        patch.setattr(gpu_measurement, "LEAST_S", 0.0)
        patch.setattr(gpu_measurement, "IMAGES", 8)
        patch.setattr(device_costs, "BATCHES", {"cpu": (2,)})
        patch.setattr(device_costs, "BLOCK_S", {"cpu": 0.01})
        yield


@pytest.fixture(scope="module")
def measured(images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a folder in which all is measured, and what was said meanwhile."""
    out, said = tmp_path_factory.mktemp("measured"), list[str]()
    reached = measure_gpu(images, out, device="cpu", progress=lambda *a: said.append(a[2]))
    assert [one.step for one in reached] == ["costs", FINE_TUNED, "dermoscopy"]
    assert all(one.done == one.of for one in reached)
    return out, said


def test_everything_is_measured_in_order_and_nothing_twice(
    images: Path, measured: tuple[Path, list[str]]
) -> None:
    out, said = measured
    assert said[:3] == ["features fp32 2", "features bf16 2", "training fp32 2"]
    assert said[SETTINGS].startswith(FINE_TUNED)
    assert len(said) == SETTINGS + 2 * RUNS
    assert not list(out.rglob("parts/*.parquet")), "one table for each"
    before, again = pd.read_csv(out / COSTS), list[str]()
    measure_gpu(images, out, device="cpu", progress=lambda *a: again.append(a[2]))
    assert again == []
    pd.testing.assert_frame_equal(pd.read_csv(out / COSTS), before)


def test_rows_say_what_they_ran_on(measured: tuple[Path, list[str]]) -> None:
    out, _ = measured
    costs = pd.read_csv(out / COSTS)
    assert set(costs["device"]) == {"cpu"}
    assert not costs["hardware"].str.contains("NVIDIA").any()
    assert costs["error"].isna().all()
    assert costs["gpu_counter_joules_per_image"].isna().all(), "no counter, no figure"
    assert (costs["joules_per_image"] > 0).all()
    assert set(costs["cpu_power_source"]) <= {"measured", "nameplate", "model", "default"}
    rate = costs["images"] / costs["seconds"]
    np.testing.assert_allclose(rate, costs["images_per_second"])
    runs = pd.read_parquet(out / f"{FINE_TUNED}_cpu" / "runs.parquet")
    assert set(runs["device"]) == {"cpu"}
    assert runs["error"].isna().all()
    assert runs["auc"].between(0, 1).all()


def test_without_a_gpu_it_says_so_and_measures_nothing(images: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    out = tmp_path / "out"
    for more, said in (
        ([], "no GPU here. --device cpu tries"),
        (["--device", "tpu"], "--device tpu: must be cuda or cpu"),
        (["--device", "cpu", "--data", str(tmp_path)], "no file ham10000*.npz; it holds nothing"),
    ):
        asked = ["profile", "gpu", "--data", str(images), "--out", str(out), *more]
        result = CliRunner().invoke(app, asked)
        assert result.exit_code == 2
        assert said in " ".join(result.output.split())
        assert not out.exists()


@pytest.mark.slow  # 6 s
def test_no_run_begins_for_which_there_is_no_time(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock ticks a minute at every look; later calls do the rest."""
    now = [0.0]

    def tick() -> float:
        now[0] += 60.0
        return now[0]

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(gpu_measurement, "perf_counter", tick)
        first = measure_gpu(
            images, tmp_path, device="cpu", minutes=5, progress=lambda *a: said.append(a[2])
        )
    assert 0 < first[0].done < first[0].of
    assert [one.done for one in first[1:]] == [0, 0]
    measure_gpu(images, tmp_path, device="cpu", progress=lambda *a: said.append(a[2]))
    assert len(said) == len(set(said)) == SETTINGS + 2 * RUNS


def test_what_is_under_way_when_time_is_up_is_given_up() -> None:
    before, began = signal.getsignal(signal.SIGALRM), perf_counter()
    with gpu_measurement._at_most(0.2):
        while True:
            try:
                sleep(0.05)
            except Exception:  # what a library does with errors of all kinds
                pytest.fail("a library would have caught it")
    assert 0.2 <= perf_counter() - began < 30.0
    assert signal.getsignal(signal.SIGALRM) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from sim.profiles import device_costs, gpu_measurement
gpu_measurement.PLANS, gpu_measurement.LEAST_S, gpu_measurement.IMAGES = Path(sys.argv[1]), 0.0, 8
gpu_measurement.GRIDS = dict.fromkeys(["dermoscopy_fine_tuned_site", "dermoscopy"], "ham10000")
device_costs.BATCHES, device_costs.BLOCK_S = {"cpu": (2,)}, {"cpu": 0.01}
seen = []
def progress(done, total, what):
    seen.append(what)
    if len(seen) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
gpu_measurement.measure_gpu(Path(sys.argv[2]), Path(sys.argv[3]), device="cpu", progress=progress)
"""


@pytest.mark.slow  # that later calls do the rest is told quickly above
@pytest.mark.parametrize("after", [SETTINGS + 1, SETTINGS - 1])
def test_a_kill_loses_nothing_that_was_measured(
    images: Path, plans: Path, tmp_path: Path, after: int
) -> None:
    """In the first grid, and in the costs."""
    script = [sys.executable, "-c", KILLED, str(plans), str(images), str(tmp_path), str(after)]
    ended = subprocess.run(script, check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    said: list[str] = []
    reached = measure_gpu(images, tmp_path, device="cpu", progress=lambda *a: said.append(a[2]))
    assert all(one.done == one.of for one in reached)
    assert len(said) == SETTINGS + 2 * RUNS - after


@pytest.mark.slow
def test_a_row_that_failed_is_kept_and_tried_again(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise RuntimeError("CUDA out of memory")

        patch.setattr(device_costs, "features_of", full)
        patch.setattr(gpu_measurement, "measure", lambda *_, **__: None)
        (found, *_) = measure_gpu(images, out, device="cpu")
    costs = pd.read_csv(out / COSTS)
    assert costs["error"].dropna().str.contains("out of memory").sum() == 2
    assert found.done == SETTINGS - 2
    assert costs.loc[costs["error"].notna(), "joules_per_image"].isna().all()
    with monkeypatch.context() as patch:
        patch.setattr(gpu_measurement, "measure", lambda *_, **__: None)
        measure_gpu(images, out, device="cpu")
    again = pd.read_csv(out / COSTS)
    assert again["error"].isna().all()
    assert len(again) == len(settings_of("cpu"))


def plan_of(**more: object) -> MeasurementPlan:
    given = {
        "name": "tiny", "task": "any", "modality": "none", "citation": "made up", "groups": ("a",),
        "counts": (0, 8), "prevalence": 0.5, "model": "fine_tuned", "shown_px": 32, "image_px": 16,
        "steps": 3, "batch": 4, "threads": 1,
    }  # fmt: skip
    return MeasurementPlan.model_validate(given | more)


def test_all_of_the_encoder_is_trained_from_its_published_weights() -> None:
    rng = stream(1, "pixels")
    label = (np.arange(8) % 2).astype(np.int8)
    some = TrainingSet(
        rng.integers(0, 256, (8, 16, 16, 3)).astype(np.uint8), label, np.zeros(8, dtype=np.int64)
    )
    device = torch.device("cpu")
    begun = dict(build(plan_of()).named_parameters())
    made, again = (
        train(plan_of(), some, seed=3, device=device, treatment=CONTROL) for _ in range(2)
    )
    moved = {
        name: float((value - begun[name]).detach().abs().max())
        for name, value in made.network.named_parameters()
    }
    assert min(moved.values()) > 0.0, "every layer"
    first = next(name for name in moved if "conv_stem" in name)
    assert moved[first] < 0.01 * float(begun[first].detach().abs().max()) + 0.01
    np.testing.assert_array_equal(made.probability(some.images), again.probability(some.images))


def test_flops_of_an_encoder_are_three_forward_passes() -> None:
    forward, both = flops(plan_of(shown_px=160))
    assert both == 3.0 * forward
    assert 3.5e8 < forward < 4.5e8  # 407 million multiply-adds at 224 px, two FLOPs each


@pytest.mark.parametrize("level", [{"width": 2.0}, {"pretraining_steps": 3}])
def test_what_a_published_encoder_cannot_vary_is_refused(level: dict[str, float]) -> None:
    contrast = Contrast(counts=((8,),), levels=(Treatment(**level),))
    with pytest.raises(ValueError, match=r"model: 'fine_tuned' cannot vary"):
        plan_of(contrasts=(contrast,))


def test_the_shipped_plan_has_the_counts_of_the_probe() -> None:
    """So that the two can be held against each other."""
    folder = Path(gpu_measurement.__file__).parent / "plans"
    tuned = MeasurementPlan.load(folder / f"{FINE_TUNED}.yaml")
    probe = MeasurementPlan.load(folder / "dermoscopy_encoder_site.yaml").of_task("malignant")
    for name in ("groups", "counts", "folds", "prevalence", "label", "specificity"):
        assert getattr(tuned, name) == getattr(probe, name)
    assert all((folder / f"{name}.yaml").exists() for name in GRIDS)
