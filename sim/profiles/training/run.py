"""One training: start from what is prepared, train, test every group, and say what it cost."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images.split import Split, split, subset
from sim.profiles.images.training_set import TrainingSet, training_set
from sim.profiles.metering.memory import peak_memory
from sim.profiles.metering.meter import Reading
from sim.profiles.metering.power import weakest_used
from sim.profiles.training import generator
from sim.profiles.training.bench import FAILURES, Bench, Row, fastest_at, words_of
from sim.profiles.training.network import Trained, flops, schedule, train
from sim.profiles.training.preparation import KINDS, Prepared
from sim.profiles.training.probe import Probe, train_probe
from sim.profiles.training.scores import calibration_error, delong, rates, threshold_at

INFERENCE_PASSES = 5
"""Times the test images are scored under the meter: once is too short to read."""
NOTHING = Reading(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""What preparing costs a run that starts from nothing prepared."""


def rows_of(bench: Bench, cell: Cell, prepared: Mapping[str, Prepared]) -> list[Row]:
    """Return one row per group: of the run's scores, or of its error.

    Parameters
    ----------
    prepared : what the run starts from, by kind.
    """
    plan = bench.plan
    run: Row = {
        "run_id": cell.run_id,
        "task": cell.task,
        "seed": cell.seed,
        "fold": cell.seed % plan.folds,
        **cell.treatment.model_dump(),
        "n_total": sum(cell.counts),
        "data": plan.data,
        "error": None,
        **{f"n_{group}": n for group, n in zip(plan.groups, cell.counts, strict=True)},
    }
    groups = [*plan.groups, *plan.not_estimable]
    try:
        scores, drawn = _measured(bench, cell, prepared)
    except FAILURES as error:  # recorded, not hidden
        failed = run | bench.common | {"error": words_of(error)}
        return [failed | {"group": group} for group in groups]
    own = dict(zip(plan.groups, cell.counts, strict=True))
    return [
        run
        | {"group": group, "n_own": own.get(group, 0)}
        | {"n_other": sum(cell.counts) - own.get(group, 0)}
        | scores[group]
        | drawn
        for group in groups
    ]


def _measured(
    bench: Bench, cell: Cell, prepared: Mapping[str, Prepared]
) -> tuple[Mapping[str, Row], Row]:
    """Return each group's scores, and what the run ran on and cost."""
    for one in prepared.values():
        one.require()
    parts = split(bench.cases, bench.plan, cell.seed % bench.plan.folds)
    trained, costs = (
        _probe(bench, cell, parts)
        if bench.plan.model == "probe"
        else _train(bench, cell, parts, prepared)
    )
    scores, inference = _score(bench, trained, parts)
    drawn = bench.common | costs | inference
    return scores, drawn | {"power_source": weakest_used(drawn)}


def _probe(bench: Bench, cell: Cell, parts: Split) -> tuple[Probe, Row]:
    """Return a probe and what training it cost; the features are there already."""
    plan, cases, encoder = bench.plan, bench.cases, bench.cases.encoder
    assert encoder is not None
    learnt = training_set(cases, subset(cases, parts.train, plan, cell), plan, cell)
    training = [g for g, count in zip(plan.groups, cell.counts, strict=True) if count]
    choosing = parts.validation[np.isin(cases.group[parts.validation], training)]
    reweighted = cell.treatment.mitigation == "reweighted"
    with bench.meter.block() as reading, peak_memory(str(bench.device)) as peak:
        probe = train_probe(learnt, cases, choosing, reweighted=reweighted)
    operations = encoder.flops + 2.0 * cases.images.shape[1]
    return probe, {
        "samples_trained": len(learnt),
        "studies_trained": len(learnt),
        "readings": learnt.readings,
        "peak_memory_mb": peak.mb,
        "peak_memory_of": peak.of,
        "flops_per_inference": operations,
        "flops_per_training_sample": operations,
        "peak_flops": nan,
        "utilisation": nan,
        "other_cores": reading.other_cores,
        **_costs("", reading),
        **_made_by_group(plan, None),
        **_costs("generation_", NOTHING),
        **_started({}),
    }


def _train(
    bench: Bench, cell: Cell, parts: Split, prepared: Mapping[str, Prepared]
) -> tuple[Trained, Row]:
    plan, treatment = bench.plan, cell.treatment
    rows = subset(bench.cases, parts.train, plan, cell)
    real = training_set(bench.cases, rows, plan, cell)
    made, generation = _generated(bench, cell, real, prepared.get("generator"))
    learnt = real if made is None else real.joined(made)
    start = prepared["pretraining"].weights if "pretraining" in prepared else None
    named: dict[str, Any] = {"seed": cell.seed, "device": bench.device, "start": start}
    with bench.meter.block() as reading, peak_memory(str(bench.device)) as peak:
        network = train(plan, learnt, treatment=treatment, **named)
    steps, size = schedule(plan, treatment)
    forward, both = flops(plan, treatment.width)
    before = bench.cases.encoder.flops if bench.cases.encoder else 0.0
    fastest = fastest_at(bench, treatment.precision)
    return network, {
        "samples_trained": steps * size,
        "studies_trained": len(learnt),
        "readings": real.readings,
        "peak_memory_mb": peak.mb,
        "peak_memory_of": peak.of,
        "flops_per_inference": before + forward,
        # an encoder passed over each study once, however many steps were on it
        "flops_per_training_sample": both + before * len(learnt) / (steps * size),
        "peak_flops": fastest,
        "utilisation": steps * size * both / reading.seconds / fastest,
        "other_cores": reading.other_cores,
        **_costs("", reading),
        **_made_by_group(plan, made),
        **_costs("generation_", generation),
        **_started(prepared),
    }


def _generated(
    bench: Bench, cell: Cell, real: TrainingSet, prepared: Prepared | None
) -> tuple[TrainingSet | None, Reading]:
    """Return the synthetic studies of a run, and what making them cost."""
    if prepared is None:
        return None, NOTHING
    absent = _absent(cell) if cell.treatment.synthetic_for == "all" else ()
    named: dict[str, Any] = {"seed": cell.seed, "device": bench.device, "absent": absent}
    with bench.meter.block() as cost:
        made = generator.generate(
            bench.plan, prepared.weights, real, cell.treatment.synthetic, **named
        )
    return made, cost


def _started(prepared: Mapping[str, Prepared]) -> Row:
    """Return what a run started from, by kind, and what that cost once."""
    row: Row = {}
    for kind in KINDS:
        one = prepared.get(kind)
        row |= {kind: one and one.name, **_costs(f"{kind}_", one.cost if one else NOTHING)}
    return row


def _absent(cell: Cell) -> Sequence[int]:
    return [group for group, count in enumerate(cell.counts) if not count]


def _made_by_group(plan: MeasurementPlan, made: TrainingSet | None) -> Row:
    numbers = np.bincount([] if made is None else made.group, minlength=len(plan.groups))
    return {f"generated_{g}": n for g, n in zip(plan.groups, numbers.tolist(), strict=True)}


def _score(bench: Bench, network: Trained | Probe, parts: Split) -> tuple[Mapping[str, Row], Row]:
    """Return each group's scores at the run's one threshold, and what inference cost."""
    plan, cases = bench.plan, bench.cases
    validated = network.probability(cases.images[parts.validation])
    with bench.meter.block() as reading:
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
    """Add the worst group and the gap between best and worst to every group's row.

    One group has no gap, which is not a gap of 0: both are empty.
    """
    alone = len(plan.groups) < 2
    for measure_of in ("auc", "sensitivity"):
        values = {group: float(str(by_group[group][measure_of])) for group in plan.groups}
        worst = min(values, key=values.__getitem__)
        for row in by_group.values():
            row[f"worst_group_{measure_of}"] = None if alone else worst
            row[f"gap_{measure_of}"] = None if alone else max(values.values()) - values[worst]


def _costs(prefix: str, reading: Reading) -> Row:
    return {
        f"{prefix}seconds": reading.seconds,
        f"{prefix}kwh": reading.kwh,
        f"{prefix}cpu_kwh": reading.cpu_kwh,
        f"{prefix}gpu_kwh": reading.gpu_kwh,
        f"{prefix}gpu_counter_kwh": reading.gpu_counter_kwh,
        f"{prefix}ram_kwh": reading.ram_kwh,
        f"{prefix}emissions_kg": reading.emissions_kg,
        f"{prefix}cpu_load": reading.cpu_load,
        f"{prefix}energy": "apportioned" if reading.apportioned else "alone",
    }
