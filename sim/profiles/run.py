"""One training: prepare, train, test every group, and say what it cost."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import ProfileError
from sim.profiles import generator, pretraining
from sim.profiles.cases import Cases
from sim.profiles.counter import open_counter
from sim.profiles.damage import TrainingSet, training_set
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.images import Split, split, subset, unlabelled
from sim.profiles.machine import describe, peak_flops
from sim.profiles.memory import peak_memory
from sim.profiles.meter import BlockMeter, Meter, Reading
from sim.profiles.network import Trained, choose_device, computing, flops, schedule, train
from sim.profiles.power import PARTS, weakest, weakest_used
from sim.profiles.scores import calibration_error, delong, rates, threshold_at
from sim.profiles.treatment import CONTROL, DAMAGE, Treatment

if TYPE_CHECKING:
    import torch

INFERENCE_PASSES = 5
"""Times the test images are scored under the meter: once is too short to read."""
WARM_UP_RATE = 1e-6
"""Learning rate of the warm-up: too small to fail, so that a plan's own rate fails in its runs."""
FAILURES = (RuntimeError, MemoryError, ProfileError, ValueError, ArithmeticError)
"""What a single run may end with, and the measurement goes on: CUDA's errors are the first."""
NOTHING = Reading(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""What preparing costs a run that starts from nothing prepared."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Something that several runs start from, and what it cost once."""

    made: Any = None
    cost: Reading = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run of a measurement shares."""

    plan: MeasurementPlan
    cases: Cases
    meter: BlockMeter
    device: "torch.device"
    common: Row
    prepared: dict[str, Prepared] = field(default_factory=dict)
    """Generators and pre-trained weights by name."""
    peaks: dict[str, float] = field(default_factory=dict)
    """Measured FLOP per second by precision."""


def preparations(cell: Cell) -> dict[str, str]:
    """Return what a run starts from besides real studies, by kind: runs of one name share it."""
    treatment, names = cell.treatment, {}
    if treatment.synthetic:
        damage = Treatment(**treatment.model_dump(include=set(DAMAGE)))
        counts = "-".join(map(str, cell.counts))
        names["generator"] = f"generator_{counts}_{damage.words}_seed{cell.seed}"
    if treatment.pretraining_steps:
        steps, own = treatment.pretraining_steps, treatment.pretraining_own
        names["pretraining"] = f"pretraining_{steps}_own{own:g}_seed{cell.seed}"
    return names


@contextmanager
def open_bench(plan: MeasurementPlan, cases: Cases) -> Iterator[tuple[Bench, Meter]]:
    """Yield a warm device, and the running meter that it works with.

    Raises ``ProfileError`` when not even the warm-up fits on the device.
    """
    device = choose_device(plan)
    meter = Meter(plan.country, open_counter(str(device)))
    try:
        with meter.block("warm-up"):  # first use of kernels and caches is not a run's cost
            warm_up(plan, cases, device)
        sources = meter.sources()
        common: Row = {
            "power_source": weakest(sources.values()),
            **{f"{part}_power_source": sources[part] for part in PARTS},
            "tracking": meter.words(),
            "idle_watts": meter.idle_watts(),
            "grid_country": plan.country,
            "threads": plan.threads,
            **describe(str(device)),
            "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        }
        yield Bench(plan, cases, meter, device, common), meter
    finally:
        meter.close()


def warm_up(plan: MeasurementPlan, cases: Cases, device: "torch.device") -> None:
    """Train for nothing, so that the first use of kernels and caches is no run's cost.

    Raises ``ProfileError`` when not even that fits on the device.
    """
    images, label = cases.images[:64], cases.label[:64]
    some = TrainingSet(images, label, np.zeros(len(label), dtype=np.int64))
    calm = plan.model_copy(update={"learning_rate": WARM_UP_RATE})
    try:
        train(calm, some, seed=0, device=device, treatment=CONTROL)
    except FAILURES as error:
        raise ProfileError(f"{device}: no run can start, {_words(error)}") from error


def rows_of(bench: Bench, cell: Cell) -> list[Row]:
    """Return one row per group: of the run's scores, or of its error."""
    plan, fold = bench.plan, cell.seed % bench.plan.folds
    run: Row = {
        "run_id": cell.run_id,
        "seed": cell.seed,
        "fold": fold,
        **cell.treatment.model_dump(),
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
    except FAILURES as error:  # recorded, not hidden
        failed = run | bench.common | {"error": _words(error)}
        return [failed | {"group": group} for group in groups]
    own = dict(zip(plan.groups, cell.counts, strict=True))
    drawn = bench.common | costs | inference
    drawn["power_source"] = weakest_used(drawn)
    return [
        run
        | {"group": group, "n_own": own.get(group, 0)}
        | {"n_other": sum(cell.counts) - own.get(group, 0)}
        | scores[group]
        | drawn
        for group in groups
    ]


def _words(error: Exception) -> str:
    words = f"{type(error).__name__}: {error}"
    if "out of memory" in words.lower() or isinstance(error, MemoryError):
        words += " (lower 'batch', 'widths' or 'image_px')"
    return words


def _train(bench: Bench, cell: Cell, parts: Split) -> tuple[Trained, Row]:
    plan, treatment = bench.plan, cell.treatment
    rows = subset(bench.cases, parts.train, plan, cell)
    real = training_set(bench.cases, rows, plan, cell)
    made, generator_costs = _generated(bench, cell, real)
    learnt = real if made is None else real.joined(made)
    start, pretraining_costs = _pretrained(bench, cell, parts)
    named: dict[str, Any] = {"seed": cell.seed, "device": bench.device, "start": start}
    with (
        bench.meter.block(f"{cell.run_id} train") as reading,
        peak_memory(str(bench.device)) as peak,
    ):
        network = train(plan, learnt, treatment=treatment, **named)
    steps, size = schedule(plan, treatment)
    forward, both = flops(plan, treatment.width)
    fastest = fastest_at(bench, treatment.precision)
    return network, {
        "samples_trained": steps * size,
        "studies_trained": len(learnt),
        "readings": real.readings,
        "peak_memory_mb": peak.mb,
        "peak_memory_of": peak.of,
        "flops_per_inference": forward,
        "flops_per_training_sample": both,
        "peak_flops": fastest,
        "utilisation": steps * size * both / reading.seconds / fastest,
        "other_cores": reading.other_cores,
        **_costs("", reading),
        **_made_by_group(plan, made),
        **generator_costs,
        **pretraining_costs,
    }


def fastest_at(bench: Bench, precision: str) -> float:
    """Return the FLOP per second that the device reaches, measured the first time.

    Raises ``ProfileError`` for a precision that the device does not have.
    """
    if precision not in bench.peaks:
        with computing(precision, bench.device):
            bench.peaks[precision] = peak_flops(bench.device, precision)
    return bench.peaks[precision]


def _generated(bench: Bench, cell: Cell, real: TrainingSet) -> tuple[TrainingSet | None, Row]:
    """Return the synthetic studies of a run, and what their generator and they cost."""
    plan, treatment = bench.plan, cell.treatment
    name = preparations(cell).get("generator")
    one, made, generation = Prepared(), None, NOTHING
    if name:
        named: dict[str, Any] = {"seed": cell.seed, "device": bench.device}
        one = _once(bench, name, lambda: generator.train_generator(plan, real, **named))
        with bench.meter.block(f"{cell.run_id} generate") as generation:
            made = generator.generate(
                one.made,
                real,
                treatment.synthetic,
                seed=cell.seed,
                image_px=plan.image_px,
                absent=_absent(cell) if treatment.synthetic_for == "all" else (),
            )
    costs = _costs("generator_", one.cost) | _costs("generation_", generation)
    return made, {"generator": name, **costs}


def _absent(cell: Cell) -> Sequence[int]:
    return [group for group, count in enumerate(cell.counts) if not count]


def _made_by_group(plan: MeasurementPlan, made: TrainingSet | None) -> Row:
    numbers = np.bincount([] if made is None else made.group, minlength=len(plan.groups))
    return {f"generated_{g}": n for g, n in zip(plan.groups, numbers.tolist(), strict=True)}


def _pretrained(bench: Bench, cell: Cell, parts: Split) -> tuple[Any, Row]:
    """Return the weights that a run starts with, and what they cost."""
    plan, name, one = bench.plan, preparations(cell).get("pretraining"), Prepared()
    if name:
        images = bench.cases.images[unlabelled(bench.cases, parts.train, plan, cell)]
        named: dict[str, Any] = {"seed": cell.seed, "device": bench.device}
        named["steps"] = cell.treatment.pretraining_steps
        one = _once(bench, name, lambda: pretraining.pretrain(plan, images, **named))
    return one.made, {"pretraining": name, **_costs("pretraining_", one.cost)}


def _once(bench: Bench, name: str, make: Any) -> Prepared:
    """Return what is prepared under a name, made and metered the first time."""
    if name not in bench.prepared:
        with bench.meter.block(name) as reading:
            made = make()
        bench.prepared[name] = Prepared(made, reading)
    return bench.prepared[name]


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
        f"{prefix}energy": "apportioned" if reading.apportioned else "alone",
    }
