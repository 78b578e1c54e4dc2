"""What a training can do about groups of unequal size: which images it sees, and how they count."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

Index = NDArray[np.int64]

DRO_RATE = 0.05
"""Step by which group DRO shifts weight to the group with the larger loss, per training step; of
the order that Sagawa et al. 2020 (arXiv:1911.08731) use."""


def batches(group: Index, size: int, mitigation: str, rng: np.random.Generator) -> Iterator[Index]:
    """Yield rows of each step's images without end.

    All rows in shuffled epochs; under ``balanced``, each group in epochs of its own and an equal
    part of every batch, so that a small group's images come up more often.
    """
    if mitigation != "balanced":
        yield from _epochs(np.arange(len(group)), size, rng)
    present = np.unique(group)
    share = np.diff(np.arange(len(present) + 1) * size // len(present))
    parts = [
        _epochs(np.flatnonzero(group == g), int(n), rng)
        for g, n in zip(present, share, strict=True)
    ]
    while True:
        yield np.concatenate([next(part) for part in parts])


def _epochs(rows: Index, size: int, rng: np.random.Generator) -> Iterator[Index]:
    queue = np.empty(0, dtype=np.int64)
    while True:
        while len(queue) < size:
            queue = np.concatenate([queue, rng.permutation(len(rows))])
        yield rows[queue[:size]]
        queue = queue[size:]


class Objective:
    """The one number that a step lowers, from the losses of its images and their groups.

    ``reweighted``: each image counts inversely to its group's size, so that groups count alike.
    ``group_dro``: groups count by weights that grow with their loss (Sagawa et al. 2020). Anything
    else: the mean.
    """

    def __init__(self, group: Index, mitigation: str, device: torch.device) -> None:
        self._mitigation = mitigation
        size = np.bincount(group).astype(np.float32)
        present = size > 0
        inverse = np.divide(len(group) / present.sum(), size, where=present, out=0 * size)
        self._inverse = torch.from_numpy(inverse).to(device)
        weight = present / present.sum()
        self._weight = torch.from_numpy(weight.astype(np.float32)).to(device)

    def __call__(self, loss: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
        """Return a scalar from losses and group numbers, both of shape (images,)."""
        if self._mitigation == "reweighted":
            return (self._inverse[group] * loss).mean()
        if self._mitigation != "group_dro":
            return loss.mean()
        count = torch.bincount(group, minlength=len(self._weight))
        total = torch.zeros_like(self._weight).index_add(0, group, loss)
        by_group = total / count.clamp(min=1)
        with torch.no_grad():
            grown = self._weight * torch.exp(DRO_RATE * by_group.detach())
            self._weight = grown / grown.sum()
        return (self._weight * by_group).sum()
