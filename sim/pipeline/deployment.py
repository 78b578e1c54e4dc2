"""Deployment: sites go live at a roll-out rate and decide which exams are read with AI."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, serve, uniform


@njit(cache=True)
def roll_out(commissioned: Floats, sites_per_week: Floats, live: Counts) -> None:
    """Bring commissioned sites live, at most so many a week; shape (r,)."""
    for r in range(len(live)):
        # at least one a week: a rate below one is a longer lead time, which the tables carry
        step = max(1, int(sites_per_week[r]))
        live[r] = min(int(commissioned[r] + 1e-9), live[r] + step)


@njit(cache=True)
def route(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    gate_open: Counts,
    capacity_per_week: Floats,
    begun: Floats,
    to_ai: Counts,
) -> None:
    """Send exams to AI where a release may read and sites have room; writes ``to_ai`` (r, m, g).

    ``capacity_per_week`` is what the live, powered sites can read in a week, exams, shape (r,).
    """
    regions, modalities, groups = exams.shape
    candidates = np.empty(modalities * groups, dtype=np.int64)
    chosen = np.empty(modalities * groups, dtype=np.int64)
    for r in range(regions):
        total = 0
        for m in range(modalities):
            for g in range(groups):
                candidates[m * groups + g] = exams[r, m, g] * gate_open[r, m]
                total += candidates[m * groups + g]
        if total == 0:
            to_ai[r] = 0
            begun[r] = 0.0
            continue
        served, begun[r] = serve(total, capacity_per_week[r], begun[r])
        allot(served, candidates, uniform(keys[r], week), chosen)
        to_ai[r] = chosen.reshape(modalities, groups)
