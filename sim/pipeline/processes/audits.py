"""Audits: a release is audited as audit studies add up, and mitigated where it falls short."""

import numpy as np
from numpy.typing import NDArray

from sim.domain.holdings import Performance
from sim.learning.gate import Findings
from sim.pipeline.facts import AuditRound, Release
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.cluster import book, run_job
from sim.pipeline.processes.jobs import Order, Priority
from sim.pipeline.stations import evaluation
from sim.pipeline.stations.deployment import ALWAYS, IN_NEED
from sim.units import MINUTES_PER_HOUR


def mitigation(cal: Calendar, failed: NDArray[np.bool_], hours: float) -> Process:
    """Mitigate the newest release where its audit failed for want of quality, and release it again.

    First the specialists of the places look at every audited positive once more, in the hours that
    are there for labels. Then it takes GPU-hours that are left over. What it adds to sensitivity is
    measured, or assumed to be about zero: what evaluation is worth is the harm that it keeps away.
    """
    old = cal.newest
    if old is None:
        return
    yield from _review(cal, failed)
    if cal.newest is not old:
        cal.log("mitigation", "all", "not done: a newer release came first")
        return
    booking = yield from book(cal, hours, cal.for_fine_tuning, patience_weeks=0.0)
    if booking is None:
        cal.log("mitigation", "all", "not done: no GPU-hours left")
        return
    if not (yield from run_job(cal, Order("mitigation", Priority.MITIGATION, hours, booking))):
        return
    if cal.newest is not old:
        cal.log("no release", "all", "a newer one came before the mitigated one")
        return
    gain = cal.world.compute.mitigation_sensitivity_gain * failed
    better = Performance(
        np.clip(old.performance.sensitivity + gain, 0.0, 1.0), old.performance.specificity
    )
    number = len(cal.records.releases) + 1
    cal.newest = Release(number, old.frozen_week, float(cal.env.now), old.studies, better)
    cal.records.releases.append(cal.newest)
    cal.log("mitigation", "all", f"released again for {int(failed.sum())} places")
    audit(cal)


def _review(cal: Calendar, failed: NDArray[np.bool_]) -> Process:
    """Wait until specialists have reviewed the audited positives, or a newer release comes."""
    world, state, old = cal.world, cal.state, cal.newest
    positives = evaluation.positives(world, cal.scenario.gate, state.audited)
    due = (positives * failed).sum(axis=2) @ world.data.annotation_minutes / MINUTES_PER_HOUR
    # what an older release still asked for is of no more use
    state.review_hours[:], cal.under_review = due, old
    while cal.newest is old and state.review_hours.any():
        yield cal.env.timeout(1)
    if cal.under_review is old:
        state.review_hours[:] = 0.0


def audits(cal: Calendar) -> Process:
    """Audit the newest release again as audit studies add up."""
    while True:
        yield cal.env.timeout(cal.world.compute.audit_interval_weeks)
        audit(cal)


def audit(cal: Calendar) -> Findings | None:
    """Let the newest release read where its audit passes; elsewhere nothing changes.

    Where an older release reads, a newer one replaces it only if it passes in its turn: a
    release is immutable and never withdrawn for one unlucky sample.
    """
    if cal.newest is None or not np.count_nonzero(audited := cal.state.audited):
        return None
    world, performance = cal.world, cal.newest.performance
    found = evaluation.audit(world, cal.scenario.gate, performance, audited, cal.audit_uniforms)
    apart = cal.scenario.gate.by == "group"
    if looked := np.count_nonzero(found.positives):
        passed, kind = np.count_nonzero(found.passed), "groups" if apart else "places"
        cal.log("audit", "all", f"{passed} of {looked} {kind} passed")
        groups = world.groups if apart else ("all",)
        cal.records.audits.append(AuditRound(float(cal.env.now), cal.newest.number, groups, found))
        if passed:
            _open(cal, performance, found)
    return found


def _open(cal: Calendar, performance: Performance, found: Findings) -> None:
    """Let a release read where it passed."""
    state, world, apart = cal.state, cal.world, found.passed.shape[2] > 1
    shut = state.gate_open == 0
    if np.count_nonzero(shut):
        opens = found.passed & (shut if apart else shut.all(axis=2, keepdims=True))
        for r, m, k in zip(*map(np.ndarray.tolist, opens.nonzero()), strict=True):
            whom = f" of {world.groups[k]}" if apart else ""
            count = f"{found.positives[r, m, k]:,.0f} audited positives{whom}"
            cal.log("gate opened", world.regions[r], count)
    level = np.where(found.as_good(), ALWAYS, IN_NEED)
    np.copyto(state.gate_open, level, where=found.passed)
    np.copyto(state.sensitivity, performance.sensitivity, where=found.passed)
    np.copyto(state.specificity, performance.specificity, where=found.passed)
