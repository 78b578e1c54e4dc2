"""Releases: once a year data are frozen, a network is trained, released, and audited."""

import numpy as np
from numpy.typing import NDArray

from sim.domain.holdings import Performance
from sim.pipeline import evaluation, generation, governance
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.cluster import Order, Priority, run_job
from sim.pipeline.records import Audit, Release
from sim.streams import keys, uniforms
from sim.units import WEEKS_PER_YEAR

POWER_NEEDED = 0.8
"""Power above which a failed audit is held against the release; the usual convention."""


def release_cycle(cal: Calendar) -> Process:
    """Freeze the data once a year and send a training to the cluster."""
    while True:
        # after the purchases of the same instant, so that this year's GPU-hours are there
        yield cal.env.timeout(0)
        cal.env.process(fine_tuning(cal))
        cal.env.process(generator(cal))
        yield cal.env.timeout(WEEKS_PER_YEAR)


def fine_tuning(cal: Calendar) -> Process:
    """Wait for GPU-hours, train on what was frozen, release, audit."""
    compute, frozen = cal.world.compute, governance.holdings(cal.world, cal.state)
    asked = float(cal.env.now)
    studies = float(frozen.own[:, :, 0].sum() + cal.world.data.public_studies.sum())
    slower = compute.federation_gpu_factor - 1.0
    passes = studies + slower * float(governance.federated(cal.world, cal.state).sum())
    hours = compute.gpu_hours_base + compute.gpu_hours_per_1000_studies * passes / 1000.0
    request = cal.gpu_hours.get(hours)
    yield request | cal.env.timeout(WEEKS_PER_YEAR - 1)
    if not request.triggered:
        request.cancel()
        return
    # unused hours are kept, so those who have paid so far share the energy of what runs now
    payers = cal.bought_gpu_hours / cal.bought_gpu_hours.sum()
    cal.log("training", "all", f"{studies:,.0f} studies, {hours:,.0f} GPU-hours")
    done = yield from run_job(cal, Order("fine-tuning", Priority.FINE_TUNING, hours, payers))
    if not done:
        yield cal.gpu_hours.put(hours)
        return
    number = len(cal.records.releases) + 1
    cal.newest = Release(number, asked, float(cal.env.now), studies, cal.respond(frozen))
    cal.records.releases.append(cal.newest)
    since = cal.newest.live_week - asked
    cal.log("release", "all", f"trained on {studies:,.0f} studies", since=since)
    failed = audit(cal)
    if cal.scenario.gate.mitigate and failed.any():
        yield from mitigation(cal, failed, hours * compute.mitigation_gpu_share)


def mitigation(cal: Calendar, failed: NDArray[np.bool_], hours: float) -> Process:
    """Mend the newest release where its audit failed for want of quality, and release it again.

    It takes GPU-hours that are paid for and left over. What it adds to sensitivity is measured, or
    assumed to be about zero: what evaluation is worth is the harm that it keeps away.
    """
    old = cal.newest
    if old is None or cal.gpu_hours.level < hours:
        cal.log("mitigation", "all", "not done: no GPU-hours left")
        return
    yield cal.gpu_hours.get(hours)
    payers = cal.bought_gpu_hours / cal.bought_gpu_hours.sum()
    if not (yield from run_job(cal, Order("mitigation", Priority.MITIGATION, hours, payers))):
        return
    gain = cal.world.compute.mitigation_sensitivity_gain * failed[:, :, None]
    better = Performance(
        np.clip(old.performance.sensitivity + gain, 0.0, 1.0), old.performance.specificity
    )
    number = len(cal.records.releases) + 1
    cal.newest = Release(number, old.frozen_week, float(cal.env.now), old.studies, better)
    cal.records.releases.append(cal.newest)
    cal.log("mitigation", "all", f"released again for {int(failed.sum())} places")
    audit(cal)


def generator(cal: Calendar) -> Process:
    """Train a generator for the regions that pay for synthetic studies and have enough real ones.

    Its GPU-hours are in the price of the synthetic studies; its energy is booked.
    """
    paying = cal.state.active[:, cal.world.catalogue.index("synthesis")] > 0
    ready = generation.can_train_a_generator(cal.world, cal.state) & paying[:, None]
    if not ready.any():
        return
    payers = ready.any(axis=1) / ready.any(axis=1).sum()
    hours = cal.world.compute.generator_gpu_hours
    done = yield from run_job(cal, Order("generator", Priority.GENERATOR, hours, payers))
    if done:
        cal.state.generator_ready |= ready
        where = ", ".join(np.array(cal.world.regions)[ready.any(axis=1)])
        cal.log("generator", where, f"trained in {hours:,.0f} GPU-hours")


def audits(cal: Calendar) -> Process:
    """Audit the newest release again as audit studies add up."""
    while True:
        yield cal.env.timeout(cal.world.compute.audit_interval_weeks)
        audit(cal)


def audit(cal: Calendar) -> NDArray[np.bool_]:
    """Let the newest release read where its audit passes; elsewhere nothing changes.

    Returns where it failed although a release as good as today's reader would most likely have
    passed, shape (r, m): there quality is wanting, elsewhere more audit studies are.

    Where an older release reads, a newer one replaces it only if it passes in its turn: a
    release is immutable and never withdrawn by chance alone.
    """
    if cal.newest is None:
        return np.zeros(cal.world.shape[:2], dtype=bool)
    world, state, performance = cal.world, cal.state, cal.newest.performance
    cells = [f"{region}/{modality}" for region in world.regions for modality in world.modalities]
    key = keys(cal.seed, cal.replication, "evaluation/audit", cells).reshape(world.shape[:2])
    # one luck for all audits of a place: its studies are kept and extended, and successive
    # releases err on much the same ones, so looking again does not pass an audit
    luck = uniforms(key, 0)[0]
    found = evaluation.audit(world, cal.scenario.gate, performance, state.audited, luck)
    for r, m in np.argwhere(found.positives > 0):
        look = Audit(
            week=float(cal.env.now),
            release=cal.newest.number,
            region=world.regions[r],
            modality=world.modalities[m],
            positives=int(found.positives[r, m]),
            lower_benefit=float(found.lower_benefit[r, m]),
            needed_benefit=float(found.needed_benefit[m]),
            power=float(found.power[r, m]),
            passed=bool(found.passed[r, m]),
        )
        cal.records.audits.append(look)
        if not look.passed:
            continue
        if not state.gate_open[r, m]:
            cal.log("gate opened", look.region, f"{look.positives:,.0f} audited positives")
        state.gate_open[r, m] = 1
        state.sensitivity[r, m] = performance.sensitivity[r, m]
        state.specificity[r, m] = performance.specificity[r, m]
    return np.asarray(~found.passed & (found.power >= POWER_NEEDED))
