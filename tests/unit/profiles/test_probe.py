"""Probes on an encoder's features, of one task and of several, from file to card."""

import json
from shutil import rmtree

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from sim.errors import ProfileError
from sim.learning.response import draw_response, load_profile
from sim.profiles.card.page import write_card
from sim.profiles.design import Encoder, MeasurementPlan
from sim.profiles.fit import fitting
from sim.profiles.fit.fitting import fit
from sim.profiles.images.cases import Cases
from sim.profiles.images.phantoms import phantoms
from sim.profiles.images.split import load_cases
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.measurement import measure
from sim.profiles.training.encoder import write_features
from sim.profiles.training.probe import logistic, train_probe
from sim.profiles.training.scores import delong
from sim.streams import stream

torch.set_num_threads(1)
PLAN = MeasurementPlan(
    name="features",
    task="tell two kinds",
    modality="none",
    citation="generated",
    source="phantom",
    model="probe",
    phantom_shared=1.0,
    groups=("a", "b"),
    counts=(0, 40, 160, 640),
    seeds=3,
    folds=3,
    prevalence=0.5,
    device="cpu",
    threads=1,
)
TWO = PLAN.model_copy(
    update={
        "name": "two",
        "counts": (0, 40, 160),
        "seeds": 3,
        "tasks": MeasurementPlan.model_validate(
            PLAN.model_dump()
            | {
                "tasks": {
                    "first": {
                        "task": "the first",
                        "contrasts": [
                            {
                                "counts": [[160, 160]],
                                "levels": [{"noise": 0.3}, {"duplicates": 0.5}],
                            },
                            {"counts": [[40, 160]], "levels": [{"mitigation": "reweighted"}]},
                        ],
                    },
                    "second": {"task": "the second", "prevalence": 0.25},
                }
            }
        ).tasks,
    }
)
ENCODER = Encoder(
    name="some",
    pretraining="others",
    image_px=8,
    flops=1e6,
    joules=2.0,
    seconds=0.1,
    power_source="default",
    alone=True,
    hardware="a machine",
)


@pytest.fixture(autouse=True, scope="module")
def _few_forms():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "COMPARED_DRAWS", 2)
        yield


@pytest.mark.parametrize(
    ("shared", "kappa", "not_kappa"),
    [pytest.param(1.0, 1.0, 0.0, marks=pytest.mark.slow), (0.0, 0.0, 1.0)],
)
def test_kappa_is_what_the_features_were_made_with(tmp_path, shared, kappa, not_kappa):
    plan = PLAN.model_copy(update={"phantom_shared": shared})
    fits = fit(measure(plan, data=None, out=tmp_path / "runs"), draws=50)["fits"]
    for one in fits.values():
        low, high = one["interval"]["kappa"]
        assert low - 1e-6 <= kappa <= high + 1e-6
        assert not low <= not_kappa <= high


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = measure(TWO, data=None, out=tmp_path_factory.mktemp("two"))
    return folder, fit(folder, draws=6)


def test_a_plan_of_several_tasks_makes_runs_of_each(two):
    runs = pd.read_parquet(two[0] / "runs.parquet")
    assert runs["error"].isna().all()
    grid = 3 * (len(TWO.counts) ** 2 - 1)
    assert runs.groupby("task")["run_id"].nunique().to_dict() == {"first": grid + 9, "second": grid}
    assert runs["run_id"].str.startswith(("first_n", "second_n")).all()
    assert (runs["studies_trained"] == runs["n_total"]).all()


def test_draws_of_several_tasks_are_of_each_in_turn(two):
    fitted, profile = two[1], load_profile(two[0])
    for number, name in enumerate(("first", "second")):
        of = fitted["tasks"][name]["fits"]["sensitivity"]["draws"]
        assert_allclose(profile.draws["floor"][number::2], of["floor"], rtol=1e-5)
        rank = np.argsort(of["kappa"], kind="stable")
        assert (np.diff(profile.draws["kappa"][number::2][rank]) >= 0).all()
        assert draw_response(profile, number).power == pytest.approx(of["power"][0], rel=1e-5)
    noise = fitted["tasks"]["first"]["factors"]["noise_exponent"]
    assert profile.factors["noise_exponent"].draws == pytest.approx(noise["draws"], rel=1e-5)
    assert profile.factors["mitigation_gap_change"].runs == 3
    assert fitted["pooled"] == ["first", "second"]


def test_a_card_shows_all_tasks_or_one(two, tmp_path):
    page = write_card(two[0], out=tmp_path / "all.html").read_text()
    assert "the first" in page
    assert "the second" in page
    one = write_card(two[0], task="second", out=tmp_path / "one.html").read_text()
    assert "two: second" in one
    with pytest.raises(ProfileError, match=r"has no task 'secnd'\. Did you mean 'second'"):
        write_card(two[0], task="secnd", out=tmp_path / "none.html")


@pytest.mark.slow
def test_a_task_in_which_images_tell_nothing_is_shown_and_not_drawn(two, tmp_path):
    runs = pd.read_parquet(two[0] / "runs.parquet")
    off = runs["task"] == "second"
    rng = stream(0, "chance")
    runs.loc[off, "auc"] = 0.48 + rng.normal(0, 0.02, off.sum())
    runs.loc[off, "sensitivity"] = 0.1 + rng.uniform(0, 0.05, off.sum())
    (tmp_path / "measurement.json").write_text((two[0] / "measurement.json").read_text())
    runs.to_parquet(tmp_path / "runs.parquet")
    fitted = fit(tmp_path, draws=6)
    assert fitted["pooled"] == ["first"]
    first = fitted["tasks"]["first"]["fits"]["sensitivity"]["draws"]["kappa"]
    assert_allclose(load_profile(tmp_path).draws["kappa"], first, rtol=1e-5)
    assert "not in the profile's draws:</strong> second" in write_card(tmp_path).read_text()


def columns(count=300):
    rng = stream(0, "features of a file")
    label = np.arange(count) % 2
    features = rng.normal(0, 1, (count, 12)) + 0.4 * label[:, None]
    kind = np.where(label, np.where(np.arange(count) % 3, "sick", "ill"), "well")
    group = np.where(np.arange(count) < count / 2, "a", "b")
    return features.astype(np.float32), {"kind": kind, "group": group, "id": np.arange(count)}


OF_FILE = PLAN.model_copy(
    update={"source": "file", "label": "kind", "positive": ("sick", "ill"), "seeds": 1}
    | {"counts": (0, 40), "fewest_tested": 10}
)


def npz(path, **changed):
    features, rest = columns()
    arrays = {"features": features, "encoder": np.array(ENCODER.model_dump_json()), **rest}
    np.savez(path, **{k: v for k, v in (arrays | changed).items() if v is not None})
    return path


def parquet(path):
    features, rest = columns()
    pd.DataFrame({**rest, "features": list(features)}).to_parquet(path)
    return path


def test_features_of_ones_own_come_from_npz_or_parquet(tmp_path):
    one = load_cases(OF_FILE, npz(tmp_path / "a.npz"))
    assert one.encoder == ENCODER
    assert one.label.mean() == 0.5
    said = OF_FILE.model_copy(update={"encoder": ENCODER})
    other = load_cases(said, parquet(tmp_path / "a.parquet"))
    assert one.digest() == other.digest()
    assert other.encoder == ENCODER


def test_the_encoders_energy_is_part_of_every_image(tmp_path):
    folder = measure(OF_FILE, data=npz(tmp_path / "a.npz"), out=tmp_path / "runs")
    energy = fit(folder, draws=3)["energy"]
    assert 2.0 < energy["joules_per_inference"] < 2.1
    assert 0.1 < energy["seconds_per_inference"] < 0.11
    assert energy["flops_per_inference"] == 1e6 + 2 * 12


def without_empty_labels(folder):
    """Make a folder one of a version whose plans could not say what an empty label is."""
    about = json.loads((folder / "measurement.json").read_text())
    del about["plan"]["empty_labels"]
    (folder / "measurement.json").write_text(json.dumps(about))


def test_a_measurement_goes_on_that_was_begun_before_plans_said_what_empty_labels_are(tmp_path):
    """An empty label was negative then, where the plan lists the positive ones."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    kind = columns()[1]["kind"]
    some_empty = np.where(np.arange(len(kind)) % 10, kind, "")

    def plan(said):
        return OF_FILE.model_copy(update={"empty_labels": said})

    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    def goes_on(data, begun, asked):
        with pytest.raises(KeyboardInterrupt):
            measure(plan(begun), data=data, out=parts, progress=stop)
        without_empty_labels(parts)
        seen = []
        measure(plan(asked), data=data, out=parts, progress=lambda *done: seen.append(done[0]))
        return seen[0] == 3

    # nothing is empty: it makes no difference what a plan says of it
    full = npz(tmp_path / "full.npz")
    assert goes_on(full, "refused", "refused")
    for said in ("left_out", "refused", "negative"):
        measure(plan(said), data=full, out=parts)
    rmtree(parts)

    data = npz(tmp_path / "some_empty.npz", kind=some_empty)
    assert goes_on(data, "negative", "negative")
    measure(plan("negative"), data=data, out=whole)
    done, known = (pd.read_parquet(at / "runs.parquet") for at in (parts, whole))
    pd.testing.assert_frame_equal(done[["run_id", "auc"]], known[["run_id", "auc"]])
    without_empty_labels(whole)
    with pytest.raises(ProfileError, match="empty_labels is negative there and left_out now"):
        measure(plan("left_out"), data=data, out=whole)
    with pytest.raises(ProfileError, match="have no 'kind'"):
        measure(plan("refused"), data=data, out=whole)
    with pytest.raises(ProfileError, match="runs on other data"):
        measure(plan("refused"), data=full, out=whole)


@pytest.mark.parametrize(
    ("arrays", "change", "message"),
    [
        ({"encoder": None}, {}, "does not say which encoder .* 'encoder: {name, pretraining"),
        ({"encoder": np.array("{}")}, {}, "'encoder' does not describe one: name, pretraining"),
        ({"features": np.full((300, 2), np.nan)}, {}, "must be finite numbers of shape"),
        ({"features": np.zeros(300)}, {}, "must be finite numbers of shape"),
        ({"features": None}, {}, "no array 'images' or 'features'"),
        ({}, {"model": "network"}, "holds features and no images: use 'model: probe'"),
        ({}, {"positive": ("sik",)}, "no sik in 'kind'. Did you mean 'sick'"),
        ({}, {"positive": ()}, "the plan must list the positive ones under 'positive'"),
    ],
)
def test_features_that_cannot_be_used_say_why(tmp_path, arrays, change, message):
    file = npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(ProfileError, match=message):
        load_cases(OF_FILE.model_copy(update=change), file)


def test_images_for_a_probe_and_ragged_lists_say_why(tmp_path):
    _, rest = columns()
    np.savez(tmp_path / "images.npz", images=np.zeros((300, 8, 8, 3), np.uint8), **rest)
    with pytest.raises(ProfileError, match="`equiscan profile features` computes them"):
        load_cases(OF_FILE, tmp_path / "images.npz")
    ragged = pd.DataFrame({**rest, "features": [[0.0] * (1 + n % 2) for n in range(300)]})
    ragged.to_parquet(tmp_path / "ragged.parquet")
    with pytest.raises(ProfileError, match="a list of as many numbers in each row"):
        load_cases(OF_FILE, tmp_path / "ragged.parquet")


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({"corrupted": 0.5}, "cannot vary corrupted"),
        ({"pretraining_steps": 5}, "cannot vary pretraining_steps"),
        ({"mitigation": "group_dro"}, "only mitigation is 'reweighted'"),
    ],
)
def test_a_probe_takes_no_treatment_of_pixels_or_networks(level, message):
    contrast = {"counts": [[40, 40]], "levels": [level]}
    with pytest.raises(ValueError, match=message):
        MeasurementPlan.model_validate(PLAN.model_dump() | {"contrasts": [contrast]})


def test_a_task_that_cannot_be_run_and_a_name_that_is_none_are_errors():
    for tasks, message in (
        ({"a": {"task": "a", "counts": [5]}}, "counts: must hold 0"),
        ({"A b": {"task": "a"}}, "String should match pattern"),
        ({"a": {"task": "a", "steps": 5}}, "Extra inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            MeasurementPlan.model_validate(PLAN.model_dump() | {"tasks": tasks})


def test_a_logistic_regression_finds_the_weights_that_made_the_labels():
    rng = stream(0, "logistic")
    weights = np.array([0.5, 1.0, -2.0])
    seen = np.insert(rng.normal(0, 1, (20_000, 2)), 0, 1.0, axis=1)
    label = (rng.uniform(size=len(seen)) < 1 / (1 + np.exp(-seen @ weights))).astype(np.int8)
    found = logistic(torch.from_numpy(seen), label, penalty=1e-6)
    assert_allclose(found, weights, atol=0.08)
    # a penalty holds all back but the constant, which then meets the share of positives
    held = logistic(torch.from_numpy(seen), label, penalty=1e4)
    assert_allclose(held[1:], 0, atol=1e-3)
    assert held[0] == pytest.approx(np.log(label.mean() / (1 - label.mean())), abs=1e-3)
    # a case of weight 2 counts as two
    twice = logistic(torch.from_numpy(seen[:50]), label[:50], penalty=0.1, weight=np.full(50, 2.0))
    same = logistic(torch.from_numpy(seen[:50]), label[:50], penalty=0.05)
    assert_allclose(twice, same, atol=2e-3)


def test_reweighting_counts_groups_alike():
    cases = phantoms(PLAN.model_copy(update={"phantom_shared": 0.0}))
    rows = np.r_[np.flatnonzero(cases.group == "a")[:600], np.flatnonzero(cases.group == "b")[:60]]
    learnt = training_of(cases, rows)
    rest = np.setdiff1d(np.arange(len(cases.label)), rows)
    smaller = rest[cases.group[rest] == "b"]

    def reached(*, reweighted):
        probe = train_probe(learnt, cases, rest, reweighted=reweighted)
        return delong(cases.label[smaller], probe.probability(cases.images[smaller])).auc

    assert reached(reweighted=True) > reached(reweighted=False) + 0.02


def training_of(cases: Cases, rows):
    group = (cases.group[rows] == "b").astype(np.int64)
    return TrainingSet(cases.images[rows], cases.label[rows], group)


def test_a_public_encoder_turns_images_into_features(tmp_path):
    rng = stream(0, "pictures")
    images = rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, kind=np.array(["a", "b", "c"]))
    seen = []
    made = write_features(
        tmp_path / "images.npz",
        tmp_path / "features.npz",
        image_px=224,
        progress=lambda done, total: seen.append((done, total)),
    )
    with np.load(tmp_path / "features.npz") as file:
        assert file["features"].shape == (3, 1024)
        assert np.ptp(file["features"].astype(float), axis=0).max() > 0.01
        assert file["kind"].tolist() == ["a", "b", "c"]
        assert json.loads(str(file["encoder"])) == made.model_dump()
    # of a folder of deep pictures, by their table
    for name, grey in zip("abc", images[..., 0], strict=True):
        Image.fromarray(grey.astype(np.uint16) * 16).save(tmp_path / f"{name}.png")
    (tmp_path / "t.csv").write_text("file,dx\na,mel\nb,\nc,NA\n", encoding="utf-8")
    write_features(
        tmp_path, tmp_path / "deep.npz", image_px=224, table=tmp_path / "t.csv", grey_bits=12
    )
    with np.load(tmp_path / "deep.npz") as file:
        assert file["features"].shape == (3, 1024)
        assert (file["file"].tolist(), file["dx"].tolist()) == (list("abc"), ["mel", "", "NA"])
    # counted by others with the last layer and the classifier: 0.385 giga multiply-adds at 224 px
    # (github.com/d-li14/efficientnet-lite.pytorch)
    last = 320 * 1280 * 7**2 + 1280 * 1000
    assert made.flops / 2 + last == pytest.approx(0.385e9, rel=0.005)
    assert made.joules > 0
    assert seen == [(3, 3)]
    with pytest.raises(ProfileError, match=r"no layers 'lst'\. Did you mean 'last'"):
        write_features(tmp_path / "images.npz", tmp_path / "b.npz", layers="lst")
    with pytest.raises(ProfileError, match=r"no encoder 'efficientnet-lite'\. Did you mean"):
        write_features(tmp_path / "images.npz", tmp_path / "b.npz", encoder="efficientnet-lite")
