"""The plans of docs/datasets.md read small generated pictures in the layout of each set."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Cases
from sim.profiles.images.split import load_cases
from sim.streams import stream

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"
PATIENTS = 48
Layout = Callable[[Path, int, np.random.Generator], dict[str, object]]


def plans() -> dict[str, str]:
    """Return the plan of each set by its name."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^## (\S+)$.*?```yaml\n(.*?)```", text, re.DOTALL | re.MULTILINE))


def save(place: Path, luck: np.random.Generator, *, deep: bool = False) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    grey = luck.integers(0, 256, (32, 32))
    Image.fromarray((grey * 256).astype(np.uint16) if deep else grey.astype(np.uint8)).save(place)


def ham10000(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    name = f"ISIC_{n:07d}"
    save(folder / f"HAM10000_images_part_{1 + n % 2}" / f"{name}.jpg", luck)
    dx = ("mel", "nv", "bcc", "bkl", "akiec", "df")[n // 2 % 6]
    sex = "unknown" if n == 0 else ("female", "male")[n % 2]
    return {"lesion_id": f"HAM_{n}", "image_id": name, "dx": dx, "sex": sex,
            "age": 50.0, "localization": "back"}  # fmt: skip


def chexpert(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    path = f"CheXpert-v1.0-small/train/patient{n // 2:05d}/study{n % 2}/view1_frontal.jpg"
    save(folder / path, luck)
    label = ("1.0", "0.0")[n // 4 % 2] if n % 12 < 10 else ("-1.0", "")[n % 2]
    return {"Path": path, "Sex": ("Female", "Male")[n // 2 % 2], "Age": 60,
            "Frontal/Lateral": "Frontal" if n % 9 else "Lateral",
            "Pleural Effusion": label}  # fmt: skip


def padchest(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    save(folder / f"{n % 3}" / f"{n}_png.png", luck, deep=True)
    labels = ("['normal']", "['nodule', 'pneumonia']", "[' atypical pneumonia']", "")[n // 2 % 4]
    return {"ImageID": f"{n}_png.png", "ImageDir": n % 3, "PatientID": f"P{n}", "Labels": labels,
            "PatientSex_DICOM": "FM"[n % 2], "Projection": "L" if n == 1 else "PA"}  # fmt: skip


def brset(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    save(folder / f"img{n:05d}.jpg", luck)
    return {"image_id": f"img{n:05d}", "patient_id": n // 2, "exam_eye": 1 + n % 2,
            "patient_sex": 1 + n // 2 % 2, "patient_age": "" if n == 3 else 61,
            "camera": "Canon CR", "DR_ICDR": n // 4 % 5}  # fmt: skip


def odir(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    for side in ("left", "right"):
        save(folder / f"{n}_{side}.jpg", luck)
    known = ("normal fundus", "cataract", "lens dust\uff0ccataract", "suspected cataract")
    keywords = known[n // 2 % 4]
    return {"ID": n, "Patient Age": 60, "Patient Sex": ("Female", "Male")[n % 2], "N": 0, "C": 1,
            "Left-Fundus": f"{n}_left.jpg", "Right-Fundus": f"{n}_right.jpg",
            "Left-Diagnostic Keywords": keywords}  # fmt: skip


def pad_ufes(folder: Path, n: int, luck: np.random.Generator) -> dict[str, object]:
    save(folder / f"PAT_{n}_{n}_1.png", luck)
    kind = ("BCC", "NEV", "MEL", "SEK", "SCC", "ACK")[n // 2 % 6]
    sex = "" if n % 8 == 0 else ("FEMALE", "MALE")[n % 2]
    return {"patient_id": f"PAT_{n}", "lesion_id": n, "gender": sex, "diagnostic": kind,
            "age": 8 + n, "region": "ARM", "img_id": f"PAT_{n}_{n}_1.png"}  # fmt: skip


LAYOUTS: dict[str, tuple[Layout, int, int]] = {
    "HAM10000": (ham10000, 47, 24),
    "CheXpert": (chexpert, 0, 0),
    "PadChest": (padchest, 35, 24),
    "BRSET": (brset, 48, 0),
    "ODIR-5K": (odir, 48, 24),
    "PAD-UFES-20": (pad_ufes, 42, 0),
}
"""How a set lies on disk, and cases and positives that follow where chance does not choose them."""


def read(name: str, tmp_path: Path, **changed: object) -> Cases:
    """Return the cases of a set's plan in its layout, at three folds."""
    luck, folder = stream(0, "layout", name), tmp_path / "images"
    number = 2 * PATIENTS if name in ("CheXpert", "BRSET") else PATIENTS
    rows = [LAYOUTS[name][0](folder, n, luck) for n in range(number)]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "plan.yaml").write_text(plans()[name], encoding="utf-8")
    plan = MeasurementPlan.load(tmp_path / "plan.yaml")
    fewer = plan.model_copy(update={"folds": 3, "image_px": 8, **changed})
    return load_cases(fewer, folder, tmp_path / "table.csv")


def test_every_set_has_a_plan_and_a_layout() -> None:
    assert set(plans()) == set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_plan_reads_the_layout_of_its_set(tmp_path: Path, name: str) -> None:
    cases = read(name, tmp_path)
    _, number, positives = LAYOUTS[name]
    assert len(set(cases.id)) == len(cases.id)
    assert len(set(cases.group)) == 2
    if number:
        assert len(cases.label) == number
    if positives:
        assert abs(int(cases.label.sum()) - positives) <= 1  # of whoever is left out


def test_uncertain_labels_are_what_the_plan_chooses(tmp_path: Path) -> None:
    left_out = read("CheXpert", tmp_path)
    frontal = {"Frontal/Lateral": ("Frontal",)}
    every: dict[str, object] = {"where": frontal, "empty_labels": "negative"}
    negative = read("CheXpert", tmp_path, **every)
    positive = read("CheXpert", tmp_path, **every, positive=("1.0", "-1.0"))
    assert len(left_out.label) < len(negative.label) == len(positive.label)
    assert negative.label.sum() < positive.label.sum()
    with pytest.raises(ProfileError, match=r"images have no 'Pleural Effusion'\. Say in the plan"):
        read("CheXpert", tmp_path, where=frontal)
    known = read("CheXpert", tmp_path, where=frontal, empty_labels="left_out")
    assert len(left_out.label) < len(known.label) <= len(negative.label)
    assert all(re.fullmatch(r"patient\d{5}", one) for one in negative.id)


def test_a_path_that_names_no_patient_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"holds nothing like id_pattern 'person\[0-9\]\+'"):
        read("CheXpert", tmp_path, id_pattern="person[0-9]+")


def test_a_name_in_two_folders_is_refused(tmp_path: Path) -> None:
    read("PadChest", tmp_path)
    save(tmp_path / "images" / "1" / "0_png.png", stream(0, "another"))
    plan = MeasurementPlan.load(tmp_path / "plan.yaml").model_copy(update={"folds": 3})
    with pytest.raises(ProfileError, match=r"'0_png\.png' is .*0/0_png\.png and .*1/0_png\.png"):
        load_cases(plan, tmp_path / "images", tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id_pattern": "patient["}, "id_pattern: no regular expression: unterminated"),
        ({"label_lists": True, "positive": []}, "'positive' must say which of a list's values"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(changed: dict[str, object], words: str) -> None:
    known = {"name": "x", "task": "x", "modality": "x", "citation": "x", "prevalence": 0.5}
    with pytest.raises(ValueError, match=words):
        MeasurementPlan.model_validate(known | {"groups": ["a"], "counts": [0, 9]} | changed)


def test_a_keyword_that_is_misspelt_is_told_with_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"no catarct in .*Did you mean 'cataract'\?"):
        read("ODIR-5K", tmp_path, positive=("catarct",))
