"""What runs cost: in all, by how it is known, and per image; of whole tables of runs."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sim.profiles.design import Cell
from sim.profiles.metering.load import joules_by_rule
from sim.profiles.metering.power import PARTS, SOURCES, weakest
from sim.profiles.treatment import CONTROL, treated
from sim.units import JOULES_PER_KWH

SETTINGS = ("width", "precision", "batch")
"""Factors that change what a sample costs."""
ALONE = 0.25
"""Processor cores that other work may keep busy before a block no longer counts as alone."""
PREPARED = ("generator", "pretraining")
"""What runs start from and share: columns of the runs that name it, and beginnings of its costs."""


def measured_alone(cells: Iterable[Cell]) -> frozenset[Cell]:
    """Return the runs that measure what an image costs, which no other may share the machine with.

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
    return (runs[["energy", "inference_energy"]] == "apportioned").any(axis=1)


def energy_per_image(
    runs: pd.DataFrame, encoder: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return joules, FLOPs and seconds per image of untreated runs, and what all runs drew.

    Per image: of the runs that had the machine to themselves, of one number of threads, where
    there are any, else of all untreated runs; ``headline_*`` say which and how many. A run whose
    energy was apportioned is never alone.

    Parameters
    ----------
    encoder : fields of the ``Encoder`` whose features the runs learn from. Its pass over an image
        is metered once, not by every run, and is part of what each image costs, of training once
        for every study however often this is learnt from; its load is not kept, so that there is
        no ``by_rule``.
    """
    once = runs.drop_duplicates("run_id")
    plain = _comparable(once[~treated(once)])
    # Medians: even then, other work made some runs take longer and draw more.
    trained_j = JOULES_PER_KWH * float((plain["kwh"] / plain["samples_trained"]).median())
    inferred = JOULES_PER_KWH * plain["inference_kwh"] / plain["inference_images"]
    before = encoder or {"joules": 0.0, "seconds": 0.0}
    if encoder:
        passes = plain["studies_trained"] / plain["samples_trained"]
        trained_j += encoder["joules"] * float(passes.median())
    per_sample = float(plain["flops_per_training_sample"].median())
    return {
        "power_source": weakest([*once["power_source"], before.get("power_source")]),
        "share_by_source": _share_by_source(once),
        "gpu_counter_ratio": _counter_ratio(once),
        "tracking": "; ".join(sorted(once["tracking"].unique())),
        "grid_country": str(once["grid_country"].iloc[0]),
        "kwh": _total(once, "kwh"),
        "emissions_kg": _total(once, "emissions_kg"),
        "hours": _total(once, "seconds") / 3600,
        "headline_runs": len(plain),
        "headline_alone": bool(_alone(plain).all()),
        "headline_threads": sorted({int(n) for n in plain["threads"]}),
        "joules_per_training_sample": trained_j,
        "joules_per_inference": before["joules"] + float(inferred.median()),
        "seconds_per_inference": before["seconds"]
        + float((plain["inference_seconds"] / plain["inference_images"]).median()),
        "flops_per_training_sample": per_sample,
        "flops_per_inference": float(plain["flops_per_inference"].iloc[0]),
        "joules_per_flop": trained_j / per_sample,
        "utilisation": _median(plain["utilisation"]),
        "by_rule": None if encoder else joules_by_rule(plain),
        "idle_watts": _median(once["idle_watts"]),
        "runs_alone": int(_alone(once).sum()),
        **_memory(once),
    }


def _alone(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Return which runs are known to have had the machine to themselves."""
    return (runs["other_cores"] <= ALONE) & ~is_apportioned(runs)


def _comparable(plain: pd.DataFrame) -> pd.DataFrame:
    """Return the runs alone on one machine with one number of threads, the most there are."""
    alone = plain[_alone(plain)]
    if alone.empty:
        by_itself = plain[~is_apportioned(plain)]
        return plain if by_itself.empty else by_itself
    return max((some for _, some in alone.groupby(["hardware", "threads"])), key=len)


def energy_by_setting(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what a sample cost by width, precision and batch, untreated runs first.

    Compared at the same counts and seeds, of runs that no other treatment touched.
    """
    once = runs.drop_duplicates("run_id")
    once = once[~is_apportioned(once)]
    plain = once[~treated(once.assign(**{n: CONTROL.model_dump()[n] for n in SETTINGS}))]
    varied = plain[treated(plain)]
    if varied.empty:
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
    prepared = [(f"{k}_", once[once[k].notna()].drop_duplicates(k)) for k in PREPARED]
    return [("", once), ("inference_", once), *prepared, ("generation_", once)]


def _share_by_source(once: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the share of all energy from each kind of source, strongest first, and its parts."""
    parts = {source: {part: _drawn(once, part, source) for part in PARTS} for source in SOURCES}
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
        both = rows.dropna(subset=f"{block}gpu_counter_kwh")
        tracked += float(both[f"{block}gpu_kwh"].sum())
        counted += float(both[f"{block}gpu_counter_kwh"].sum())
    return tracked / counted if counted else None


def _memory(once: pd.DataFrame) -> dict[str, Any]:
    """Return the highest peak of a run, and what it is a peak of."""
    known = once.dropna(subset="peak_memory_mb")
    if known.empty:
        return {"peak_memory_mb": None, "peak_memory_of": ""}
    highest = known.nlargest(1, "peak_memory_mb").iloc[0]
    among = "" if len(known) == len(once) else f" of the {len(known)} that recorded their own"
    of = f"{highest['peak_memory_of']} in the run that needed most{among}"
    return {"peak_memory_mb": float(highest["peak_memory_mb"]), "peak_memory_of": of}


def _median(values: "pd.Series[float]") -> float | None:
    """Return the median, ``None`` when no run has a value."""
    return None if values.isna().all() else float(values.median())
