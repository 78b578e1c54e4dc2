"""Run a measurement plan: every training once, resumable, one row per run and group."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sim.errors import ProfileError
from sim.profiles.baseline import no_image_baseline
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.energy import Meter, Reading
from sim.profiles.images import Cases, Split, damaged, load_cases, split, subset
from sim.profiles.machine import describe, peak_memory_mb
from sim.profiles.network import Trained, choose_device, flops, require_torch, train
from sim.profiles.scores import calibration_error, delong, rates, threshold_at

if TYPE_CHECKING:
    import torch

RUNS, ABOUT, PARTS = "runs.parquet", "measurement.json", "parts"
INFERENCE_PASSES = 5
"""Times the test images are scored under the meter: once is too short to read."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run of a measurement shares."""

    plan: MeasurementPlan
    cases: Cases
    meter: Meter
    device: "torch.device"
    common: Row


def measure(
    plan: MeasurementPlan,
    *,
    data: str | Path | None,
    out: str | Path,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Run what the plan still lacks in folder ``out`` and return the folder.

    Finished runs are kept and skipped, so that an interrupted measurement goes on where it
    stopped; a run that fails is a row with its error, and is tried again the next time.

    Parameters
    ----------
    data : npz file of the images; ``None`` for a phantom plan.
    progress : called with runs done, runs in all, and the id of the run just done.
    """
    require_torch()
    folder = Path(out)
    cases = load_cases(plan, data)
    _open(folder, plan, cases)
    cells = plan.cells()
    done = _finished(folder)
    missing = [cell for cell in cells if cell.run_id not in done]
    if missing:
        _run_all(missing, folder=folder, plan=plan, cases=cases, progress=progress)
    _collect(folder, [cell.run_id for cell in cells])
    return folder


def _run_all(
    missing: list[Cell],
    *,
    folder: Path,
    plan: MeasurementPlan,
    cases: Cases,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    device = choose_device(plan)
    meter = Meter(plan.country)
    try:
        with meter.block("warm-up"):  # first use of kernels and caches is not a run's cost
            train(plan, cases.images[:64], cases.label[:64], seed=0, device=device)
        bench = Bench(plan, cases, meter, device, _common(plan, meter, str(device)))
        total = len(plan.cells())
        for number, cell in enumerate(missing, start=total - len(missing) + 1):
            _write(pd.DataFrame(_rows(bench, cell)), folder / PARTS / f"{cell.run_id}.parquet")
            if progress:
                progress(number, total, cell.run_id)
    finally:
        meter.close()


def _rows(bench: Bench, cell: Cell) -> list[Row]:
    """Return one row per group: of the run's scores, or of its error."""
    plan, fold = bench.plan, cell.seed % bench.plan.folds
    run: Row = {
        "run_id": cell.run_id,
        "seed": cell.seed,
        "fold": fold,
        "noise": cell.noise,
        "corrupted": cell.corrupted,
        "n_total": sum(cell.counts),
        "data": plan.data,
        "error": None,
        **{f"n_{group}": n for group, n in zip(plan.groups, cell.counts, strict=True)},
    }
    groups = [*plan.groups, *plan.not_estimable]
    try:
        parts = split(bench.cases, plan, fold)
        network, costs = _train(bench, cell, parts)
        scores, inference = _score(bench, cell, network, parts)
    except (RuntimeError, ProfileError) as error:  # such as out of memory; recorded, not hidden
        failed = run | bench.common | {"error": f"{type(error).__name__}: {error}"}
        return [failed | {"group": group} for group in groups]
    own = dict(zip(plan.groups, cell.counts, strict=True))
    return [
        run
        | {"group": group, "n_own": own.get(group, 0)}
        | {"n_other": sum(cell.counts) - own.get(group, 0)}
        | scores[group]
        | costs
        | inference
        | bench.common
        for group in groups
    ]


def _train(bench: Bench, cell: Cell, parts: Split) -> tuple[Trained, Row]:
    plan = bench.plan
    rows = subset(bench.cases, parts.train, plan, cell)
    images, label = damaged(bench.cases, rows, plan, cell)
    with bench.meter.block(f"{cell.run_id} train") as reading:
        network = train(plan, images, label, seed=cell.seed, device=bench.device)
    return network, {
        "samples_trained": plan.steps * plan.batch,
        "peak_memory_mb": peak_memory_mb(str(bench.device)),
        **_costs("", reading),
    }


def _score(
    bench: Bench, cell: Cell, network: Trained, parts: Split
) -> tuple[Mapping[str, Row], Row]:
    """Return each group's scores at the run's one threshold, and what inference cost."""
    plan, cases = bench.plan, bench.cases
    validated = network.probability(cases.images[parts.validation])
    with bench.meter.block(f"{cell.run_id} inference") as reading:
        for _ in range(INFERENCE_PASSES):
            tested = network.probability(cases.images[parts.test])
    images = INFERENCE_PASSES * len(parts.test)
    known = cases.label[parts.validation]
    cut = threshold_at(plan.specificity, known, validated)
    trained = np.isin(cases.group[parts.test], plan.groups)
    pooled = delong(cases.label[parts.test][trained], tested[trained])
    by_group: dict[str, Row] = {}
    for group in (*plan.groups, *plan.not_estimable):
        here = cases.group[parts.test] == group
        label, score = cases.label[parts.test][here], tested[here]
        by_group[group] = {
            "test_positives": int((label == 1).sum()),
            "test_negatives": int((label == 0).sum()),
            "estimable": group in plan.groups,
        }
        if group in plan.groups:
            own = cases.group[parts.validation] == group
            local = threshold_at(plan.specificity, known[own], validated[own])
            by_group[group] |= _group_scores(label, score, cut, local)
    _compare(by_group, plan)
    return by_group, {
        "threshold": cut,
        "pooled_auc": pooled.auc,
        "inference_images": images,
        **_costs("inference_", reading),
    }


def _group_scores(label: np.ndarray, score: np.ndarray, cut: float, local: float) -> Row:
    auc = delong(label, score)
    sensitivity, specificity = rates(label, score, cut)
    local_sensitivity, local_specificity = rates(label, score, local)
    return {
        "auc": auc.auc,
        "auc_variance": auc.variance,
        "auc_low": auc.low,
        "auc_high": auc.high,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "local_sensitivity": local_sensitivity,
        "local_specificity": local_specificity,
        "calibration_error": calibration_error(label, score),
    }


def _compare(by_group: Mapping[str, Row], plan: MeasurementPlan) -> None:
    """Add the worst group and the gap between best and worst to every group's row."""
    for measure_of in ("auc", "sensitivity"):
        values = {group: float(str(by_group[group][measure_of])) for group in plan.groups}
        worst = min(values, key=values.__getitem__)
        for row in by_group.values():
            row[f"worst_group_{measure_of}"] = worst
            row[f"gap_{measure_of}"] = max(values.values()) - values[worst]


def _costs(prefix: str, reading: Reading) -> Row:
    return {
        f"{prefix}seconds": reading.seconds,
        f"{prefix}kwh": reading.kwh,
        f"{prefix}cpu_kwh": reading.cpu_kwh,
        f"{prefix}gpu_kwh": reading.gpu_kwh,
        f"{prefix}ram_kwh": reading.ram_kwh,
        f"{prefix}emissions_kg": reading.emissions_kg,
    }


def _common(plan: MeasurementPlan, meter: Meter, device: str) -> Row:
    forward, both = flops(plan)
    power_source, tracking = meter.source()
    return {
        "flops_per_inference": forward,
        "flops_per_training_sample": both,
        "power_source": power_source,
        "tracking": tracking,
        "grid_country": plan.country,
        "threads": plan.threads,
        **describe(device),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _open(folder: Path, plan: MeasurementPlan, cases: Cases) -> None:
    """Describe the measurement in its folder; refuse a folder that holds another one.

    Only the number of seeds may differ: finished runs stay valid.
    """
    path = folder / ABOUT
    about = _about(plan, cases)
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        same = before["plan"] | {"seeds": plan.seeds} == about["plan"]
        if not same or before["data_sha256"] != about["data_sha256"]:
            raise ProfileError(f"{folder} holds another plan or other data. Choose a new folder.")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _about(plan: MeasurementPlan, cases: Cases) -> dict[str, Any]:
    def counts(pair: tuple[int, int]) -> dict[str, int]:
        return {"positives": pair[0], "negatives": pair[1]}

    return {
        "plan": json.loads(plan.model_dump_json()),
        "data_sha256": cases.sha256,
        "cases": {g: counts(cases.count(g)) for g in (*plan.groups, *plan.not_estimable)},
        "left_out_images": {group: counts(pair) for group, pair in cases.left_out.items()},
        "baseline": no_image_baseline(cases, plan),
    }


def _finished(folder: Path) -> set[str]:
    frames = [pd.read_parquet(path) for path in _files(folder)]
    return {str(run) for f in frames for run in f.loc[f["error"].isna(), "run_id"]}


def _files(folder: Path) -> list[Path]:
    return [p for p in (folder / RUNS, *sorted((folder / PARTS).glob("*.parquet"))) if p.exists()]


def _collect(folder: Path, order: list[str]) -> None:
    """Join the plan's runs into one table, in its order, and remove the parts."""
    files = _files(folder)
    table = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    latest = table.drop_duplicates(["run_id", "group"], keep="last")
    rank = latest["run_id"].map({run: i for i, run in enumerate(order)})
    _write(latest.loc[rank.dropna().sort_values(kind="stable").index], folder / RUNS)
    for path in (folder / PARTS).iterdir():  # and what an interruption left half written
        path.unlink()
    (folder / PARTS).rmdir()


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write so that a reader, or an interruption, never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    table.to_parquet(unfinished, index=False)
    unfinished.replace(path)
