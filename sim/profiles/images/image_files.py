"""Images or their features from disk: an npz or Parquet file, or a folder of pictures; their table.

Everything comes out as columns of one length, whatever it was stored as.
"""

import hashlib
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import ValidationError

from sim.errors import ProfileError, ScenarioError, nearest
from sim.profiles.design import Encoder
from sim.profiles.images.dicom import ENDING as DICOM
from sim.profiles.images.dicom import OF_PATIENTS, dicom_header, dicom_picture, is_dicom
from sim.scenario.text_table import text_rows

Bytes = NDArray[np.uint8]
Column = NDArray[np.generic]
Index = NDArray[np.int64]

PLANES = ("Yd", "Cbd", "Crd")
"""Left-delta-coded luma and halved chroma: a compact way to keep many small colour images."""
PLAIN = ("1", "L", "P", "RGB", "LA", "RGBA")
"""Modes of Pillow that have eight bits of grey or RGB at most, transparency aside."""
OPAQUE = 255
OF_CAMERAS = "MPO"
"""A JPEG file whose first picture is the one that was taken; others are previews."""
DARK = 2**6
"""Where the brightest value of all pictures is below it, two bits or more are not used."""
PHOTOMETRIC = 262
"""Tag of a TIFF file that says what its values mean; 0 is "white is zero" (TIFF 6.0, section 8)."""
ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", DICOM)
FEATURES, ENCODER = "features", "encoder"
"""Array of an encoder's features, and what it was, as JSON."""
MAPS = "maps"
"""Layers of an encoder, as features: what goes into its last blocks."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where images are, and what is known about each: columns of one length."""

    path: Path
    columns: Mapping[str, Column]
    stored: Mapping[str, Column] = field(default_factory=dict)
    """Arrays of pixels or of features of a file; empty for a folder."""
    sha256: str = ""
    """Of the file, or of the folder's table."""
    encoder: Encoder | None = None
    """What made the features, where the file says it."""

    def column(self, name: str) -> Column:
        """Return a column; ``ProfileError`` names what there is when it is missing."""
        if name not in self.columns:
            have = ", ".join(sorted(self.columns))
            close = nearest(name, self.columns)
            raise ProfileError(f"{self.path}: no array or column {name}.{close} It holds: {have}.")
        return self.columns[name]

    def with_headers(self, names: Collection[str], file_column: str) -> Self:
        """Return the source with what its DICOM files say of patients, where its table does not.

        Of a picture that is no DICOM file, and of an empty header, nothing is known: ``""``.

        Parameters
        ----------
        names : columns that are needed.
        """
        wanted = [n for n in OF_PATIENTS if n in names and n not in self.columns]
        if not wanted or not self.path.is_dir():
            return self
        files = [_file(self.path, name) for name in self.column(file_column).astype(str)]
        if absent := next((file for file in files if not file.is_file()), None):
            raise ProfileError(f"{absent}: no such picture.")
        nothing = dict.fromkeys(wanted, "")
        said = [dicom_header(file, wanted) if is_dicom(file) else nothing for file in files]
        if all(row == nothing for row in said):
            return self
        read = {name: np.array([row[name] for row in said]) for name in wanted}
        return replace(self, columns={**self.columns, **read})

    @property
    def side(self) -> int | None:
        """Side of the images of a file, pixels; of a folder's pictures none is known."""
        return next((array.shape[1] for array in self.stored.values()), None)

    def pixels(self, rows: Index, side: int, file_column: str, bits: int | None = None) -> Bytes:
        """Return RGB images of some rows, averaged to ``side``; shape (rows, side, side, 3).

        ``bits`` are those of greyscale pictures that have more than eight.
        """
        if FEATURES in self.stored:
            raise ProfileError(
                f"{self.path} holds features and no images: use 'model: probe', or for maps "
                "'model: last_blocks'."
            )
        if self.stored:
            return averaged(_decoded(self.stored, rows), side)
        names = self.column(file_column).astype(str)[rows]
        found = np.stack([_picture(_file(self.path, name), side, bits) for name in names])
        if bits is not None and found.max() < DARK:
            raise ProfileError(
                f"{self.path}: with 'grey_bits' {bits} the brightest picture is nearly black: "
                "fewer bits are used."
            )
        return found

    def features(self, rows: Index, *, maps: bool = False) -> NDArray[np.float32]:
        """Return the encoder's features of some rows, shape (rows, features).

        Maps have shape (rows, channels, side, side).
        """
        option = f" --layers {MAPS}" if maps else ""
        if FEATURES not in self.stored:
            raise ProfileError(
                f"{self.path} holds images and no features, which "
                f"'model: {'last_blocks' if maps else 'probe'}' needs. "
                f"`equiscan profile features{option}` computes them."
            )
        every = self.stored[FEATURES]
        wanted = ("images", "channels", "side", "side") if maps else ("images", "features")
        if every.ndim != len(wanted) or every.dtype.kind != "f" or not np.isfinite(every).all():
            raise ProfileError(
                f"{self.path}: 'features' must be finite numbers of shape ({', '.join(wanted)}), "
                f"as `equiscan profile features{option}` makes them; it is {every.dtype} of shape "
                f"{every.shape}."
            )
        return every[rows].astype(np.float32)


def open_source(path: str | Path, table: str | Path | None = None) -> Source:
    """Return what is in a file of images or features, or in a folder of pictures with a table.

    Parameters
    ----------
    path : an npz file with ``images`` (N, H, W, 1 or 3) as uint8, a folder of pictures, or an npz
        or Parquet file with ``features`` (N, features), in Parquet a list in each row.
    table : csv or parquet with one row per image: needed for a folder, whose pictures its file
        column names; beside an npz file, its rows are in the order of the images.

    Raises
    ------
    ProfileError
        When a file is missing or unreadable, or when table and images differ in number.
    """
    path = Path(path)
    read = {} if table is None else _table(Path(table))
    if path.is_dir():
        if table is None:
            raise ProfileError(f"{path} is a folder of images: name its table with --table.")
        return Source(path, read, sha256=_digest(Path(table)))
    arrays = _listed(path) if path.suffix == ".parquet" else _arrays(path)
    named = ("images", *PLANES, FEATURES)
    stored = {name: arrays.pop(name) for name in named if name in arrays}
    if not stored:
        have = ", ".join(sorted(arrays))
        raise ProfileError(f"{path}: no array 'images' or 'features'. It holds: {have}.")
    encoder = _encoder(path, arrays.pop(ENCODER)) if ENCODER in arrays else None
    count = len(next(iter(stored.values())))
    rows = {len(column) for column in read.values()}
    if rows - {count}:
        raise ProfileError(f"{table} has {rows.pop()} rows and {path} has {count} images.")
    columns = {name: array for name, array in arrays.items() if array.shape[:1] == (count,)}
    return Source(path, columns | read, stored, _digest(path), encoder)


def name_of(encoder: str, layers: str) -> str:
    """Return what features of layers of a published encoder are called."""
    return f"{encoder}, {layers}"


def averaged(images: Bytes, side: int) -> Bytes:
    """Return square images averaged in blocks, shape (images, side, side, 3)."""
    factor, rest = divmod(images.shape[1], side)
    if rest or not factor:
        raise ProfileError(f"image_px {side} does not divide the images' {images.shape[1]} px.")
    blocks = images.reshape(len(images), side, factor, side, factor, 3)
    return np.asarray(blocks.mean(axis=(2, 4)).round().astype(np.uint8))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _arrays(path: Path) -> dict[str, Column]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ProfileError(f"{path}: not a readable npz file ({error}).") from None


def _listed(path: Path) -> dict[str, Column]:
    """Return the columns of a Parquet file, its features as one array."""
    columns = _table(path, lists=(FEATURES,))
    if FEATURES in columns:
        try:
            columns[FEATURES] = np.stack([np.asarray(row, float) for row in columns[FEATURES]])
        except (TypeError, ValueError) as error:
            raise ProfileError(
                f"{path}: 'features' must hold a list of as many numbers in each row ({error})."
            ) from None
    return columns


def _encoder(path: Path, text: Column) -> Encoder:
    try:
        return Encoder.model_validate_json(str(text))
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, one["loc"])) or one["msg"] for one in error.errors())
        raise ProfileError(f"{path}: 'encoder' does not describe one: {wrong}.") from None


def _table(path: Path, lists: tuple[str, ...] = ()) -> dict[str, Column]:
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".parquet"):
        raise ProfileError(
            f"{path}: a table is a .csv, .tsv or .parquet file; save a sheet of Excel as CSV."
        )
    try:
        frame = pd.read_parquet(path) if kind == ".parquet" else _text_table(path)
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: not a readable table ({error}).") from None
    if frame.empty:
        raise ProfileError(f"{path}: the table has no rows.")
    return {
        str(name): np.asarray(
            column
            if column.dtype.kind in "fiub" or name in lists
            else column.astype(object).where(column.notna(), "").astype(str)
        )
        for name, column in frame.items()
    }


def _text_table(path: Path) -> pd.DataFrame:
    try:
        return pd.DataFrame([row for _, row in text_rows(path)])
    except ScenarioError as error:
        raise ProfileError(f"not a readable table: {error}") from None


def _decoded(stored: Mapping[str, Column], rows: Index) -> Bytes:
    """Return RGB from ``images`` (one channel is grey), or from the planes (4:2:0)."""
    if "images" in stored:
        if stored["images"].dtype != np.uint8:
            raise ProfileError(
                f"'images' are {stored['images'].dtype}; they must be uint8, 0 to 255. Scale all "
                "images alike."
            )
        images = np.asarray(stored["images"][rows], dtype=np.uint8)
        return images.repeat(3, axis=3) if images.shape[3] == 1 else images
    planes = [_undelta(stored[name][rows].astype(np.uint8)) for name in PLANES]
    luma = planes[0].astype(np.float32)
    blue, red = (c.repeat(2, 1).repeat(2, 2).astype(np.float32) - 128 for c in planes[1:])
    # ITU-R BT.601, full range, as in JPEG.
    rgb = (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue)
    return np.asarray(np.clip(np.stack(rgb, axis=-1) + 0.5, 0, 255).astype(np.uint8))


def _require_readable(picture: Image.Image, path: Path) -> None:
    """Raise ``ProfileError`` where Pillow would leave out part of what a file holds."""
    if getattr(picture, "n_frames", 1) > 1 and picture.format != OF_CAMERAS:
        raise ProfileError(f"{path} holds several pictures: write each as a file of its own.")
    stored = [str(tile.args) for tile in getattr(picture, "tile", ())]
    if not _is_deep(picture) and any(";16" in kind for kind in stored):
        raise ProfileError(
            f"{path}: colours or transparency of 16 bits, of which some may not be used. Convert "
            "all pictures alike to 8-bit RGB or greyscale."
        )


def _is_deep(picture: Image.Image) -> bool:
    """Whether a picture is greyscale of more than eight bits."""
    return picture.mode.startswith("I")


def _eight_bits(
    picture: Image.Image, path: Path, bits: int | None, *, zero_is_white: bool
) -> Image.Image:
    """Return a picture as RGB of eight bits; ``ProfileError`` where that would be a guess."""
    # behind transparent pixels is whatever the writing program left there
    transparent = picture.has_transparency_data and bool(
        (np.asarray(picture.convert("RGBA").getchannel("A")) < OPAQUE).any()
    )
    if transparent or not (_is_deep(picture) or picture.mode in PLAIN):
        raise ProfileError(
            f"{path}: a picture of mode {picture.mode}{' with transparency' * transparent}, whose "
            "colours this program would have to guess. Convert all pictures to 8-bit RGB or "
            "greyscale, without transparency."
        )
    if not _is_deep(picture):
        return picture.convert("RGB")
    grey = np.asarray(picture)
    if bits is None or grey.min() < 0 or grey.max() >= 2**bits:
        raise ProfileError(
            f"{path}: greyscale of more than eight bits, values {grey.min()} to {grey.max()}. "
            "Say how many bits all pictures use, such as 12: 'grey_bits' of a plan, --grey-bits "
            "of `equiscan profile features`."
        )
    grey = 2**bits - 1 - grey if zero_is_white else grey
    return Image.fromarray((grey >> (bits - 8)).astype(np.uint8)).convert("RGB")


def _file(folder: Path, name: str) -> Path:
    """Return the file of a picture, which tables also name with backslashes or without ending.

    It may lie in a folder of the folder, as archives of several parts leave it.

    Raises ``ProfileError`` where several of these hold a file of that name.
    """
    plain = name.replace("\\", "/")
    endings = ("",) if Path(plain).suffix else ("", *ENDINGS)
    for place in (folder, None):
        around = [place] if place else _parts(folder)
        found = [p for part in around for end in endings if (p := part / f"{plain}{end}").is_file()]
        if len(found) > 1:
            raise ProfileError(f"'{name}' is {found[0]} and {found[1]}: say which in the table.")
        if found:
            return found[0]
    return folder / plain


@lru_cache(maxsize=8)
def _parts(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.iterdir() if path.is_dir()))


def _undelta(plane: Bytes) -> Bytes:
    plane = plane.copy()
    plane[:, :, 0] = np.cumsum(plane[:, :, 0], axis=1, dtype=np.uint8)
    return np.asarray(np.cumsum(plane, axis=2, dtype=np.uint8))


def _picture(path: Path, side: int, bits: int | None) -> Bytes:
    """Return the middle square of a picture, averaged to ``side``, as RGB."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large, not too large
            return _middle(_rgb(path, bits), side)
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ProfileError(
            f"{path}: not a readable image: it has more than {most:,} pixels. Make it smaller, or "
            "cut it into several."
        ) from None
    except ProfileError:
        raise
    except Exception as error:  # decoders raise of many kinds for damaged files
        raise ProfileError(f"{path}: not a readable image ({error}).") from None


def _rgb(path: Path, bits: int | None) -> Image.Image:
    if is_dicom(path):
        return dicom_picture(path).convert("RGB")
    with Image.open(path) as picture:
        _require_readable(picture, path)
        # Pillow itself inverts such TIFF files where they have eight bits only
        zero_is_white = dict(getattr(picture, "tag_v2", {})).get(PHOTOMETRIC) == 0
        upright = ImageOps.exif_transpose(picture)
        return _eight_bits(upright, path, bits, zero_is_white=zero_is_white)


def _middle(rgb: Image.Image, side: int) -> Bytes:
    width, height = rgb.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    square = rgb.crop((left, top, left + edge, top + edge))
    return np.asarray(square.resize((side, side), Image.Resampling.BOX), dtype=np.uint8)
