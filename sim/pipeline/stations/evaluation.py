"""Evaluation: audit studies never train; a release reads only where its audit says it may."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sim.baseline.world import World
from sim.domain.holdings import Performance
from sim.domain.levers import Floats
from sim.learning import law
from sim.learning.gate import Findings, needed_benefit, wilson_lower
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import (
    Counts,
    allot,
    binomial,
    by_region,
    kernel,
    serve,
    total,
    uniform,
)
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.ai import Gate
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@kernel
def assign(
    week: int,
    keys: NDArray[np.uint64],
    capacity: Floats,
    begun: Floats,
    curated: Counts,
    set_aside: Counts,
    for_training: Counts,
) -> None:
    """Split ``curated`` studies into ``set_aside`` and ``for_training``, before any can train.

    The three have shape (r, 1, cells): all cells of a region are one place here.
    """
    regions, places, cells = curated.shape
    for r in range(regions):
        for m in range(places):
            count, begun[r] = serve(total(curated, r, m), capacity[r], begun[r])
            allot(count, curated, r, m, uniform(keys[r], week), set_aside)
            for cell in range(cells):
                for_training[r, m, cell] = curated[r, m, cell] - set_aside[r, m, cell]


_benefit: Callable[..., Any] = kernel(law.benefit)
_wilson_lower: Callable[..., Any] = kernel(wilson_lower)


@kernel
def look(
    audited: Counts,
    prevalence: Floats,
    sensitivity: Floats,
    specificity: Floats,
    uniforms: Floats,
    needed: Floats,
    z: float,
    target_specificity: float,
    penalty: float,
    positives: Counts,
    lower_benefit: Floats,
    mean_specificity: Floats,
    passed: NDArray[np.bool_],
) -> None:
    """Look at a release through the audited studies: the last four, shape (r, m, k), are written.

    With k = 1 the groups of a place are audited together, else each by itself. Audited studies,
    the release's accuracy and ``uniforms`` have shape (r, m, g), prevalence (r, m), needed benefit
    (m,). The bound is that of ``wilson_lower`` at the normal quantile ``z``.
    """
    regions, modalities, groups = audited.shape
    together = positives.shape[2] == 1
    for r in range(regions):
        for m in range(modalities):
            for k in range(positives.shape[2]):
                first, last = (0, groups) if together else (k, k + 1)
                studies = 0
                for g in range(first, last):
                    studies += audited[r, m, g]
                sees, spares, weights = 0.0, 0.0, 0
                for g in range(first, last):
                    weight = audited[r, m, g] if studies else 1
                    sees += sensitivity[r, m, g] * weight
                    spares += specificity[r, m, g] * weight
                    weights += weight
                sees, spares = sees / weights, spares / weights
                trials = int(np.rint(studies * prevalence[r, m]))
                lower = 0.0
                if trials > 0:
                    found = binomial(uniforms[r, m, k], trials, sees)
                    lower = _wilson_lower(float(found), float(trials), z)
                positives[r, m, k] = trials
                lower_benefit[r, m, k] = _benefit(lower, spares, target_specificity, penalty)
                mean_specificity[r, m, k] = spares
                passed[r, m, k] = trials > 0 and lower_benefit[r, m, k] >= needed[m]


def positives(world: World, gate: Gate, audited: Counts) -> Counts:
    """Return the studies with the disease among those set aside (r, m, g), shape (r, m, k)."""
    studies = audited if gate.by == "group" else audited.sum(axis=2, keepdims=True)
    return np.asarray(np.round(studies * world.care.prevalence[:, :, None]).astype(np.int64))


def audit(
    world: World, gate: Gate, candidate: Performance, audited: Counts, uniforms: Floats
) -> Findings:
    """Return what an audit finds about a candidate release, and where it may read.

    The audit sees the candidate through the positives among the audited studies. Its lower bound
    of benefit must reach the reader's benefit less the margin. Unless ``gate.by`` says otherwise, a
    region's groups are audited together: by group the positives tell little for many years.

    Parameters
    ----------
    audited : studies set aside, shape (r, m, g).
    uniforms : in (0, 1), shape (r, m, g): the audit sample drawn; the first of a place is
        that of its groups together.
    """
    care = world.care
    shape = (*world.shape[:2], world.shape[2] if gate.by == "group" else 1)
    found = Findings(
        positives=np.zeros(shape, dtype=np.int64),
        lower_benefit=np.zeros(shape),
        needed_benefit=needed_benefit(care.reader, gate),
        passed=np.zeros(shape, dtype=np.bool_),
        specificity=np.zeros(shape),
        gate=gate,
    )
    look(
        audited,
        care.prevalence,
        candidate.sensitivity,
        candidate.specificity,
        uniforms,
        found.needed_benefit,
        float(ndtri(gate.confidence)),
        gate.target_specificity,
        gate.penalty,
        found.positives,
        found.lower_benefit,
        found.specificity,
        found.passed,
    )
    return found


class Evaluation(Station):
    """Studies set aside for audit: labelled by its own specialists, never trained on."""

    name = "evaluation"
    capacity_unit = "studies"
    states = (
        Array("audit_begun", "r", "part of a study set aside", float),
        Array("audited", "r m g", "studies set aside for audit so far"),
        Array("gate_open", "r m g", "where a release may read: 1 if readers are short, 2 always"),
        Array("sensitivity", "r m g", "of the release that reads", float),
        Array("specificity", "r m g", "of the release that reads", float),
    )
    flows = (
        Array("set_aside", "r m g", "curated studies set aside for audit", yearly=True),
        Array("for_training", "r m g", "the other curated studies"),
        Array("audit_capacity", "r", "studies that audits are paid for", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        self.keys = random_keys.by_region("evaluation/groups")

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Set studies of the week aside, as many as audits are paid for."""
        flows.audit_capacity[:] = self.bought(state, "audit") / WEEKS_PER_YEAR
        assign(
            tick,
            self.keys,
            flows.audit_capacity,
            state.audit_begun,
            by_region(flows.curated),
            by_region(flows.set_aside),
            by_region(flows.for_training),
        )
        state.audited += flows.set_aside

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: studies that go on to training."""
        return Account(
            flows.curated,
            flows.set_aside,
            rejected=flows.for_training,
            capacity=flows.audit_capacity,
        )
