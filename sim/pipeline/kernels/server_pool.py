"""One week of a server pool of readers: exams read with AI, read without, or gone stale.

The readers of a profession are one pool of servers that works evenly through the week, while exams
arrive as a Poisson process. The unfinished work at the end of a step is a reflected Brownian
motion: given the work that came and the hours that passed, the minimum of their difference within
the step is that of a Brownian bridge (Karatzas and Shreve 1991, section 2.8), drawn with one
uniform. The long-run mean is exactly that of M/D/1. Exams lose their use (go stale) at a constant
rate, half a step before reading and half a step after it (Strang 1968), in steps of at most a
quarter of the patience. With hours pooled over the week, and exams that go stale at its end, queues
would be a quarter too short at full load and absent below it (docs/validation.md).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import Counts, binomial, kernel, serve, uniform
from sim.units import MINUTES_PER_HOUR

STEPS_PER_PATIENCE = 4
"""Least number of steps in the time after which an exam is, on average, of no more use."""

MODALITY = np.dtype(
    [
        # what does not change
        ("modality", np.int64),
        ("minutes", np.float64),  # reader minutes per exam
        ("ai_minutes", np.float64),  # to look over what AI read
        ("stale_per_week", np.float64),  # rate at which an unread exam loses its use
        ("stale_step", np.float64),  # chance to lose it in a step
        ("stale_half_step", np.float64),
        ("split_key", np.uint64),
        ("stale_key", np.uint64),
        ("spread_key", np.uint64),
        # exams of this week
        ("coming", np.int64),  # to come without AI
        ("coming_ai", np.int64),  # to come and offered to AI
        ("here", np.int64),  # come in this step without AI
        ("here_ai", np.int64),  # come in this step and offered to AI
        ("queue", np.int64),  # waiting or begun
        ("begun", np.float64),  # part of an exam that has been read
        ("by_ai", np.int64),
        ("by_human", np.int64),
        ("late", np.int64),  # of no more use before anybody read them
        ("area", np.float64),  # exams that nobody has begun, mean of the week
    ]
)
"""What a pool knows of one of its modalities; one record is quicker to hand on than its fields."""
Pool = NDArray[Any]
"""Records of ``MODALITY``, shape (m,), of the modalities that one profession reads."""


def pools_of(
    keys: NDArray[np.uint64],
    minutes: Floats,
    ai_minutes_ratio: Floats,
    stale_per_week: Floats,
    reader_of: Counts,
    professions: int,
) -> tuple[Pool, Counts, Counts]:
    """Return the pools of all regions, where each profession's begin, and their steps per week.

    Parameters
    ----------
    keys : random keys, shape (3, r, m): split over groups, exams gone stale, spread over steps.
    minutes, ai_minutes_ratio : reader minutes per exam, and their ratio with AI, shape (r, m).
    stale_per_week : rate at which an unread exam loses its use, shape (r, m).
    reader_of : profession of each modality, shape (m,).

    Returns
    -------
    Records of ``MODALITY`` sorted by profession, shape (r, m); the first record of each profession
    and the end of the last, shape (p + 1,); steps, shape (r, p).
    """
    order = np.argsort(reader_of, kind="stable")
    first = np.searchsorted(reader_of[order], np.arange(professions + 1))
    steps = np.ones((len(minutes), professions), dtype=np.int64)
    for p in range(professions):
        fastest = stale_per_week[:, reader_of == p].max(axis=1, initial=0.0)
        steps[:, p] = np.maximum(1, np.ceil(STEPS_PER_PATIENCE * fastest))
    pools = np.zeros(minutes.shape, dtype=MODALITY)
    pools["modality"] = order
    pools["minutes"] = minutes[:, order]
    pools["ai_minutes"] = (minutes * ai_minutes_ratio)[:, order]
    pools["stale_per_week"] = stale_per_week[:, order]
    per_step = (stale_per_week / steps[:, reader_of])[:, order]
    expm1 = np.vectorize(math.expm1, otypes=[float])
    pools["stale_step"], pools["stale_half_step"] = -expm1(-per_step), -expm1(-per_step / 2.0)
    pools["split_key"], pools["stale_key"], pools["spread_key"] = keys[:, :, order]
    return pools, first, steps


@kernel
def week_of(week: int, steps: int, pace: np.uint64, hours: float, pool: Pool) -> float:
    """Read for a week, in so many steps; return the hours worked.

    Parameters
    ----------
    pace : random key of when work came within a step.
    hours : clinical hours of the week.
    pool : updated in place.
    """
    free, worked = hours * MINUTES_PER_HOUR / steps, 0.0
    for k in range(steps + 1):
        # half a step before the first reading and half after the last: a whole one in between
        _go_stale(week * (steps + 1) + k, k % steps == 0, pool)
        if k < steps:
            _come(week * steps + k, steps - k, pool)
            worked += _read(uniform(pace, week * steps + k), free, pool)
    return worked / MINUTES_PER_HOUR


@kernel
def _go_stale(draw: int, half: bool, pool: Pool) -> None:
    """Move out of the queue what loses its use in a step, or in half of one.

    An exam that somebody has begun to read is safe. Those that go stale are the rate times the
    mean queue, so the mean queue is those expected to go, over the rate.
    """
    for m in range(len(pool)):
        exams = pool[m]
        queue = exams.queue - (exams.begun > 0.0)
        if queue > 0:
            chance = exams.stale_half_step if half else exams.stale_step
            late = binomial(uniform(exams.stale_key, draw), queue, chance)
            exams.area += queue * chance / exams.stale_per_week
            exams.queue -= late
            exams.late += late


@kernel
def _come(tick: int, steps_left: int, pool: Pool) -> None:
    """Draw what comes in the first of the steps that are left of the week."""
    chance = 1.0 / steps_left
    for m in range(len(pool)):
        exams = pool[m]
        exams.here = binomial(uniform(exams.spread_key, 2 * tick), exams.coming, chance)
        exams.here_ai = binomial(uniform(exams.spread_key, 2 * tick + 1), exams.coming_ai, chance)
        exams.coming -= exams.here
        exams.coming_ai -= exams.here_ai


@kernel
def _read(u: float, free: float, pool: Pool) -> float:
    """Read for one step with so many minutes; return those worked.

    The work that is left never falls below zero at any time of the step: ``u`` draws the lowest
    point of the balance of work that comes and minutes that pass.
    """
    before = _work(pool)
    with_ai = _with_ai(free, pool)
    entering, variance = 0.0, 0.0
    for m in range(len(pool)):
        exams = pool[m]
        entering += exams.minutes * exams.here
        variance += exams.here * exams.minutes**2 + exams.here_ai * exams.ai_minutes**2
    net = with_ai + entering - free
    lowest = (net - math.sqrt(net * net - 2.0 * variance * math.log(u))) / 2.0
    return with_ai + _without_ai(free - with_ai, net + max(before, -lowest), pool)


@kernel
def _work(pool: Pool) -> float:
    """Return the reader minutes that the queue still needs."""
    work = 0.0
    for m in range(len(pool)):
        work += max(pool[m].queue - pool[m].begun, 0.0) * pool[m].minutes
    return work


@kernel
def _with_ai(free: float, pool: Pool) -> float:
    """Look over what AI read, as much as there is time for; return minutes.

    The rest joins those without AI. Leaves in ``here_ai`` what was looked over.
    """
    wanted, spent = 0.0, 0.0
    for m in range(len(pool)):
        wanted += pool[m].here_ai * pool[m].ai_minutes
    share = 1.0 if wanted <= free else free / wanted
    for m in range(len(pool)):
        exams = pool[m]
        seen = math.floor(exams.here_ai * share + 1e-9)
        exams.here += exams.here_ai - seen
        exams.here_ai = seen
        exams.by_ai += seen
        exams.queue += exams.here
        spent += seen * exams.ai_minutes
    return min(spent, free)


@kernel
def _without_ai(free: float, left: float, pool: Pool) -> float:
    """Read the queue down to the work left, in whole exams; return the minutes spent.

    An exam of which less than half is left is finished, where there is time for it.
    """
    work = _work(pool)
    left = min(max(left, work - free), work)
    idle, share = free - (work - left), left / work if work > 0.0 else 0.0
    for m in range(len(pool)):
        exams = pool[m]
        room = max(exams.queue - exams.begun, 0.0)
        rest = room * share
        if rest < 0.5 and rest * exams.minutes <= idle:
            idle -= rest * exams.minutes
            rest = 0.0
        done, exams.begun = serve(exams.queue, room - rest, exams.begun)
        exams.queue -= done
        exams.by_human += done
    return max(free - idle, 0.0)
