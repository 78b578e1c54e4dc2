import struct
import warnings
import zlib
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim.errors import ProfileError
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images.cases import Cases, countable
from sim.profiles.images.image_files import _picture
from sim.profiles.images.split import Split, check_leakage, load_cases, split, subset, unlabelled
from sim.profiles.images.training_set import training_set, wrong_after
from sim.profiles.training.without_images import no_image_baseline
from sim.profiles.treatment import Treatment
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
        "patient": rng.integers(0, 300, count).astype("U6"),
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
    small = subset(cases, train, PLAN, Cell((12, 4), 0))
    large = subset(cases, train, PLAN, Cell((20, 4), 0))
    assert [(cases.group[small] == g).sum() for g in "ab"] == [12, 4]
    assert cases.label[small].mean() == 0.5
    assert set(small) < set(large)


def test_asking_for_more_than_there_is_says_so(cases):
    train = split(cases, PLAN, 0).train
    with pytest.raises(ProfileError, match=r"group 'a' has \d+ training cases of class 1"):
        subset(cases, train, PLAN, Cell((900, 0), 0))


def learnt(cases, rows=None, **levels):
    rows = np.flatnonzero(cases.group != "c")[:120] if rows is None else rows
    return rows, training_set(cases, rows, PLAN, Cell((60, 60), 1, Treatment(**levels)))


def test_corruption_touches_the_asked_share_and_not_the_cases(cases):
    before = cases.images.copy()
    rows, found = learnt(cases, noise=0.25, corrupted=0.5)
    assert (found.label != cases.label[rows]).sum() == 30
    assert (found.images.std(axis=(1, 2)).max(axis=1) == 0).sum() == 60
    assert (cases.images == before).all()
    assert found.readings == len(rows)


def test_copies_keep_groups_and_classes_and_replace_the_asked_share(cases):
    rows, found = learnt(cases, duplicates=0.5)
    assert (found.label == cases.label[rows]).all()
    distinct = len(np.unique(found.images, axis=0))
    assert distinct == pytest.approx(0.5 * len(rows), abs=3)


@pytest.mark.parametrize("reading", ["single", "consensus", "adjudicated"])
def test_a_second_reading_leaves_the_expected_errors(reading):
    count = 20_000
    truth = np.arange(count) % 2
    many = Cases(
        images=np.zeros((count, 2, 2, 3), dtype=np.uint8),
        label=truth.astype(np.int8),
        group=np.full(count, "a"),
        id=np.arange(count).astype(str),
        covariates={},
        sha256="",
        left_out={},
    )
    _, found = learnt(many, np.arange(count), noise=0.2, reading=reading)
    wrong, kept, readings = wrong_after(0.2, reading)
    # the class balance is even, so the share of positives tells nothing: compare cases kept
    assert len(found) == pytest.approx(kept * count, rel=0.03)
    assert found.readings == pytest.approx(readings * count, rel=0.03)
    if reading != "consensus":
        assert (found.label != truth).mean() == pytest.approx(wrong, abs=0.01)


def test_the_unlabelled_pool_has_the_asked_own_share(cases):
    plan = PLAN.model_copy(update={"pretraining_pool": 20})
    train = split(cases, plan, 0).train
    cell = Cell((12, 12), 0, Treatment(pretraining_steps=5, pretraining_own=0.75))
    pool = unlabelled(cases, train, plan, cell)
    assert [(cases.group[pool] == g).sum() for g in "ab"] == [15, 5]
    assert set(pool) <= set(train)
    with pytest.raises(ProfileError, match="Lower 'pretraining_pool'"):
        unlabelled(cases, train, PLAN, cell)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": ("a", "nobody")}, "group 'nobody' has no case"),
        ({"group_attribute": "site"}, "no array or column site"),
        ({"image_px": 9}, "does not divide"),
        ({"label": "age"}, "it must be 0 or 1"),
        ({"where": {"group": ("e",)}}, "no e in 'group'"),
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


def test_a_single_class_in_a_split_is_an_error(cases):
    with pytest.raises(ProfileError, match="the train part of a split holds 1 of the classes"):
        split(replace(cases, label=np.ones_like(cases.label)), PLAN, 0)
    only = np.zeros_like(cases.label)
    only[np.flatnonzero(cases.group == "a")[0]] = 1  # in one part, and missing in two
    for fold in range(3):
        with pytest.raises(ProfileError, match="part of a split holds 0 of the classes"):
            split(replace(cases, label=only), PLAN, fold)


def with_positives(cases, group, count):
    """Return the cases with that many positives in a group."""
    label = cases.label.copy()
    here = np.flatnonzero(cases.group == group)
    label[here] = np.arange(len(here)) < count
    return replace(cases, label=label)


def test_a_group_with_too_few_to_test_is_not_estimable(cases):
    plan = PLAN.model_copy(update={"fewest_tested": 5})
    assert countable(plan, with_positives(cases, "a", 15)) == plan
    for few in (14, 4):
        less = countable(plan, with_positives(cases, "a", few))
        assert (less.groups, less.not_estimable) == (("b",), ("c", "a"))
    many = int((cases.group == "a").sum()) - 14  # as few negatives
    assert countable(plan, with_positives(cases, "a", many)).groups == ("b",)
    both = with_positives(with_positives(cases, "a", 3), "b", 3)
    with pytest.raises(ProfileError, match="no group has enough cases"):
        countable(plan, both)


def test_real_images_need_a_file(tmp_path):
    with pytest.raises(ProfileError, match="name their npz file or folder"):
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


def test_rows_can_be_chosen_by_a_column(file):
    some = tuple(np.unique(arrays()["patient"])[:100].tolist())
    plan = PLAN.model_copy(update={"where": {"patient": some}})
    assert set(load_cases(plan, file).id) <= set(some)


def test_a_folder_of_pictures_with_a_table_is_the_same_as_an_npz_file(tmp_path, file):
    raw = arrays()
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = [f"{i}.png" for i in range(len(raw["label"]))]
    for name, image in zip(names, raw["images"], strict=True):
        Image.fromarray(image).save(folder / name)
    table = pd.DataFrame({key: raw[key] for key in ("label", "group", "patient", "age")})
    table.assign(file=names).to_csv(tmp_path / "table.csv", index=False)
    pictures = load_cases(PLAN, folder, tmp_path / "table.csv")
    stored = load_cases(PLAN, file)
    assert (pictures.id == stored.id).all()
    assert np.abs(pictures.images.astype(int) - stored.images).max() <= 1  # rounding
    with pytest.raises(ProfileError, match="name its table"):
        load_cases(PLAN, folder)
    with pytest.raises(ProfileError, match="not a readable table"):
        load_cases(PLAN, folder, tmp_path / "absent.csv")


def test_a_table_beside_an_npz_file_has_a_row_per_image(tmp_path, file):
    pd.DataFrame({"site": ["x"] * 400}).to_parquet(tmp_path / "table.parquet")
    plan = PLAN.model_copy(update={"covariates": ("site",)})
    assert set(load_cases(plan, file, tmp_path / "table.parquet").covariates["site"]) == {"x"}
    pd.DataFrame({"site": ["x"] * 399}).to_parquet(tmp_path / "short.parquet")
    with pytest.raises(ProfileError, match="399 rows and"):
        load_cases(plan, file, tmp_path / "short.parquet")


def test_the_same_picture_under_two_ids_is_used_once(tmp_path):
    raw = arrays()
    two = raw["patient"][:2] = ["first", "second"]
    raw["images"][1], raw["group"][:2] = raw["images"][0], "a"
    np.savez(tmp_path / "twice.npz", **raw)
    cases = load_cases(PLAN, tmp_path / "twice.npz")
    assert cases.repeated == 1
    assert len(set(two) & set(cases.id)) == 1


def test_images_without_a_patient_are_an_error(tmp_path):
    raw = arrays()
    raw["patient"][0], raw["group"][0] = "nan", "a"
    np.savez(tmp_path / "nobody.npz", **raw)
    with pytest.raises(ProfileError, match="1 images have no 'patient'"):
        load_cases(PLAN, tmp_path / "nobody.npz")


def test_phantoms_and_real_images_do_not_mix(file):
    phantom = PLAN.model_copy(update={"source": "phantom", "covariates": ()})
    with pytest.raises(ProfileError, match="takes no images"):
        load_cases(phantom, file)


SMALL = MeasurementPlan(
    name="brought",
    task="toy",
    modality="toy",
    citation="generated",
    groups=("2", "1"),
    counts=(0, 6),
    folds=3,
    fewest_tested=2,
    prevalence=0.5,
    image_px=8,
)


def pictures(folder, mode="L", ending=".png", scale=1):
    """Write 48 pictures and their table: label, group 1 or 2, id, age; return the table."""
    rng = stream(0, "pictures")
    folder.mkdir(parents=True)
    names = [f"p{i}{ending}" for i in range(48)]
    for name in names:
        grey = rng.integers(0, 256, (8, 8)).astype(np.uint16)
        kind = np.uint16 if mode == "I;16" else np.uint8
        Image.fromarray((grey * scale).astype(kind)).convert(mode).save(folder / name)
    return pd.DataFrame(
        {
            "file": names,
            "label": np.arange(48) % 2,
            "group": np.where(np.arange(48) // 2 % 2, "1", "2"),
            "id": [f"i{i}" for i in range(48)],
            "age": 50,
        }
    )


def cases_from(tmp_path, table, plan=SMALL, name="table.csv", sep=","):
    table.to_csv(tmp_path / name, index=False, sep=sep)
    return load_cases(plan, tmp_path / "pictures", tmp_path / name)


def test_twelve_bits_in_sixteen_are_the_picture_of_eight(tmp_path):
    table = pictures(tmp_path / "pictures", "I;16", scale=16)
    with pytest.raises(ProfileError, match=r"p0\.png: greyscale of more than eight bits, values"):
        cases_from(tmp_path, table)
    deep = cases_from(tmp_path, table, SMALL.model_copy(update={"grey_bits": 12}))
    pictures(tmp_path / "eight")
    plain = load_cases(SMALL, tmp_path / "eight", tmp_path / "table.csv")
    assert (deep.images == plain.images).all()
    with pytest.raises(ProfileError, match="how many bits all pictures use"):
        cases_from(tmp_path, table, SMALL.model_copy(update={"grey_bits": 9}))


@pytest.mark.parametrize("mode", ["CMYK", "F", "YCbCr", "RGBA"])
def test_pictures_whose_colours_were_a_guess_are_refused(tmp_path, mode):
    table = pictures(tmp_path / "pictures", ending=".tif")
    picture = Image.new(mode, (8, 8), (9, 9, 9, 9)[: len(mode)] if mode != "F" else 0.5)
    picture.save(tmp_path / "pictures" / "p7.tif")
    with pytest.raises(ProfileError, match=rf"p7\.tif: a picture of mode {mode}"):
        cases_from(tmp_path, table)


def deep_tiff(path, grey, photometric):
    """Write 16-bit greyscale as TIFF 6.0 has it, 0 as white (0) or as black (1)."""
    data = grey.astype("<u2").tobytes()
    sizes = {256: grey.shape[1], 257: grey.shape[0], 278: grey.shape[0], 279: len(data)}
    tags = sizes | {258: 16, 259: 1, 262: photometric, 273: 8 + 2 + 12 * 9 + 4, 277: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    path.write_bytes(head + entries + struct.pack("<I", 0) + data)


def deep_colour_png(path, grey):
    """Write greyscale as RGB of 16 bits each, which Pillow does not write."""
    rows = b"".join(b"\0" + row.repeat(3).astype(">u2").tobytes() for row in grey)
    parts = {b"IHDR": struct.pack(">IIBBBBB", *grey.shape[::-1], 16, 2, 0, 0, 0)}
    parts |= {b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_deep_greyscale_in_which_zero_is_white_is_inverted(tmp_path):
    grey = 16 * np.arange(64).reshape(8, 8)
    deep_tiff(tmp_path / "usual.tif", grey, 1)
    deep_tiff(tmp_path / "other.tif", 4095 - grey, 0)
    usual, other = (_picture(tmp_path / f"{name}.tif", 8, 12) for name in ("usual", "other"))
    assert (usual[..., 0] == grey // 16).all()
    assert (usual == other).all()


def test_what_pillow_would_drop_in_silence_is_refused(tmp_path):
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    grey.save(tmp_path / "see_through.png", transparency=10)
    grey.convert("P").save(tmp_path / "palette.png", transparency=10)
    grey.save(tmp_path / "pages.tif", save_all=True, append_images=[grey.rotate(90)])
    deep_colour_png(tmp_path / "deep.png", 16 * np.arange(64).reshape(8, 8))
    for name, message in {
        "see_through.png": "mode L with transparency",
        "palette.png": "mode P with transparency",
        "pages.tif": "holds several pictures",
        "deep.png": "colours or transparency of 16 bits",
    }.items():
        with pytest.raises(ProfileError, match=rf"{name}.* {message}"):
            _picture(tmp_path / name, 8, None)


def test_bits_that_no_picture_uses_are_told(tmp_path):
    table = pictures(tmp_path / "pictures", "I;16", scale=16)
    with pytest.raises(ProfileError, match="'grey_bits' 16 the brightest picture is nearly black"):
        cases_from(tmp_path, table, SMALL.model_copy(update={"grey_bits": 16}))


def test_whatever_was_done_to_a_picture_it_is_read_or_named(tmp_path):
    luck = stream(0, "damage")
    place = tmp_path / "p.x"
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"):
        whole = BytesIO()
        Image.fromarray(luck.integers(0, 256, (16, 16), dtype=np.uint8)).save(whole, kind)
        for _ in range(40):
            content = bytearray(whole.getvalue())
            for at in luck.integers(0, len(content), 3):
                content[at] = luck.integers(0, 256)
            place.write_bytes(content[: luck.integers(1, len(content) + 1)])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow says of metadata that they are odd
                with suppress(ProfileError):  # nothing else
                    assert _picture(place, 8, 12).shape == (8, 8, 3)


def test_a_turned_picture_is_turned_back(tmp_path):
    table = pictures(tmp_path / "pictures")
    straight = cases_from(tmp_path, table)
    place = tmp_path / "pictures" / "p0.png"
    with Image.open(place) as picture:
        turned = picture.rotate(90)
        exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(place, exif=exif)
    assert (cases_from(tmp_path, table).images == straight.images).all()


def test_a_picture_of_a_slide_is_named(tmp_path, monkeypatch):
    table = pictures(tmp_path / "pictures")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # 64 are many, 101 too many
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cases_from(tmp_path, table)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(ProfileError, match=r"p0\.png: .* more than 60 pixels\. Make it smaller"):
        cases_from(tmp_path, table)


def test_codes_with_an_empty_cell_stay_codes(tmp_path):
    table = pictures(tmp_path / "pictures")
    table.loc[3, ["group", "age"]] = None
    found = cases_from(tmp_path, table, SMALL.model_copy(update={"covariates": ("age",)}))
    assert set(found.group) == {"1", "2"}
    assert found.covariates["age"].dtype.kind == "f"
    assert MeasurementPlan.model_validate(SMALL.model_dump() | {"groups": [2, 1]}) == SMALL


def test_a_group_may_be_called_na_and_one_that_is_not_there_is_told_from_those_that_are(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["group"] = table["group"].map({"1": "NA", "2": "EU"})
    found = cases_from(tmp_path, table, SMALL.model_copy(update={"groups": ("NA", "EU")}))
    assert set(found.group) == {"NA", "EU"}
    with pytest.raises(ProfileError, match=r"group 'AF' has no case in 'group'; it holds .*NA"):
        cases_from(tmp_path, table, SMALL.model_copy(update={"groups": ("NA", "AF")}))


def test_codes_that_are_written_otherwise_in_the_table_are_told_before_pictures_are_read(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["group"] = table["group"] + ".0"
    table.loc[3, "group"] = ""
    with pytest.raises(ProfileError, match=r"group '2' .*'group'; it holds \(empty\), 1\.0, 2\.0"):
        cases_from(tmp_path, table)


def test_rows_that_are_left_out_need_no_label(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["label"] = table["label"].astype(str)
    table.loc[[4, 5], "label"] = ["-1.0", ""]
    with pytest.raises(ProfileError, match="it must be 0 or 1"):
        cases_from(tmp_path, table)
    found = cases_from(tmp_path, table, SMALL.model_copy(update={"where": {"label": ("0", "1")}}))
    assert len(found.label) == 46


def test_an_empty_label_is_unknown_unless_the_plan_says_what_it_is(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["label"] = table["label"].map({0: "benign", 1: "malignant"})
    table.loc[[4, 5], "label"] = ""
    plan = SMALL.model_copy(update={"positive": ("malignant",)})
    with pytest.raises(ProfileError, match=r"2 images have no 'label'\. Say in the plan"):
        cases_from(tmp_path, table, plan)
    left_out = cases_from(tmp_path, table, plan.model_copy(update={"empty_labels": "left_out"}))
    negative = cases_from(tmp_path, table, plan.model_copy(update={"empty_labels": "negative"}))
    assert (len(left_out.label), left_out.label.sum()) == (46, 23)
    assert (len(negative.label), negative.label.sum()) == (48, 23)


def test_images_of_groups_that_are_not_used_need_no_label(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["label"] = table["label"].astype(str)
    table.loc[[4, 5], ["label", "group"]] = ["", "3"]
    found = cases_from(tmp_path, table)
    assert len(found.label) == 46
    assert found.left_out == {"3": (0, 0)}


def test_ages_as_dicom_writes_them_are_years_and_empty_ones_unknown(tmp_path):
    table = pictures(tmp_path / "pictures")
    table["age"] = "034Y"
    table.loc[[0, 1], "age"] = ["018M", ""]
    found = cases_from(tmp_path, table, SMALL.model_copy(update={"covariates": ("age",)}))
    assert found.covariates["age"][0] == 1.5
    assert np.isnan(found.covariates["age"][1])
    assert set(found.covariates["age"][2:]) == {34.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["p0.png,0,1,a,"], r"t\.csv:2: 5 cells, and the heading has 4"),
        (["p0.png,0,1,a", "p1.png,0,1"], r"t\.csv:3: 3 cells, and the heading has 4"),
        (['p0.png,0,1,"a'], r"t\.csv:2: not readable as CSV"),
    ],
)
def test_a_row_whose_cells_would_stand_under_other_names_is_refused(tmp_path, lines, message):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "t.csv").write_text("\n".join(["file,label,group,id", *lines]))
    with pytest.raises(ProfileError, match=message):
        load_cases(SMALL, tmp_path / "pictures", tmp_path / "t.csv")


def test_two_columns_of_one_name_are_refused_and_the_commonest_sign_separates(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "t.csv").write_text("file,label,label,id\np0.png,0,1,a\n")
    with pytest.raises(ProfileError, match=r"t\.csv:1: label: two columns of that name"):
        load_cases(SMALL, tmp_path / "pictures", tmp_path / "t.csv")
    table = pictures(tmp_path / "more" / "pictures").rename(columns={"age": "Age, years"})
    plan = SMALL.model_copy(update={"covariates": ("Age, years",)})
    assert len(cases_from(tmp_path / "more", table, plan, "t.tsv", "\t").label) == 48


@pytest.mark.parametrize(("name", "sep"), [("T.CSV", ","), ("t.csv", ";"), ("t.tsv", "\t")])
def test_tables_as_spreadsheets_write_them(tmp_path, name, sep):
    table = pictures(tmp_path / "pictures")
    table["file"] = ".\\" + table["file"].str.removesuffix(".png")
    assert len(cases_from(tmp_path, table, name=name, sep=sep).label) == 48


def test_arrays_of_sixteen_bits_are_refused(tmp_path):
    raw = arrays(60)
    np.savez(tmp_path / "deep.npz", **raw | {"images": raw["images"].astype(np.uint16) * 16})
    with pytest.raises(ProfileError, match="'images' are uint16; they must be uint8"):
        load_cases(PLAN, tmp_path / "deep.npz")
