"""DICOM values become shades as the standard's formulas say; what would be a guess is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import read_cases
from sim.profiles.images.dicom import dicom_picture, is_dicom
from sim.profiles.images.image_files import _picture
from sim.streams import stream


def written(path: Path, values: np.ndarray, *, bits: int = 12, **header: Any) -> Path:
    """Write a file of greyscale values, of 16 bits each, of which some are used."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = Dataset()
    file.file_meta = meta
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, generate_uid()
    file.Rows, file.Columns = values.shape[-2:]
    file.SamplesPerPixel, file.PixelRepresentation = 1, 0
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, bits, bits - 1
    file.PhotometricInterpretation = "MONOCHROME2"
    file.PixelData = values.astype("<u2").tobytes()
    for name, value in header.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


VALUES = np.array([[0, 1000], [2000, 4095]])


def shades(path: Path) -> list[list[int]]:
    return np.asarray(dicom_picture(path)).tolist()


def test_without_a_window_what_can_be_stored_is_the_range(tmp_path: Path) -> None:
    path = written(tmp_path / "a.dcm", VALUES)
    expected = np.round(255.0 * VALUES / 4095.0 + 1e-9).astype(int).tolist()
    assert shades(path) == expected
    assert is_dicom(path)


def test_high_values_of_monochrome1_are_dark(tmp_path: Path) -> None:
    usual = shades(written(tmp_path / "a.dcm", VALUES))
    other = shades(written(tmp_path / "b.dcm", VALUES, PhotometricInterpretation="MONOCHROME1"))
    assert (np.array(usual) + np.array(other) == 255).all()


def test_values_are_rescaled_before_the_first_window(tmp_path: Path) -> None:
    """CT numbers: slope 1, intercept -1024; a window of -100 to 300 (C.11.2.1.2.1)."""
    header = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    window = {"WindowCenter": [100, 40], "WindowWidth": [400, 80]}
    values = np.array([[0, 923], [1124, 1400]])  # -1024, -101, 100, 376 HU
    found = shades(written(tmp_path / "ct.dcm", values, **header, **window))
    middle = 255.0 * ((100 - 99.5) / 399.0 + 0.5)
    assert found == [[0, 0], [int(middle + 0.5), 255]]
    exact = shades(
        written(tmp_path / "x.dcm", values, **header, **window, VOILUTFunction="LINEAR_EXACT")
    )
    assert exact[1][0] == int(255.0 * 0.5 + 0.5)


def test_the_same_values_by_pydicoms_own_window(tmp_path: Path) -> None:
    header = {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 900, "WindowWidth": 700}
    values = np.arange(0, 4096, 65).reshape(8, 8)[:8, :8]
    path = written(tmp_path / "a.dcm", values, **header)
    file = dcmread(path)
    theirs = apply_voi_lut(apply_modality_lut(file.pixel_array, file), file)
    low, high = 0.0 * 2 - 100, 4095.0 * 2 - 100
    expected = 255.0 * (theirs - low) / (high - low)
    np.testing.assert_allclose(shades(path), expected, atol=0.51)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"NumberOfFrames": 2, "PixelData": np.zeros(8, "<u2").tobytes()}, "holds 2 frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colours of kind 'PALETTE COLOR'"),
        ({"WindowCenter": 1, "WindowWidth": 9, "VOILUTFunction": "SIGMOID"}, "kind 'SIGMOID'"),
        ({"PixelData": b"\0\0"}, "not a readable DICOM image"),
    ],
)
def test_what_would_be_a_guess_is_refused(
    header: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.dcm", VALUES, **header)
    with pytest.raises(ProfileError, match=message):
        dicom_picture(path)


def test_it_is_a_picture_like_others_whatever_it_is_called(tmp_path: Path) -> None:
    flat = np.full((4, 4), 4095)
    path = written(tmp_path / "IMG0001", flat)
    assert (_picture(path, 2, None) == 255).all()
    picture = tmp_path / "not.dcm"
    picture.write_bytes(b"nothing of the kind")
    with pytest.raises(ProfileError, match="not a readable image"):
        _picture(picture, 2, None)


def test_patients_are_known_from_headers_where_the_table_does_not_say(tmp_path: Path) -> None:
    luck, folder = stream(0, "headers"), tmp_path / "images"
    folder.mkdir()
    rows = []
    for n in range(50):
        said: dict[str, Any] = {
            "PatientSex": "FM"[n % 2],
            "PatientAge": "034Y",
            "PatientID": f"P{n}",
        }
        if n == 0:
            said = {"PatientID": "P0"}  # neither sex nor age
        elif n == 1:
            said |= {"PatientSex": "", "PatientAge": ""}
        elif n == 2:
            said["PatientAge"] = "006M"
        elif n == 3:
            said["PatientID"] = "P4"  # another study of the same person
        written(folder / f"{n}.dcm", luck.integers(0, 4096, (8, 8)), **said)
        rows.append({"file": f"{n}.dcm", "label": n // 2 % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    known = {"name": "x", "task": "x", "modality": "x", "citation": "x", "image_px": 8}
    plan = MeasurementPlan.model_validate(
        known
        | {"groups": ["F", "M"], "counts": [0, 6], "prevalence": 0.5, "folds": 3}
        | {"group_attribute": "PatientSex", "id_column": "PatientID", "covariates": ["PatientAge"]}
    )
    cases = read_cases(plan, folder, tmp_path / "t.csv")
    assert len(cases.label) == 47
    assert {"P0", "P1"}.isdisjoint(cases.id)
    assert sorted(set(cases.covariates["PatientAge"])) == [0.5, 34.0]


def test_without_pydicom_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.dcm", VALUES)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ProfileError, match=r"pip install 'equiscan\[dicom\]'"):
        dicom_picture(path)
