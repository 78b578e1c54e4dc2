"""What an image costs on a device: time and energy of a public encoder, by precision and batch.

Each row is of one block of work, after two passes that nobody counts. Energy is codecarbon's, of
the whole machine, and beside it what the device's own counter says where it has one. A row says
what it ran on, and nothing is carried over from one device to another.
"""

from collections.abc import Callable, Iterator, Mapping
from math import nan
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sim.atomic import replace_file
from sim.profiles.design import MeasurementPlan
from sim.profiles.metering.gpu_counter import open_counter
from sim.profiles.metering.machine import describe, peak_flops
from sim.profiles.metering.memory import peak_memory
from sim.profiles.metering.meter import Meter, Reading
from sim.profiles.metering.power import PARTS
from sim.profiles.metering.register import Register, gpus_of
from sim.profiles.training.bench import FAILURES, Row, words_of
from sim.profiles.training.encoder import features_of, flops_of, of_stages
from sim.profiles.training.encoder_weights import published
from sim.profiles.training.network import as_tensor, build, computing, flops, use_threads
from sim.units import JOULES_PER_KWH

Bytes = NDArray[np.uint8]

COSTS = "costs.csv"
"""Table of a row per work, precision and batch."""
KEY = ("device", "hardware", "torch", "work", "precision", "batch")
"""What a row is of: one that is there is not measured again."""
PRECISIONS = {"cuda": ("fp32", "tf32", "bf16"), "cpu": ("fp32", "bf16")}
BATCHES = {"cuda": (64, 256, 1, 16, 1024), "cpu": (16, 1, 64)}
"""Images at once, those first that say most."""
WORKS = ("features", "training")
"""``features``: an encoder's features of images, from bytes to numbers. ``training``: one step of
fine-tuning all of it."""
BLOCK_S = {"cuda": 4.0, "cpu": 2.0}
"""How long a block lasts at least, seconds: counters are read a few times a second."""
COUNTRY = "USA"
"""Of the grid, which the meter asks for; emissions are not kept."""


class Setting(NamedTuple):
    """One row that is to be measured."""

    work: str
    precision: str
    batch: int


def settings_of(device: str) -> list[Setting]:
    """Return what is measured on a kind of device, the most valuable first."""
    return [
        Setting(work, precision, batch)
        for batch in BATCHES[device]
        for work in WORKS
        for precision in PRECISIONS[device]
    ]


def measure_costs(
    plan: MeasurementPlan,
    images: Bytes,
    out: Path,
    *,
    device: str,
    go_on: Callable[[], bool],
    progress: Callable[[int, int, str], None],
) -> None:
    """Measure the rows that ``out`` lacks, one by one.

    Parameters
    ----------
    plan : of a fine-tuned encoder.
    images : of any number, shape (images, side, side, 3); batches walk through them.
    out : folder; ``costs.csv`` in it is written anew after every row, so that a kill loses one.
    device : ``cuda`` or ``cpu``.
    go_on : asked before every row.
    progress : called with rows there, rows in all, and the row just measured.
    """
    table, about, wanted = _Table(out / COSTS), describe(device), settings_of(device)
    missing = _missing(table, about, device)
    if not missing or not go_on():
        return
    use_threads(plan.threads)
    bench = _Bench(plan, images, torch.device(device))
    common = about | {"threads": plan.threads, "shown_px": plan.shown_px} | bench.idle()
    for done, one in enumerate(missing, start=len(wanted) - len(missing) + 1):
        if not go_on():
            return
        table.put(one._asdict() | common | bench.row(one))
        progress(done, len(wanted), " ".join(map(str, one)))


def costs_there(out: Path, device: str) -> tuple[int, int]:
    """Return how many rows of this machine's device a folder holds, and of how many."""
    wanted = len(settings_of(device))
    return wanted - len(_missing(_Table(out / COSTS), describe(device), device)), wanted


def _missing(table: "_Table", about: Mapping[str, str], device: str) -> list[Setting]:
    here = {name: about[name] for name in KEY[:3]}
    return [one for one in settings_of(device) if not table.holds(here | one._asdict())]


class _Table:
    """Rows on disk, one for each ``KEY``."""

    def __init__(self, place: Path) -> None:
        self.place = place
        read = pd.read_csv(place) if place.exists() else pd.DataFrame()
        self.rows: dict[tuple[str, ...], Row] = {
            _key(row): row for row in cast("list[Row]", read.to_dict("records"))
        }

    def holds(self, what: Mapping[str, object]) -> bool:
        """Return whether it has a row of that, of what was measured and did not fail."""
        row = self.rows.get(_key(what))
        return row is not None and not isinstance(row["error"], str)

    def put(self, row: Row) -> None:
        """Write a row, in the place of one that failed."""
        self.rows[_key(row)] = row
        text = pd.DataFrame(list(self.rows.values())).to_csv(index=False)
        replace_file(self.place, lambda there: there.write(text.encode()))


def _key(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in KEY)


class _Bench:
    """A device with images, a meter, and the FLOP per second that it reaches."""

    def __init__(self, plan: MeasurementPlan, images: Bytes, device: torch.device) -> None:
        self.plan, self.images, self.device = plan, images, device
        kind = str(device)
        self.meter = Meter(COUNTRY, open_counter(kind), Register(gpus_of(kind)))
        self.peaks: dict[str, float] = {}

    def idle(self) -> Row:
        """Return the power of the idle machine, and of the idle device by its own counter, W."""
        watts = self.meter.idle_watts()
        with self.meter.block() as reading:
            sleep(1.0)
        counted = reading.gpu_counter_kwh * JOULES_PER_KWH / reading.seconds
        return {"idle_watts": watts, "idle_gpu_watts": counted}

    def row(self, one: Setting) -> Row:
        """Return what one setting costs, or why it could not be measured."""
        try:
            return {**self._measured(one), "error": None}
        except FAILURES as error:  # recorded, not hidden
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            return {"error": words_of(error)}

    def _measured(self, one: Setting) -> Row:
        work = {"features": self._features, "training": self._training}[one.work]
        passes, operations = work(one.batch)
        with computing(one.precision, self.device):
            peak = self.peaks.setdefault(one.precision, peak_flops(self.device, one.precision))
            for _ in range(2):
                next(passes)
            images = 0
            with self.meter.block() as reading, peak_memory(str(self.device)) as memory:
                end = perf_counter() + BLOCK_S[self.device.type]
                while not images or perf_counter() < end:
                    next(passes)
                    images += one.batch
        return {
            "images": images,
            "seconds": reading.seconds,
            "images_per_second": images / reading.seconds,
            **_joules(reading, images),
            "other_cores": reading.other_cores,
            "energy": "apportioned" if reading.apportioned else "alone",
            **{f"{part}_power_source": source for part, source in self.meter.sources().items()},
            "flops_per_image": operations,
            "peak_flops": peak,
            "utilisation": operations * images / reading.seconds / peak,
            "peak_memory_mb": memory.mb,
            "peak_memory_of": memory.of,
        }

    def _batches(self, size: int) -> Iterator[Bytes]:
        order = np.arange(size)
        while True:
            yield self.images[order % len(self.images)]
            order += size

    def _features(self, batch: int) -> tuple[Iterator[None], float]:
        """Return passes, and the FLOPs of an image; each pass ends when its numbers are there."""
        side, network = self.plan.shown_px, published(self.plan.starts_from, self.plan.shown_px)
        operations = flops_of(network, side, of_stages)
        network.to(self.device)

        def passes() -> Iterator[None]:
            for images in self._batches(batch):
                features_of(network, images, side, self.device, of_stages)
                yield

        return passes(), operations

    def _training(self, batch: int) -> tuple[Iterator[None], float]:
        """Return steps, and the FLOPs of an image; each step ends when its loss is known."""
        network = build(self.plan).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.train()
        optimiser = torch.optim.AdamW(network.parameters(), 1e-6, weight_decay=0.01)
        loss_of = torch.nn.BCEWithLogitsLoss()
        target = torch.arange(batch, device=self.device).remainder(2).float()

        def steps() -> Iterator[None]:
            for images in self._batches(batch):
                optimiser.zero_grad()
                loss = loss_of(network(as_tensor(images, self.device))[:, 0].float(), target)
                loss.backward()
                optimiser.step()
                loss.item()  # a GPU is waited for
                yield

        return steps(), flops(self.plan)[1]


def _joules(reading: Reading, images: int) -> Row:
    """Return joules per image: in all and by part as codecarbon has it, and by the counter."""
    kwh = {"": reading.kwh, **{f"{part}_": getattr(reading, f"{part}_kwh") for part in PARTS}}
    kwh["gpu_counter_"] = reading.gpu_counter_kwh
    per_image = {
        name: value * JOULES_PER_KWH / images if images else nan for name, value in kwh.items()
    }
    return {f"{name}joules_per_image": value for name, value in per_image.items()}
