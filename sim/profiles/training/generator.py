"""A small diffusion model that makes studies of a given group and class.

Denoising diffusion with velocity prediction (Ho et al. 2020, arXiv:2006.11239; Salimans and Ho
2022, arXiv:2202.00512), sampled without added noise (Song et al. 2021, arXiv:2010.02502). Pixels
are folded two by two into channels, so that it trains on a processor within minutes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Index, Labels
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.training.network import (
    CHECKED_EVERY,
    Weights,
    as_tensor,
    check_finite,
    load_weights,
    weights_of,
)

CHANNELS, EMBEDDED = 32, 64
BATCH, RATE = 32, 2e-3
AVERAGING = 0.995
"""Share of the running average of weights kept in a step; samples come from the average."""
SAMPLING_STEPS, SAMPLED_AT_ONCE = 30, 128
FOLD = 2


def train_generator(
    plan: MeasurementPlan, real: TrainingSet, *, seed: int, device: torch.device
) -> Weights:
    """Return the weights of a generator trained on exactly a run's real studies and their labels.

    Raises ``ProfileError`` when the images cannot be folded and halved.
    """
    if plan.image_px % (2 * FOLD):
        raise ProfileError(
            f"image_px {plan.image_px} is no multiple of {2 * FOLD}, which synthetic studies need."
        )
    torch.manual_seed(seed)
    network = _network(2 * len(plan.groups)).to(device)
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGING),  # type: ignore[no-untyped-call]
    )
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    steps = plan.generator_steps
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    rng = np.random.Generator(np.random.PCG64(seed))
    kind = torch.from_numpy(2 * real.group + real.label).to(device)
    for step in range(1, steps + 1):
        rows = rng.integers(len(real), size=min(BATCH, len(real)))
        clean = torch.nn.functional.pixel_unshuffle(as_tensor(real.images[rows], device), FOLD)
        noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32)).to(device)
        time = torch.from_numpy(rng.random(len(rows), dtype=np.float32)).to(device)
        signal, spread = _mixture(time)
        wanted = signal * noise - spread * clean
        chosen = torch.from_numpy(rows).to(device)
        found = network(signal * clean + spread * noise, time, kind[chosen])
        loss = (found - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        average.update_parameters(network)
        if step % CHECKED_EVERY == 0 or step == steps:
            check_finite(loss.item(), step)
    _fill_unseen(average.module.get_parameter("kind.weight"), 2 * real.group + real.label)
    return weights_of(average.module)


def _fill_unseen(embedding: torch.Tensor, seen: NDArray[np.int64]) -> None:
    """Give each kind that was never seen the mean of those seen of its class.

    A group without studies is nothing that could be learnt: the mean is the most neutral guess.
    """
    known = np.unique(seen)
    with torch.no_grad():
        for kind in np.setdiff1d(np.arange(len(embedding)), known):
            alike = known[known % 2 == kind % 2]
            if len(alike):
                embedding[kind] = embedding[alike].mean(dim=0)


def generate(
    plan: MeasurementPlan,
    weights: Weights,
    real: TrainingSet,
    per_real: float,
    *,
    seed: int,
    device: torch.device,
    absent: Sequence[int] = (),
) -> TrainingSet:
    """Return ``per_real`` generated studies for each real one, of its group and class.

    Parameters
    ----------
    weights : of a generator, from ``train_generator``.
    absent : numbers of groups without real studies; each gets as many as a group with real ones
        has on average, of the classes in the same proportion.
    """
    label, group = _wanted(real, per_real, absent)
    generator = _network(2 * len(plan.groups)).to(device)
    load_weights(generator, weights)
    rng = np.random.Generator(np.random.PCG64(seed))
    kind = torch.from_numpy(2 * group + label).to(device)
    side = plan.image_px // FOLD
    images = []
    with torch.no_grad():
        for start in range(0, len(label), SAMPLED_AT_ONCE):
            of = kind[start : start + SAMPLED_AT_ONCE]
            shape = (len(of), 3 * FOLD**2, side, side)
            noise = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(device)
            made = torch.nn.functional.pixel_shuffle(_sampled(generator, noise, of), FOLD)
            scaled = (made.clamp(-1, 1) + 1) * 127.5
            images.append(scaled.round().byte().permute(0, 2, 3, 1).cpu().numpy())
    return TrainingSet(np.concatenate(images), label, group)


def _wanted(real: TrainingSet, per_real: float, absent: Sequence[int]) -> tuple[Labels, Index]:
    """Return class and group of every study to generate."""
    rows = np.arange(round(per_real * len(real))) % max(len(real), 1)
    each = round(per_real * len(real) / max(len(np.unique(real.group)), 1))
    positives = round(each * float(real.label.mean()))
    theirs = (np.arange(each) < positives).astype(np.int8)
    label = np.concatenate([real.label[rows], *(theirs for _ in absent)])
    group = np.concatenate([real.group[rows], np.repeat(np.array(absent, np.int64), each)])
    return label, group


def _mixture(time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights of image and noise at each time, 0 clean to 1 noise; squares add to 1."""
    angle = (time * math.pi / 2)[:, None, None, None]
    return angle.cos(), angle.sin()


def _sampled(generator: nn.Module, noise: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    times = torch.linspace(1.0, 0.0, SAMPLING_STEPS + 1, device=noise.device)
    image = noise
    for now, then in pairwise(times):
        at = now.expand(len(noise))
        velocity = generator(image, at, kind)
        signal, spread = _mixture(at)
        clean = (signal * image - spread * velocity).clamp(-1.5, 1.5)
        rest = signal * velocity + spread * image
        signal, spread = _mixture(then.expand(len(noise)))
        image = signal * clean + spread * rest
    return image


def _network(kinds: int) -> nn.Module:
    """Return a two-level U-Net whose blocks are shifted and scaled by time and kind."""

    class Block(nn.Module):
        def __init__(self, source: int, channels: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(source, channels, 3, padding=1)
            self.second = nn.Conv2d(channels, channels, 3, padding=1)
            self.norm = nn.GroupNorm(8, channels)
            self.condition = nn.Linear(EMBEDDED, 2 * channels)
            self.skip = nn.Conv2d(source, channels, 1)

        def forward(self, image: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
            scale, shift = self.condition(known)[:, :, None, None].chunk(2, dim=1)
            hidden = self.norm(self.first(image)) * (1 + scale) + shift
            hidden = self.second(nn.functional.silu(hidden))
            return nn.functional.silu(hidden + self.skip(image))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind = nn.Embedding(kinds, EMBEDDED)
            self.time = nn.Sequential(nn.Linear(EMBEDDED, EMBEDDED), nn.SiLU())
            self.down = Block(3 * FOLD**2, CHANNELS)
            self.below = nn.ModuleList(
                [Block(CHANNELS, 2 * CHANNELS), Block(2 * CHANNELS, 2 * CHANNELS)]
            )
            self.up = Block(3 * CHANNELS, CHANNELS)
            self.last = nn.Conv2d(CHANNELS, 3 * FOLD**2, 1)

        def forward(
            self, image: torch.Tensor, time: torch.Tensor, kind: torch.Tensor
        ) -> torch.Tensor:
            wave = torch.exp(torch.linspace(0, 5, EMBEDDED // 2, device=image.device))
            phase = time[:, None] * wave
            known = self.time(torch.cat([phase.sin(), phase.cos()], dim=1)) + self.kind(kind)
            high = self.down(image, known)
            low = nn.functional.avg_pool2d(high, 2)
            for block in self.below:
                low = block(low, known)
            raised = nn.functional.interpolate(low, scale_factor=2.0)
            result: torch.Tensor = self.last(self.up(torch.cat([high, raised], dim=1), known))
            return result

    return UNet()
