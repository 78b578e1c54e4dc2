"""What a worker needs for any run of a measurement: images, a device that is warm, and a meter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from math import nan
from platform import node

import numpy as np
import torch

from sim.errors import ExecutorError, ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Cases, countable
from sim.profiles.images.split import load_cases
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.metering.gpu_counter import open_counter
from sim.profiles.metering.machine import describe, peak_flops
from sim.profiles.metering.meter import Meter
from sim.profiles.metering.power import PARTS, weakest
from sim.profiles.metering.register import Register, gpus_of
from sim.profiles.training.network import (
    choose_device,
    computing,
    train,
    use_threads,
)
from sim.profiles.training.probe import train_probe
from sim.profiles.treatment import CONTROL

WARM_UP_RATE = 1e-6
"""Learning rate of the warm-up: too small to fail, so that a plan's own rate fails in its runs."""
FAILURES = (RuntimeError, MemoryError, ProfileError, ValueError, ArithmeticError)
"""What a single run may end with, and the measurement goes on: CUDA's errors are the first."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class MeasurementData:
    """What a measurement is of; each process reads the images itself."""

    plan: str
    """The plan, as JSON."""
    data: str | None
    """Path of the images, as all machines see it; ``None`` for phantoms."""
    table: str | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same in every worker."""

    inputs: MeasurementData
    digest: str
    """Of the cases."""
    device: str
    """Kind of device, of all workers."""
    torch: str
    """Version."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run in one process shares."""

    plan: MeasurementPlan
    cases: Cases
    meter: Meter
    device: torch.device
    common: Row
    peaks: dict[str, float]
    """Measured FLOP per second by precision."""


@lru_cache(maxsize=1)
def cases_of(inputs: MeasurementData) -> dict[str, tuple[MeasurementPlan, Cases]]:
    """Return each task's cases, and the plan that scores those of its groups with enough."""
    found = {}
    for task, plan in MeasurementPlan.model_validate_json(inputs.plan).by_task().items():
        cases = load_cases(plan, inputs.data, inputs.table)
        found[task] = (countable(plan, cases), cases)
    return found


def digest(tasks: Mapping[str, tuple[MeasurementPlan, Cases]]) -> str:
    """Return a checksum of all that is trained and tested on."""
    return sha256("".join(cases.digest() for _, cases in tasks.values()).encode()).hexdigest()


def survey(plan: MeasurementPlan) -> tuple[str, str]:
    """Return the kind of device that a worker would train on, and its version of torch."""
    return choose_device(plan).type, version("torch")


def bench_of(setup: Setup, task: str = "") -> Bench:
    """Return the bench of this process for a task, made ready the first time.

    Each thread that computes asks for it: numbers of threads are of a thread.

    Raises
    ------
    ExecutorError
        When this machine has another torch or other images than the others.
    ProfileError
        When not even the warm-up fits on the device.
    """
    bench = _opened(setup)[task]
    use_threads(bench.plan.threads)
    return bench


@lru_cache(maxsize=1)
def _opened(setup: Setup) -> dict[str, Bench]:
    """Return the bench of each task; they share all but plan and cases."""
    _require_same(setup.torch, version("torch"), what="torch")
    try:
        tasks = cases_of(setup.inputs)
    except ProfileError as error:
        raise ExecutorError(
            f"a worker on '{node()}' cannot read the images: {error} Every machine needs them, at "
            "the same path."
        ) from error
    _require_same(setup.digest[:12], digest(tasks)[:12], what="images with checksum")
    plan, cases = next(iter(tasks.values()))
    device = choose_device(plan.model_copy(update={"device": setup.device}))
    kind = str(device)
    use_threads(plan.threads)
    meter = Meter(plan.country, open_counter(kind), Register(gpus_of(kind)))
    with meter.block():  # first use of kernels and caches is not a run's cost
        _warm_up(plan, cases, device)
    common = {**_sources(meter), **_machine(plan, meter, kind)}
    peaks: dict[str, float] = {}
    return {
        task: Bench(plan, cases, meter, device, common, peaks)
        for task, (plan, cases) in tasks.items()
    }


def forget() -> None:
    """Let go of images and device: what is asked for next is read anew."""
    _opened.cache_clear()
    cases_of.cache_clear()


def fastest_at(bench: Bench, precision: str) -> float:
    """Return the FLOP per second that the device reaches, measured the first time.

    ``nan`` while other runs share the machine.

    Raises ``ProfileError`` for a precision that the device does not have.
    """
    if precision not in bench.peaks:
        with computing(precision, bench.device), bench.meter.block() as reading:
            reached = peak_flops(bench.device, precision)
        if reading.apportioned:
            return nan
        bench.peaks[precision] = reached
    return bench.peaks[precision]


def words_of(error: Exception) -> str:
    """Return what a run failed of, for its row."""
    words = f"{type(error).__name__}: {error}"
    if "out of memory" in words.lower() or isinstance(error, MemoryError):
        words += " (lower 'batch', 'widths' or 'image_px')"
    return words


def _require_same(wanted: str, found: str, *, what: str) -> None:
    if found != wanted:
        raise ExecutorError(
            f"a worker on '{node()}' has {what} {found}, not {wanted}. Give every machine the same."
        )


def _warm_up(plan: MeasurementPlan, cases: Cases, device: torch.device) -> None:
    images, label = cases.images[:64], cases.label[:64]
    some = TrainingSet(images, label, np.zeros(len(label), dtype=np.int64))
    calm = plan.model_copy(update={"learning_rate": WARM_UP_RATE})
    try:
        if plan.model == "probe":
            train_probe(some, cases, np.arange(len(cases.label)))
        else:
            train(calm, some, seed=0, device=device, treatment=CONTROL)
    except FAILURES as error:
        raise ProfileError(
            f"{device} of '{node()}': no run can start, {words_of(error)}. With several workers, "
            "fewer of them may fit."
        ) from error


def _sources(meter: Meter) -> Row:
    """Return how the power of each part is known."""
    sources: Mapping[str, str | None] = meter.sources()
    named = {f"{part}_power_source": sources[part] for part in PARTS}
    return {"power_source": weakest(sources.values()), **named, "tracking": meter.words()}


def _machine(plan: MeasurementPlan, meter: Meter, device: str) -> Row:
    return {
        "idle_watts": meter.idle_watts(),
        "grid_country": plan.country,
        "threads": plan.threads,
        **describe(device),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
