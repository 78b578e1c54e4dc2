"""A DICOM file as a picture: its values rescaled and windowed as its header says, dark to light.

What the header leaves open is refused: a guess would look like a finding.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sim.errors import ProfileError

ENDING = ".dcm"
MAGIC_AT, MAGIC = 128, b"DICM"
"""Where, and how, a DICOM file says that it is one (PS3.10, 7.1)."""

OF_PATIENTS = ("PatientID", "PatientSex", "PatientAge")
"""What of a header can stand for a column that the table of the pictures lacks."""
PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1}


def is_dicom(path: Path) -> bool:
    """Return whether a file is a DICOM file, whatever it is called."""
    with path.open("rb") as file:
        return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC


def dicom_header(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return what a file's header says under some names; what is missing or empty is ``""``.

    Raises ``ProfileError`` when pydicom is missing or the file is damaged.
    """
    header = _read(path, pixels=False)
    return {name: str(header.get(name) or "").strip() for name in names}


def age_in_years(text: str) -> float:
    """Return an age as DICOM writes it (PS3.5, 6.2, AS), in years; ``nan`` for another text.

    >>> age_in_years("034Y"), age_in_years("006M"), age_in_years("34")
    (34.0, 0.5, nan)
    """
    is_age = len(text) == 4 and text[:3].isdecimal() and text[3] in PER_YEAR
    return int(text[:3]) / PER_YEAR[text[3]] if is_age else float("nan")


def dicom_picture(path: Path) -> Image.Image:
    """Return the picture of a file, greyscale or RGB of eight bits.

    Greyscale goes through the modality rescale and the first window of the header; without a window
    the values that can be stored are the range. MONOCHROME1, in which high values are dark, is
    inverted.

    Raises
    ------
    ProfileError
        When pydicom is missing, the file is damaged or compressed in a way that cannot be read
        here, or it holds several frames, a palette or a look-up table.
    """
    header = _read(path, pixels=True)
    try:
        frames = int(header.get("NumberOfFrames") or 1)
        stored = np.asarray(header.pixel_array) if frames == 1 else np.zeros(0)
    except Exception as error:  # its decoders raise of many kinds
        raise ProfileError(f"{path}: not a readable DICOM image ({error}).") from None
    if frames > 1:
        raise ProfileError(f"{path} holds {frames} frames: write each as a file of its own.")
    kind = str(header.get("PhotometricInterpretation", "")).strip()
    if kind == "RGB" and stored.dtype == np.uint8:
        return Image.fromarray(stored)
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ProfileError(f"{path}: colours of kind '{kind}' are not read; convert it to RGB.")
    if header.get("VOILUTSequence") or header.get("ModalityLUTSequence"):
        raise ProfileError(f"{path}: its values go through a look-up table, which is not read.")
    shades = _shades(stored, header, path)
    shades = 1.0 - shades if kind == "MONOCHROME1" else shades
    return Image.fromarray((255.0 * shades + 0.5).astype(np.uint8))


def _read(path: Path, *, pixels: bool) -> Any:
    try:
        import pydicom  # noqa: PLC0415  # optional
    except ImportError:
        raise ProfileError(
            f"{path} is a DICOM file, which needs pydicom: pip install 'equiscan[dicom]'."
        ) from None
    try:
        return pydicom.dcmread(path, stop_before_pixels=not pixels)
    except Exception as error:  # pydicom raises of many kinds
        raise ProfileError(f"{path}: not a readable DICOM image ({error}).") from None


def _shades(stored: NDArray[Any], header: Any, path: Path) -> NDArray[np.float64]:
    """Return values from 0 to 1 (DICOM PS3.3, C.11.1.1.2 and C.11.2.1.2)."""
    slope = float(header.get("RescaleSlope") or 1.0)
    intercept = float(header.get("RescaleIntercept") or 0.0)
    values = stored.astype(float) * slope + intercept
    centre, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    if centre is None or width is None:
        bits, signed = int(header.BitsStored), bool(header.PixelRepresentation)
        lowest = -(2.0 ** (bits - 1)) if signed else 0.0
        ends = np.sort(np.array([lowest, lowest + 2.0**bits - 1.0]) * slope + intercept)
        return np.asarray(np.clip((values - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0))
    function = str(header.get("VOILUTFunction") or "LINEAR")
    if function == "LINEAR" and width >= 1.0:
        span = max(width - 1.0, 1e-9)
        return np.asarray(np.clip((values - (centre - 0.5)) / span + 0.5, 0.0, 1.0))
    if function == "LINEAR_EXACT" and width > 0.0:
        return np.asarray(np.clip((values - centre) / width + 0.5, 0.0, 1.0))
    raise ProfileError(f"{path}: a window of kind '{function}' and width {width:g} is not read.")


def _first(value: Any) -> float | None:
    """Return a number, or the first of several; None where there is none."""
    if value is None or value == "":
        return None
    several = [value] if isinstance(value, int | float | str) else list(value)
    return float(several[0]) if several else None
