"""Which images train, which set the threshold, which test; none does two of these."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import ProfileError
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images.cases import Cases, read_cases
from sim.profiles.images.phantoms import phantoms
from sim.streams import stream

Index = NDArray[np.int64]
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the cases that train, set the threshold and test."""

    train: Index
    validation: Index
    test: Index


def load_cases(
    plan: MeasurementPlan, data: str | Path | None, table: str | Path | None = None
) -> Cases:
    """Return the plan's cases: read from ``data``, or generated for a phantom.

    Raises ``ProfileError`` for real images without ``data``, and for a phantom with it: the two
    are never mixed.
    """
    if plan.source == "phantom":
        if data is not None:
            raise ProfileError(f"plan '{plan.name}' measures phantoms: it takes no images.")
        return phantoms(plan)
    if data is None:
        raise ProfileError(
            f"plan '{plan.name}' measures real images: name their npz file or folder."
        )
    return read_cases(plan, data, table)


def split(cases: Cases, plan: MeasurementPlan, fold: int) -> Split:
    """Return the split of one fold, stratified by group and label, the same for every run."""
    part = np.zeros(len(cases.label), dtype=np.int64)
    for group in (*plan.groups, *plan.not_estimable):
        for label in (0, 1):
            rows = np.flatnonzero((cases.group == group) & (cases.label == label))
            order = stream(0, plan.splits_name, "fold", group, label).permutation(len(rows))
            part[rows] = order % plan.folds
    trained = np.isin(cases.group, plan.groups)
    test, validation = part == fold, part == (fold + 1) % plan.folds
    result = Split(
        train=np.flatnonzero(trained & ~test & ~validation),
        validation=np.flatnonzero(trained & validation),
        test=np.flatnonzero(test),
    )
    check_leakage(cases.id, result)
    _check_classes(cases, result, trained)
    return result


def _check_classes(cases: Cases, parts: Split, trained: NDArray[np.bool_]) -> None:
    for name in ("train", "validation", "test"):
        rows = getattr(parts, name)
        found = np.unique(cases.label[rows[trained[rows]]])
        if len(found) < 2:
            held = ", ".join(map(str, found)) or "no case"
            raise ProfileError(
                f"the {name} part of a split holds {held} of the classes 0 and 1 in the groups "
                "that are scored. Lower 'folds', or use a label that both classes have."
            )


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
            order = stream(cell.seed, plan.splits_name, "subset", group, label).permutation(
                len(rows)
            )
            chosen.append(rows[order[:wanted]])
    return np.concatenate(chosen)


def unlabelled(cases: Cases, train: Index, plan: MeasurementPlan, cell: Cell) -> Index:
    """Return the training cases whose images, without labels, are pre-trained on.

    The first group has the treatment's share of the pool, the others share the rest. Pools of one
    seed and share are the same whatever is labelled.

    Raises ``ProfileError`` when a group has too few training cases.
    """
    own = cell.treatment.pretraining_own if len(plan.groups) > 1 else 1.0
    rest = (1 - own) / max(len(plan.groups) - 1, 1)
    chosen = []
    for number, group in enumerate(plan.groups):
        wanted = round(plan.pretraining_pool * (rest if number else own))
        rows = train[cases.group[train] == group]
        if len(rows) < wanted:
            raise ProfileError(
                f"group '{group}' has {len(rows)} training cases, and pre-training asks for "
                f"{wanted}. Lower 'pretraining_pool'."
            )
        order = stream(cell.seed, plan.splits_name, "unlabelled", group).permutation(len(rows))
        chosen.append(rows[order[:wanted]])
    return np.concatenate(chosen)
