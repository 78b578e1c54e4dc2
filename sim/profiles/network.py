"""The small network that is trained in every run, and what one pass through it costs.

torch is imported when a measurement starts, not before: nothing else in the package needs it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]

INFERENCE_BATCH = 256


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, ready to score images."""

    network: "torch.nn.Module"
    device: "torch.device"

    def probability(self, images: NDArray[np.uint8]) -> Floats:
        """Return the probability of the positive class, shape (images,)."""
        import torch  # noqa: PLC0415

        self.network.eval()
        with torch.no_grad():
            logits = [
                self.network(_tensor(images[start : start + INFERENCE_BATCH], self.device))
                for start in range(0, len(images), INFERENCE_BATCH)
            ]
            joined = torch.cat(logits)[:, 0]
            scores: Floats = torch.sigmoid(joined.double()).cpu().numpy()
        return scores


def require_torch() -> None:
    """Raise ``ProfileError`` where torch or codecarbon is not installed."""
    try:
        import codecarbon  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
    except ImportError as error:
        raise ProfileError(
            f"measuring a profile needs {error.name}: pip install 'equiscan[profile]'"
        ) from None


def choose_device(plan: MeasurementPlan) -> "torch.device":
    """Return the device to train on: CUDA where there is one, unless the plan names another."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(plan.threads)
    has_cuda = torch.cuda.is_available()
    if plan.device == "cuda" and not has_cuda:
        raise ProfileError("the plan asks for device 'cuda' and there is none. Use 'auto'.")
    return torch.device("cuda" if has_cuda and plan.device != "cpu" else "cpu")


def build(plan: MeasurementPlan) -> "torch.nn.Sequential":
    """Return the untrained network: 3x3 convolution, batch norm, ReLU, pooling; one logit."""
    from torch import nn  # noqa: PLC0415

    layers: list[nn.Module] = []
    for source, width in zip((3, *plan.widths), plan.widths, strict=False):
        layers += [nn.Conv2d(source, width, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(plan.widths[-1], 1)]
    return nn.Sequential(*layers, *head)


def train(
    plan: MeasurementPlan,
    images: NDArray[np.uint8],
    label: NDArray[np.int8],
    *,
    seed: int,
    device: "torch.device",
) -> Trained:
    """Train for the plan's number of steps, the same however many images there are.

    AdamW, one-cycle learning rate, flips and quarter turns; batches walk through shuffled
    epochs. Initial weights depend on the seed only, so that runs of one seed are paired.
    """
    import torch  # noqa: PLC0415

    torch.manual_seed(seed)
    network = build(plan).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), plan.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=plan.steps
    )
    loss_of = torch.nn.BCEWithLogitsLoss()
    rng = np.random.Generator(np.random.PCG64(seed))
    target = torch.from_numpy(label.astype(np.float32)).to(device)
    queue = np.empty(0, dtype=np.int64)
    network.train()
    for _ in range(plan.steps):
        while len(queue) < plan.batch:
            queue = np.concatenate([queue, rng.permutation(len(label))])
        rows, queue = queue[: plan.batch], queue[plan.batch :]
        batch = _turned(_tensor(images[rows], device), rng)
        optimiser.zero_grad()
        loss_of(network(batch)[:, 0], target[torch.from_numpy(rows).to(device)]).backward()
        optimiser.step()
        schedule.step()
    return Trained(network, device)


def flops(plan: MeasurementPlan) -> tuple[float, float]:
    """Return FLOPs per image of one inference and of one training pass (forward, backward).

    Convolutions and matrix products only, two per multiply-add, as PyTorch counts them.
    """
    import torch  # noqa: PLC0415
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    network = build(plan)
    images = torch.zeros(2, 3, plan.image_px, plan.image_px)
    with FlopCounterMode(display=False) as forward:
        network(images)
    with FlopCounterMode(display=False) as both:
        network(images).sum().backward()
    return forward.get_total_flops() / 2, both.get_total_flops() / 2


def _tensor(images: NDArray[np.uint8], device: "torch.device") -> "torch.Tensor":
    import torch  # noqa: PLC0415

    scaled = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return scaled.contiguous(memory_format=torch.channels_last)


def _turned(batch: "torch.Tensor", rng: np.random.Generator) -> "torch.Tensor":
    import torch  # noqa: PLC0415

    flipped = batch.flip(3) if rng.random() < 0.5 else batch
    turned = torch.rot90(flipped, int(rng.integers(4)), (2, 3))
    return turned.contiguous(memory_format=torch.channels_last)
