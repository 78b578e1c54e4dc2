"""Imaging: people wait for a unit, are examined, or give up; units break and are repaired."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, binomial, poisson, uniform
from sim.units import DAYS_PER_WEEK


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    by_day: Counts,
    arrived: Counts,
    exams_per_day: Floats,
    leave_per_day: Floats,
    waiting: Counts,
    exams: Counts,
    gave_up: Counts,
    mean_waiting: Floats,
    tally: Counts,
) -> None:
    """Serve one week in daily steps.

    Parameters
    ----------
    keys : random keys, shape (3, r, m): service, patience, split over groups.
    by_day : arrivals by day, shape (7, r, m).
    arrived : arrivals of the week by group, shape (r, m, g).
    exams_per_day : mean service of the working units, exams per day, shape (r, m).
    leave_per_day : rate at which a waiting person gives up, per day, shape (m,).
    waiting : queue, shape (r, m, g); updated in place.
    exams, gave_up, mean_waiting : results of the week, shape (r, m, g).
    tally : weekly record, shape (5, r); added to in place.

    Notes
    -----
    Service in a day is Poisson with the mean of the working units, capped by the queue; people
    leave at their patience rate applied to the day's mean queue.
    """
    regions, modalities, groups = waiting.shape
    available = np.empty(groups, dtype=np.int64)
    for r in range(regions):
        for m in range(modalities):
            queue = waiting[r, m].sum()
            done, left, area = 0, 0, 0.0
            for day in range(DAYS_PER_WEEK):
                before = queue
                queue += by_day[day, r, m]
                tick = DAYS_PER_WEEK * week + day
                served = min(queue, poisson(uniform(keys[0, r, m], tick), exams_per_day[r, m]))
                queue -= served
                middle = 0.5 * (before + queue)
                lost = min(queue, poisson(uniform(keys[1, r, m], tick), leave_per_day[m] * middle))
                queue -= lost
                done += served
                left += lost
                area += middle / DAYS_PER_WEEK
            u = uniform(keys[2, r, m], week)
            for g in range(groups):
                available[g] = waiting[r, m, g] + arrived[r, m, g]
            tally[0, r] += arrived[r, m].sum()
            tally[1, r] += done
            tally[2, r] += left
            tally[4, r] += queue
            allot(done, available, u, exams[r, m])
            total = 0
            for g in range(groups):
                available[g] -= exams[r, m, g]
                total += available[g]
            allot(left, available, u, gave_up[r, m])
            for g in range(groups):
                waiting[r, m, g] = available[g] - gave_up[r, m, g]
                mean_waiting[r, m, g] = area * available[g] / total if total > 0 else area / groups


@njit(cache=True)
def wear(
    week: int,
    keys: NDArray[np.uint64],
    chance_break: Floats,
    chance_repair: Floats,
    working: Counts,
    broken: Counts,
) -> None:
    """Move units between working and broken over one week; chances and counts, shape (r, m)."""
    regions, modalities = working.shape
    for r in range(regions):
        for m in range(modalities):
            breaks = binomial(uniform(keys[r, m], 2 * week), working[r, m], chance_break[r, m])
            mends = binomial(uniform(keys[r, m], 2 * week + 1), broken[r, m], chance_repair[r, m])
            working[r, m] += mends - breaks
            broken[r, m] += breaks - mends
