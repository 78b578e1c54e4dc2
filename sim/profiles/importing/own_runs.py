"""A folder of somebody's own training runs becomes the runs of a profile, checked."""

import hashlib
import json
from collections.abc import Mapping
from math import isnan, nan, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.atomic import replace_file
from sim.errors import ProfileError
from sim.profiles.importing.description import (
    DESCRIPTION,
    ENERGY,
    IMAGES,
    INFERENCE,
    Description,
    read_description,
)
from sim.profiles.importing.emissions import EmissionsLog, read_emissions
from sim.profiles.importing.logs import entries_of
from sim.profiles.importing.scored_runs import (
    LogReader,
    ScoredRun,
    design_problems,
    shared_by_group,
)
from sim.profiles.metering.power import PARTS, weakest
from sim.profiles.runs import ABOUT, RUNS, write_runs
from sim.scenario.problems import Problem, stop_if
from sim.scenario.tree import Node
from sim.units import JOULES_PER_KWH

IMPORTED = "imported"
"""``model`` of a profile whose runs were made elsewhere."""
MLFLOW = "mlruns"
"""Folder in which MLflow keeps runs unless told otherwise."""
DATABASE = "mlflow.db"
"""File in which newer versions keep them."""
FIT = "fit.json"
BLOCKS = ("", "inference_", "generator_", "pretraining_", "generation_")

Row = dict[str, Any]


class ImportedRuns(NamedTuple):
    """What was imported."""

    folder: Path
    runs: int
    seeds: int
    unfinished: int
    """Runs of the log that did not come to their end, and were left out."""


def import_runs(folder: str | Path, out: str | Path, *, overwrite: bool = False) -> ImportedRuns:
    """Write the runs in a folder as the runs of a profile, which ``fit`` and the card read.

    Parameters
    ----------
    folder : ``profile.yaml`` (see ``Description``), a table of runs or MLflow's folder, and
        codecarbon's table if there is one.
    out : folder of the profile.
    overwrite : whether runs that are there may be replaced; their fit is then removed.

    Raises
    ------
    ScenarioError
        With every problem of a file: line, column, what was found and what is allowed.
    ProfileError
        When ``out`` holds runs already.
    """
    folder, out = Path(folder), Path(out)
    if not folder.is_dir():
        raise ProfileError(f"{folder}: not a folder.")
    if not overwrite and any((out / name).exists() for name in (RUNS, ABOUT)):
        raise ProfileError(f"{out} holds runs already; --overwrite replaces them.")
    asked, tree = read_description(folder)
    place = _table_of_runs(folder, asked)
    entries = entries_of(place)
    done = [entry for entry in entries if entry.is_finished]
    has_log = (folder / asked.emissions).exists()
    _require_stated(asked, tree, has_log=has_log)
    reader = LogReader(asked, _needed(asked, has_log=has_log))
    runs = reader.runs(done)
    stop_if(reader.problems, file=str(place))
    stop_if(design_problems(runs, list(asked.groups), str(place)), file=str(place))
    names = [run.name for run in runs]
    log = read_emissions(folder / asked.emissions, asked, names) if has_log else None
    table = pd.DataFrame([row for run in runs for row in _rows(run, asked, log)])
    _write(table, _about(asked, _digest(folder, place, asked)), out)
    return ImportedRuns(out, len(runs), table["seed"].nunique(), len(entries) - len(done))


def _table_of_runs(folder: Path, asked: Description) -> Path:
    place = folder / asked.runs
    if asked.runs != Description.model_fields["runs"].default or place.exists():
        return place
    # beside its database MLflow keeps artifacts, and no runs, in the folder
    kept = [folder / DATABASE] if (folder / DATABASE).exists() else []
    kept += [folder / MLFLOW] if any((folder / MLFLOW).glob("[!.]*/*/meta.yaml")) else []
    if len(kept) > 1:
        raise ProfileError(
            f"{folder} holds runs in {MLFLOW} and in {DATABASE}: say which with 'runs' in "
            f"{DESCRIPTION}."
        )
    return kept[0] if kept else place


def _require_stated(asked: Description, tree: Node, *, has_log: bool) -> None:
    """Raise where the description lacks what codecarbon's table would say."""
    wanted = () if has_log else ("hardware", "country", "kg_co2e_per_kwh")
    text = f"required, as there is no '{asked.emissions}' of codecarbon."
    missing = [name for name in wanted if getattr(asked, name) is None]
    if asked.inference and asked.emissions_of.inference:
        missing, text = ["inference"], "is in codecarbon's table too ('emissions_of')."
    stop_if([Problem(tree.place, name, text) for name in missing], file=tree.place.file)


def _needed(asked: Description, *, has_log: bool) -> tuple[str, ...]:
    """Return the columns that the table of runs must have, as nothing else says it."""
    training = () if has_log else tuple(ENERGY)
    if asked.inference:
        return training
    return (*training, *IMAGES, *(() if has_log and asked.emissions_of.inference else INFERENCE))


def _rows(run: ScoredRun, asked: Description, log: EmissionsLog | None) -> list[Row]:
    groups = list(asked.groups)
    counts = shared_by_group(run, groups)
    total = sum(counts.values())
    seed = int(run.shared["seed"])
    common: Row = {
        "run_id": run.name,
        "task": "",
        "seed": seed,
        "fold": seed % asked.folds,
        **run.treatment.model_dump(),
        "n_total": total,
        "data": asked.data,
        "error": None,
        **counts,
        **_costs(run, asked, log),
    }
    scores = {group: _scores(run.by_group[group]) for group in groups}
    gaps = _gaps(scores)
    return [
        common
        | {"group": group, "n_own": counts[f"n_{group}"], "estimable": True}
        | {"n_other": total - counts[f"n_{group}"]}
        | scores[group]
        | gaps
        for group in groups
    ]


def _scores(of: Mapping[str, float]) -> Row:
    variance = of["auc_variance"]
    if isnan(variance):  # the table has none
        variance = auc_variance(of["auc"], of["test_positives"], of["test_negatives"])
    half = 1.96 * sqrt(variance)
    return {
        **{name: value for name, value in of.items() if name != "own"},
        "auc_variance": variance,
        "auc_low": max(of["auc"] - half, 0.0),
        "auc_high": min(of["auc"] + half, 1.0),
    }


def auc_variance(auc: float, positives: float, negatives: float) -> float:
    """Return the variance of an AUC by its size alone (Hanley & McNeil 1982).

    doi:10.1148/radiology.143.1.7063747, their equation 1 with exponential scores. For what a table
    without DeLong's leaves unknown.

    >>> round(auc_variance(0.8, 100, 200) ** 0.5, 4)
    0.0291
    """
    both_positive, both_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (both_positive - auc**2)
    spread += (negatives - 1) * (both_negative - auc**2)
    return max(spread, 0.0) / (positives * negatives)


def _gaps(scores: Mapping[str, Row]) -> Row:
    """Return the worst group and the gap to the best; of one group there is none."""
    found: Row = {}
    for name in ("auc", "sensitivity"):
        values = {group: row[name] for group, row in scores.items()}
        worst = min(values, key=values.__getitem__)
        several = len(values) > 1
        found[f"worst_group_{name}"] = worst if several else None
        found[f"gap_{name}"] = max(values.values()) - values[worst] if several else None
    return found


def _costs(run: ScoredRun, asked: Description, log: EmissionsLog | None) -> Row:
    """Return what a run drew and ran on, as the columns of measured runs."""
    row = _nothing_drawn() | _drawn(run, asked, log)
    for block in BLOCKS:
        row[f"{block}kwh"] = sum(row[f"{block}{part}_kwh"] for part in PARTS)
        if asked.kg_co2e_per_kwh is not None:
            row[f"{block}emissions_kg"] = asked.kg_co2e_per_kwh * row[f"{block}kwh"]
    sources = {
        "cpu": asked.processor_power,
        "gpu": "measured" if row["gpu_kwh"] + row["inference_gpu_kwh"] > 0 else None,
        "ram": "model" if row["ram_kwh"] + row["inference_ram_kwh"] > 0 else None,
    }
    return {
        **row,
        "samples_trained": int(run.shared["samples_trained"]),
        "flops_per_training_sample": asked.flops.training,
        "flops_per_inference": asked.flops.inference,
        "power_source": weakest(sources.values()),
        **{f"{part}_power_source": source for part, source in sources.items()},
        **_machine(asked, log),
    }


def _nothing_drawn() -> Row:
    """Return the columns of work that was not done, and of what no log of others says."""
    parts = [f"{part}_kwh" for part in PARTS]
    return {
        **{f"{block}{name}": 0.0 for block in BLOCKS for name in ("seconds", *parts)},
        **{f"{block}emissions_kg": 0.0 for block in BLOCKS},
        **{f"{block}{name}": nan for block in BLOCKS for name in ("gpu_counter_kwh", "cpu_load")},
        **{f"{block}energy": "not told" for block in BLOCKS},
        **{"generator": None, "pretraining": None, "other_cores": nan, "utilisation": nan},
        **{"idle_watts": nan, "peak_memory_mb": nan, "peak_memory_of": None, "threads": 0},
    }


def _drawn(run: ScoredRun, asked: Description, log: EmissionsLog | None) -> Row:
    row: Row = {name: run.shared[name] for name in (*ENERGY, *INFERENCE) if name in run.shared}
    row["cpu_load"] = run.shared["cpu_load"]
    row["inference_images"] = run.shared.get("inference_images", 1.0)
    if asked.inference:
        row["inference_seconds"] = asked.inference.seconds
        row["inference_cpu_kwh"] = asked.inference.joules / JOULES_PER_KWH
    patterns = {"": asked.emissions_of.training, "inference_": asked.emissions_of.inference}
    for prefix, pattern in patterns.items():
        drawn = log.of(pattern, run.name) if log and pattern else None
        row |= drawn.costs(prefix, asked.kg_co2e_per_kwh) if drawn else {}
    return row


def _machine(asked: Description, log: EmissionsLog | None) -> Row:
    said = log.first if log else {}
    cores, version = said.get("cpu_count", ""), said.get("codecarbon_version", "")
    words = [f"{cores} cores of {said.get('cpu_model') or 'unknown processor'}" if log else ""]
    words.append(said.get("gpu_model", ""))
    how = f"codecarbon {version or '(no version said)'}, {said.get('tracking_mode')}, as told by"
    tracking = [f"{how} {asked.emissions}" if log else "as told by the table of runs"]
    if asked.inference:
        tracking.append(f"inference as stated: {asked.inference.source}")
    return {
        "tracking": "; ".join(tracking),
        "grid_country": asked.country or said.get("country_iso_code", ""),
        "hardware": asked.hardware or ", ".join(filter(None, words)),
        "platform": said.get("os", ""),
        "python": said.get("python_version", ""),
        **dict.fromkeys(("torch", "numpy", "commit", "equiscan", "device"), ""),
        "codecarbon": version,
        "finished": said.get("timestamp", "")[:10],
    }


def _about(asked: Description, sha256: str) -> Row:
    """Return what ``measurement.json`` of a measured profile says, as far as it is known."""
    cases = {g: n.model_dump() for g, n in {**asked.groups, **asked.not_estimable}.items()}
    named = ("name", "task", "modality", "citation", "group_attribute", "specificity", "folds")
    baseline = asked.without_images.model_dump()
    return {
        "plan": {
            **{name: getattr(asked, name) for name in (*named, "prevalence")},
            "model": IMPORTED,
            "groups": list(asked.groups),
            "not_estimable": list(asked.not_estimable),
            "left_out": {},
            "tasks": {},
        },
        "data_sha256": sha256,
        "encoder": None,
        "cases": cases,
        "left_out_images": {},
        "repeated_images": 0,
        "baseline": {**baseline, "features": list(baseline["features"])},
    }


def _digest(folder: Path, place: Path, asked: Description) -> str:
    """Return a checksum of all files that were read."""
    files = [folder / DESCRIPTION, folder / asked.emissions]
    files += sorted(place.rglob("*")) if place.is_dir() else [place]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def _write(table: pd.DataFrame, about: Row, out: Path) -> None:
    """Write runs and description; a fit of other runs is removed first."""
    (out / FIT).unlink(missing_ok=True)
    write_runs(table, out / RUNS)
    text = json.dumps(about, indent=1) + "\n"
    replace_file(out / ABOUT, lambda there: there.write(text.encode()))
