"""What a run drew from the wall, whether that is a reading or an estimate, and who else drew."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import getLogger
from time import perf_counter, process_time, sleep
from typing import Any

import pandas as pd

from sim.profiles.treatment import CONTROL, completed, treated
from sim.units import JOULES_PER_KWH

COUNTERS = ("intel_rapl", "intel_power_gadget", "windows_emi")
"""Modes in which codecarbon reads a processor counter; the others estimate."""
SETTINGS = ("width", "precision", "batch")
"""Factors that change what a sample costs."""
IDLE_SECONDS = 2.0
"""How long the machine is watched doing nothing."""
ALONE = 0.25
"""Processor cores that other work may keep busy before a run no longer counts as run alone."""


@dataclass(slots=True)
class Reading:
    """Energy, emissions and time of one block; ``nan`` until the block has ended."""

    seconds: float = float("nan")
    cpu_kwh: float = float("nan")
    gpu_kwh: float = float("nan")
    ram_kwh: float = float("nan")
    emissions_kg: float = float("nan")
    other_cores: float = float("nan")
    """Mean number of processor cores that other processes kept busy meanwhile."""

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
        start, others = perf_counter(), _busy_elsewhere()
        try:
            yield reading
        finally:
            reading.seconds = perf_counter() - start
            reading.other_cores = max(0.0, _busy_elsewhere() - others) / reading.seconds
            # codecarbon logs its own failures and returns nothing: the reading then stays nan.
            used = self._tracker.stop_task(name)  # type: ignore[attr-defined]
            if used is not None:
                reading.cpu_kwh = float(used.cpu_energy)
                reading.gpu_kwh = float(used.gpu_energy)
                reading.ram_kwh = float(used.ram_energy)
                reading.emissions_kg = float(used.emissions)

    def idle_watts(self) -> float:
        """Return the power of the machine while this process waits, by the same tracker."""
        with self.block("idle") as reading:
            sleep(IDLE_SECONDS)
        return reading.kwh * JOULES_PER_KWH / reading.seconds

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


def _busy_elsewhere() -> float:
    """Return processor seconds that other processes have used since the machine started."""
    import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - comes with codecarbon

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return float(sum(times) - idle - process_time())


def energy_per_image(runs: pd.DataFrame) -> dict[str, Any]:
    """Return joules, FLOPs and seconds per image of untreated runs, and what all runs drew.

    Tables of older measurements hold only the kWh of preparing: its emissions are then the run's
    own kg per kWh times these, and ``emissions_scaled_runs`` says of how many runs.
    """
    once = completed(runs).drop_duplicates("run_id")
    scaled, once = _lacking(once, "emissions_kg"), _filled(once)
    plain = once[~treated(once)]
    # Medians: a run that shared the machine with other work took longer and drew more.
    trained_j = JOULES_PER_KWH * float((plain["kwh"] / plain["samples_trained"]).median())
    inferred = JOULES_PER_KWH * plain["inference_kwh"] / plain["inference_images"]
    per_sample = float(plain["flops_per_training_sample"].iloc[0])
    speed = per_sample * plain["samples_trained"] / plain["seconds"]
    return {
        "power_source": "+".join(sorted(once["power_source"].unique())),
        "tracking": "; ".join(sorted(once["tracking"].unique())),
        "grid_country": str(once["grid_country"].iloc[0]),
        "kwh": _total(once, "kwh"),
        "emissions_kg": _total(once, "emissions_kg"),
        "emissions_scaled_runs": int(scaled.sum()),
        "hours": _total(once, "seconds") / 3600,
        "joules_per_training_sample": trained_j,
        "joules_per_inference": float(inferred.median()),
        "seconds_per_inference": float(
            (plain["inference_seconds"] / plain["inference_images"]).median()
        ),
        "flops_per_training_sample": per_sample,
        "flops_per_inference": float(plain["flops_per_inference"].iloc[0]),
        "joules_per_flop": trained_j / per_sample,
        "flop_per_second": float(speed.median()),
        "utilisation": _median(plain, "utilisation"),
        "idle_watts": _median(once, "idle_watts"),
        "runs_alone": int((once["other_cores"] < ALONE).sum()) if "other_cores" in once else 0,
        "peak_memory_mb": float(once["peak_memory_mb"].max()),
    }


def energy_by_setting(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what a sample cost by width, precision and batch, untreated runs first.

    Compared at the same counts and seeds, of runs that no other treatment touched.
    """
    once = completed(runs).drop_duplicates("run_id")
    plain = once[~treated(once.assign(**{n: CONTROL.model_dump()[n] for n in SETTINGS}))]
    varied = plain[treated(plain)]
    if varied.empty or "utilisation" not in plain:
        return []
    keys = ["n_total", "seed"]
    alike = plain.merge(varied[keys].drop_duplicates(), on=keys).dropna(subset="utilisation")
    result = []
    for level, some in alike.groupby(list(SETTINGS), sort=False):
        joules = JOULES_PER_KWH * some["kwh"] / some["samples_trained"]
        inferred = JOULES_PER_KWH * some["inference_kwh"] / some["inference_images"]
        result.append(
            {
                **dict(zip(SETTINGS, level, strict=True)),
                "runs": len(some),
                "runs_alone": int((some["other_cores"] < ALONE).sum()),
                "joules_per_training_sample": _spread(joules),
                "joules_per_inference": _spread(inferred),
                "seconds_per_training_sample": _spread(some["seconds"] / some["samples_trained"]),
                "utilisation": _spread(some["utilisation"]),
                "flops_per_training_sample": float(some["flops_per_training_sample"].iloc[0]),
                "joules_per_flop": _spread(joules / some["flops_per_training_sample"]),
            }
        )
    return result


def _spread(values: "pd.Series[float]") -> dict[str, float]:
    return {"value": values.median(), "low": values.min(), "high": values.max()}


def _total(once: pd.DataFrame, quantity: str) -> float:
    """Return what training, inference and preparing took of a quantity."""
    return float(sum(rows[f"{block}{quantity}"].sum() for block, rows in _blocks(once)))


def _blocks(once: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return prefix and runs of each kind of work; a preparation once, whoever used it."""
    blocks = [("", once), ("inference_", once)]
    if "prepared" in once:
        used = once[once["prepared"].notna()].drop_duplicates("prepared")
        blocks += [("preparation_", used), ("generation_", once)]
    return blocks


def _lacking(once: pd.DataFrame, quantity: str) -> "pd.Series[bool]":
    """Return which runs prepared something and did not keep a quantity of it."""
    lacking = pd.Series(data=False, index=once.index)
    for block in ("preparation_", "generation_") if "prepared" in once else ():
        unknown = once[f"{block}{quantity}"].isna() if f"{block}{quantity}" in once else True
        lacking |= (once[f"{block}kwh"] > 0) & unknown
    return lacking


def _filled(once: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with every quantity of preparing, by the run's own share per kWh."""
    filled = once.copy()
    for block in ("preparation_", "generation_") if "prepared" in once else ():
        for quantity in ("emissions_kg",):
            column = f"{block}{quantity}"
            scaled = once[f"{block}kwh"] * once[quantity] / once["kwh"]
            filled[column] = once[column].fillna(scaled) if column in once else scaled
    return filled


def _median(once: pd.DataFrame, name: str) -> float | None:
    """Return the median of a column, ``None`` when no run has it."""
    if name not in once or once[name].isna().all():
        return None
    return float(once[name].median())
