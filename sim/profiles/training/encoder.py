"""Features of images from a public encoder that installs as a package, computed once."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from sim.atomic import replace_file
from sim.errors import ProfileError, listed, nearest
from sim.profiles.design import Encoder
from sim.profiles.images.image_files import ENCODER, FEATURES, MAPS, name_of, open_source
from sim.profiles.metering.energy import ALONE
from sim.profiles.metering.gpu_counter import open_counter
from sim.profiles.metering.machine import describe
from sim.profiles.metering.meter import Meter, Reading
from sim.profiles.metering.power import weakest
from sim.profiles.metering.register import Register, gpus_of
from sim.profiles.training.encoder_weights import ENCODERS, before_last_blocks, published
from sim.profiles.training.network import as_tensor, use_threads
from sim.units import JOULES_PER_KWH

Bytes = NDArray[np.uint8]
Features = NDArray[np.float16]
Taken = Callable[[Any, torch.Tensor], torch.Tensor]
"""Features of images by a network."""

PRETRAINING = "natural images (ImageNet-1k, 1,000 kinds of objects, with labels); no medical image"
LAYERS = ("stages", "last", MAPS)
"""Where features are taken from."""
FILE_COLUMN = "file"
BATCH = 64
COUNTRY = "USA"
"""Of the grid, which the meter asks for; emissions are not kept."""


def write_features(  # noqa: PLR0913 - each is an option of the command
    data: str | Path,
    out: str | Path,
    *,
    encoder: str = ENCODERS[0],
    image_px: int = 160,
    layers: str = LAYERS[0],
    table: str | Path | None = None,
    file_column: str = FILE_COLUMN,
    grey_bits: int | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Encoder:
    """Write an npz file of an encoder's features beside all columns of the images.

    Features are kept as 16-bit numbers.
    The encoder stays as it was published. What an image costs is metered batch by batch: the
    median of the tenth of them that other work disturbed least.

    Parameters
    ----------
    data, table : the images; see ``image_files.open_source``.
    file_column : column of the table of a folder that names the pictures.
    grey_bits : bits of greyscale pictures with more than eight, such as 12.
    image_px : side to which the images are brought.
    layers : ``stages``: means and spreads of channels of all stages; ``last``: means of the last
        layer's; ``maps``: what goes into the last blocks, which ``model: last_blocks`` trains.
    threads : of the processor.
    progress : called with images done and images in all.

    Raises
    ------
    ProfileError
        For an unknown encoder, one that is not installed, and images that cannot be read.
    """
    network = published(encoder, image_px)
    taken = _taken_from(layers)
    source = open_source(data, table)
    use_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    meter = Meter(COUNTRY, open_counter(str(device)), Register(gpus_of(str(device))))
    features, readings = _metered(
        partial(features_of, network, side=image_px, device=device, taken=taken),
        lambda rows: source.pixels(rows, source.side or image_px, file_column, grey_bits),
        len(next(iter(source.columns.values()))),
        meter,
        progress,
    )
    made = Encoder(
        name=name_of(encoder, layers),
        pretraining=PRETRAINING,
        image_px=image_px,
        flops=flops_of(network.to("cpu"), image_px, taken),
        power_source=weakest(meter.sources().values()) or "default",
        hardware=f"{describe(str(device))['hardware']}, {threads} threads, batches of {BATCH}",
        **_cost_of(readings),
    )
    arrays: dict[str, Any] = {
        **source.columns,
        FEATURES: features,
        ENCODER: np.array(made.model_dump_json()),
    }
    replace_file(Path(out), lambda there: _save(there, arrays))
    return made


def _taken_from(layers: str) -> Taken:
    """Return what takes features from layers; ``ProfileError`` where there are none such."""
    taken = dict(zip(LAYERS, (of_stages, _of_last, before_last_blocks), strict=True))
    if layers not in taken:
        raise ProfileError(f"no layers '{layers}'.{nearest(layers, LAYERS)} Use {listed(LAYERS)}.")
    return taken[layers]


def _metered(
    compute: Callable[[Bytes], Features],
    pixels: Callable[[NDArray[np.intp]], Bytes],
    count: int,
    meter: Meter,
    progress: Callable[[int, int], None] | None,
) -> tuple[Features, list[tuple[Reading, int]]]:
    """Return features of all images, and what each full batch took, with its images."""
    features, readings = [], []
    for start in range(0, count, BATCH):
        rows = np.arange(start, min(start + BATCH, count))
        images = pixels(rows)
        with meter.block() as reading:
            features.append(compute(images))
        if len(rows) == BATCH or count < BATCH:
            readings.append((reading, len(rows)))
        if progress:
            progress(int(rows[-1]) + 1, count)
    return np.concatenate(features), readings


def _cost_of(readings: list[tuple[Reading, int]]) -> dict[str, Any]:
    """Return what an image takes, by the tenth of the batches that were disturbed least."""
    quiet = sorted(readings, key=lambda one: one[0].other_cores)[: max(1, len(readings) // 10)]
    return {
        "joules": float(np.median([one.kwh * JOULES_PER_KWH / n for one, n in quiet])),
        "seconds": float(np.median([one.seconds / n for one, n in quiet])),
        "alone": all(one.other_cores <= ALONE and not one.apportioned for one, _ in quiet),
    }


def _save(there: BinaryIO, arrays: Mapping[str, Any]) -> None:
    """Write an npz file, text as text; numpy's own way of it allows no column called ``file``."""
    with ZipFile(there, "w") as archive:
        for name, array in arrays.items():
            plain = array.astype(str) if array.dtype.kind == "O" else array
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, plain, allow_pickle=False)


def features_of(
    network: Any, images: Bytes, side: int, device: torch.device, taken: Taken
) -> Features:
    """Return an encoder's features of images, shape (images, features), or maps."""
    with torch.inference_mode():
        shown = torch.nn.functional.interpolate(
            as_tensor(images, device), (side, side), mode="bilinear", antialias=True
        )
        features = taken(network, shown.contiguous(memory_format=torch.channels_last))
        return np.asarray(features.half().cpu().numpy())


def _of_last(network: Any, images: torch.Tensor) -> torch.Tensor:
    maps: torch.Tensor = network.extract_features(images)
    return maps.mean(dim=(2, 3))


def of_stages(network: Any, images: torch.Tensor) -> torch.Tensor:
    """Return means of the last six stages' channels, and spreads of the first four of these.

    A stage ends where the number of channels changes. Later stages have few places to spread over,
    and what the last layer adds was learnt to tell kinds of objects apart.
    """
    maps = network._swish(network._bn0(network._conv_stem(images)))
    stages: list[torch.Tensor] = []
    for block in network._blocks:
        before, maps = maps, block(maps)
        if maps.shape[1] != before.shape[1]:
            stages.append(before)
    # the stem and the first stage are edges and colours only
    kept = [*stages[2:], maps]
    means = [stage.mean(dim=(2, 3)) for stage in kept]
    return torch.cat([*means, *(stage.std(dim=(2, 3)) for stage in kept[:4])], dim=1)


def flops_of(network: Any, side: int, taken: Taken) -> float:
    """Return the FLOPs of an image's features, of a network on the processor."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        taken(network, torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops())
