"""Reading: readers' hours go to exams read with AI first, then to the queue of the others."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, binomial, serve, uniform
from sim.units import MINUTES_PER_HOUR


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    to_ai: Counts,
    hours: Floats,
    minutes: Floats,
    ai_minutes_ratio: Floats,
    stale_per_week: Floats,
    reader_of: NDArray[np.int64],
    waiting: Counts,
    begun: Floats,
    read_by_ai: Counts,
    read_by_human: Counts,
    unread: Counts,
    hours_used: Floats,
    tally: Counts,
) -> None:
    """Read for one week.

    Parameters
    ----------
    keys : random keys, shape (2, r, m): split over groups, exams gone stale.
    exams, to_ai : exams done this week, and those of them offered to AI, shape (r, m, g).
    hours : clinical reader hours this week, shape (r, p).
    minutes, ai_minutes_ratio : reader minutes per exam, and their ratio with AI, shape (m,).
    stale_per_week : rate at which an unread exam loses its use, shape (m,).
    reader_of : profession of each modality, shape (m,).
    waiting, begun : queue (r, m, g) and part-read exams (r, m); updated in place.
    read_by_ai, read_by_human, unread : results of the week, shape (r, m, g).
    hours_used : hours worked this week, shape (r, p).
    tally : weekly record, shape (5, r); added to in place.

    Notes
    -----
    Where hours are too few to look over what AI reads, the rest joins the human queue. Within a
    profession, hours are shared between modalities in proportion to their work.
    """
    regions, modalities, _ = waiting.shape
    for r in range(regions):
        for p in range(hours.shape[1]):
            free = hours[r, p] * MINUTES_PER_HOUR
            mine = reader_of == p
            ai_minutes = np.where(mine, minutes * ai_minutes_ratio, 0.0)
            spent = _with_ai(week, keys[0, r], to_ai[r], ai_minutes, free, mine, read_by_ai[r])
            waiting[r] += np.where(mine[:, None], exams[r] - read_by_ai[r], 0)
            spent += _without_ai(
                week, keys[0, r], minutes, free - spent, mine, waiting[r], begun[r],
                read_by_human[r],
            )  # fmt: skip
            hours_used[r, p] = spent / MINUTES_PER_HOUR
        for m in range(modalities):
            queue = waiting[r, m].sum()
            chance = 1.0 - math.exp(-stale_per_week[m])
            stale = binomial(uniform(keys[1, r, m], 2 * week), queue, chance)
            allot(stale, waiting[r, m], uniform(keys[1, r, m], 2 * week + 1), unread[r, m])
            waiting[r, m] -= unread[r, m]
            if queue == stale:
                begun[r, m] = 0.0
            tally[0, r] += exams[r, m].sum()
            tally[1, r] += read_by_human[r, m].sum() + read_by_ai[r, m].sum()
            tally[2, r] += stale
            tally[4, r] += queue - stale


@njit(cache=True)
def _with_ai(
    week: int,
    keys: NDArray[np.uint64],
    to_ai: Counts,
    minutes: Floats,
    free: float,
    mine: NDArray[np.bool_],
    read: Counts,
) -> float:
    """Look over what AI reads, one region and profession; return the minutes spent."""
    wanted = 0.0
    for m in range(len(minutes)):
        wanted += to_ai[m].sum() * minutes[m]
    share = 1.0 if wanted <= free else free / wanted
    spent = 0.0
    for m in range(len(minutes)):
        if mine[m]:
            count = int(math.floor(to_ai[m].sum() * share + 1e-9))
            allot(count, to_ai[m], uniform(keys[m], 2 * week), read[m])
            spent += count * minutes[m]
    return min(spent, free)


@njit(cache=True)
def _without_ai(
    week: int,
    keys: NDArray[np.uint64],
    minutes: Floats,
    free: float,
    mine: NDArray[np.bool_],
    waiting: Counts,
    begun: Floats,
    read: Counts,
) -> float:
    """Read the queue of one region and profession; return the minutes spent."""
    work = 0.0
    for m in range(len(minutes)):
        if mine[m]:
            work += max(waiting[m].sum() - begun[m], 0.0) * minutes[m]
    share = 1.0 if work <= free else free / work
    for m in range(len(minutes)):
        if mine[m]:
            queue = waiting[m].sum()
            room = max(queue - begun[m], 0.0) * share
            done, begun[m] = serve(queue, room, begun[m])
            allot(done, waiting[m], uniform(keys[m], 2 * week + 1), read[m])
            waiting[m] -= read[m]
    return min(work, free)
