# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""A command that says what this machine has, and what an installation lacks."""

import os
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from platform import machine, python_version, system

from sim import terminal

PACKAGES = ("equiscan", "simpy", "numpy", "pandas", "scipy", "numba", "pulp", "highspy")
"""What numbers come from."""
EXTRAS = {
    "answers": ("sklearn", "SALib"),
    "calibrate": ("sklearn",),
    "cluster": ("distributed",),
    "dicom": ("pydicom",),
    "docs": ("mkdocs", "mkdocstrings"),
    "explore": ("plotly",),
    "notebooks": ("jupyterlab",),
    "pdf": ("weasyprint",),
    "profile": ("torch", "codecarbon"),
}
"""Modules by which it is seen that an extra is installed."""
RAPL = Path("/sys/class/powercap")
PATIENCE_S = 10.0


def doctor() -> None:
    """Say what this machine has: versions, cores, memory, solver, GPU, power meter, extras."""
    facts = {
        "Python": f"{python_version()}, {system()} {machine()}",
        "versions": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "cores": f"{_cores()} that this process may use, of {os.cpu_count()}",
        "memory": _memory(),
        "solver": _solver(),
        "GPU": _gpu(),
        "power meter": _meter(),
        "extras": _extras(),
    }
    terminal.pairs(facts)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    try:
        gib = os.sysconf("SC_PAGE_SIZE") / 2**30
        whole, free = (gib * os.sysconf(name) for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return "not known on this system"
    return f"{whole:.1f} GiB, {free:.1f} GiB of it free"


def _solver() -> str:
    from sim.planning.solver import solver_words

    return solver_words()


def _gpu() -> str:
    if (found := shutil.which("nvidia-smi")) is None:
        return "none: no nvidia-smi"
    try:
        asked = [found, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        told = subprocess.run(
            asked, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return "nvidia-smi fails"
    return "; ".join(told.split("\n")).strip("; ") or "none"


def _meter() -> str:
    meters = sorted(RAPL.glob("intel-rapl:*/energy_uj")) if RAPL.is_dir() else []
    if not meters:
        return "none (no RAPL): profiles estimate watts, and say so"
    readable = [meter for meter in meters if os.access(meter, os.R_OK)]
    return f"RAPL, {len(readable)} of {len(meters)} counters can be read"


def _extras() -> str:
    lacking = {
        extra: [module for module in modules if find_spec(module) is None]
        for extra, modules in EXTRAS.items()
    }
    there = [extra for extra, missing in lacking.items() if not missing]
    absent = [extra for extra, missing in lacking.items() if missing]
    install = f"; pip install 'equiscan[{','.join(absent)}]' for the others" if absent else ""
    return f"{', '.join(there) or 'none'}{install}"
