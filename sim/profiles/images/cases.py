"""The cases of a measurement: one image per patient or lesion, with label and group."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import ProfileError, cut, listed, nearest
from sim.profiles.design import Encoder, MeasurementPlan
from sim.profiles.images.dicom import age_in_years
from sim.profiles.images.image_files import MAPS, Column, Source, name_of, open_source
from sim.streams import stream

Bytes = NDArray[np.uint8]
Features = NDArray[np.float32]
Index = NDArray[np.int64]
Labels = NDArray[np.int8]
Names = NDArray[np.str_]

UNKNOWN = -1
"""Label of a row that is not used and says neither."""
EMPTY = ("", "nan")
"""An empty cell as text, of a table or of an array."""


@dataclass(frozen=True, slots=True)
class Cases:
    """One image per patient or lesion; all arrays share the first axis."""

    images: NDArray[Any]
    """Pixels, shape (cases, side, side, 3); or an encoder's features, shape (cases, features), or
    maps, shape (cases, channels, side, side)."""
    label: Labels
    group: Names
    id: Names
    covariates: Mapping[str, NDArray[np.generic]]
    sha256: str
    """Of the file, of the folder's table, or of the plan for phantoms."""
    left_out: Mapping[str, tuple[int, int]]
    """Positive and negative images of the file's groups that the plan does not use."""
    repeated: int = 0
    """Images dropped because another id has the same pixels."""
    encoder: Encoder | None = None
    """What made the features."""

    def digest(self) -> str:
        """Return a checksum of all that is trained and tested on."""
        digest = hashlib.sha256()
        for array in (self.images, self.label, self.group, self.id):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def count(self, group: str) -> tuple[int, int]:
        """Return positives and negatives of a group."""
        label = self.label[self.group == group]
        return int((label == 1).sum()), int((label == 0).sum())


def read_cases(plan: MeasurementPlan, data: str | Path, table: str | Path | None = None) -> Cases:
    """Return the plan's cases from files of images or features; see ``open_source``.

    Raises
    ------
    ProfileError
        When a column is missing, a label is not 0 or 1, an id is empty, or a group has no or too
        few cases.
    """
    named = {plan.group_attribute, plan.id_column, *plan.covariates, *plan.where}
    source = open_source(data, table).with_headers(named, plan.file_column)
    group = source.column(plan.group_attribute).astype(str)
    allowed = _allowed(plan, source)
    if plan.empty_labels == "left_out":
        allowed &= ~np.isin(source.column(plan.label).astype(str), EMPTY)
    used = allowed & np.isin(group, [*plan.groups, *plan.not_estimable])
    _require_groups(plan, group, allowed)
    ids = _ids(plan, source, used)
    rows = _one_per_id(ids, used, plan)
    images = (
        source.features(rows, maps=plan.model == "last_blocks")
        if plan.sees_features
        else source.pixels(rows, plan.image_px, plan.file_column, plan.grey_bits)
    )
    first = _first_of_each(images)
    rows, images = rows[first], images[first]
    label = _labels(plan, source, used)
    cases = Cases(
        images=images,
        label=label[rows],
        group=group[rows],
        id=ids[rows],
        covariates={name: _numbers(source.column(name))[rows] for name in plan.covariates},
        sha256=source.sha256,
        left_out=_left_out(group[allowed], label[allowed], plan),
        repeated=int((~first).sum()),
        encoder=_encoder(plan, source) if plan.sees_features else None,
    )
    _check_groups(cases, plan)
    return cases


def countable(plan: MeasurementPlan, cases: Cases) -> MeasurementPlan:
    """Return the plan that scores the groups with enough cases to test, and counts the others.

    Folds are stratified, so that each tests a group's cases over the number of folds, rounded
    down at worst.

    Raises ``ProfileError`` when no group has enough.
    """
    enough = [g for g in plan.groups if min(cases.count(g)) // plan.folds >= plan.fewest_tested]
    return plan.scoring(tuple(enough))


def _encoder(plan: MeasurementPlan, source: Source) -> Encoder:
    found = plan.encoder or source.encoder
    if found is None:
        raise ProfileError(
            f"{source.path} does not say which encoder made its features. Say it in the plan, "
            f"'encoder: {{{', '.join(Encoder.model_fields)}}}'."
        )
    if plan.model == "last_blocks":
        wanted = name_of(plan.starts_from, MAPS)
        if (found.name, found.image_px) != (wanted, plan.shown_px):
            raise ProfileError(
                f"{source.path} holds maps of '{found.name}' at {found.image_px} px; the plan "
                f"trains what follows '{wanted}' at {plan.shown_px} px ('starts_from', 'shown_px')."
            )
    return found


def _allowed(plan: MeasurementPlan, source: Source) -> NDArray[np.bool_]:
    """Return which rows meet all of the plan's ``where``."""
    group = source.column(plan.group_attribute)
    kept = np.ones(len(group), dtype=np.bool_)
    for name, values in plan.where.items():
        column = source.column(name).astype(str)
        absent = sorted(set(values) - set(column.tolist()))
        if absent:
            there = listed(sorted(set(column.tolist())))
            raise ProfileError(
                f"{source.path}: no {', '.join(absent)} in '{name}'. It holds {there}."
            )
        kept &= np.isin(column, values)
    return kept


def _numbers(column: Column) -> Column:
    """Return text that is all numbers, ages or empty as numbers, NaN where it is empty.

    An age is one as DICOM writes it, such as 034Y, and becomes years.
    """
    if column.dtype.kind not in "OSU":
        return column
    text = column.astype(str)
    known = text != ""
    values = np.full(len(text), np.nan)
    try:
        values[known] = text[known].astype(float)
    except ValueError:
        values[known] = [age_in_years(one) for one in text[known].tolist()]
        return column if np.isnan(values[known]).any() else values
    return values if known.any() else column


def _labels(plan: MeasurementPlan, source: Source, used: NDArray[np.bool_]) -> Labels:
    """Return labels of 0 and 1, and ``UNKNOWN`` of rows that are not used and have neither."""
    column = source.column(plan.label)
    empty = np.isin(column.astype(str), EMPTY)
    if plan.positive:
        label = _positive(plan, source, column.astype(str))
    else:
        values = _numbers(column)
        label = np.where(np.isin(values, (0, 1)), values == 1, UNKNOWN).astype(np.int8)
        if (wrong := used & ~empty & (label == UNKNOWN)).any():
            some = ", ".join(map(str, np.unique(values[wrong])[:5]))
            raise ProfileError(
                f"{source.path}: '{plan.label}' holds {some}; it must be 0 or 1, or "
                "the plan must list the positive ones under 'positive'."
            )
    if (number := int((empty & used).sum())) and plan.empty_labels == "refused":
        raise ProfileError(
            f"{source.path}: {number} images have no '{plan.label}'. Say in the plan with "
            "'empty_labels' that they are left_out, or negative."
        )
    return np.where(empty, np.where(used, 0, UNKNOWN), label).astype(np.int8)


def _positive(plan: MeasurementPlan, source: Source, cells: Names) -> Labels:
    """Return 1 where a cell, or one of its list, is among the plan's positive values."""
    values = [listed_values(cell) if plan.label_lists else {cell} for cell in cells.tolist()]
    found = sorted(set().union(*values))
    absent = sorted(set(plan.positive) - set(found))
    if absent:
        raise ProfileError(
            f"{source.path}: no {', '.join(absent)} in '{plan.label}'.{nearest(absent[0], found)}"
        )
    positive = set(plan.positive)
    return np.array([bool(some & positive) for some in values], dtype=np.int8)


def listed_values(cell: str) -> set[str]:
    """Return the values of a list that a table writes into one cell.

    >>> sorted(listed_values("['pneumonia', ' pleural effusion']"))
    ['pleural effusion', 'pneumonia']
    >>> listed_values("")
    set()
    """
    parts = re.split("[,;|\uff0c]", cell.strip().strip("[]"))  # the last is the Chinese comma
    return {part.strip(" \t'\"") for part in parts} - {""}


def _ids(plan: MeasurementPlan, source: Source, used: NDArray[np.bool_]) -> Names:
    ids = _named(plan, source, used)
    empty = np.isin(np.char.lower(ids), ("", "nan", "none", "<na>")) & used
    if empty.any():
        raise ProfileError(
            f"{source.path}: {int(empty.sum())} images have no '{plan.id_column}'. Without it, "
            "images of one patient can be on both sides of a split."
        )
    return ids


def _named(plan: MeasurementPlan, source: Source, used: NDArray[np.bool_]) -> Names:
    """Return what names the patient or lesion of each row: a column, or the plan's part of it."""
    column = source.column(plan.id_column).astype(str)
    if plan.id_pattern is None:
        return column
    found = [re.search(plan.id_pattern, text) for text in column.tolist()]
    for one, text, is_used in zip(found, column.tolist(), used.tolist(), strict=True):
        if is_used and (one is None or not one[0]):
            raise ProfileError(
                f"{source.path}: '{cut(text, 100)}' in '{plan.id_column}' holds nothing like "
                f"id_pattern '{plan.id_pattern}'."
            )
    return np.array([one[0] if one else "" for one in found])


def _left_out(group: Names, label: Labels, plan: MeasurementPlan) -> dict[str, tuple[int, int]]:
    rest = sorted(set(group.tolist()) - {*plan.groups, *plan.not_estimable})
    return {
        g: (int((label[group == g] == 1).sum()), int((label[group == g] == 0).sum())) for g in rest
    }


def _one_per_id(ids: Names, used: NDArray[np.bool_], plan: MeasurementPlan) -> Index:
    """Studies of one lesion are not independent: keep one of each, by chance, always the same."""
    rows = np.flatnonzero(used)
    rows = stream(0, plan.splits_name, "one image of each id").permutation(rows)
    _, first = np.unique(ids[rows], return_index=True)
    return np.sort(rows[first])


def _first_of_each(images: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which images no earlier one equals: the same picture under two ids would leak."""
    seen: set[bytes] = set()
    first = np.zeros(len(images), dtype=np.bool_)
    for i, image in enumerate(images):
        pixels = image.tobytes()
        first[i] = pixels not in seen
        seen.add(pixels)
    return first


def _require_groups(plan: MeasurementPlan, group: Names, allowed: NDArray[np.bool_]) -> None:
    """Raise where a group of the plan has no row, before any picture is read."""
    there = set(group[allowed].tolist())
    for name in (*plan.groups, *plan.not_estimable):
        if name not in there:
            held = listed([one or "(empty)" for one in sorted(there)])
            raise ProfileError(
                f"group '{name}' has no case in '{plan.group_attribute}'; it holds "
                f"{held or 'nothing in the rows that are used'}.{nearest(name, there)}"
            )


def _check_groups(cases: Cases, plan: MeasurementPlan) -> None:
    for group in plan.groups:
        positives, negatives = cases.count(group)
        if min(positives, negatives) < plan.folds:
            raise ProfileError(
                f"group '{group}' has {positives} positives and {negatives} negatives: "
                f"too few for {plan.folds} folds. List it under 'not_estimable'."
            )
