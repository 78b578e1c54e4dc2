"""Which images train, which set the threshold, which test; none does two of these."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sim.errors import ProfileError
from sim.profiles.design import Cell, MeasurementPlan
from sim.streams import stream

Bytes = NDArray[np.uint8]
Index = NDArray[np.int64]
Labels = NDArray[np.int8]
Names = NDArray[np.str_]

PHANTOM_CASES = 300
"""Generated cases per group and class."""
PHANTOM_SIGNAL, PHANTOM_NOISE = 12.0, 30.0
"""Grey levels: height of the stripes in positives, and spread of each pixel."""


@dataclass(frozen=True, slots=True)
class Cases:
    """One image per patient or lesion; all arrays share the first axis."""

    images: Bytes
    """Shape (cases, side, side, 3)."""
    label: Labels
    group: Names
    id: Names
    covariates: Mapping[str, NDArray[np.generic]]
    sha256: str
    """Of the file, or of the plan for phantoms."""
    left_out: Mapping[str, tuple[int, int]]
    """Positive and negative images of the file's groups that the plan does not use."""

    def count(self, group: str) -> tuple[int, int]:
        """Return positives and negatives of a group."""
        label = self.label[self.group == group]
        return int((label == 1).sum()), int((label == 0).sum())


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the cases that train, set the threshold and test."""

    train: Index
    validation: Index
    test: Index


def load_cases(plan: MeasurementPlan, data: str | Path | None) -> Cases:
    """Return the plan's cases: read from the npz file ``data``, or generated for a phantom."""
    if plan.source == "phantom":
        return _phantoms(plan)
    if data is None:
        raise ProfileError(f"plan '{plan.name}' measures real images: name their npz file.")
    return _from_file(plan, Path(data))


def split(cases: Cases, plan: MeasurementPlan, fold: int) -> Split:
    """Return the split of one fold, stratified by group and label, the same for every run."""
    part = np.zeros(len(cases.label), dtype=np.int64)
    for group in (*plan.groups, *plan.not_estimable):
        for label in (0, 1):
            rows = np.flatnonzero((cases.group == group) & (cases.label == label))
            order = stream(0, plan.name, "fold", group, label).permutation(len(rows))
            part[rows] = order % plan.folds
    trained = np.isin(cases.group, plan.groups)
    test, validation = part == fold, part == (fold + 1) % plan.folds
    result = Split(
        train=np.flatnonzero(trained & ~test & ~validation),
        validation=np.flatnonzero(trained & validation),
        test=np.flatnonzero(test),
    )
    check_leakage(cases.id, result)
    return result


def check_leakage(ids: Names, parts: Split) -> None:
    """Raise ``ProfileError`` when a patient or lesion is in two parts of a split."""
    train, validation, test = (
        set(ids[part].tolist()) for part in (parts.train, parts.validation, parts.test)
    )
    shared = (train & validation) | (train & test) | (validation & test)
    if shared:
        some = ", ".join(sorted(shared)[:5])
        raise ProfileError(
            f"{len(shared)} id(s) are in more than one of training, validation and test: {some}. "
            "Scores would be too good; split by id."
        )


def subset(cases: Cases, train: Index, plan: MeasurementPlan, cell: Cell) -> Index:
    """Return the training cases of a run, stratified to the plan's prevalence.

    Subsets of one seed are nested: the larger one contains the smaller one.
    """
    chosen = []
    for group, count in zip(plan.groups, cell.counts, strict=True):
        positives = round(count * plan.prevalence)
        for label, wanted in ((1, positives), (0, count - positives)):
            rows = train[(cases.group[train] == group) & (cases.label[train] == label)]
            if len(rows) < wanted:
                raise ProfileError(
                    f"group '{group}' has {len(rows)} training cases of class {label}, and "
                    f"{cell.run_id} asks for {wanted}. Lower 'counts' or change 'prevalence'."
                )
            order = stream(cell.seed, plan.name, "subset", group, label).permutation(len(rows))
            chosen.append(rows[order[:wanted]])
    return np.concatenate(chosen)


def damaged(cases: Cases, rows: Index, plan: MeasurementPlan, cell: Cell) -> tuple[Bytes, Labels]:
    """Return a run's training images and labels with the cell's noise and corruption applied."""
    images, label = cases.images[rows], cases.label[rows].copy()
    rng = stream(cell.seed, plan.name, "damage")
    flipped = rng.permutation(len(rows))[: round(cell.noise * len(rows))]
    blank = rng.permutation(len(rows))[: round(cell.corrupted * len(rows))]
    label[flipped] = 1 - label[flipped]
    images[blank] = images[blank].mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
    return images, label


def _from_file(plan: MeasurementPlan, path: Path) -> Cases:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ProfileError(f"{path}: not a readable npz file ({error}).") from None
    wanted = (plan.label, plan.group_attribute, plan.id_column, *plan.covariates)
    missing = [name for name in wanted if name not in arrays]
    if missing:
        have = ", ".join(sorted(arrays))
        raise ProfileError(f"{path}: no array {', '.join(missing)}. It holds: {have}.")
    group = arrays[plan.group_attribute].astype(str)
    rows = _one_per_id(arrays[plan.id_column].astype(str), np.isin(group, _used(plan)), plan)
    cases = Cases(
        images=_averaged(_pixels(arrays, rows), plan.image_px),
        label=arrays[plan.label][rows].astype(np.int8),
        group=group[rows],
        id=arrays[plan.id_column][rows].astype(str),
        covariates={name: arrays[name][rows] for name in plan.covariates},
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        left_out=_left_out(group, arrays[plan.label], plan),
    )
    _check_groups(cases, plan)
    return cases


def _left_out(
    group: Names, label: NDArray[np.generic], plan: MeasurementPlan
) -> dict[str, tuple[int, int]]:
    rest = sorted(set(group.tolist()) - set(_used(plan)))
    return {
        g: (int((label[group == g] == 1).sum()), int((label[group == g] == 0).sum())) for g in rest
    }


def _used(plan: MeasurementPlan) -> list[str]:
    return [*plan.groups, *plan.not_estimable]


def _one_per_id(ids: Names, used: NDArray[np.bool_], plan: MeasurementPlan) -> Index:
    """Studies of one lesion are not independent: keep one of each, by chance, always the same."""
    rows = np.flatnonzero(used)
    rows = stream(0, plan.name, "one image of each id").permutation(rows)
    _, first = np.unique(ids[rows], return_index=True)
    return np.sort(rows[first])


def _check_groups(cases: Cases, plan: MeasurementPlan) -> None:
    for group in _used(plan):
        positives, negatives = cases.count(group)
        if positives + negatives == 0:
            raise ProfileError(f"group '{group}' has no case in '{plan.group_attribute}'.")
        if group in plan.groups and min(positives, negatives) < plan.folds:
            raise ProfileError(
                f"group '{group}' has {positives} positives and {negatives} negatives: "
                f"too few for {plan.folds} folds. List it under 'not_estimable'."
            )


def _pixels(arrays: Mapping[str, NDArray[np.generic]], rows: Index) -> Bytes:
    """Return RGB images from ``images``, or from left-delta-coded planes Yd, Cbd, Crd (4:2:0)."""
    if "images" in arrays:
        return arrays["images"][rows].astype(np.uint8)
    planes = [_undelta(arrays[name][rows].astype(np.uint8)) for name in ("Yd", "Cbd", "Crd")]
    luma = planes[0].astype(np.float32)
    blue, red = (c.repeat(2, 1).repeat(2, 2).astype(np.float32) - 128 for c in planes[1:])
    # ITU-R BT.601, full range, as in JPEG.
    rgb = (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue)
    return np.asarray(np.clip(np.stack(rgb, axis=-1) + 0.5, 0, 255).astype(np.uint8))


def _undelta(plane: Bytes) -> Bytes:
    plane = plane.copy()
    plane[:, :, 0] = np.cumsum(plane[:, :, 0], axis=1, dtype=np.uint8)
    return np.asarray(np.cumsum(plane, axis=2, dtype=np.uint8))


def _averaged(images: Bytes, side: int) -> Bytes:
    factor, rest = divmod(images.shape[1], side)
    if rest or not factor:
        raise ProfileError(f"image_px {side} does not divide the images' {images.shape[1]} px.")
    blocks = images.reshape(len(images), side, factor, side, factor, 3)
    return np.asarray(blocks.mean(axis=(2, 4)).round().astype(np.uint8))


def _phantoms(plan: MeasurementPlan) -> Cases:
    """Return noise images with faint stripes in positives, finer from group to group.

    Groups share part of the signal (a brighter centre), so that another group's images help, but
    less than one's own.
    """
    side, names = plan.image_px, _used(plan)
    axis = np.linspace(-1, 1, side)
    x, y = np.meshgrid(axis, axis)
    centre = np.exp(-4 * (x**2 + y**2))
    images, labels, groups = [], [], []
    for index, group in enumerate(names):
        stripe = np.cos(3 * (1 + index) * x)
        label = np.arange(2 * PHANTOM_CASES) % 2
        rng = stream(0, plan.name, "phantom", group)
        noise = rng.normal(128, PHANTOM_NOISE, (len(label), side, side, 3))
        signal = label[:, None, None] * (PHANTOM_SIGNAL * stripe + PHANTOM_SIGNAL / 2 * centre)
        images.append(np.clip(noise + signal[..., None], 0, 255).astype(np.uint8))
        labels.append(label)
        groups.append(np.full(len(label), group))
    group_of = np.concatenate(groups)
    return Cases(
        images=np.concatenate(images),
        label=np.concatenate(labels).astype(np.int8),
        group=group_of,
        id=np.arange(len(group_of)).astype(str),
        covariates={},
        sha256=hashlib.sha256(plan.model_dump_json().encode()).hexdigest(),
        left_out={},
    )
