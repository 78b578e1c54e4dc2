"""Last blocks of a public encoder, trained on its maps, from pictures to a fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from pydantic import ValidationError

import sim.profiles
from sim.errors import ProfileError
from sim.profiles.card.page import write_card
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.fit.fitting import fit
from sim.profiles.images.split import load_cases, split, subset
from sim.profiles.images.training_set import training_set
from sim.profiles.measurement import measure
from sim.profiles.metering.energy import energy_per_image
from sim.profiles.training.encoder import write_features
from sim.profiles.training.encoder_weights import LAST_BLOCKS, before_last_blocks, published
from sim.profiles.training.network import as_tensor, build, flops, train
from sim.profiles.treatment import CONTROL
from sim.streams import stream

torch.set_num_threads(1)
PLANS = Path(sim.profiles.__file__).parent / "plans"
RAW = {
    "name": "blocks",
    "task": "dark or bright",
    "modality": "none",
    "citation": "generated",
    "model": "last_blocks",
    "shown_px": 32,
    "groups": ("a", "b"),
    "counts": (0, 12),
    "seeds": 1,
    "folds": 3,
    "fewest_tested": 2,
    "prevalence": 0.5,
    "steps": 8,
    "batch": 8,
    "learning_rate": 1e-3,
    "device": "cpu",
    "threads": 1,
}
PLAN = MeasurementPlan.model_validate(RAW)


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Return a file of maps of made-up pictures: positives are brighter on the left."""
    rng = stream(0, "pictures of last blocks")
    label = np.arange(80) % 2
    images = rng.integers(0, 180, (80, 16, 16, 3), dtype=np.uint8)
    images[label == 1, :, :8] += 60
    folder = tmp_path_factory.mktemp("maps")
    groups = np.where(np.arange(80) < 40, "a", "b")
    columns = {"label": label, "group": groups, "id": np.arange(80).astype(str)}
    np.savez(folder / "images.npz", images=images, **columns)
    made = write_features(
        folder / "images.npz", folder / "maps.npz", image_px=32, layers="maps", threads=1
    )
    return folder / "maps.npz", made, images


def test_maps_and_last_blocks_are_the_published_encoder(maps):
    file, made, images = maps
    with np.load(file) as there:
        kept = there["features"]
    assert kept.shape == (80, 192, 1, 1)
    assert made.name == "efficientnet-lite0, maps"
    encoder = published("efficientnet-lite0", 32)
    network = build(PLAN).eval()
    with torch.inference_mode():
        shown = torch.nn.functional.interpolate(
            as_tensor(images, torch.device("cpu")), (32, 32), mode="bilinear", antialias=True
        )
        before = before_last_blocks(encoder, shown)
        whole = encoder.extract_features(shown).mean(dim=(2, 3))
        after = network[:-1](before)
    assert_allclose(kept.astype(float), before.numpy(), rtol=1e-3, atol=0.01)
    assert_allclose(after.numpy(), whole.numpy(), atol=1e-5)
    assert len(encoder._blocks) > LAST_BLOCKS


def test_all_of_the_last_blocks_learns(maps):
    plan = PLAN.model_copy(update={"steps": 30, "learning_rate": 3e-3})
    cases = load_cases(plan, maps[0])
    cell = Cell((12, 12), 0)
    parts = split(cases, plan, 0)
    learnt = training_set(cases, subset(cases, parts.train, plan, cell), plan, cell)
    trained = train(plan, learnt, seed=0, device=torch.device("cpu"), treatment=CONTROL)
    begun = dict(build(plan).named_parameters())
    moved = [not torch.equal(p, begun[n]) for n, p in trained.network.named_parameters()]
    assert all(moved)
    score = trained.probability(learnt.images)
    assert score[learnt.label == 1].mean() > score[learnt.label == 0].mean() + 0.2


@pytest.fixture(scope="module")
def measured(maps, tmp_path_factory):
    plan = PLAN.model_copy(update={"counts": (0, 6, 12), "seeds": 2})
    return measure(plan, data=maps[0], out=tmp_path_factory.mktemp("blocks") / "runs")


def test_a_measurement_counts_the_encoder_before_the_blocks(maps, measured):
    runs = pd.read_parquet(measured / "runs.parquet")
    assert runs["error"].isna().all()
    forward, both = flops(PLAN)
    assert both == 3 * forward
    assert (runs["flops_per_inference"] == maps[1].flops + forward).all()
    # a study passes through the encoder once, and 64 samples of studies through its last blocks
    passes = runs["n_total"] / 64
    assert_allclose(runs["flops_per_training_sample"], both + passes * maps[1].flops)
    largest = runs[runs["n_total"] == 24]
    with_it, without = (
        energy_per_image(largest, encoder) for encoder in (maps[1].model_dump(), None)
    )
    added = {name: with_it[name] - without[name] for name in with_it if name.startswith("joules_")}
    assert added["joules_per_training_sample"] == pytest.approx(maps[1].joules * 24 / 64)
    assert added["joules_per_inference"] == pytest.approx(maps[1].joules)
    about = json.loads((measured / "measurement.json").read_text())
    assert about["plan"]["model"] == "last_blocks"
    assert about["encoder"]["name"] == "efficientnet-lite0, maps"


def test_the_card_says_what_was_trained(measured):
    fitted = fit(measured, draws=6)
    assert fitted["model"] == "last_blocks"
    page = write_card(measured).read_text(encoding="utf-8")
    assert "The last blocks of an encoder, trained on" in page
    assert "A probe on an encoder" not in page
    whole = json.loads((measured / "fit.json").read_text()) | {"model": "fine_tuned"}
    (measured / "fit.json").write_text(json.dumps(whole))
    page = write_card(measured).read_text(encoding="utf-8")
    assert "A public encoder, all of it trained" in page
    assert "small network" not in page


def test_the_card_of_one_task_does_not_speak_of_several(tmp_path):
    shipped = PLANS.parent / "measured" / "dermoscopy_last_blocks_site"
    page = write_card(shipped, out=tmp_path / "card.html").read_text(encoding="utf-8")
    assert ": 1 task. 140 training runs" in page
    assert "of which each run trains the last blocks" in page
    assert "kappa is not identified:" in page
    assert "each in turn" not in page
    assert "logistic regression" not in page


def test_plans_can_have_the_same_splits(maps):
    def chosen(**changed):
        plan = MeasurementPlan.model_validate(RAW | changed)
        cases = load_cases(plan, maps[0])
        parts = split(cases, plan, 0)
        return cases.id[parts.test].tolist(), cases.id[
            subset(cases, parts.train, plan, Cell((12, 6), 0))
        ].tolist()

    own, other = chosen(), chosen(name="other")
    assert own[0] != other[0]
    assert own[1] != other[1]
    assert chosen(name="other", same_splits_as="blocks") == own


def test_the_whole_encoder_is_measured_on_the_splits_of_the_probe():
    whole, probe = (
        MeasurementPlan.load(PLANS / f"dermoscopy_{name}_site.yaml")
        for name in ("fine_tuned", "encoder")
    )
    assert whole.splits_name == probe.name
    assert (whole.groups, whole.folds, whole.counts) == (probe.groups, probe.folds, probe.counts)


def test_flops_of_the_shipped_runs_are_those_of_the_network():
    runs = pd.read_parquet(PLANS.parent / "measured" / "dermoscopy_last_blocks_site/runs.parquet")
    plan = MeasurementPlan.load(PLANS / "dermoscopy_last_blocks_site.yaml")
    forward, both = flops(plan)
    encoder = runs["flops_per_inference"] - forward
    assert_allclose(encoder, encoder.iloc[0])
    passes = runs["studies_trained"] / runs["samples_trained"]
    assert_allclose(runs["flops_per_training_sample"], both + passes * encoder)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"starts_from": "efficientnet-lite2"}, r"maps of 'efficientnet-lite0, maps' at 32 px"),
        (
            {"shown_px": 64},
            r"follows 'efficientnet-lite0, maps' at 64 px \('starts_from'",
        ),
        ({"model": "probe"}, r"shape \(images, features\).*\(80, 192, 1, 1\)"),
        ({"model": "network"}, "use 'model: probe', or for maps 'model: last_blocks'"),
    ],
)
def test_other_features_than_the_plan_needs_are_refused(maps, changed, said):
    with pytest.raises(ProfileError, match=said):
        load_cases(PLAN.model_copy(update=changed), maps[0])


def test_images_and_plain_features_are_refused(maps, tmp_path):
    with pytest.raises(ProfileError, match="no features, which 'model: last_blocks' needs"):
        load_cases(PLAN, maps[0].with_name("images.npz"))
    with np.load(maps[0]) as there:
        flat = {name: there[name] for name in there.files}
    flat["features"] = flat["features"].reshape(80, 192)
    np.savez(tmp_path / "flat.npz", **flat)
    with pytest.raises(ProfileError, match=r"channels, side, side\).*--layers maps"):
        load_cases(PLAN, tmp_path / "flat.npz")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"contrasts": [{"counts": [[12, 12]], "levels": [{"synthetic": 1.0}]}]},
            "'last_blocks' cannot vary synthetic",
        ),
        (
            {"contrasts": [{"counts": [[12, 12]], "levels": [{"precision": "bf16"}]}]},
            "'last_blocks' cannot vary precision",
        ),
        ({"source": "phantom"}, "a phantom has no maps"),
    ],
)
def test_a_plan_that_needs_pixels_is_refused(changed, said):
    with pytest.raises(ValidationError, match=said):
        MeasurementPlan.model_validate(RAW | changed)
