"""A phantom plan from measurement to card, small enough for every test run."""

import json
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from sim.errors import ProfileError
from sim.learning.response import load_profile
from sim.profiles import MeasurementPlan, fit, grid, measure, write_card

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
    noise=(0.4,),
    damage_seeds=1,
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=60,
    batch=16,
    device="cpu",
    threads=1,
)
VARYING = ("seconds", "kwh", "emissions_kg", "peak_memory_mb", "finished", "commit")


def repeatable(folder):
    table = pd.read_parquet(folder / "runs.parquet")
    return table[[c for c in table if not c.endswith(VARYING)]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return measure(PLAN, data=None, out=tmp_path_factory.mktemp("measured"))


def test_every_run_has_a_row_per_group(folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    assert runs["error"].isna().all()
    assert list(runs["run_id"].unique()) == [cell.run_id for cell in PLAN.cells()]
    assert (runs.groupby("run_id")["group"].apply(set) == {"a", "b", "c"}).all()


def test_own_images_help_and_others_help_less(folder):
    runs = pd.read_parquet(folder / "runs.parquet").query("noise == 0 and estimable")
    mean = runs.groupby(["n_own", "n_other"])["auc"].mean()
    assert mean[120, 0] > 0.8
    assert mean[120, 0] > mean[0, 120] + 0.05


def test_groups_that_are_not_estimable_are_counted_and_not_scored(folder):
    rows = pd.read_parquet(folder / "runs.parquet").query("group == 'c'")
    assert not rows["estimable"].any()
    assert (rows["test_positives"] > 0).all()
    assert rows["auc"].isna().all()


def test_time_and_energy_are_recorded_with_their_source(folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    assert (runs[["seconds", "kwh", "inference_seconds", "inference_kwh"]] > 0).all(axis=None)
    assert runs["power_source"].isin(["measured", "nameplate", "default"]).all()
    assert (runs["flops_per_training_sample"] > runs["flops_per_inference"]).all()


def test_an_interrupted_plan_goes_on_to_the_same_table(folder, tmp_path):
    def stop(done, *_):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(PLAN, data=None, out=tmp_path, progress=stop)
    assert not (tmp_path / "runs.parquet").exists()
    seen = []
    measure(PLAN, data=None, out=tmp_path, progress=lambda *done: seen.append(done[0]))
    assert seen[0] == 6
    pd.testing.assert_frame_equal(repeatable(tmp_path), repeatable(folder))


def test_a_failed_run_is_a_row_and_is_tried_again(tmp_path, monkeypatch):
    plan = PLAN.model_copy(update={"counts": (0, 20), "seeds": 1, "steps": 2, "noise": ()})
    trained = grid.train

    def out_of_memory(plan, images, label, **rest):
        if len(label) == 40:
            raise RuntimeError("out of memory")
        return trained(plan, images, label, **rest)

    monkeypatch.setattr(grid, "train", out_of_memory)
    measure(plan, data=None, out=tmp_path)
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    assert runs["error"].dropna().unique().tolist() == ["RuntimeError: out of memory"]
    monkeypatch.undo()
    measure(plan, data=None, out=tmp_path)
    again = pd.read_parquet(tmp_path / "runs.parquet")
    assert again["error"].isna().all()
    assert again["run_id"].nunique() == 3


def test_another_plan_does_not_go_into_the_same_folder(folder):
    with pytest.raises(ProfileError, match="holds another plan"):
        measure(PLAN.model_copy(update={"steps": 61}), data=None, out=folder)


def test_the_card_is_one_page_that_says_phantom(folder):
    fit(folder, draws=10)
    page = write_card(folder).read_text(encoding="utf-8")
    links = []

    class Links(HTMLParser):
        def handle_starttag(self, _tag, attrs):
            links.extend(v for k, v in attrs if k in {"src", "href"} and not v.startswith("#"))

    Links().feed(page)
    assert links == []
    assert page.count("<svg") == 3
    assert "phantom images, not of patients" in page
    assert "not estimable" in page
    assert load_profile(folder).data == "phantom"


def test_a_card_needs_a_fit(tmp_path):
    with pytest.raises(ProfileError, match="Fit first"):
        write_card(tmp_path)


@pytest.mark.parametrize("package", ["torch", "codecarbon"])
def test_a_missing_package_says_what_to_install(package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ProfileError, match=rf"{package}: pip install 'equiscan\[profile\]'"):
        measure(PLAN, data=None, out=tmp_path)


def test_the_folder_says_what_was_measured(folder):
    about = json.loads((folder / "measurement.json").read_text())
    assert about["plan"]["source"] == "phantom"
    assert about["cases"]["c"]["positives"] > 0
    assert set(about["baseline"]["within"]) == {"a", "b"}
