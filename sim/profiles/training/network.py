"""The small network that is trained in every run, and what one pass through it costs.

torch is imported when a measurement starts, not before: nothing else in the package needs it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from platform import node

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.training.encoder_weights import (
    last_blocks,
    shape_of_maps,
    with_one_logit,
)
from sim.profiles.training.mitigation import Objective, batches
from sim.profiles.treatment import Treatment

Floats = NDArray[np.float64]
Weights = dict[str, NDArray[np.generic]]
"""Weights of a network by name: on no device, so that they travel between processes and to disk."""

INFERENCE_BATCH = 256
CHECKED_EVERY = 50
"""Steps between two looks at the loss; each makes a GPU wait."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, ready to score images."""

    network: torch.nn.Module
    device: torch.device
    precision: str = "fp32"

    def probability(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> Floats:
        """Return the probability of the positive class, shape (images,).

        Raises ``ProfileError`` when one is not a number: the last update is not followed by a
        loss that would show it.
        """
        self.network.eval()
        with torch.no_grad(), computing(self.precision, self.device):
            logits = [
                self.network(as_tensor(images[start : start + INFERENCE_BATCH], self.device))
                for start in range(0, len(images), INFERENCE_BATCH)
            ]
            joined = torch.cat(logits)[:, 0]
            scores: Floats = torch.sigmoid(joined.double()).cpu().numpy()
        if not np.isfinite(scores).all():
            raise ProfileError("the network's scores are not numbers. Lower 'learning_rate'.")
        return scores


def use_threads(number: int) -> None:
    """Let torch use so many threads of the processor for what the calling thread computes."""
    torch.set_num_threads(number)


def choose_device(plan: MeasurementPlan) -> torch.device:
    """Return the device to train on: CUDA where there is one, unless the plan names another."""
    has_cuda = torch.cuda.is_available()
    if plan.device == "cuda" and not has_cuda:
        raise ProfileError(
            f"the plan asks for device 'cuda' and there is none on '{node()}'. Use 'auto'."
        )
    if not has_cuda or plan.device == "cpu":
        return torch.device("cpu")
    compute_repeatably()
    return torch.device("cuda")


def compute_repeatably() -> None:
    """Make CUDA give the same numbers each time, as a processor does of itself.

    Call before the first product on the device. An operation that has no such algorithm warns and
    goes on: of those used here, they add up in any order.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
    torch.backends.cudnn.benchmark = False  # would choose by the time that others leave it
    torch.use_deterministic_algorithms(True, warn_only=True)
    # clearing what is overwritten anyway would cost time and energy that training does not need
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def computing(precision: str, device: torch.device) -> Iterator[None]:
    """Compute in fp32 proper, in TF32 (CUDA only) or in bfloat16 with fp32 weights.

    Raises ``ProfileError`` for TF32 without CUDA.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ProfileError(f"precision 'tf32' needs CUDA, and this is {device.type}.")
    fast = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = fast
    torch.backends.cudnn.allow_tf32 = fast
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


def build(plan: MeasurementPlan, width: float = 1.0) -> torch.nn.Sequential:
    """Return the network as training begins, with one logit.

    From scratch: 3x3 convolution, batch norm, ReLU, pooling. Fine-tuned: a published encoder, or
    its last blocks.
    """
    if plan.model == "fine_tuned":
        return with_one_logit(plan.starts_from, plan.shown_px)
    if plan.model == "last_blocks":
        return last_blocks(plan.starts_from, plan.shown_px)
    widths = [max(1, round(width * channels)) for channels in plan.widths]
    layers: list[nn.Module] = []
    for source, channels in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(source, channels, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 1)]
    return nn.Sequential(*layers, *head)


def schedule(plan: MeasurementPlan, treatment: Treatment) -> tuple[int, int]:
    """Return steps and images per step; their product is about the same in every run."""
    size = max(2, round(treatment.batch * plan.batch))
    return max(1, round(plan.steps * plan.batch / size)), size


def train(
    plan: MeasurementPlan,
    learnt: TrainingSet,
    *,
    seed: int,
    device: torch.device,
    treatment: Treatment,
    start: Weights | None = None,
) -> Trained:
    """Train for the plan's number of steps, the same however many images there are.

    AdamW, one-cycle learning rate, flips and quarter turns of images, not of maps; batches walk
    through shuffled epochs. Initial weights depend on the seed only, so that runs of one seed are
    paired.

    Parameters
    ----------
    start : weights of the layers before the last one, from pre-training.

    Raises
    ------
    ProfileError
        When the loss is no longer a number.
    """
    torch.manual_seed(seed)
    network = build(plan, treatment.width).to(device)
    if start is not None:
        load_weights(network[:-1], start)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps, size = schedule(plan, treatment)
    optimiser = torch.optim.AdamW(network.parameters(), plan.learning_rate, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps)
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="none")
    rng = np.random.Generator(np.random.PCG64(seed))
    target = torch.from_numpy(learnt.label.astype(np.float32)).to(device)
    group = torch.from_numpy(learnt.group).to(device)
    objective = Objective(learnt.group, treatment.mitigation, device)
    order = batches(learnt.group, size, treatment.mitigation, rng)
    network.train()
    for step in range(1, steps + 1):
        rows = next(order)
        batch = as_tensor(learnt.images[rows], device)
        if plan.model != "last_blocks":  # maps of a turned image are not its maps turned
            batch = _turned(batch, rng)
        chosen = torch.from_numpy(rows).to(device)
        optimiser.zero_grad()
        with computing(treatment.precision, device):
            logit = network(batch)[:, 0]
        loss = objective(loss_of(logit.float(), target[chosen]), group[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
        if step % CHECKED_EVERY == 0 or step == steps:
            check_finite(loss.item(), step)
    return Trained(network, device, treatment.precision)


def weights_of(network: torch.nn.Module) -> Weights:
    """Return a copy of the weights of a network."""
    return {name: value.cpu().numpy().copy() for name, value in network.state_dict().items()}


def load_weights(network: torch.nn.Module, weights: Weights) -> None:
    """Give a network of the same layers those weights, wherever it is."""
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})


def check_finite(loss: float, step: int) -> None:
    """Raise ``ProfileError`` when a loss is not a number."""
    if not np.isfinite(loss):
        raise ProfileError(f"the loss is {loss} at step {step}. Lower 'learning_rate'.")


def flops(plan: MeasurementPlan, width: float = 1.0) -> tuple[float, float]:
    """Return FLOPs per image of one inference and of one training pass (forward, backward).

    Convolutions and matrix products only, two per multiply-add, as PyTorch counts them. Of an
    encoder the backward pass is taken as twice the forward one: PyTorch counts that of a
    convolution in groups as if it had one group, 22 times too much in all.
    """
    network = build(plan, width)
    if plan.model == "last_blocks":
        images = torch.zeros(2, *shape_of_maps(network, plan.shown_px))
    else:
        images = torch.zeros(2, 3, plan.image_px, plan.image_px)
    with FlopCounterMode(display=False) as forward:
        network(images)
    if plan.model in ("last_blocks", "fine_tuned"):
        return forward.get_total_flops() / 2, 3.0 * forward.get_total_flops() / 2
    with FlopCounterMode(display=False) as both:
        network(images).sum().backward()
    return forward.get_total_flops() / 2, both.get_total_flops() / 2


def as_tensor(
    images: NDArray[np.uint8] | NDArray[np.float32], device: torch.device
) -> torch.Tensor:
    """Return images as a tensor of -1 to 1, shape (images, 3, side, side), channels last.

    An encoder's maps have that order of axes already, and keep their values.
    """
    there = torch.from_numpy(images).to(device)
    scaled = there.permute(0, 3, 1, 2).float() / 127.5 - 1 if images.dtype == np.uint8 else there
    return scaled.contiguous(memory_format=torch.channels_last)


def _turned(batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    flipped = batch.flip(3) if rng.random() < 0.5 else batch
    turned = torch.rot90(flipped, int(rng.integers(4)), (2, 3))
    return turned.contiguous(memory_format=torch.channels_last)
