"""Provenance: everything that is needed to reproduce the tables of a study."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from llvmlite.binding import get_host_cpu_name

from sim.errors import RunFolderError
from sim.learning.response import Profile, profile_folder
from sim.pipeline.parts import Stations, replaced
from sim.pipeline.stations.order import STATIONS
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import RULES
from sim.scenario.files import scenario_hash
from sim.scenario.schema import Scenario
from sim.source import PACKAGE, is_own, own_sha256, study_sha256
from sim.studies.outcomes import OUTCOMES

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
    fit_sha256: str
    """Hash of what was measured, the profile's ``fit.json``."""
    seed: int
    code_version: str
    """``git describe`` of the source tree where there is one, else the package's version."""
    code_sha256: str
    """Hash of the modules that the numbers come from."""
    stations: dict[str, str]
    """Stations that are not the shipped ones: name and class."""
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
    own_code: dict[str, str] = field(default_factory=dict)
    """Hash of every station, control process, rule, outcome and objective that did not come with
    the package."""

    @classmethod
    def read(cls, said: Mapping[str, object]) -> Self:
        """Return the provenance that ``as_dict`` gave; ``RunFolderError`` where it is none."""
        known = {one.name: one for one in fields(cls)}
        missing = [
            n for n, one in known.items() if one.default_factory is MISSING and n not in said
        ]
        if missing or not known.keys() >= said.keys():
            strange = missing or sorted(said.keys() - known.keys())
            raise RunFolderError(
                f"the provenance of this study is of another version of equiscan: it "
                f"{'lacks' if missing else 'has'} '{strange[0]}'. Run the study again."
            )
        return cls(**cast("dict[str, Any]", dict(said)))

    def stamp(self) -> dict[str, str]:
        """Return what must be equal for an interrupted study to go on."""
        return {
            "scenario": self.scenario_sha256,
            "tables": _sha256(f"{n}:{h}".encode() for n, h in sorted(self.tables_sha256.items())),
            "fit of the profile": self.fit_sha256,
            "code": self.code_sha256,
            **self.own_code,
            "python": self.python,
            **self.packages,
        }

    @property
    def number(self) -> int:
        """A number by which to tell it from that of another study."""
        said = (f"{name}:{value}".encode() for name, value in sorted(self.stamp().items()))
        return int(_sha256(said)[:12], 16)

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
        fit_sha256=_sha256([fit_of(scenario)]),
        seed=scenario.uncertainty.seed,
        code_version=_code_version(),
        code_sha256=study_sha256(),
        stations=replaced(stations),
        packages={name: _version(name) for name in PACKAGES},
        python=platform.python_version(),
        command=command or " ".join(sys.argv),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        processor=_processor(),
        settings={name: os.environ.get(name, "not set") for name in SETTINGS},
        own_code=_own_code(scenario, stations),
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


def fit_of(scenario: Scenario) -> bytes:
    """Return what was measured of a scenario's profile, as it lies on the disk."""
    return (profile_folder(scenario.profile) / "fit.json").read_bytes()


def _own_code(scenario: Scenario, stations: Stations) -> dict[str, str]:
    """Return hashes of what is not the package's, by what each is.

    Stations, rules and the objective that the scenario names, and every outcome: all are computed.
    """
    used: dict[str, object] = {f"station {name}": stations[name] for name in replaced(stations)}
    used |= {f"rule {name}": RULES[name].make for name in scenario.policies if name in RULES}
    used |= {f"outcome {name}": outcome.of for name, outcome in OUTCOMES.items()}
    objective = OBJECTIVES.called(scenario.objective)
    used |= {f"objective {objective.name}": objective.write}
    return {what: own_sha256(given) for what, given in used.items() if is_own(given)}


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _code_version() -> str:
    root = PACKAGE.parent
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
