"""Which constants the treatments identify, each with its interval."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.learning.law import effective_studies
from sim.profiles.fit.contrasts import INTERVAL, Effect, over_seeds, quantiles
from sim.profiles.treatment import treated

Floats = NDArray[np.float64]

LEAST_WORTH = 1e-3
FEWEST_SEEDS = 3
"""Below this an interval over seeds says nothing, and nothing counts as resolved."""
WORTHS, LIMITS = np.linspace(-1.0, 1.0, 201), np.linspace(0.025, 1.0, 40)
"""Grids on which the worth of synthetic studies is sought, and its limit as a share of the most.
Below 0 they harm. No limit is 0, so that no effect is a worth of 0 and nothing else."""


def mitigated(found: Sequence[Effect]) -> dict[str, dict[str, float]]:
    """Return what mitigation changed at unequal counts, mean of all methods; empty without.

    A gap also closes when the better group gets worse: who won and who lost belongs beside it.
    """
    used = _mitigations(found)
    if not used:
        return {}
    of = {
        "fewest_sensitivity": [e.by_group["sensitivity"][e.fewest] for e in used],
        "most_sensitivity": [e.by_group["sensitivity"][e.most] for e in used],
        "gap_sensitivity": [e.change["gap_sensitivity"] for e in used],
        "auc": [e.change["auc"] for e in used],
        "specificity": [e.change["specificity"] for e in used],
    }
    return {name: quantiles(np.mean(changes, axis=0)) for name, changes in of.items()}


def factors(found: Sequence[Effect], runs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the constants of ``sim.learning.response.FACTORS`` that the effects identify."""
    answers: dict[str, dict[str, Any]] = {}

    def add(
        name: str, used: Sequence[Effect], null: float, unit: str, of: Callable[..., Any]
    ) -> None:
        if used:
            seeds = min(e.seeds for e in used)
            answers[name] = factor_from(of(used), (sum(e.runs for e in used), seeds), null, unit)

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
    if ratios:
        answers |= _synthetic_answers(ratios)
    # made under its name where that was tried, else more of the others' only
    named = [e for e in found if e.is_only("synthetic", "synthetic_for")]
    without = _enough(e for e in named or made if min(e.counts) == 0)
    add("synthetic_without_own", without, 0.0, "AUC of the group without", _without_own)
    _add_pretraining(add, found)
    unequal = _mitigations(found)
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
        draws = over_seeds(gains, len(unequal[0].change["auc"]))[:, 0]
        unit = "sensitivity of the group with fewest studies"
        answers["local_threshold_gain"] = factor_from(draws, (len(gains), len(gains)), 0.0, unit)
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


def _mitigations(found: Sequence[Effect]) -> list[Effect]:
    return _enough(e for e in found if e.is_only("mitigation") and e.worth is None)


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


def _synthetic_answers(used: Sequence[Effect]) -> dict[str, dict[str, Any]]:
    """Return the worth of synthetic studies, and their limit where they are worth anything.

    A draw in which they are worth nothing or harm says nothing about how many of them count, and
    takes the middle of those that do; when such draws are the larger half, the limit is left out.
    """
    worth, limit = _synthetic(used)
    size = (sum(e.runs for e in used), min(e.seeds for e in used))
    answers = {"synthetic_worth": factor_from(worth, size, 0.0, "real studies each")}
    if answers["synthetic_worth"]["value"] > 0:
        known = np.where(worth > 0, limit, np.median(limit[worth > 0]))
        same_status = {"status": answers["synthetic_worth"]["status"]}
        answers["synthetic_limit"] = factor_from(known, size, 0.0, "per real study") | same_status
    return answers


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
        missed = ((np.log(_floored(predicted)) - np.log(_floored(seen))) ** 2).sum(axis=2)
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
    plain = runs[~treated(runs) & (runs["n_own"] < runs["n_other"]) & runs["estimable"]]
    wanted = {tuple(sorted(of)) for of in counts}
    some = plain[[(a, b) in wanted for a, b in zip(plain["n_own"], plain["n_other"], strict=True)]]
    if some.empty:
        return None
    gain = (some["local_sensitivity"] - some["sensitivity"]).groupby(some["seed"]).mean()
    return np.asarray(gain.to_numpy(float)[:, None])


def factor_from(draws: Floats, size: tuple[int, int], null: float, unit: str) -> dict[str, Any]:
    """Return an answer from draws; ``size`` is the number of runs and of seeds behind it."""
    low, middle, high = np.quantile(draws, INTERVAL).tolist()
    resolved = size[1] >= FEWEST_SEEDS and not low <= null <= high
    return {
        "value": middle,
        "low": low,
        "high": high,
        "status": "measured" if resolved else "not resolved",
        "runs": size[0],
        "seeds": size[1],
        "null": null,
        "unit": unit,
        "draws": draws.tolist(),
    }


def _floored(worth: Any) -> Floats:
    return np.asarray(np.maximum(np.asarray(worth, float), LEAST_WORTH))


def _geometric(worths: Sequence[Any]) -> Floats:
    return np.asarray(np.exp(np.mean([np.log(_floored(w)) for w in worths], axis=0)))
