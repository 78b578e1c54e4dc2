"""Archive: a copy of a digital exam is kept; the other exams are lost to data use."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, uniform


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    digital_share: Floats,
    archived: Counts,
    tally: Counts,
) -> None:
    """Archive this week's exams; writes ``archived`` (r, m, g) and adds to ``tally`` (5, r).

    ``keys`` has shape (r, m, g), ``digital_share`` shape (r,).
    """
    regions, modalities, groups = exams.shape
    for r in range(regions):
        for m in range(modalities):
            for g in range(groups):
                u = uniform(keys[r, m, g], week)
                archived[r, m, g] = binomial(u, exams[r, m, g], digital_share[r])
                tally[0, r] += exams[r, m, g]
                tally[1, r] += archived[r, m, g]
                tally[3, r] += exams[r, m, g] - archived[r, m, g]
