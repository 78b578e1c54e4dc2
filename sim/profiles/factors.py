"""What each treatment was worth, read back through the fitted law, with intervals over seeds.

A treated run is compared with the untreated run of the same counts, seed and test cases. A loss of
AUC becomes a *worth*: the multiple of the untreated studies with which the law gives that AUC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.learning.effects import effective_studies
from sim.profiles.damage import wrong_after
from sim.profiles.treatment import CONTROL, FACTORS, Treatment, completed, treated
from sim.streams import stream

Floats = NDArray[np.float64]

SCORES = ("auc", "sensitivity", "gap_auc", "gap_sensitivity")
MOST_WORTH = 100.0
"""Largest worth told apart; near its floor the law turns a small gain into any number."""
LEAST_WORTH = 1e-3
FEWEST_SEEDS = 3
"""Below this an interval over seeds says nothing, and nothing counts as resolved."""
INTERVAL = (0.025, 0.5, 0.975)
WORTHS, LIMITS = np.linspace(0.0, 1.0, 101), np.linspace(0.0, 1.0, 41)
"""Grids on which the worth of synthetic studies is sought, and its limit as a share of the most."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one treatment at one set of counts changed, draw by draw."""

    treatment: Treatment
    counts: tuple[int, ...]
    runs: int
    seeds: int
    change: Mapping[str, Floats]
    """Treated minus untreated, by score: mean over groups, shape (draws,)."""
    by_group: Mapping[str, Mapping[str, Floats]]
    """The same by score and group."""
    fewest: str
    """The group with the fewest studies of its own."""
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
    rows = completed(runs)
    rows = rows[rows["group"].isin(list(groups))]
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
        frame = pairs.assign(change=pairs[score] - pairs[f"{score}_untreated"])
        table = frame.pivot_table(index="seed", columns="group", values="change")[list(groups)]
        sampled = _over_seeds(table.to_numpy(float), size)
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
        worth=worth_of(-change["auc"], draws, counts[0], other) if equal else None,
        worth_by_group={
            group: worth_of(-of, draws, counts[0], other) for group, of in by_group["auc"].items()
        }
        if equal
        else {},
    )


def _over_seeds(values: Floats, draws: int) -> Floats:
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
    studies = own + draws["kappa"] * other
    before = draws["scale"] * (studies + draws["offset"]) ** -draws["power"]
    after = np.maximum(before + loss, 1e-12)
    with np.errstate(over="ignore"):
        needed = (after / draws["scale"]) ** (-1 / draws["power"]) - draws["offset"]
    return np.clip(needed / studies, 0.0, MOST_WORTH)


def assumed_worth(treatment: Treatment) -> float | None:
    """Return what the simulation takes for damage, and ``None`` for what only runs can tell."""
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
            **{f"{score}_change": _quantiles(of) for score, of in effect.change.items()},
            "fewest": effect.fewest,
            "fewest_sensitivity_change": _quantiles(effect.by_group["sensitivity"][effect.fewest]),
            "worth": None if effect.worth is None else _quantiles(effect.worth),
            "worth_by_group": {g: _quantiles(w) for g, w in effect.worth_by_group.items()},
            "assumed": assumed_worth(effect.treatment),
        }
        for effect in found
    ]


def factors(found: Sequence[Effect], runs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the constants of ``sim.learning.response.FACTORS`` that the effects can tell."""
    answers: dict[str, dict[str, Any]] = {}

    def add(
        name: str, used: Sequence[Effect], null: float, unit: str, of: Callable[..., Any]
    ) -> None:
        if used:
            seeds = min(e.seeds for e in used)
            answers[name] = _answer(of(used), (sum(e.runs for e in used), seeds), null, unit)

    noise = _enough(e for e in found if e.is_only("noise") and e.worth is not None)
    add("noise_exponent", noise, 0.0, "exponent of 1 - 2 noise", _noise_exponent)
    read_again = (e for e in found if e.treatment.reading == "adjudicated")
    double = _enough(e for e in read_again if _single(e, noise))
    add(
        "double_reading_gain",
        double,
        1.0,
        "multiple of the studies, at the same cases",
        lambda used: _geometric([e.worth / _floored(_single(e, noise).worth) for e in used]),
    )
    mixes = _enough(e for e in found if e.treatment.duplicates and e.treatment.corrupted)
    add("uncurated_quality", mixes[:1], 1.0, "multiple of the studies", lambda used: used[0].worth)
    made = [e for e in found if e.is_only("synthetic")]
    ratios = _enough(e for e in made if e.worth is not None)
    add("synthetic_worth", ratios, 0.0, "real studies each", lambda used: _synthetic(used)[0])
    add("synthetic_limit", ratios, 0.0, "per real study", lambda used: _synthetic(used)[1])
    without = _enough(e for e in made if min(e.counts) == 0)
    add("synthetic_without_own", without, 0.0, "AUC of the group without", _without_own)
    _add_pretraining(add, found)
    unequal = _enough(e for e in found if e.is_only("mitigation") and e.worth is None)
    add(
        "mitigation_sensitivity_gain",
        unequal,
        0.0,
        "sensitivity of the group with fewest studies",
        lambda used: np.mean([e.by_group["sensitivity"][e.fewest] for e in used], axis=0),
    )
    add(
        "mitigation_gap_change",
        unequal,
        0.0,
        "difference of sensitivity between groups",
        lambda used: np.mean([e.change["gap_sensitivity"] for e in used], axis=0),
    )
    gains = _threshold_gains(runs, {e.counts for e in unequal})
    if gains is not None and unequal:
        draws = _over_seeds(gains, len(unequal[0].change["auc"]))[:, 0]
        unit = "sensitivity of the group with fewest studies"
        answers["local_threshold_gain"] = _answer(draws, (len(gains), len(gains)), 0.0, unit)
    return answers


def _add_pretraining(add: Callable[..., None], found: Sequence[Effect]) -> None:
    used = _enough(e for e in found if e.treatment.pretraining_steps and e.worth is not None)
    if not used:
        return
    even = [e for e in used if e.is_only("pretraining_steps")]
    most = max(e.treatment.pretraining_steps for e in used)
    longest = [e for e in even if e.treatment.pretraining_steps == most]
    unit = "multiple of the labelled studies"
    add("pretraining_efficiency", longest, 1.0, unit, lambda of: _geometric([e.worth for e in of]))
    if len({e.treatment.pretraining_steps for e in even}) > 1:
        add("pretraining_per_decade", even, 1.0, f"{unit} per tenfold compute", _per_decade)
    ends = [e for e in used if e.treatment.pretraining_own in (0.0, 1.0)]
    if {e.treatment.pretraining_own for e in ends} == {0.0, 1.0} and len(
        ends[0].by_group["auc"]
    ) == 2:
        unit = "multiple of the labelled studies, all images one's own against none"
        add("pretraining_own_share", ends, 1.0, unit, _own_against_none)


def _enough(found: Iterable[Effect]) -> list[Effect]:
    """Return the effects with enough seeds for an interval; all of them when none has."""
    every = list(found)
    return [e for e in every if e.seeds >= FEWEST_SEEDS] or every


def _noise_exponent(used: Sequence[Effect]) -> Floats:
    """Return b of worth = (1 - 2 noise)^b by least squares of logarithms; 2 is assumed."""
    x = np.log([1 - 2 * e.treatment.noise for e in used])
    y = np.log([_floored(e.worth) for e in used])
    return np.asarray(x @ y / (x @ x))


def _single(effect: Effect, noise: Sequence[Effect]) -> Any:
    """Return the effect of the same noise and counts with one reading, if it was measured."""
    same = [
        e
        for e in noise
        if e.treatment.noise == effect.treatment.noise and e.counts == effect.counts
    ]
    return same[0] if same else None


def _synthetic(used: Sequence[Effect]) -> tuple[Floats, Floats]:
    """Return worth and limit by least squares over a grid, draw by draw."""
    ratio = np.array([e.treatment.synthetic for e in used])
    limit = LIMITS * ratio.max()
    predicted = np.stack(
        [
            [effective_studies(1.0, ratio, worth=w, limit=most) for most in limit.tolist()]
            for w in WORTHS.tolist()
        ]
    )
    observed = np.stack([np.asarray(e.worth) for e in used], axis=1)
    worth, most = np.empty(len(observed)), np.empty(len(observed))
    for d, seen in enumerate(observed):
        missed = ((np.log(predicted) - np.log(_floored(seen))) ** 2).sum(axis=2)
        w, m = np.unravel_index(int(np.argmin(missed)), missed.shape)
        worth[d], most[d] = WORTHS[w], limit[m]
    return worth, most


def _without_own(used: Sequence[Effect]) -> Floats:
    return np.asarray(np.mean([e.by_group["auc"][e.fewest] for e in used], axis=0))


def _per_decade(used: Sequence[Effect]) -> Floats:
    """Return by what M grows per tenfold compute: slope of log M, label counts apart."""
    x, y = [], []
    for counts in sorted({e.counts for e in used}):
        some = [e for e in used if e.counts == counts]
        decades = np.log10([e.treatment.pretraining_steps for e in some])
        logs = np.log([_floored(e.worth) for e in some])
        x.append(decades - decades.mean())
        y.append(logs - logs.mean(axis=0))
    decades, logs = np.concatenate(x), np.concatenate(y)
    return np.asarray(np.exp(decades @ logs / (decades @ decades)))


def _own_against_none(used: Sequence[Effect]) -> Floats:
    """Return M of a group when all unlabelled images are its own, relative to none being."""
    mine, others = [], []
    for effect in used:
        first, second = (_floored(w) for w in effect.worth_by_group.values())
        all_first = effect.treatment.pretraining_own == 1.0
        mine.append(first if all_first else second)
        others.append(second if all_first else first)
    return _geometric(mine) / _geometric(others)


def _threshold_gains(runs: pd.DataFrame, counts: set[tuple[int, ...]]) -> Floats | None:
    """Return, by seed, what a threshold of its own brings the group with the fewest studies."""
    plain = runs[~treated(completed(runs)) & (runs["n_own"] < runs["n_other"]) & runs["estimable"]]
    wanted = {tuple(sorted(of)) for of in counts}
    some = plain[[(a, b) in wanted for a, b in zip(plain["n_own"], plain["n_other"], strict=True)]]
    if some.empty or "local_sensitivity" not in some:
        return None
    gain = (some["local_sensitivity"] - some["sensitivity"]).groupby(some["seed"]).mean()
    return np.asarray(gain.to_numpy(float)[:, None])


def _answer(draws: Floats, size: tuple[int, int], null: float, unit: str) -> dict[str, Any]:
    """Return an answer from draws; ``size`` is the number of runs and of seeds behind it."""
    low, middle, high = np.quantile(draws, INTERVAL).tolist()
    resolved = size[1] >= FEWEST_SEEDS and not low <= null <= high
    return {
        "value": middle,
        "low": low,
        "high": high,
        "status": "measured" if resolved else "not resolved",
        "runs": size[0],
        "null": null,
        "unit": unit,
        "draws": draws.tolist(),
    }


def _quantiles(draws: Floats) -> dict[str, float]:
    low, middle, high = np.quantile(draws, INTERVAL).tolist()
    return {"value": middle, "low": low, "high": high}


def _floored(worth: Any) -> Floats:
    return np.asarray(np.maximum(np.asarray(worth, float), LEAST_WORTH))


def _geometric(worths: Sequence[Any]) -> Floats:
    return np.asarray(np.exp(np.mean([np.log(_floored(w)) for w in worths], axis=0)))
