"""Claims of the review about data: synthetic studies, few labels, other places, and diversity."""

from dataclasses import replace

import numpy as np

from sim.domain.plan import Plan
from sim.learning.response import NOT_MEASURED, Response
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import CHAIN
from sim.studies.claim_evidence import Evidence, Finding, not_tested, spent
from sim.studies.comparison import WORTHWHILE
from sim.studies.judging import judged
from sim.studies.recommendation import AMPLE, SCARCE, Infrastructure

FEWER = 0.1
"""Part of the labels, or of the measured range, that is called few."""
ONE_POINT = 0.01
"""A difference in sensitivity from which on it is one."""


def synthetic_helps_where_scarce(evidence: Evidence) -> Finding:
    """C7: what synthetic studies add to the links of AI where infrastructure is scarce or ample."""
    compared = "gain by adding synthetic studies where infrastructure is scarce, less where ample"
    with_it = spent(evidence, "links and synthesis", (*CHAIN, "synthesis"))
    if with_it is None or not _buys(with_it, "synthesis"):
        return not_tested(compared, "synthetic studies cannot be bought here")
    synthetic = np.array([one.lever == "synthesis" for one in with_it.catalogue.items])
    without = replace(with_it, name="links", units=np.where(synthetic, 0.0, with_it.units))
    gains = {}
    for name, factor in (("scarce", SCARCE), ("ample", AMPLE)):
        design = replace(evidence.design, sampler=Infrastructure(evidence.design.sampler, factor))
        plans = {f"{name}, {plan.name}": plan for plan in (with_it, without)}
        values, _ = judged(design, evidence.answering, plans)
        more, less = (values[key][:, 0] for key in plans)
        gains[name] = more - less
    note = f"scarce {gains['scarce'].mean():+z.5f}, ample {gains['ample'].mean():+z.5f}"
    if max(abs(float(gain.mean())) for gain in gains.values()) < evidence.worthwhile:
        return not_tested(compared, f"synthetic studies bring nothing worthwhile: {note}")
    found = evidence.paired(
        compared,
        gains["scarce"] - gains["ample"],
        unit="objective",
        worthwhile=evidence.worthwhile,
    )
    return found._replace(note=note)


def gap_rises_as_labels_fall(evidence: Evidence) -> Finding:
    """C10: the gap between who has most labelled studies and who has few, of few and of many."""
    most = evidence.central.profile.measured_max
    found = evidence.paired(
        "gap in sensitivity between a place with nine tenths of the labelled studies and one with "
        "a tenth, with a tenth of the measured studies, less with all",
        np.array([_gap(one.response, FEWER * most) - _gap(one.response, most)
                  for one in evidence.draws]),
        unit="sensitivity",
        worthwhile=ONE_POINT,
    )  # fmt: skip
    wide = float(np.mean([_gap(one.response, most) for one in evidence.draws]))
    note = f"by the measured law; with all {most:,.0f} studies the gap is {wide:.3f}"
    return found._replace(note=f"{note}; not tested here: a foundation model against none")


def fairness_stays_where_it_was_tuned(evidence: Evidence) -> Finding:
    """C12: what is lost in a place of which training saw nothing."""
    profile = evidence.central.profile
    most = profile.measured_max
    lost = [
        float(one.response.error(0.0, most) - one.response.error(most, 0.0))
        for one in evidence.draws
    ]
    found = evidence.paired(
        "sensitivity where all training studies came from elsewhere, below where all are one's own",
        np.array(lost),
        unit="sensitivity",
        worthwhile=ONE_POINT,
    )
    factor = profile.factors.get("local_threshold_gain", NOT_MEASURED)
    note = f"by the measured law, at {most:,.0f} studies"
    if factor.value is not None:
        note += f"; a threshold of its own changes sensitivity there by {factor.value:+z.3f}"
    return found._replace(note=f"{note}; not tested here: a mitigation tuned in one place")


def diversity_raises_the_mean(evidence: Evidence) -> Finding:
    """C17: money for the links of AI everywhere by need, against all in the richest region."""
    compared = "mean coverage: money for the links of AI by need everywhere, or in one region alone"
    world = evidence.world
    if len(world.regions) < 2:
        return not_tested(compared, "there is one region")
    one_place = np.zeros(len(world.regions))
    one_place[int(world.income_rank.argmax())] = 1.0
    plans = {
        "links everywhere": spent(evidence, "links everywhere", CHAIN),
        "links in one region": spent(evidence, "links in one region", CHAIN, weight=one_place),
    }
    made = {name: plan for name, plan in plans.items() if plan is not None}
    if len(made) < len(plans):
        return not_tested(compared, "nothing can be bought there")
    design = replace(evidence.design, objective=OBJECTIVES["mean_ec"])
    values, _ = judged(design, evidence.answering, made)
    wide, narrow = (values[name][:, 0] for name in plans)
    found = evidence.paired(
        compared, wide - narrow, unit="share of need", worthwhile=WORTHWHILE * float(narrow.mean())
    )
    return found._replace(note=f"alone in {world.regions[int(one_place.argmax())]}, the richest")


def _gap(response: Response, studies: float) -> float:
    """Return the gap in sensitivity between nine tenths and a tenth of the studies."""
    many, few = (1.0 - FEWER) * studies, FEWER * studies
    return float(response.error(few, many) - response.error(many, few))


def _buys(plan: Plan, lever: str) -> bool:
    items, units = plan.catalogue.items, plan.units
    return any(units[:, :, i].any() for i, one in enumerate(items) if one.lever == lever)
