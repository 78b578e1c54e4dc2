"""What is needed to produce the same tables again."""

import hashlib
import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import numpy as np
from llvmlite.binding import get_host_cpu_name

import sim
from sim.learning.response import MEASURED, Profile
from sim.pipeline.station import Stations
from sim.pipeline.stations import STATIONS, replaced
from sim.planning.rules import RULES
from sim.planning.welfare import OBJECTIVES
from sim.scenario.files import scenario_hash
from sim.scenario.schema import Scenario

SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NPY_DISABLE_CPU_FEATURES",
)
"""Environment variables that choose threads and instructions."""
PACKAGES = ("numpy", "pandas", "scipy", "numba", "simpy", "pulp", "highspy", "pyarrow", "pydantic")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of a study; never part of its result tables, which stay equal byte by byte."""

    scenario_sha256: str
    tables_sha256: dict[str, str]
    """Hash of every baseline table, by file name."""
    profile_sha256: str
    seed: int
    code_version: str
    """``git describe`` of the source tree where there is one, else the package's version."""
    stations: dict[str, str]
    """Stations that are not the shipped ones: name and class."""
    own: dict[str, str]
    """Rules and objectives of one's own that the scenario names, and the hash of their source."""
    packages: dict[str, str]
    python: str
    command: str
    started: str
    """Start of the study, ISO 8601, UTC."""
    processor: dict[str, str] = field(default_factory=dict)
    """Name, architecture and number of cores, what numba compiles for, and the instruction sets
    beyond its least that NumPy uses; empty in studies that did not record it."""
    settings: dict[str, str] = field(default_factory=dict)
    """``SETTINGS`` as they were when the study started."""

    def stamp(self) -> dict[str, str]:
        """Return what must be equal for an interrupted study to go on."""
        return {
            "scenario": self.scenario_sha256,
            "tables": _sha256(f"{n}:{h}".encode() for n, h in sorted(self.tables_sha256.items())),
            "profile": self.profile_sha256,
            "code": self.code_version,
            **{f"station {name}": where for name, where in self.stations.items()},
            **self.own,
        }

    def as_dict(self) -> dict[str, object]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def provenance(
    scenario: Scenario, *, command: str = "", stations: Stations = STATIONS
) -> Provenance:
    """Return the provenance of a study that starts now.

    Parameters
    ----------
    command : the command line; that of this process when empty.
    """
    tables = Path(str(files("sim.baseline") / "tables"))
    return Provenance(
        scenario_sha256=scenario_hash(scenario),
        tables_sha256={p.name: _sha256([p.read_bytes()]) for p in sorted(tables.glob("*.csv"))},
        profile_sha256=_folder_sha256(_profile_folder(scenario.profile)),
        seed=scenario.uncertainty.seed,
        code_version=_code_version(),
        stations=replaced(stations),
        own=_own_code(scenario),
        packages={name: _version(name) for name in PACKAGES},
        python=platform.python_version(),
        command=command or " ".join(sys.argv),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        processor=_processor(),
        settings={name: os.environ.get(name, "not set") for name in SETTINGS},
    )


def profile_facts(scenario: Scenario, profile: Profile) -> dict[str, object]:
    """Return what a reader must know about the measured response, as plain values.

    Energy in joules, ``measured_max`` in effective studies, ``kappa`` the median of the draws
    with its 95% interval, ``transport`` the scenario's reason to use the profile for its task.
    """
    low, high = profile.kappa_interval
    return {
        "name": profile.name,
        "task": profile.task,
        "modality": profile.modality,
        "data": profile.data,
        "runs": profile.runs,
        "hardware": profile.hardware,
        "specificity": profile.specificity,
        "kappa": float(np.median(profile.draws["kappa"])),
        "kappa_low": low,
        "kappa_high": high,
        "kappa_identified": profile.kappa_identified,
        "measured_max": profile.measured_max,
        "baseline_auc": profile.baseline_auc,
        "joules_per_inference": profile.joules_per_inference,
        "power_source": profile.power_source,
        "transport": scenario.response.transport,
    }


def _own_code(scenario: Scenario) -> dict[str, str]:
    """Return the hash of every rule and objective of one's own that the scenario names."""
    own: dict[str, list[Callable[..., object]]] = {
        f"rule {name}": [RULES[name].make] for name in scenario.policies if RULES.is_own(name)
    }
    if OBJECTIVES.is_own(scenario.objective):
        objective = OBJECTIVES[scenario.objective]
        own[f"objective {objective.name}"] = [objective.of, objective.write]
    return {name: _sha256(map(_source, functions)) for name, functions in own.items()}


def _source(function: Callable[..., object]) -> bytes:
    """Return the source of a function; its name where that is not to be had."""
    try:
        return inspect.getsource(function).encode()
    except (OSError, TypeError):
        return repr(getattr(function, "__qualname__", type(function))).encode()


def _processor() -> dict[str, str]:
    vectors = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "name": _processor_name(),
        "architecture": platform.machine(),
        "cores": str(os.cpu_count()),
        "numba": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "numpy": " ".join(vectors.get("found", [])) or "least",
    }


def _processor_name() -> str:
    """Return the processor's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _profile_folder(profile: str) -> Path:
    shipped = MEASURED / profile
    return shipped if shipped.is_dir() else Path(profile)


def _folder_sha256(folder: Path) -> str:
    """Return one hash of all files of a folder; empty when there are none."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _sha256(path.name.encode() + path.read_bytes() for path in paths) if paths else ""


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _code_version() -> str:
    root = Path(str(sim.__file__)).parents[1]
    if not (root / ".git").exists():
        return _version("equiscan")
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _version("equiscan")
    return described.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
