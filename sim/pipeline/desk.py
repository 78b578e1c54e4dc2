"""One week of a reading desk: how many exams are read with AI, read by people, or go stale.

The readers of a profession are one desk that works evenly through the week. Exams come at any time
of it, so the desk can run empty on a Tuesday and be behind on Friday. The work that is left is
therefore that of a reflected Brownian motion: exams come as a Poisson process, hours go steadily,
and given what came and went, the lowest point that the balance reached has a known distribution
(the minimum of a Brownian bridge; Karatzas and Shreve 1991, section 2.8), drawn with one
uniform. Its long-run mean is exactly that of M/D/1. Exams go stale all the time: half of them
before reading and half after it (Strang 1968), in steps of at most a quarter of the patience. Hours
pooled over the week, and exams that go stale at its end, would make queues a quarter too short
at full load and leave none below it (docs/validation.md).
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, binomial, serve, uniform
from sim.units import MINUTES_PER_HOUR

STEPS_PER_PATIENCE = 4
"""Least number of steps in the time after which an exam is, on average, of no more use."""

MODALITY = np.dtype(
    [
        # what does not change within the week
        ("minutes", np.float64),  # reader minutes per exam
        ("ai_minutes", np.float64),  # to look over what AI read
        ("stale_per_week", np.float64),  # rate at which an unread exam loses its use
        ("stale_step", np.float64),  # chance to lose it in a step
        ("stale_half_step", np.float64),
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
"""What a desk knows of one of its modalities; one record is quicker to hand on than its fields."""
Desk = NDArray[Any]
"""Records of ``MODALITY``, shape (m,), of the modalities that one profession reads."""


@njit(cache=True)
def desk_of(
    mine: Counts, minutes: Floats, ai_minutes_ratio: Floats, stale_per_week: Floats
) -> tuple[Desk, int]:
    """Return an empty desk for the modalities that it reads, and its steps per week.

    Minutes per exam, their ratio with AI, and the rates at which exams lose their use have shape
    (m,), for all modalities.
    """
    desk = np.zeros(len(mine), dtype=MODALITY)
    steps = max(1, int(math.ceil(STEPS_PER_PATIENCE * stale_per_week[mine].max())))
    for k, m in enumerate(mine):
        desk[k].minutes, desk[k].ai_minutes = minutes[m], minutes[m] * ai_minutes_ratio[m]
        desk[k].stale_per_week = stale_per_week[m]
        desk[k].stale_step = -math.expm1(-stale_per_week[m] / steps)
        desk[k].stale_half_step = -math.expm1(-stale_per_week[m] / steps / 2.0)
    return desk, steps


@njit(cache=True)
def week_of(week: int, steps: int, pace: np.uint64, hours: float, desk: Desk) -> float:
    """Read for a week, in so many steps; return the hours worked.

    Parameters
    ----------
    pace : random key of when work came within a step.
    hours : clinical hours of the week.
    desk : updated in place.
    """
    free, worked = hours * MINUTES_PER_HOUR / steps, 0.0
    for k in range(steps):
        # half a step before the first reading and half after the last: a whole one in between
        _go_stale(week * (steps + 1) + k, k == 0, desk)
        _come(week * steps + k, steps - k, desk)
        worked += _read(uniform(pace, week * steps + k), free, desk)
    _go_stale(week * (steps + 1) + steps, True, desk)
    return worked / MINUTES_PER_HOUR


@njit(cache=True)
def _go_stale(draw: int, half: bool, desk: Desk) -> None:
    """Move out of the queue what loses its use in a step, or in half of one.

    An exam that somebody has begun to read is safe. Those that go stale are the rate times the
    mean queue, so the mean queue is those expected to go, over the rate.
    """
    for m in range(len(desk)):
        exams = desk[m]
        queue = exams.queue - (exams.begun > 0.0)
        if queue > 0:
            chance = exams.stale_half_step if half else exams.stale_step
            late = binomial(uniform(exams.stale_key, draw), queue, chance)
            exams.area += queue * chance / exams.stale_per_week
            exams.queue -= late
            exams.late += late


@njit(cache=True)
def _come(tick: int, steps_left: int, desk: Desk) -> None:
    """Draw what comes in the first of the steps that are left of the week."""
    for m in range(len(desk)):
        exams = desk[m]
        if steps_left == 1:
            exams.here, exams.here_ai = exams.coming, exams.coming_ai
        else:
            chance = 1.0 / steps_left
            exams.here = binomial(uniform(exams.spread_key, 2 * tick), exams.coming, chance)
            exams.here_ai = binomial(
                uniform(exams.spread_key, 2 * tick + 1), exams.coming_ai, chance
            )
        exams.coming -= exams.here
        exams.coming_ai -= exams.here_ai


@njit(cache=True)
def _read(u: float, free: float, desk: Desk) -> float:
    """Read for one step with so many minutes; return those worked."""
    before = _work(desk)
    with_ai = _with_ai(free, desk)
    entering, variance = 0.0, 0.0
    for m in range(len(desk)):
        exams = desk[m]
        entering += exams.minutes * exams.here
        variance += exams.here * exams.minutes**2 + exams.here_ai * exams.ai_minutes**2
    left = _work_left(before, with_ai + entering - free, variance, u)
    return with_ai + _without_ai(free - with_ai, left, desk)


@njit(cache=True)
def _work(desk: Desk) -> float:
    """Return the reader minutes that the queue still needs."""
    work = 0.0
    for m in range(len(desk)):
        work += max(desk[m].queue - desk[m].begun, 0.0) * desk[m].minutes
    return work


@njit(cache=True)
def _with_ai(free: float, desk: Desk) -> float:
    """Look over what AI read, as much as there is time for; return minutes.

    The rest joins those without AI. Leaves in ``here_ai`` what was looked over.
    """
    wanted, spent = 0.0, 0.0
    for m in range(len(desk)):
        wanted += desk[m].here_ai * desk[m].ai_minutes
    share = 1.0 if wanted <= free else free / wanted
    for m in range(len(desk)):
        exams = desk[m]
        seen = int(math.floor(exams.here_ai * share + 1e-9))
        exams.here += exams.here_ai - seen
        exams.here_ai = seen
        exams.by_ai += seen
        exams.queue += exams.here
        spent += seen * exams.ai_minutes
    return min(spent, free)


@njit(cache=True, inline="always")
def _work_left(before: float, net: float, variance: float, u: float) -> float:
    """Return the work at the end of a step, never below zero at any time of it.

    Parameters
    ----------
    before : work at the start.
    net : work that came, less what the hours could do.
    variance : of the work that comes in a step.
    u : uniform that draws the lowest point of the balance within the step.
    """
    lowest = (net - math.sqrt(net * net - 2.0 * variance * math.log(u))) / 2.0
    return net + max(before, -lowest)


@njit(cache=True)
def _without_ai(free: float, left: float, desk: Desk) -> float:
    """Read the queue down to the work left, in whole exams; return the minutes spent.

    An exam of which less than half is left is finished, where there is time for it.
    """
    work = _work(desk)
    left = min(max(left, work - free), work)
    idle, share = free - (work - left), left / work if work > 0.0 else 0.0
    for m in range(len(desk)):
        exams = desk[m]
        room = max(exams.queue - exams.begun, 0.0)
        rest = room * share
        if rest < 0.5 and rest * exams.minutes <= idle:
            idle -= rest * exams.minutes
            rest = 0.0
        done, exams.begun = serve(exams.queue, room - rest, exams.begun)
        exams.queue -= done
        exams.by_human += done
    return max(free - idle, 0.0)
