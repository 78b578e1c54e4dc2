"""Self-supervised training on images without labels: SimCLR with the profile's own network.

Chen et al. 2020, arXiv:2002.05709: two random views of each image should be recognised as the
same among all views of the batch.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from sim.profiles.design import MeasurementPlan
from sim.profiles.training.network import (
    CHECKED_EVERY,
    Weights,
    as_tensor,
    build,
    check_finite,
    weights_of,
)

TEMPERATURE = 0.2
PROJECTED = 64
"""Length of the vector in which views are compared."""
SMALLEST_CROP = 0.5
"""Side of the smallest crop, relative to the image."""
JITTER = 0.4
"""Largest relative change of brightness, contrast and each colour."""


def pretrain(
    plan: MeasurementPlan,
    images: NDArray[np.uint8],
    *,
    steps: int,
    seed: int,
    device: torch.device,
) -> Weights:
    """Return the weights of the network's layers before the last, trained without labels.

    Parameters
    ----------
    images : shape (pool, side, side, 3); batches walk through them in shuffled epochs.
    steps : optimisation steps of the plan's batch, two views of each image.
    """
    torch.manual_seed(seed)
    network = build(plan)
    features = plan.widths[-1]
    network[-1] = nn.Sequential(
        nn.Linear(features, features), nn.ReLU(), nn.Linear(features, PROJECTED)
    )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), plan.learning_rate, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps)
    rng = np.random.Generator(np.random.PCG64(seed))
    network.train()
    for step in range(1, steps + 1):
        rows = rng.permutation(len(images))[: plan.batch]
        batch = as_tensor(images[rows], device)
        views = torch.cat([_view(batch, rng), _view(batch, rng)])
        loss = _contrast(network(views.contiguous(memory_format=torch.channels_last)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
        if step % CHECKED_EVERY == 0 or step == steps:
            check_finite(loss.item(), step)
    return weights_of(network[:-1])


def _contrast(projected: torch.Tensor) -> torch.Tensor:
    """Return the normalised cross-entropy of finding each view's twin among all others."""
    unit = functional.normalize(projected, dim=1)
    count = len(unit)
    similar = unit @ unit.T / TEMPERATURE
    similar = similar.masked_fill(torch.eye(count, dtype=torch.bool, device=unit.device), -1e9)
    twin = torch.arange(count, device=unit.device).roll(count // 2)
    return functional.cross_entropy(similar, twin)


def _view(batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return each image cropped, turned, mirrored and recoloured at random."""
    count = len(batch)
    side = rng.uniform(SMALLEST_CROP, 1.0, count)
    angle, mirror = rng.integers(4, size=count) * np.pi / 2, rng.choice([-1.0, 1.0], count)
    shift = rng.uniform(-1.0, 1.0, (2, count)) * (1 - side)
    affine = np.array(
        [
            [side * mirror * np.cos(angle), -side * np.sin(angle), shift[0]],
            [side * mirror * np.sin(angle), side * np.cos(angle), shift[1]],
        ]
    ).transpose(2, 0, 1)
    theta = torch.from_numpy(affine.astype(np.float32)).to(batch.device)
    where = functional.affine_grid(theta, list(batch.shape), align_corners=False)
    cropped = functional.grid_sample(batch, where, padding_mode="reflection", align_corners=False)
    change = rng.uniform(1 - JITTER, 1 + JITTER, (2, count, 3, 1, 1)).astype(np.float32)
    contrast, colour = torch.from_numpy(change).to(batch.device)
    centre = cropped.mean(dim=(2, 3), keepdim=True)
    spread = (cropped - centre) * contrast[:, :1] + centre
    view: torch.Tensor = spread * colour[:, :1] * colour.sqrt()
    return view
