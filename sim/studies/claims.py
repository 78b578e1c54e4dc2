"""The testable claims of the review, each held against a designed comparison.

Queiroz et al. (doi:10.1145/3793542) argue from the literature; what they say is put here as a
difference with an interval. A claim holds in a scenario or does not; where nothing can be told,
that is said.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd

from sim.baseline import tables
from sim.domain.levers import LEVERS, Stage
from sim.learning.response import NOT_MEASURED
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import CHAIN
from sim.streams import stream
from sim.studies.claim_evidence import Evidence, Finding, gain_on_nothing, not_tested, spent
from sim.studies.comparison import WORTHWHILE
from sim.studies.data_claims import (
    diversity_raises_the_mean,
    fairness_stays_where_it_was_tuned,
    gap_rises_as_labels_fall,
    synthetic_helps_where_scarce,
)
from sim.studies.judging import judged
from sim.studies.recommendation import GPU, best_with, cost_of_stage, review_ratings

CLAIM_COLUMNS = (
    "claim",
    "says",
    "compared",
    "effect",
    "low",
    "high",
    "unit",
    "verdict",
    "n",
    "note",
)
PER_MILLION = "objective per million dollars"
"""Unit of what a stage brings for its money."""
JOULES_PER_KWH = 3.6e6
RESAMPLES = 1_000
TRIVIAL_GAP = 0.01
"""A change of a gap in sensitivity that is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the review, and how it is tested."""

    name: str
    says: str
    test: Callable[[Evidence], Finding]


def claims_table(evidence: Evidence) -> pd.DataFrame:
    """Return every claim with its finding: ``CLAIM_COLUMNS``."""
    rows = [(claim.name, claim.says, *claim.test(evidence)) for claim in CLAIMS]
    return pd.DataFrame(rows, columns=list(CLAIM_COLUMNS))


def few_countries(_: Evidence) -> Finding:
    """C1: share of the patients of public data sets in four countries.

    Sets are resampled, and of those whose patients were not read, their number is drawn.
    """
    known = tables.datasets().query("counted == 'yes' and unit == 'patients'").reset_index()
    known = known[known["iso3"] != ""]
    rows = known[["iso3", "value"]].to_numpy()
    rng = stream(0, "claims", "few countries")
    chosen = [rng.integers(len(rows), size=len(rows)) for _ in range(RESAMPLES)]
    ranged = (known["low"] < known["high"]).to_numpy()
    ends = known.loc[ranged, ["low", "value", "high"]].to_numpy(float).T
    again = []
    for sets in chosen:
        drawn = rows.copy()
        drawn[ranged, 1] = rng.triangular(*ends)
        again.append(_top_share(drawn[sets]))
    low, high = np.quantile(again, [0.025, 0.975]) - 0.5
    effect = _top_share(rows) - 0.5
    said = "confirmed" if low > 0.0 else "refuted" if high < 0.0 else "undecided"
    return Finding(
        "share of the patients in public data sets that the four leading countries hold, less half",
        effect, low, high, "share of patients", said, len(rows), "of all modalities; data sets of "
        "the tables that are counted in patients and whose country is known",
    )  # fmt: skip


def whole_beats_single(evidence: Evidence) -> Finding:
    """C2: the plan over all stages against the best over one stage, at the same budget."""
    singles = [1 << k for k in range(len(evidence.stages))]
    worth = evidence.value.coalitions["worth"].to_numpy(float)
    best = max(singles, key=lambda one: worth[one])
    name = evidence.stages[singles.index(best)]
    return evidence.paired(
        f"all stages against {name} alone, the best single one, each with the whole budget",
        evidence.reached[-1] - evidence.reached[best],
        unit="objective",
        worthwhile=evidence.worthwhile,
    )


def mitigation_is_small(evidence: Evidence) -> Finding:
    """C3: the measured change of the gap by mitigation during training."""
    compared = "measured change of the gap in sensitivity by mitigation, against one point"
    factor = evidence.central.profile.factors.get("mitigation_gap_change", NOT_MEASURED)
    if not factor.draws or factor.value is None or factor.low is None or factor.high is None:
        return not_tested(compared, "the profile has no runs with mitigation")
    outside = max(abs(factor.low), abs(factor.high))
    inside = 0.0 if factor.low <= 0.0 <= factor.high else min(abs(factor.low), abs(factor.high))
    said = (
        "confirmed" if outside < TRIVIAL_GAP else "refuted" if inside > TRIVIAL_GAP else "undecided"
    )
    return Finding(
        compared, TRIVIAL_GAP - abs(factor.value), TRIVIAL_GAP - outside, TRIVIAL_GAP - inside,
        "sensitivity", said, factor.runs, f"change {factor.value:+z.3f}, over {factor.runs} runs",
    )  # fmt: skip


def cheap_stages_pay(evidence: Evidence) -> Finding:
    """C4: Shapley value per dollar of curation and evaluation against the best other stage."""
    compared = "Shapley value per million dollars of curation and evaluation against the next best"
    cheap = [str(Stage.CURATION), str(Stage.EVALUATION)]
    usd = evidence.costs.sum(axis=1, min_count=1)
    known = [stage for stage in evidence.stages if usd[stage] > 0.0]
    others = [
        stage
        for stage in known
        if stage not in cheap
        and stage in reviewed()
        # what little money brings by chance is no rate
        and evidence.shapley[stage].mean() >= evidence.worthwhile
    ]
    if not set(cheap) <= set(known) or not others:
        return not_tested(compared, "no good plan buys from both of them, or no other is of use")
    per_musd = {stage: evidence.shapley[stage] / (usd[stage] / 1e6) for stage in others}
    rival = max(others, key=lambda stage: per_musd[stage].mean())
    mine = sum(evidence.shapley[stage] for stage in cheap) / (usd[cheap].sum() / 1e6)
    return evidence.paired(
        f"{compared}, {rival}",
        np.asarray(mine - per_musd[rival]),
        unit=PER_MILLION,
        worthwhile=WORTHWHILE * abs(float(per_musd[rival].mean())),
    )


def pretraining_matters_most(evidence: Evidence) -> Finding:
    """C5: Shapley value of pre-training against that of the best other stage."""
    compared = "Shapley value of pre-training against the largest other"
    mine = str(Stage.PRE_TRAINING)
    others = [stage for stage in evidence.stages if stage != mine and stage in reviewed()]
    if mine not in evidence.stages or not others:
        return not_tested(compared, "pre-training cannot be bought here")
    rival = max(others, key=lambda stage: evidence.shapley[stage].mean())
    return evidence.paired(
        f"{compared}, {rival}",
        evidence.shapley[mine] - evidence.shapley[rival],
        unit="objective",
        worthwhile=evidence.worthwhile,
    )


def real_beats_synthetic(evidence: Evidence) -> Finding:
    """C6: what a synthetic study is worth, in real ones."""
    compared = "1 less the measured worth of a synthetic study in real ones"
    factor = evidence.central.profile.factors.get("synthetic_worth", NOT_MEASURED)
    if not factor.draws or factor.value is None or factor.low is None or factor.high is None:
        return not_tested(compared, "the profile has no runs with synthetic studies")
    low, high = 1.0 - factor.high, 1.0 - factor.low
    said = "confirmed" if low > 0.0 else "refuted" if high < 0.0 else "undecided"
    return Finding(
        compared, 1.0 - factor.value, low, high, "real studies", said, factor.runs,
        f"{factor.runs} training runs with synthetic studies",
    )  # fmt: skip


def experts_cost_most(evidence: Evidence) -> Finding:
    """C8: share of labour in the cost of fine-tuning with annotation, over drawn prices."""
    compared = "share of labour in the cost of fine-tuning with annotation, less half"
    stage = str(Stage.FINE_TUNING)
    plan = best_with(stage, evidence.plans, evidence.value.coalitions)
    if plan is None:
        return not_tested(compared, "no good plan buys from fine-tuning with annotation")
    shares = []
    for sample in evidence.draws:
        drawn = replace(plan, catalogue=sample.world.catalogue)
        paid = cost_of_stage(drawn, stage, evidence.design.scenario)
        total = sum(paid.values())
        shares.append(paid["labour"] / total - 0.5 if total > 0.0 else nan)
    return evidence.paired(compared, np.array(shares), unit="share of cost", worthwhile=0.0)


def compute_alone_fails(evidence: Evidence) -> Finding:
    """C9: all money for computing, by need, against buying nothing."""
    compared = "the least worthwhile gain less that of spending all money on computing, by need"
    found = spent(evidence, "computing only", GPU)
    if found is None:
        return not_tested(compared, "no computing can be bought here")
    gain = gain_on_nothing(evidence, {"computing only": found})["computing only"]
    finding = evidence.paired(
        compared, evidence.worthwhile - gain, unit="objective", worthwhile=0.0
    )
    return finding._replace(note=f"gain of computing alone {gain.mean():+z.4f}")


def documentation_carries(evidence: Evidence) -> Finding:
    """C11: what curation and evaluation bring with and without documentation."""
    compared = "half of what curation and evaluation bring with documentation, less all without it"
    pair = (Stage.CURATION, Stage.EVALUATION)
    missing = [stage for stage in (*pair, Stage.DOCUMENTATION) if str(stage) not in evidence.stages]
    if missing:
        return not_tested(compared, f"{', '.join(missing)} cannot be bought here")
    along = evidence.reached[-1] - evidence.of(*pair, without=True)
    apart = evidence.of(Stage.DOCUMENTATION, without=True) - evidence.of(
        *pair, Stage.DOCUMENTATION, without=True
    )
    if max(float(along.mean()), float(apart.mean())) < evidence.worthwhile:
        return not_tested(compared, "curation and evaluation bring nothing worthwhile here")
    found = evidence.paired(compared, along / 2.0 - apart, unit="objective", worthwhile=0.0)
    note = f"with documentation {along.mean():+z.4f}, without {apart.mean():+z.4f}"
    return found._replace(note=note)


def inference_dominates(evidence: Evidence) -> Finding:
    """C14: energy of reading all exams needed in the scored years over that of one training."""
    years = evidence.design.scenario.horizon.score_years
    logs, breaks = [], []
    for sample in evidence.draws:
        compute = sample.world.compute
        training = compute.gpu_hours_base * compute.gpu_watts / 1e3 * compute.pue
        inference = compute.joules_per_inference / JOULES_PER_KWH
        exams = float(sample.world.care.need_per_year.sum()) * years
        logs.append(np.log10(exams * inference / training))
        breaks.append(training / inference)
    found = evidence.paired(
        "energy of AI reading every exam needed in all scored years, over that of one training",
        np.array(logs),
        unit="powers of ten",
        worthwhile=0.0,
    )
    note = (
        f"even at {np.median(breaks):,.0f} exams a training; inference is that of the measured "
        "network, training assumed for a full-size one"
    )
    return found._replace(note=note)


def redistribution_helps(evidence: Evidence) -> Finding:
    """C15: all money to the poorest region against all to the richest, for the worst-off cell."""
    compared = "coverage of the worst-off cell: all money to the poorest region, or to the richest"
    world = evidence.world
    if len(world.regions) < 2:
        return not_tested(compared, "there is one region")
    ends = {"poorest": int(world.income_rank.argmin()), "richest": int(world.income_rank.argmax())}
    levers = tuple(n for n in LEVERS if n in CHAIN or not LEVERS[n].only_ai)
    plans = {}
    for name, region in ends.items():
        weight = np.zeros(len(world.regions))
        weight[region] = 1.0
        plan = spent(evidence, f"all to the {name}", levers, weight=weight)
        if plan is None:
            return not_tested(compared, "nothing can be bought there")
        plans[plan.name] = plan
    design = replace(evidence.design, objective=OBJECTIVES["worst_ec"])
    values, _ = judged(design, evidence.answering, plans)
    poor, rich = (values[name][:, 0] for name in plans)
    names = " and ".join(world.regions[region] for region in ends.values())
    found = evidence.paired(
        compared, poor - rich, unit="share of need", worthwhile=WORTHWHILE * float(rich.mean())
    )
    return found._replace(note=f"{names}; money split equally over care and the links of AI")


def aggregation_adds(evidence: Evidence) -> Finding:
    """C16: Shapley value of aggregation; the review leaves it open, so that it is a hypothesis."""
    compared = "Shapley value of aggregation (federated training)"
    if str(Stage.AGGREGATION) not in evidence.stages:
        return not_tested(compared, "aggregation cannot be bought here")
    values = evidence.shapley[str(Stage.AGGREGATION)]
    return evidence.paired(compared, values, unit="objective", worthwhile=evidence.worthwhile)


CLAIMS = (
    Claim("C1", "A few countries hold most of the public data.", few_countries),
    Claim("C2", "A package over the whole pipeline beats any single stage.", whole_beats_single),
    Claim("C3", "Mitigation in the model alone barely moves the gap.", mitigation_is_small),
    Claim("C4", "Curation and evaluation bring most fairness for the money.", cheap_stages_pay),
    Claim("C5", "Pre-training matters most for fairness.", pretraining_matters_most),
    Claim("C6", "Real data beat synthetic data of the same number.", real_beats_synthetic),
    Claim("C7", "Synthetic data help most where real data are scarce.",
          synthetic_helps_where_scarce),
    Claim("C8", "The cost of fine-tuning is expert labour.", experts_cost_most),
    Claim("C9", "More computing alone does not close the gap.", compute_alone_fails),
    Claim("C10", "The gap rises as labels fall.", gap_rises_as_labels_fall),
    Claim("C11", "Without documentation, curation and evaluation lose most of their effect.",
          documentation_carries),
    Claim("C12", "Fairness tuned in one place does not carry over to another.",
          fairness_stays_where_it_was_tuned),
    Claim("C14", "Inference, not training, dominates the energy at scale.", inference_dominates),
    Claim("C15", "Money for the poor region helps the worst-off more than as much for the rich.",
          redistribution_helps),
    Claim("C16", "Aggregation adds a gain (hypothesis).", aggregation_adds),
    Claim("C17", "Collecting in more places raises the mean too.", diversity_raises_the_mean),
)  # fmt: skip
"""Every claim that has a designed comparison."""


def reviewed() -> set[str]:
    """Return the stages that the review rates: neither care delivery nor governance."""
    return set(review_ratings()["stage"])


def _top_share(rows: np.ndarray) -> float:
    """Return the share of the four leading countries; sets of several count equally for each."""
    held: dict[str, float] = {}
    for origin, patients in rows:
        countries = str(origin).split("|")
        for iso3 in countries:
            held[iso3] = held.get(iso3, 0.0) + float(patients) / len(countries)
    return sum(sorted(held.values(), reverse=True)[:4]) / sum(held.values())
