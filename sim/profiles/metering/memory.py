"""How much memory a block of work held at its highest, and of what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import psutil  # type: ignore[import-untyped] # comes with codecarbon
import torch

SAMPLED_EVERY_S = 0.05
"""Seconds between two looks at the process: a spike between them is missed."""
BYTES_PER_MB = 1e6


@dataclass(slots=True)
class Peak:
    """Highest memory of one block, and what was looked at; ``nan`` until the block has ended."""

    of: str
    mb: float = float("nan")


@contextmanager
def peak_memory(device: str) -> Iterator[Peak]:
    """Watch the block; the peak is complete when the block has ended.

    On CUDA what torch had allocated on the device, exactly. Elsewhere what the process held
    resident, libraries and images included, looked at every 50 ms.
    """
    watch = _allocated if device.startswith("cuda") else _resident
    with watch() as peak:
        yield peak


@contextmanager
def _allocated() -> Iterator[Peak]:
    peak = Peak("allocated on the device")
    torch.cuda.reset_peak_memory_stats()
    try:
        yield peak
    finally:
        peak.mb = torch.cuda.max_memory_allocated() / BYTES_PER_MB


@contextmanager
def _resident() -> Iterator[Peak]:
    process, ended = psutil.Process(), Event()
    peak = Peak("resident in the process")
    seen = [process.memory_info().rss]

    def look() -> None:
        while not ended.wait(SAMPLED_EVERY_S):
            seen.append(process.memory_info().rss)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        peak.mb = max(*seen, process.memory_info().rss) / BYTES_PER_MB
