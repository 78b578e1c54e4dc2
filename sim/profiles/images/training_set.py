"""What happens to training studies before they are learnt from: copies, wrong labels, blanks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images.cases import Cases, Index, Labels
from sim.streams import stream


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one run learns from; arrays share the first axis."""

    images: NDArray[Any]
    label: Labels
    group: Index
    """Number of the group in the plan."""
    readings: int = 0
    """Readings paid for to get these labels."""

    def __len__(self) -> int:
        return len(self.label)

    def joined(self, other: "TrainingSet") -> "TrainingSet":
        """Return both sets as one."""
        return TrainingSet(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.group, other.group]),
            self.readings + other.readings,
        )


def training_set(cases: Cases, rows: Index, plan: MeasurementPlan, cell: Cell) -> TrainingSet:
    """Return a run's real training studies as its treatment leaves them."""
    rows = _with_copies(cases, rows, plan, cell)
    images, truth = cases.images[rows], cases.label[rows]
    rng = stream(cell.seed, plan.splits_name, "damage")
    wrong = _chosen(rng, len(rows), cell.treatment.noise)
    blank = _chosen(rng, len(rows), cell.treatment.corrupted)
    if blank.any():
        images[blank] = images[blank].mean(axis=(1, 2), keepdims=True).round().astype(np.uint8)
    label, kept, readings = _read(truth, wrong, plan, cell)
    group = np.array([plan.groups.index(name) for name in cases.group[rows]], dtype=np.int64)
    return TrainingSet(images[kept], label[kept], group[kept], readings)


def wrong_after(noise: float, reading: str) -> tuple[float, float, float]:
    """Return the share of wrong labels, of cases kept, and readings per case, of a way to read.

    >>> wrong_after(0.2, "single")
    (0.2, 1.0, 1.0)
    >>> [round(x, 4) for x in wrong_after(0.2, "consensus")]
    [0.0588, 0.68, 2.0]
    >>> [round(x, 4) for x in wrong_after(0.2, "adjudicated")]
    [0.104, 1.0, 2.32]
    """
    differ = 2 * noise * (1 - noise)
    if reading == "consensus":
        return noise**2 / (1 - differ), 1 - differ, 2.0
    if reading == "adjudicated":
        return noise**2 * (3 - 2 * noise), 1.0, 2.0 + differ
    return noise, 1.0, 1.0


def _read(
    truth: Labels, wrong: NDArray[np.bool_], plan: MeasurementPlan, cell: Cell
) -> tuple[Labels, NDArray[np.bool_], int]:
    """Return labels, which cases are kept, and the number of readings."""
    first = np.where(wrong, 1 - truth, truth).astype(np.int8)
    everything = np.ones(len(truth), dtype=np.bool_)
    treatment = cell.treatment
    if treatment.reading == "single":
        return first, everything, len(truth)
    second, third = (
        np.where(
            _chosen(stream(cell.seed, plan.splits_name, who), len(truth), treatment.noise),
            1 - truth,
            truth,
        ).astype(np.int8)
        for who in ("second reader", "third reader")
    )
    agree = first == second
    if treatment.reading == "consensus":
        return first, agree, 2 * len(truth)
    return np.where(agree, first, third), everything, 2 * len(truth) + int((~agree).sum())


def _chosen(rng: np.random.Generator, count: int, share: float) -> NDArray[np.bool_]:
    """Return a mask of exactly the asked share, by chance."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[rng.permutation(count)[: round(share * count)]] = True
    return mask


def _with_copies(cases: Cases, rows: Index, plan: MeasurementPlan, cell: Cell) -> Index:
    """Return the rows with a share replaced by copies of others of their group and class."""
    share = cell.treatment.duplicates
    if not share:
        return rows
    rng = stream(cell.seed, plan.splits_name, "duplicates")
    result = rows.copy()
    for group in plan.groups:
        for label in (0, 1):
            here = rng.permutation(
                np.flatnonzero((cases.group[rows] == group) & (cases.label[rows] == label))
            )
            copies = min(round(share * len(here)), len(here) - 1)
            if copies > 0:
                originals = here[copies:]
                result[here[:copies]] = rows[originals[np.arange(copies) % len(originals)]]
    return result
