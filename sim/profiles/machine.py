"""What a measurement ran on: hardware, versions, and the commit of the code."""

import os
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version, system

PACKAGES = ("torch", "numpy", "codecarbon", "equiscan")


def describe(device: str) -> dict[str, str]:
    """Return hardware and versions, one entry per column of the runs."""
    return {
        "device": device,
        "hardware": _hardware(device),
        "platform": f"{system()} {machine()}",
        "python": python_version(),
        **{name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _hardware(device: str) -> str:
    from codecarbon.core.util import detect_cpu_model  # noqa: PLC0415

    words = f"{os.cpu_count()} cores of {detect_cpu_model() or 'unknown processor'}"
    if device == "cuda":
        import torch  # noqa: PLC0415

        words += f", {torch.cuda.get_device_name()}"
    return words


def peak_memory_mb(device: str) -> float:
    """Peak of the device since the start of the measurement; of the process on CPU."""
    if device == "cuda":
        import torch  # noqa: PLC0415

        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _commit() -> str:
    """Commit of the code that measures, with ``+`` for uncommitted changes, or nothing."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
