from dataclasses import replace

import numpy as np
import pytest

from sim.errors import ProfileError
from sim.profiles.baseline import no_image_baseline
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images import Split, check_leakage, damaged, load_cases, split, subset
from sim.streams import stream

PLAN = MeasurementPlan(
    name="toy",
    task="toy",
    modality="toy",
    citation="generated",
    id_column="patient",
    covariates=("age",),
    groups=("a", "b"),
    not_estimable=("c",),
    left_out={"d": "one class"},
    counts=(0, 12),
    folds=3,
    prevalence=0.5,
    image_px=8,
)


def arrays(count=400):
    rng = stream(0, "toy")
    return {
        "images": rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8),
        "label": rng.integers(0, 2, count),
        "group": rng.choice(["a", "b", "c", "d"], count, p=[0.4, 0.4, 0.1, 0.1]),
        "patient": rng.integers(0, 300, count).astype(str),
        "age": rng.choice([30.0, 60.0, np.nan], count),
    }


@pytest.fixture
def file(tmp_path):
    np.savez(tmp_path / "toy.npz", **arrays())
    return tmp_path / "toy.npz"


@pytest.fixture
def cases(file):
    return load_cases(PLAN, file)


def test_one_image_of_each_id_is_kept(cases):
    assert len(np.unique(cases.id)) == len(cases.id)
    assert cases.images.shape[1:] == (8, 8, 3)
    assert set(cases.group) == {"a", "b", "c"}
    assert set(cases.left_out) == {"d"}


def test_delta_coded_planes_decode_to_the_same_grey(tmp_path):
    raw = arrays(60)
    grey = raw.pop("images")[..., 0]
    coded = np.diff(grey, axis=2, prepend=0).astype(np.uint8)
    coded[:, 1:, 0] = np.diff(grey[:, :, 0], axis=1).astype(np.uint8)
    neutral = np.zeros((60, 8, 8), dtype=np.uint8)
    neutral[:, 0, 0] = 128
    np.savez(tmp_path / "planes.npz", Yd=coded, Cbd=neutral, Crd=neutral, **raw)
    np.savez(tmp_path / "plain.npz", images=np.repeat(grey[..., None], 3, axis=3), **raw)
    decoded, plain = (load_cases(PLAN, tmp_path / f"{n}.npz") for n in ("planes", "plain"))
    assert (decoded.images == plain.images).all()


def test_every_case_is_tested_in_exactly_one_fold(cases):
    tests = np.concatenate([split(cases, PLAN, fold).test for fold in range(3)])
    assert sorted(tests) == list(range(len(cases.id)))


def test_groups_that_are_not_estimable_never_train(cases):
    parts = split(cases, PLAN, 0)
    used = np.concatenate([parts.train, parts.validation])
    assert "c" not in cases.group[used]
    assert "c" in cases.group[parts.test]


def test_leakage_is_an_error_that_names_ids(cases):
    parts = split(cases, PLAN, 0)
    ids = cases.id.copy()
    ids[parts.train[0]] = ids[parts.test[0]]
    with pytest.raises(ProfileError, match=r"1 id\(s\) are in more than one"):
        check_leakage(ids, parts)
    both = Split(parts.train, parts.train[:1], parts.test)
    with pytest.raises(ProfileError, match="more than one"):
        check_leakage(cases.id, both)


def test_subsets_hold_the_asked_counts_and_are_nested(cases):
    train = split(cases, PLAN, 0).train
    small = subset(cases, train, PLAN, Cell((12, 4), 0.0, 0.0, 0))
    large = subset(cases, train, PLAN, Cell((20, 4), 0.0, 0.0, 0))
    assert [(cases.group[small] == g).sum() for g in "ab"] == [12, 4]
    assert cases.label[small].mean() == 0.5
    assert set(small) < set(large)


def test_asking_for_more_than_there_is_says_so(cases):
    train = split(cases, PLAN, 0).train
    with pytest.raises(ProfileError, match=r"group 'a' has \d+ training cases of class 1"):
        subset(cases, train, PLAN, Cell((900, 0), 0.0, 0.0, 0))


def test_damage_touches_the_asked_share_and_not_the_cases(cases):
    rows = np.arange(40)
    before = cases.images.copy()
    images, label = damaged(cases, rows, PLAN, Cell((20, 20), 0.25, 0.5, 1))
    assert (label != cases.label[rows]).sum() == 10
    assert (images.std(axis=(1, 2)).max(axis=1) == 0).sum() == 20
    assert (cases.images == before).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": ("a", "nobody")}, "group 'nobody' has no case"),
        ({"group_attribute": "site"}, "no array site"),
        ({"image_px": 9}, "does not divide"),
    ],
)
def test_a_plan_that_does_not_fit_the_file_is_an_error(file, change, message):
    with pytest.raises(ProfileError, match=message):
        load_cases(PLAN.model_copy(update=change), file)


def test_a_group_of_one_class_is_an_error(tmp_path):
    raw = arrays()
    raw["label"] = np.where(raw["group"] == "a", 0, raw["label"])
    np.savez(tmp_path / "one.npz", **raw)
    with pytest.raises(ProfileError, match="group 'a' has 0 positives"):
        load_cases(PLAN, tmp_path / "one.npz")


def test_real_images_need_a_file(tmp_path):
    with pytest.raises(ProfileError, match="name their npz file"):
        load_cases(PLAN, None)
    with pytest.raises(ProfileError, match="not a readable npz file"):
        load_cases(PLAN, tmp_path / "absent.npz")


def test_the_baseline_sees_a_confounded_group_but_not_within_it(cases):
    rng = stream(1, "confounded")
    share = np.where(cases.group == "a", 0.9, 0.1)
    label = (rng.random(len(share)) < share).astype(np.int8)
    baseline = no_image_baseline(replace(cases, label=label), PLAN)
    assert baseline["pooled"] > 0.8
    assert max(abs(value - 0.5) for value in baseline["within"].values()) < 0.2
