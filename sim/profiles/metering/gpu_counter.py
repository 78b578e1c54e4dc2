"""The energy counter of the GPUs themselves, to hold against what the tracker says of them."""

from math import nan
from typing import Protocol

import pynvml  # type: ignore[import-untyped] # comes with codecarbon
import torch

from sim.units import JOULES_PER_KWH

MILLIJOULES_PER_KWH = 1e3 * JOULES_PER_KWH


class EnergyCounter(Protocol):
    """Something that only counts up."""

    def millijoules(self) -> float | None:
        """Return the energy drawn since some time in the past, mJ; ``None`` when unreadable."""


class NvidiaCounter:
    """The counters of all GPUs that torch can use, added up."""

    def __init__(self) -> None:
        self._library = pynvml
        pynvml.nvmlInit()
        visible = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        # by name: the library counts GPUs that CUDA_VISIBLE_DEVICES hides from torch
        self._handles = [pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{gpu.uuid}") for gpu in visible]

    def millijoules(self) -> float | None:
        """Return the energy since the driver was loaded, mJ; ``None`` for GPUs without counter."""
        read = self._library.nvmlDeviceGetTotalEnergyConsumption
        try:
            return float(sum(read(handle) for handle in self._handles))
        except self._library.NVMLError:
            return None


def open_counter(device: str) -> EnergyCounter | None:
    """Return the counter of the GPUs, ``None`` on other devices and where it cannot be opened."""
    if not device.startswith("cuda"):
        return None
    try:
        return NvidiaCounter()
    except Exception:  # the library's errors are its own, and a cross-check must not stop a run
        return None


def kwh_between(before: float | None, after: float | None) -> float:
    """Return the energy between two readings in mJ, in kWh; ``nan`` where one is missing.

    >>> kwh_between(1e9, 1e9 + 3.6e9)
    1.0
    """
    if before is None or after is None or after < before:  # a driver loaded anew starts at 0
        return nan
    return (after - before) / MILLIJOULES_PER_KWH
