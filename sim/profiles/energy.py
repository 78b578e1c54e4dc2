"""What runs cost: in all, by how it is known, and per image; of whole tables of runs."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sim.profiles.design import Cell
from sim.profiles.meter import ALONE
from sim.profiles.power import PARTS, SOURCES, weakest, weakest_used
from sim.profiles.treatment import CONTROL, completed, treated
from sim.units import JOULES_PER_KWH

SETTINGS = ("width", "precision", "batch")
"""Factors that change what a sample costs."""
PREPARED = ("generator", "pretraining")
"""What runs start from and share: columns of the runs that name it, and beginnings of its costs."""


def told_alone(cells: Iterable[Cell]) -> frozenset[Cell]:
    """Return the runs that tell what an image costs: no other run may share the machine with them.

    Those with another width, precision or batch, and the untreated ones of the same number of
    studies and seed; where none varies these, the untreated ones with the most studies.
    """
    controls = {name: getattr(CONTROL, name) for name in SETTINGS}
    plain = [c for c in cells if c.treatment.model_copy(update=controls) == CONTROL]
    varied = {(sum(c.counts), c.seed) for c in plain if c.treatment != CONTROL}
    if not varied:
        most = max((sum(c.counts) for c in plain), default=0)
        varied = {(most, c.seed) for c in plain}
    return frozenset(c for c in plain if (sum(c.counts), c.seed) in varied)


def is_apportioned(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Return which runs have a share of an energy that several runs drew together."""
    shared = pd.Series(data=False, index=runs.index)
    for column in ("energy", "inference_energy"):
        if column in runs:  # tables of older measurements are of runs one at a time
            shared |= runs[column] == "apportioned"
    return shared


def energy_per_image(runs: pd.DataFrame) -> dict[str, Any]:
    """Return joules, FLOPs and seconds per image of untreated runs, and what all runs drew.

    Per image: of the runs that had the machine to themselves, of one number of threads, where
    there are any, else of all untreated runs; ``headline_*`` say which and how many. A run whose
    energy was apportioned is never alone.

    Tables of older measurements hold only the kWh of preparing: its emissions are then the run's
    own kg per kWh times these, and ``emissions_scaled_runs`` says of how many runs.
    """
    once = _told_apart(completed(runs).drop_duplicates("run_id"))
    scaled, once = _lacking(once, "emissions_kg"), _filled(_sourced(once))
    plain = _comparable(once[~treated(once)])
    # Medians: even then, other work made some runs take longer and draw more.
    trained_j = JOULES_PER_KWH * float((plain["kwh"] / plain["samples_trained"]).median())
    inferred = JOULES_PER_KWH * plain["inference_kwh"] / plain["inference_images"]
    per_sample = float(plain["flops_per_training_sample"].iloc[0])
    speed = per_sample * plain["samples_trained"] / plain["seconds"]
    return {
        "power_source": weakest(once["power_source"]),
        "share_by_source": _share_by_source(once),
        "gpu_counter_ratio": _counter_ratio(once),
        "tracking": "; ".join(sorted(once["tracking"].unique())),
        "grid_country": str(once["grid_country"].iloc[0]),
        "kwh": _total(once, "kwh"),
        "emissions_kg": _total(once, "emissions_kg"),
        "emissions_scaled_runs": int(scaled.sum()),
        "hours": _total(once, "seconds") / 3600,
        "headline_runs": len(plain),
        "headline_alone": bool(_alone(plain).all()),
        "headline_threads": sorted({int(n) for n in plain.get("threads", ())}),
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
        "runs_alone": int(_alone(once).sum()),
        **_memory(once),
    }


def _alone(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Return which runs are known to have had the machine to themselves."""
    others = runs.get("other_cores", pd.Series(float("nan"), index=runs.index))
    return (others <= ALONE) & ~is_apportioned(runs)


def _comparable(plain: pd.DataFrame) -> pd.DataFrame:
    """Return the runs alone on one machine with one number of threads, the most there are."""
    alone = plain[_alone(plain)]
    if alone.empty:
        by_itself = plain[~is_apportioned(plain)]
        return plain if by_itself.empty else by_itself
    setup = [name for name in ("hardware", "threads") if name in alone]
    return max((some for _, some in alone.groupby(setup)), key=len)


def energy_by_setting(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what a sample cost by width, precision and batch, untreated runs first.

    Compared at the same counts and seeds, of runs that no other treatment touched.
    """
    once = completed(runs).drop_duplicates("run_id")
    once = once[~is_apportioned(once)]
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
                "runs_alone": int(_alone(some).sum()),
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
    for block in _preparing(once):
        kind = block.rstrip("_")
        used = once[once[kind].notna()].drop_duplicates(kind) if kind in PREPARED else once
        blocks.append((block, used))
    return blocks


def _preparing(once: pd.DataFrame) -> list[str]:
    """Return the beginnings of what preparing cost; none in tables that never could prepare."""
    return [f"{kind}_" for kind in (*PREPARED, "generation")] if PREPARED[0] in once else []


def _told_apart(once: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with what each prepared by kind; older tables have one column for both."""
    if "prepared" not in once:
        return once
    result = once.copy()
    names = [str(column) for column in once]
    costs = [c.removeprefix("preparation") for c in names if c.startswith("preparation_")]
    for kind in PREPARED:
        of_kind = once["prepared"].map(lambda name, kind=kind: str(name).startswith(kind))
        pairs = {kind: "prepared"} | {f"{kind}{cost}": f"preparation{cost}" for cost in costs}
        for new, old in pairs.items():
            known = once[new] if new in once else pd.Series(None, once.index, dtype=object)
            told = known.where(~of_kind, once[old])
            result[new] = told if new == kind else told.astype(float)
    return result


def _sourced(once: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with the source of each part's power.

    Tables of older measurements name the processor's only. Memory was always codecarbon's model,
    and a GPU that drew anything was read.
    """
    assumed = {"cpu": once["power_source"], "ram": "model", "gpu": "measured"}
    result = once.copy()
    for part in _parts(once):
        column = f"{part}_power_source"
        known = once[column] if column in once else pd.Series(None, once.index, dtype=object)
        result[column] = known.mask(known.isna() & (once[f"{part}_kwh"] > 0), assumed[part])
    result["power_source"] = [weakest_used(run) for run in result.to_dict("records")]
    return result


def _parts(once: pd.DataFrame) -> list[str]:
    return [part for part in PARTS if f"{part}_kwh" in once]


def _share_by_source(once: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the share of all energy from each kind of source, strongest first, and its parts."""
    parts = {
        source: {part: _drawn(once, part, source) for part in _parts(once)} for source in SOURCES
    }
    total = sum(sum(of.values()) for of in parts.values())
    return {
        source: {
            "share": sum(of.values()) / total,
            "parts": [part for part, kwh in of.items() if kwh > 0],
        }
        for source, of in parts.items()
        if sum(of.values()) > 0
    }


def _drawn(once: pd.DataFrame, part: str, source: str) -> float:
    """Return the kWh of a part over the runs in which its power was known in one way."""
    return sum(
        float(rows.loc[rows[f"{part}_power_source"] == source, f"{block}{part}_kwh"].sum())
        for block, rows in _blocks(once)
    )


def _counter_ratio(once: pd.DataFrame) -> float | None:
    """Return the GPU's energy by codecarbon over that by its own counter, where both are known."""
    tracked = counted = 0.0
    for block, rows in _blocks(once):
        if f"{block}gpu_counter_kwh" in rows:
            both = rows.dropna(subset=f"{block}gpu_counter_kwh")
            tracked += float(both[f"{block}gpu_kwh"].sum())
            counted += float(both[f"{block}gpu_counter_kwh"].sum())
    return tracked / counted if counted else None


def _lacking(once: pd.DataFrame, quantity: str) -> "pd.Series[bool]":
    """Return which runs prepared something and did not keep a quantity of it."""
    lacking = pd.Series(data=False, index=once.index)
    for block in _preparing(once):
        unknown = once[f"{block}{quantity}"].isna() if f"{block}{quantity}" in once else True
        lacking |= (once[f"{block}kwh"] > 0) & unknown
    return lacking


def _filled(once: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with every quantity of preparing, by the run's own share per kWh."""
    filled = once.copy()
    for block in _preparing(once):
        for quantity in ("emissions_kg", *(f"{part}_kwh" for part in _parts(once))):
            column = f"{block}{quantity}"
            scaled = once[f"{block}kwh"] * once[quantity] / once["kwh"]
            filled[column] = once[column].fillna(scaled) if column in once else scaled
    return filled


def _memory(once: pd.DataFrame) -> dict[str, Any]:
    """Return the highest peak of a run, and what it is a peak of.

    Older runs recorded the process since it had started: they count where there are no others.
    """
    known = once.dropna(subset="peak_memory_of") if "peak_memory_of" in once else once[:0]
    if known.empty:
        since = "resident in the process since the measurement began"
        return {"peak_memory_mb": float(once["peak_memory_mb"].max()), "peak_memory_of": since}
    highest = known.nlargest(1, "peak_memory_mb").iloc[0]
    among = "" if len(known) == len(once) else f" of the {len(known)} that recorded their own"
    of = f"{highest['peak_memory_of']} in the run that needed most{among}"
    return {"peak_memory_mb": float(highest["peak_memory_mb"]), "peak_memory_of": of}


def _median(once: pd.DataFrame, name: str) -> float | None:
    """Return the median of a column, ``None`` when no run has it."""
    if name not in once or once[name].isna().all():
        return None
    return float(once[name].median())
