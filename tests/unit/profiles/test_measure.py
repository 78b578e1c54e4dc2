"""A phantom plan from measurement to card, small enough for every test run."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from sim.cli import app
from sim.errors import ProfileError
from sim.learning.response import load_profile
from sim.profiles.card.page import write_card
from sim.profiles.design import Contrast, MeasurementPlan
from sim.profiles.fit.fitting import fit
from sim.profiles.images.split import load_cases
from sim.profiles.measurement import measure
from sim.profiles.training import bench, run
from sim.profiles.treatment import FACTORS, Treatment, treated

PLAN = MeasurementPlan(
    name="phantom",
    task="find the stripe",
    modality="none",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    not_estimable=("c",),
    counts=(0, 20, 120),
    seeds=2,
    folds=3,
    contrasts=[
        {
            "counts": [[120, 120]],
            "seeds": 3,
            "levels": [
                {"noise": 0.4},
                {"noise": 0.4, "reading": "adjudicated"},
                {"noise": 0.4, "reading": "consensus"},
                {"corrupted": 0.5},
                {"duplicates": 0.5},
            ],
        },
        {
            "counts": [[20, 120]],
            "seeds": 1,
            "levels": [{"mitigation": m} for m in ("reweighted", "balanced", "group_dro")],
        },
        {
            "counts": [[20, 20]],
            "seeds": 1,
            "levels": [
                {"synthetic": 2},
                {"synthetic": 2, "synthetic_for": "all"},
                {"pretraining_steps": 5},
                {"pretraining_steps": 5, "pretraining_own": 1},
                {"width": 2},
                {"precision": "bf16"},
                {"batch": 2},
            ],
        },
    ],
    generator_steps=5,
    pretraining_pool=40,
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=60,
    batch=16,
    device="cpu",
    threads=1,
)
SMALL = PLAN.model_copy(update={"counts": (0, 20), "seeds": 1, "steps": 2, "contrasts": ()})
VARYING = (
    *("seconds", "kwh", "emissions_kg", "peak_memory_mb", "finished", "commit"),
    *("peak_flops", "utilisation", "other_cores", "cpu_load", "idle_watts", "energy"),
)


def repeatable(folder):
    table = pd.read_parquet(folder / "runs.parquet")
    return table[[c for c in table if not c.endswith(VARYING)]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return measure(PLAN, data=None, out=tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def fitted(folder):
    return fit(folder, draws=10)


def test_every_run_has_a_row_per_group(folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    assert runs["error"].isna().all()
    assert list(runs["run_id"].unique()) == [cell.run_id for cell in PLAN.cells()]
    assert (runs.groupby("run_id")["group"].apply(set) == {"a", "b", "c"}).all()


def test_own_images_help_and_others_help_less(folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    runs = runs[~treated(runs) & runs["estimable"]]
    mean = runs.groupby(["n_own", "n_other"])["auc"].mean()
    assert mean[120, 0] > 0.8
    assert mean[120, 0] > mean[0, 120] + 0.05


def test_groups_that_are_not_estimable_are_counted_and_not_scored(folder):
    rows = pd.read_parquet(folder / "runs.parquet").query("group == 'c'")
    assert not rows["estimable"].any()
    assert (rows["test_positives"] > 0).all()
    assert rows["auc"].isna().all()


def test_a_group_that_tests_too_few_is_counted_as_if_the_plan_said_so(tmp_path, monkeypatch):
    whole = load_cases(SMALL, None)
    rare = (whole.group == "a") & (whole.label == 1) & (np.arange(len(whole.id)) >= 20)
    few = replace(whole, label=np.where(rare, 0, whole.label).astype(np.int8))
    monkeypatch.setattr(bench, "load_cases", lambda *_: few)
    measure(SMALL, data=None, out=tmp_path)
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    assert runs["error"].isna().all()
    rows = runs[runs["group"] == "a"]
    assert rows["test_positives"].tolist() == [4]  # of ten in three folds
    assert not rows["estimable"].any()
    assert rows[["auc", "sensitivity"]].isna().all(axis=None)
    about = json.loads((tmp_path / "measurement.json").read_text())
    assert about["cases"]["a"]["positives"] == 10
    assert about["plan"]["not_estimable"] == ["c", "a"]
    fit(tmp_path, draws=3)
    assert "not estimable: 10 positives and 1190 negatives" in write_card(tmp_path).read_text()
    measure(SMALL, data=None, out=tmp_path)  # the plan as it was written goes on


def test_time_and_energy_are_recorded_with_their_source(folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    assert (runs[["seconds", "kwh", "inference_seconds", "inference_kwh"]] > 0).all(axis=None)
    assert runs["power_source"].isin(["measured", "nameplate", "model", "default"]).all()
    assert (runs["ram_power_source"] == "model").all()
    assert runs["cpu_power_source"].isin(["measured", "nameplate", "default"]).all()
    assert runs[["gpu_counter_kwh", "inference_gpu_counter_kwh"]].isna().all(axis=None)
    assert (runs["peak_memory_mb"] > 50).all()
    assert (runs["peak_memory_of"] == "resident in the process").all()
    assert (runs["flops_per_training_sample"] > runs["flops_per_inference"]).all()


def test_every_factor_has_rows_and_its_cost(folder):
    runs = pd.read_parquet(folder / "runs.parquet").drop_duplicates("run_id").set_index("run_id")
    plain = runs[~treated(runs)]
    assert (plain["studies_trained"] == plain["n_total"]).all()
    assert (plain[["generator", "pretraining"]].isna()).all(axis=None)
    by = {name: runs[runs[name] != plain[name].iloc[0]] for name in FACTORS}
    assert all(len(rows) for rows in by.values())
    assert (by["synthetic"]["studies_trained"] == 3 * by["synthetic"]["n_total"]).all()
    assert (by["synthetic"]["generation_kwh"] > 0).all()
    assert (by["synthetic"]["generator_kwh"] > 0).all()
    assert (by["synthetic"][["generated_a", "generated_b"]] == 40).all(axis=None)
    assert (by["pretraining_steps"]["pretraining_kwh"] > 0).all()
    assert (by["pretraining_steps"]["pretraining_emissions_kg"] > 0).all()
    assert (by["synthetic"]["generation_emissions_kg"] > 0).all()
    nothing = ["generator_kwh", "pretraining_kwh", "generation_emissions_kg", "generated_a"]
    assert (plain[nothing] == 0).all(axis=None)
    assert (by["width"]["flops_per_inference"] > 1.5 * plain["flops_per_inference"].iloc[0]).all()
    assert by["batch"]["samples_trained"].iloc[0] == plain["samples_trained"].iloc[0]
    consensus = runs[runs["reading"] == "consensus"]
    assert (consensus["readings"] == 2 * consensus["n_total"]).all()
    assert (consensus["studies_trained"] < consensus["n_total"]).all()
    # how high it is depends on what else the machine does meanwhile
    work = runs["samples_trained"] * runs["flops_per_training_sample"]
    np.testing.assert_allclose(runs["utilisation"] * runs["seconds"] * runs["peak_flops"], work)
    assert (runs["other_cores"] >= 0).all()


def test_corrupted_studies_cost_a_phantom_and_few_seeds_resolve_nothing(fitted):
    only = {next(iter(r)): r for r in fitted["treatments"] if r["assumed"] is not None}
    assert set(only) == {"noise", "corrupted", "duplicates"}
    assert all(row["worth"]["high"] < 0.9 for row in only.values())
    assert fitted["factors"]["noise_exponent"]["status"] == "measured"  # three seeds
    assert fitted["factors"]["mitigation_gap_change"]["status"] == "not resolved"  # one


def test_a_plan_may_grow_and_keeps_what_was_measured(tmp_path):
    small = PLAN.model_copy(update={"counts": (0, 20), "seeds": 1, "steps": 2, "contrasts": ()})
    measure(small, data=None, out=tmp_path)
    before = pd.read_parquet(tmp_path / "runs.parquet")
    contrast = Contrast(counts=((20, 20),), levels=(Treatment(noise=0.1),), seeds=1)
    measure(small.model_copy(update={"contrasts": (contrast,)}), data=None, out=tmp_path)
    after = pd.read_parquet(tmp_path / "runs.parquet")
    assert set(after["run_id"]) - set(before["run_id"]) == {"n20-20_noise0.1_corrupted0_seed0"}
    assert after["seconds"].isin(before["seconds"]).sum() == len(before)
    measure(small, data=None, out=tmp_path)
    assert len(pd.read_parquet(tmp_path / "runs.parquet")) == len(after)


def errors_of(plan, folder):
    measure(plan, data=None, out=folder)
    runs = pd.read_parquet(folder / "runs.parquet")
    assert list(runs["run_id"].unique()) == [cell.run_id for cell in plan.cells()]
    assert (runs.groupby("run_id")["group"].apply(set) == {"a", "b", "c"}).all()
    return runs["error"].dropna().unique().tolist()


def test_a_loss_that_is_no_number_is_a_row(tmp_path):
    (error,) = errors_of(SMALL.model_copy(update={"learning_rate": 1e30}), tmp_path)
    assert error == "ProfileError: the loss is nan at step 2. Lower 'learning_rate'."


def test_weights_that_are_no_numbers_after_the_last_update_are_a_row(tmp_path):
    (error,) = errors_of(SMALL.model_copy(update={"learning_rate": 1e38, "steps": 1}), tmp_path)
    assert error == "ProfileError: the network's scores are not numbers. Lower 'learning_rate'."


@pytest.mark.parametrize("failure", [ValueError("no number"), ZeroDivisionError("nothing")])
def test_what_a_single_run_raises_is_a_row(failure, tmp_path, monkeypatch):
    def broken(*_):
        raise failure

    monkeypatch.setattr(run, "calibration_error", broken)
    assert errors_of(SMALL, tmp_path) == [f"{type(failure).__name__}: {failure}"]


def test_a_measurement_of_which_every_run_failed_is_an_error(tmp_path):
    plan = SMALL.model_copy(update={"learning_rate": 1e30})
    (tmp_path / "plan.json").write_text(plan.model_dump_json())  # JSON is YAML
    words = ["profile", "measure", "--plan", str(tmp_path / "plan.json"), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "every run failed, first with: ProfileError: the loss is nan" in done.stderr


def test_a_stopped_run_is_not_a_row(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "calibration_error", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure(SMALL, data=None, out=tmp_path)
    assert not list((tmp_path / "parts").iterdir())


def test_a_device_too_small_for_the_warm_up_is_a_clear_error(tmp_path, monkeypatch):
    def out_of_memory(*_, **__):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(bench, "train", out_of_memory)
    with pytest.raises(
        ProfileError, match=r"cpu of '.*': no run can start, .*out of memory \(lower 'batch"
    ):
        measure(SMALL, data=None, out=tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ProfileError, match="device 'cuda' and there is none"):
        measure(PLAN.model_copy(update={"device": "cuda"}), data=None, out=tmp_path / "none")
    contrast = Contrast(counts=((20, 20),), levels=(Treatment(precision="tf32"),), seeds=1)
    plan = PLAN.model_copy(
        update={"counts": (0, 20), "seeds": 1, "steps": 2, "contrasts": (contrast,)}
    )
    measure(plan, data=None, out=tmp_path)
    errors = pd.read_parquet(tmp_path / "runs.parquet")["error"].dropna().unique().tolist()
    assert errors == ["ProfileError: precision 'tf32' needs CUDA, and this is cpu."]


@pytest.mark.slow  # test_interruption.py kills a measurement, at more places
def test_an_interrupted_plan_goes_on_to_the_same_table(tmp_path):
    contrast = Contrast(
        counts=((20, 20),), levels=(Treatment(synthetic=1), Treatment(pretraining_steps=3)), seeds=1
    )
    plan = PLAN.model_copy(update={"counts": (0, 20), "steps": 20, "contrasts": (contrast,)})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    measure(plan, data=None, out=whole)

    def stop(done, *_):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(plan, data=None, out=parts, progress=stop)
    assert not (parts / "runs.parquet").exists()
    seen = []
    measure(plan, data=None, out=parts, progress=lambda *done: seen.append(done[0]))
    assert seen[0] == 5
    pd.testing.assert_frame_equal(repeatable(parts), repeatable(whole))


def test_a_failed_run_is_a_row_and_is_tried_again(tmp_path, monkeypatch):
    plan = PLAN.model_copy(update={"counts": (0, 20), "seeds": 1, "steps": 2, "contrasts": ()})
    trained = run.train

    def out_of_memory(plan, learnt, **rest):
        if len(learnt) == 40:
            raise RuntimeError("out of memory")
        return trained(plan, learnt, **rest)

    monkeypatch.setattr(run, "train", out_of_memory)
    measure(plan, data=None, out=tmp_path)
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    (error,) = runs["error"].dropna().unique()
    assert error.startswith("RuntimeError: out of memory (lower 'batch'")
    monkeypatch.undo()
    measure(plan, data=None, out=tmp_path)
    again = pd.read_parquet(tmp_path / "runs.parquet")
    assert again["error"].isna().all()
    assert again["run_id"].nunique() == 3


def test_another_plan_does_not_go_into_the_same_folder(folder, tmp_path):
    with pytest.raises(ProfileError, match="holds another plan"):
        measure(PLAN.model_copy(update={"steps": 61}), data=None, out=folder)
    about = json.loads((folder / "measurement.json").read_text())
    (tmp_path / "measurement.json").write_text(json.dumps(about | {"data_sha256": "other"}))
    with pytest.raises(ProfileError, match="holds runs on other data"):
        measure(PLAN, data=None, out=tmp_path)


def test_threads_are_part_of_a_measurement(folder):
    before = (folder / "measurement.json").read_text()
    with pytest.raises(ProfileError, match="another plan: threads is 1 there and 2 now"):
        measure(PLAN.model_copy(update={"threads": 2}), data=None, out=folder)
    assert (folder / "measurement.json").read_text() == before


@pytest.mark.usefixtures("fitted")
def test_the_card_is_one_page_that_says_phantom(folder):
    page = write_card(folder).read_text(encoding="utf-8")
    links = []

    class Links(HTMLParser):
        def handle_starttag(self, _tag, attrs):
            links.extend(v for k, v in attrs if k in {"src", "href"} and not v.startswith("#"))

    Links().feed(page)
    assert links == []
    assert page.count("<svg") == 7
    assert "phantom images, not of patients" in page
    assert "not estimable" in page
    assert "(memory) is\nestimated by a model" in page
    assert load_profile(folder).data == "phantom"


@pytest.mark.usefixtures("fitted")
def test_an_interruption_leaves_the_card_that_was_there(folder, tmp_path, monkeypatch):
    place = tmp_path / "card.html"
    place.write_text("as it was")

    def cut_short(_file):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", cut_short)
        with pytest.raises(KeyboardInterrupt):
            write_card(folder, out=place)
    assert place.read_text() == "as it was"
    assert "RETFound-MEH" in write_card(folder, out=place).read_text(encoding="utf-8")


def test_a_card_needs_a_fit(tmp_path):
    with pytest.raises(ProfileError, match="Fit first"):
        write_card(tmp_path)


@pytest.mark.parametrize("package", ["torch", "codecarbon"])
def test_a_missing_package_says_what_to_install(package, tmp_path):
    code = (
        f"import sys; sys.modules['{package}'] = None; from sim.cli import app; "
        "app(['profile', 'measure', '--plan', 'plan.yaml', '--out', 'out'])"
    )
    path = os.pathsep.join(sys.path)
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert f"needs {package}: pip install 'equiscan[profile]'" in found.stderr


def test_the_folder_says_what_was_measured(folder):
    about = json.loads((folder / "measurement.json").read_text())
    assert about["plan"]["source"] == "phantom"
    assert about["cases"]["c"]["positives"] > 0
    assert set(about["baseline"]["within"]) == {"a", "b"}
