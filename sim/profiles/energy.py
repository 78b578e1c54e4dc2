"""What a run drew from the wall, and whether that is a reading or an estimate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import getLogger
from time import perf_counter
from typing import Any

import pandas as pd

from sim.units import JOULES_PER_KWH

COUNTERS = ("intel_rapl", "intel_power_gadget", "windows_emi")
"""Modes in which codecarbon reads a processor counter; the others estimate."""


@dataclass(slots=True)
class Reading:
    """Energy, emissions and time of one block; ``nan`` until the block has ended."""

    seconds: float = float("nan")
    cpu_kwh: float = float("nan")
    gpu_kwh: float = float("nan")
    ram_kwh: float = float("nan")
    emissions_kg: float = float("nan")

    @property
    def kwh(self) -> float:
        """Energy of the whole machine, idle included."""
        return self.cpu_kwh + self.gpu_kwh + self.ram_kwh


@dataclass(slots=True)
class Meter:
    """A codecarbon tracker for the whole machine, without network or files."""

    country: str
    _tracker: object = field(init=False)

    def __post_init__(self) -> None:
        from codecarbon import OfflineEmissionsTracker  # noqa: PLC0415

        # The level of the tracker itself starts too late for its first two lines.
        getLogger("codecarbon").setLevel("ERROR")
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=self.country,
            output_methods=[],
            log_level="error",
            tracking_mode="machine",
            measure_power_secs=5,
            allow_multiple_runs=True,
        )

    @contextmanager
    def block(self, name: str) -> Iterator[Reading]:
        """Measure the block; the reading is complete when the block has ended."""
        reading = Reading()
        self._tracker.start_task(name)  # type: ignore[attr-defined]
        start = perf_counter()
        try:
            yield reading
        finally:
            reading.seconds = perf_counter() - start
            # codecarbon logs its own failures and returns nothing: the reading then stays nan.
            used = self._tracker.stop_task(name)  # type: ignore[attr-defined]
            if used is not None:
                reading.cpu_kwh = float(used.cpu_energy)
                reading.gpu_kwh = float(used.gpu_energy)
                reading.ram_kwh = float(used.ram_energy)
                reading.emissions_kg = float(used.emissions)

    def close(self) -> None:
        """Stop the tracker's thread."""
        self._tracker.stop()  # type: ignore[attr-defined]

    def source(self) -> tuple[str, str]:
        """Return how the processor's power is known, and codecarbon's words for it.

        ``measured``: a counter was read. ``nameplate``: the rated power of the model found, times
        load. ``default``: codecarbon did not know the model and took a few watts per core.
        """
        from codecarbon.core.cpu import DEFAULT_POWER_PER_CORE  # noqa: PLC0415

        parts = {type(part).__name__: part for part in self._tracker._hardware}  # type: ignore[attr-defined]
        processor = parts.get("CPU")
        if processor is None:  # Apple's and Raspberry's chips are read, not modelled
            return "measured", f"codecarbon: {', '.join(map(str, parts.values()))}"
        mode, rated, cores = processor._mode, processor._tdp, processor._cpu_count
        words = f"codecarbon {mode}, {rated} W rated for {cores} cores; {', '.join(parts)}"
        if mode in COUNTERS:
            return "measured", words
        unknown = rated is None or rated == cores * DEFAULT_POWER_PER_CORE
        return ("default" if unknown else "nameplate"), words


def energy_per_image(runs: pd.DataFrame) -> dict[str, Any]:
    """Return joules, FLOPs and seconds per image, and what all runs drew together."""
    once = runs.drop_duplicates("run_id")
    # Medians: a run that shared the machine with other work took longer and drew more.
    trained_j = JOULES_PER_KWH * float((once["kwh"] / once["samples_trained"]).median())
    inferred = JOULES_PER_KWH * once["inference_kwh"] / once["inference_images"]
    per_sample = float(once["flops_per_training_sample"].iloc[0])
    return {
        "power_source": "+".join(sorted(once["power_source"].unique())),
        "tracking": "; ".join(sorted(once["tracking"].unique())),
        "grid_country": str(once["grid_country"].iloc[0]),
        "kwh": float(once["kwh"].sum() + once["inference_kwh"].sum()),
        "emissions_kg": float((once["emissions_kg"] + once["inference_emissions_kg"]).sum()),
        "hours": float((once["seconds"] + once["inference_seconds"]).sum() / 3600),
        "joules_per_training_sample": trained_j,
        "joules_per_inference": float(inferred.median()),
        "seconds_per_inference": float(
            (once["inference_seconds"] / once["inference_images"]).median()
        ),
        "flops_per_training_sample": per_sample,
        "flops_per_inference": float(once["flops_per_inference"].iloc[0]),
        "joules_per_flop": trained_j / per_sample,
        "peak_memory_mb": float(once["peak_memory_mb"].max()),
    }
