"""What each treated run changed against its control, with intervals over seeds.

A treated run is compared with the untreated run of the same counts, seed and test cases. A loss of
AUC becomes a *worth*: the multiple of the untreated studies with which the law gives that AUC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.learning.law import effective_studies
from sim.learning.scaling import effective
from sim.profiles.images.training_set import wrong_after
from sim.profiles.treatment import CONTROL, FACTORS, Treatment, treated
from sim.streams import stream

Floats = NDArray[np.float64]

GAPS = ("gap_auc", "gap_sensitivity")
SCORES = ("auc", "sensitivity", "specificity", *GAPS)
MOST_WORTH = 100.0
"""Largest worth; near its floor the law turns a small gain into any number."""
INTERVAL = (0.025, 0.5, 0.975)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one treatment at one set of counts changed, draw by draw."""

    treatment: Treatment
    counts: tuple[int, ...]
    runs: int
    seeds: int
    change: Mapping[str, Floats]
    """Treated minus untreated, by score: mean over groups, shape (draws,). No gap of one group."""
    by_group: Mapping[str, Mapping[str, Floats]]
    """The same by score and group."""
    fewest: str
    """The group with the fewest studies of its own."""
    most: str
    """The group with the most."""
    worth: Floats | None
    """Multiple of the untreated studies, shape (draws,); ``None`` at unequal counts."""
    worth_by_group: Mapping[str, Floats]

    def is_only(self, *names: str) -> bool:
        """Whether exactly the named factors are off their control levels."""
        changed = {n for n in FACTORS if getattr(self.treatment, n) != getattr(CONTROL, n)}
        return changed == set(names)


def effects(runs: pd.DataFrame, fitted: Mapping[str, Any], groups: Sequence[str]) -> list[Effect]:
    """Return the effect of every treatment in the runs, by treatment and counts.

    Parameters
    ----------
    runs : finished runs.
    fitted : the fit of AUC: ``draws`` of the law.
    groups : groups that are scored.
    """
    rows = runs[runs["group"].isin(list(groups))]
    names = [f"n_{group}" for group in groups]
    keys = ["seed", "group", *names]
    off = treated(rows)
    control = rows.loc[~off, [*keys, *SCORES]]
    pairs = rows[off].merge(control, on=keys, suffixes=("", "_untreated"))
    draws = {key: np.array(values) for key, values in fitted["draws"].items()}
    return [
        _effect(some, draws, groups, dict(zip([*FACTORS, *names], key, strict=True)))
        for key, some in pairs.groupby([*FACTORS, *names], sort=True)
    ]


def _effect(
    pairs: pd.DataFrame, draws: Mapping[str, Floats], groups: Sequence[str], key: Mapping[str, Any]
) -> Effect:
    counts = tuple(int(key[f"n_{group}"]) for group in groups)
    size = len(draws["kappa"])
    by_group: dict[str, dict[str, Floats]] = {}
    for score in SCORES:
        if score in GAPS and len(groups) == 1:  # nothing to differ from
            continue
        frame = pairs.assign(change=pairs[score] - pairs[f"{score}_untreated"])
        table = frame.pivot_table(index="seed", columns="group", values="change")[list(groups)]
        sampled = over_seeds(table.to_numpy(float), size)
        by_group[score] = dict(zip(groups, sampled.T, strict=True))
    equal = len(set(counts)) == 1
    change = {
        score: np.asarray(np.mean(list(of.values()), axis=0)) for score, of in by_group.items()
    }
    other = sum(counts) - counts[0]
    return Effect(
        treatment=Treatment.model_validate({name: key[name] for name in FACTORS}),
        counts=counts,
        runs=int(pairs["run_id"].nunique()),
        seeds=int(pairs["seed"].nunique()),
        change=change,
        by_group=by_group,
        fewest=groups[int(np.argmin(counts))],
        most=groups[int(np.argmax(counts))],
        worth=worth_of(-change["auc"], draws, counts[0], other) if equal else None,
        worth_by_group={
            group: worth_of(-of, draws, counts[0], other) for group, of in by_group["auc"].items()
        }
        if equal
        else {},
    )


def over_seeds(values: Floats, draws: int) -> Floats:
    """Return bootstrap means over seeds, shape (draws, groups), from shape (seeds, groups).

    The same seeds are drawn for every treatment, which therefore stay paired. Deviations are
    widened by sqrt(k / (k - 1)), as means of k values resampled from themselves vary too little.
    """
    count = len(values)
    picks = np.stack(
        [stream(d, "factors", count).integers(count, size=count) for d in range(draws)]
    )
    centre = values.mean(axis=0)
    wide = np.sqrt(count / (count - 1)) if count > 1 else 1.0
    return np.asarray(centre + wide * (values[picks].mean(axis=1) - centre))


def worth_of(loss: Floats, draws: Mapping[str, Floats], own: float, other: float) -> Floats:
    """Return the multiple of the studies with which the law loses ``loss`` of AUC, by draw.

    0 where the loss is more than all data are worth, at most ``MOST_WORTH``.
    """
    studies = effective(own, other, draws["kappa"], draws["limit"])
    before = draws["scale"] * (studies + draws["offset"]) ** -draws["power"]
    after = np.maximum(before + loss, 1e-12)
    with np.errstate(over="ignore"):
        needed = (after / draws["scale"]) ** (-1 / draws["power"]) - draws["offset"]
    return np.clip(needed / studies, 0.0, MOST_WORTH)


def assumed_worth(treatment: Treatment) -> float | None:
    """Return the worth that the simulation assumes, ``None`` where only runs identify it."""
    wrong, kept, _ = wrong_after(treatment.noise, treatment.reading)
    intact = (1 - treatment.duplicates) * (1 - treatment.corrupted)
    same = treatment.model_copy(
        update={"noise": 0.0, "reading": "single", "duplicates": 0.0, "corrupted": 0.0}
    )
    return float(effective_studies(kept, noise=wrong, quality=intact)) if same == CONTROL else None


def table_of(found: Sequence[Effect]) -> list[dict[str, Any]]:
    """Return one record per treatment and counts, for the fit and its card."""
    return [
        {
            **effect.treatment.model_dump(exclude_defaults=True),
            "counts": list(effect.counts),
            "runs": effect.runs,
            "seeds": effect.seeds,
            **{f"{score}_change": _quantiles_or_none(effect.change.get(score)) for score in SCORES},
            "fewest": effect.fewest,
            "fewest_sensitivity_change": quantiles(effect.by_group["sensitivity"][effect.fewest]),
            "most": effect.most,
            "most_sensitivity_change": quantiles(effect.by_group["sensitivity"][effect.most]),
            "worth": _quantiles_or_none(effect.worth),
            "worth_by_group": {g: quantiles(w) for g, w in effect.worth_by_group.items()},
            "assumed": assumed_worth(effect.treatment),
        }
        for effect in found
    ]


def _quantiles_or_none(draws: Floats | None) -> dict[str, float] | None:
    return None if draws is None else quantiles(draws)


def quantiles(draws: Floats) -> dict[str, float]:
    """Return the median of draws and the ends of their 95% interval."""
    low, middle, high = np.quantile(draws, INTERVAL).tolist()
    return {"value": middle, "low": low, "high": high}
