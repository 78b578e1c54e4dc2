"""How each watt is known: read from a counter, or what it was estimated from."""

from collections.abc import Iterable, Mapping
from typing import Any

PARTS = ("cpu", "gpu", "ram")
"""Parts of a machine whose energy is known by itself."""
SOURCES = ("measured", "nameplate", "model", "default")
"""Strongest first. ``measured``: a counter was read. ``nameplate``: rated power of the processor
found, by its load (see ``load.cubic``). ``model``: a rule of codecarbon, as of watts per memory
slot. ``default``: nothing was known of the processor, and a few watts per core were taken."""
COUNTERS = ("intel_rapl", "intel_power_gadget", "windows_emi")
"""Modes in which codecarbon reads a processor counter; the others estimate."""


def weakest(sources: Iterable[str | None]) -> str | None:
    """Return the least trustworthy of some sources, ``None`` where there is none.

    >>> weakest(["measured", None, "model"])
    'model'
    """
    known = [source for source in sources if isinstance(source, str)]  # tables hold nan too
    return max(known, key=SOURCES.index, default=None)


def sources_of(hardware: Iterable[Any]) -> dict[str, str | None]:
    """Return the source of each part's power, ``None`` for a part that is not there.

    Parameters
    ----------
    hardware : what a codecarbon tracker reads, one object per part.
    """
    result: dict[str, str | None] = dict.fromkeys(PARTS)
    for device in hardware:
        kind = type(device).__name__
        if kind == "RAM":
            result["ram"] = "model"
        elif kind == "CPU":
            result["cpu"] = _processor(device)
        elif kind == "GPU":  # its energy counter, or its power sensor where it has none
            result["gpu"] = "measured"
        else:  # Apple's and Raspberry's chips are read, not modelled
            result["gpu" if device.chip_part == "GPU" else "cpu"] = "measured"
    return result


def _processor(processor: Any) -> str:
    from codecarbon.core.cpu import DEFAULT_POWER_PER_CORE  # noqa: PLC0415

    if processor._mode in COUNTERS:
        return "measured"
    rated, cores = processor._tdp, processor._cpu_count
    generic = getattr(processor, "_is_generic_tdp", False)
    unknown = generic or rated is None or rated == cores * DEFAULT_POWER_PER_CORE
    return "default" if unknown else "nameplate"


def words(hardware: Iterable[Any]) -> str:
    """Return what codecarbon reads, in its own terms."""
    parts = {type(device).__name__: device for device in hardware}
    processor = parts.get("CPU")
    if processor is None:
        return f"codecarbon: {', '.join(map(str, parts.values()))}"
    rated = f"{processor._tdp} W rated for {processor._cpu_count} cores"
    return f"codecarbon {processor._mode}, {rated}; {', '.join(parts)}"


def weakest_used(run: Mapping[Any, Any]) -> str | None:
    """Return the weakest source among the parts that drew energy in training and inference.

    Parameters
    ----------
    run : with ``{part}_power_source`` and kWh by part; where these are unknown the answer is
        ``power_source``, of all parts.
    """
    used = [
        part
        for part in PARTS
        if any(run.get(f"{block}{part}_kwh", 0.0) > 0 for block in ("", "inference_"))
    ]
    return weakest(run[f"{part}_power_source"] for part in used) or run["power_source"]
