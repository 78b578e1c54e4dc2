"""What a measurement ran on: hardware, versions, and the commit of the code."""

import os
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine, python_version, system
from time import perf_counter

import torch
from codecarbon.core.util import detect_cpu_model

PEAK_SIDE, PEAK_REPEATS = {"cpu": 1024, "cuda": 8192}, 5
"""Rows of the square matrices whose product stands for the machine's peak, and attempts."""
PACKAGES = ("torch", "numpy", "codecarbon", "equiscan")


def describe(device: str) -> dict[str, str]:
    """Return hardware and versions, one entry per column of the runs."""
    return {
        "device": device,
        "hardware": _hardware(device),
        "platform": f"{system()} {machine()}",
        "python": python_version(),
        **{name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _version(package: str) -> str:
    """Return a package's version; nothing where it runs from its source and is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _hardware(device: str) -> str:
    words = f"{os.cpu_count()} cores of {detect_cpu_model() or 'unknown processor'}"
    if device == "cuda":
        words += f", {torch.cuda.get_device_name()}"
    return words


def peak_flops(device: torch.device, precision: str) -> float:
    """Return the FLOP per second of a large matrix product, best of some attempts.

    What this device and number of threads really reach, not a figure of a data sheet.
    """
    side = PEAK_SIDE[device.type]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.ones(side, side, dtype=kind, device=device)

    def attempt() -> float:
        start = perf_counter()
        float((matrix @ matrix)[0, 0])  # reading a value waits for a GPU to finish
        return perf_counter() - start

    attempt()
    return 2.0 * side**3 / min(attempt() for _ in range(PEAK_REPEATS))


def _commit() -> str:
    """Commit of the code that measures, with ``+`` for uncommitted changes, or nothing."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
