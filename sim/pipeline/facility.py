"""One week of facilities, by day: how many people are examined, give up, and wait at night.

With few facilities the counts themselves carry part of the variation that the curve averages
over: all but ``1 / facilities`` of it, save for what comes and goes within a day. The constants
below were fitted to Erlang A and Erlang C for that. What that reaches, and where it falls short, is
in docs/validation.md. Units pooled without the curve overstate exams by up to 13%
and show no queue below full load.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, poisson, uniform
from sim.units import DAYS_PER_WEEK

WITHIN_DAY = 0.38
"""Queue that comes and goes within a day, in days of exams of one unit; fitted."""
SCATTER = 0.95
"""Offsets chance arrivals, in which a short queue is convex; fitted."""
PATIENT_LESS, PATIENT_BELOW = 0.25, 0.03
"""Where people give up at a rate far below so many per day, ``WITHIN_DAY`` is less by such a share:
a queue that forgets nothing carries its variation from day to day; fitted to Erlang C."""


class Facilities(NamedTuple):
    """The facilities of one region and modality in one week, in which units do not change."""

    working: int
    """Units in working order, of all facilities."""
    facilities: float
    exams_per_unit: float
    """Per day."""
    leave: float
    """Rate at which a waiting person gives up, per day."""
    full: float
    """People on units, and examined in a day, where all units are busy."""
    few: float
    """How far the queue of a day is not the long-run mean: one over the facilities."""
    within_day: float
    """Queue that comes and goes within a day."""
    per_within_day: float
    longest: float
    """Queue at the last node of the curve, beyond which all units are busy."""


@njit(cache=True)
def facilities_of(
    working: int, units: int, exams_per_unit: float, leave: float, curve: Floats
) -> Facilities:
    """Return what a week's days have in common, for facilities of so many units."""
    if working == 0:
        return Facilities(0, 0.0, exams_per_unit, leave, 0.0, 0.0, 0.0, 0.0, 0.0)
    carried = 1.0 - PATIENT_LESS * math.exp(-leave / PATIENT_BELOW)
    within_day = WITHIN_DAY * carried * exams_per_unit * (1.0 + 3.0 * leave) * math.sqrt(working)
    few, per_within_day = units / working, SCATTER / within_day
    return Facilities(
        working=working,
        facilities=working / units,
        exams_per_unit=exams_per_unit,
        leave=leave,
        full=working * (1.0 + exams_per_unit),
        few=few,
        within_day=within_day,
        per_within_day=per_within_day,
        longest=_queue_of_day(
            working * curve[0, curve.shape[1] - 1], few, within_day, per_within_day
        ),
    )


class Urgent(NamedTuple):
    """Those who are examined before the others, in one region and modality."""

    arrivals: float
    """Per day, the mean."""
    queue: float
    """Who waits now."""
    area: float
    """Mean number who waited in the week so far, times the part of it that has passed."""
    taken: float
    """Chance that the next exam is one of theirs, likewise."""


NOBODY = Urgent(0.0, 0.0, 0.0, 0.0)


@njit(cache=True)
def week_of(
    week: int,
    service: np.uint64,
    patience: np.uint64,
    people: int,
    by_day: Counts,
    urgent: Urgent,
    here: Facilities,
    curve: Floats,
    place: int,
) -> tuple[int, int, float, Urgent, int]:
    """Serve one week, day by day.

    Returns exams, people who gave up, the mean number who waited, the urgent among them, and the
    place on the curve, which is where the next week's search begins.

    Parameters
    ----------
    service, patience : random keys.
    people : who is there in the morning, those on a unit included.
    by_day : arrivals, shape (7,).
    """
    done, left, area, mean_arrivals = 0, 0, 0.0, by_day.sum() / DAYS_PER_WEEK
    for day in range(DAYS_PER_WEEK):
        served, lost, queue, delayed, place = _day_of(
            DAYS_PER_WEEK * week + day,
            service,
            patience,
            people,
            by_day[day],
            mean_arrivals,
            here,
            curve,
            place,
        )
        people += by_day[day] - served - lost
        done, left, area = done + served, left + lost, area + queue / DAYS_PER_WEEK
        if urgent.arrivals + urgent.queue > 0.0:
            urgent = _urgent_day(urgent, queue, delayed, here, curve)
    return done, left, area, urgent, place


@njit(cache=True)
def _urgent_day(
    urgent: Urgent, everybody: float, delayed: float, here: Facilities, curve: Floats
) -> Urgent:
    """Return the urgent after a day on which so many people of all kinds waited."""
    queue, share = _urgent_night(urgent.queue, urgent.arrivals, delayed, here, curve)
    queue = min(queue, everybody)
    return Urgent(
        urgent.arrivals,
        queue,
        urgent.area + queue / DAYS_PER_WEEK,
        urgent.taken + share / DAYS_PER_WEEK,
    )


@njit(cache=True)
def _day_of(
    day: int,
    service: np.uint64,
    patience: np.uint64,
    people: int,
    arrivals: int,
    mean_arrivals: float,
    here: Facilities,
    curve: Floats,
    place: int,
) -> tuple[int, int, float, float, int]:
    """Serve one day.

    Returns exams, people who gave up, the mean number who waited, the chance that all units of a
    facility are busy, and the place on the curve, which is where the next day's search begins.
    """
    capacity = here.working * here.exams_per_unit
    busy, queue, slope, delayed, place = _night(people + mean_arrivals, here, curve, place)
    lost = min(people + arrivals, poisson(uniform(patience, day), here.leave * queue))
    possible = poisson(uniform(service, 2 * day), capacity)
    surprise = arrivals - mean_arrivals - (possible - capacity) * busy - (lost - here.leave * queue)
    at_night = queue + here.working * busy + slope * surprise
    # whole people: rounded up or down by chance, so that the mean is kept
    stay = max(0, int(math.floor(at_night + uniform(service, 2 * day + 1))))
    served = max(0, people + arrivals - lost - stay) if here.working else 0
    return served, lost, queue, delayed, place


@njit(cache=True)
def _night(
    people: float, here: Facilities, curve: Floats, place: int
) -> tuple[float, float, float, float, int]:
    """Solve the implicit step of a day that began, arrivals included, with so many people.

    Returns the busy share of the units, the people waiting, how many more people are there at
    night for one more in the morning, the chance that all units of a facility are busy, and the
    node of the curve below; the search for it begins at ``place``.
    """
    low, high, stays = 0, curve.shape[1] - 1, 1.0 + here.leave
    demand_low, queue_low, queue_high = 0.0, 0.0, here.longest
    demand_high = here.full + stays * queue_high
    if people >= demand_high:
        return 1.0, (people - here.full) / stays, 1.0 / stays, 1.0, high - 1
    # from one day to the next the place hardly moves: look there first, then ever farther away
    middle, reach = min(max(place, 1), high - 1), 1
    while high - low > 1:
        queue = _queue_of_day(
            here.working * curve[0, middle], here.few, here.within_day, here.per_within_day
        )
        demand = here.full * curve[1, middle] + stays * queue
        if demand > people:
            high, demand_high, queue_high = middle, demand, queue
            middle = max((low + high) // 2, high - reach)
        else:
            low, demand_low, queue_low = middle, demand, queue
            middle = min((low + high + 1) // 2, low + reach)
        reach *= 2
    part = (people - demand_low) / (demand_high - demand_low)
    busy = curve[1, low] + part * (curve[1, high] - curve[1, low])
    queue = queue_low + part * (queue_high - queue_low)
    rise = queue_high - queue_low + here.working * (curve[1, high] - curve[1, low])
    delayed = curve[2, low] + part * (curve[2, high] - curve[2, low])
    return busy, queue, rise / (demand_high - demand_low), delayed, low


@njit(cache=True)
def _urgent_night(
    before: float, arrivals: float, delayed: float, here: Facilities, curve: Floats
) -> tuple[float, float]:
    """Solve the step of a day for urgent people alone, as `_night` does for everybody.

    Returns those who wait, and the chance that the next exam goes to one of them.

    They wait only while all units of their facility are busy, a share ``delayed`` of the time.
    """
    facilities, leave = here.facilities, here.leave
    capacity = here.working * here.exams_per_unit * here.few
    busy = delayed * facilities
    if busy <= 0.0:
        return (0.0, 0.0) if facilities > 0.0 else ((before + arrivals) / (1.0 + leave), 1.0)
    people = before / busy + arrivals / facilities
    low, high = 0, curve.shape[1] - 1
    high_demand = (1.0 + leave) * curve[3, high] + capacity * curve[4, high]
    if people >= high_demand:
        return busy * (people - capacity) / (1.0 + leave), delayed
    low_demand = 0.0
    while high - low > 1:
        middle = (low + high) // 2
        demand = (1.0 + leave) * curve[3, middle] + capacity * curve[4, middle]
        if demand > people:
            high, high_demand = middle, demand
        else:
            low, low_demand = middle, demand
    part = (people - low_demand) / (high_demand - low_demand)
    queue = curve[3, low] + part * (curve[3, high] - curve[3, low])
    return busy * queue, delayed * (curve[4, low] + part * (curve[4, high] - curve[4, low]))


@njit(cache=True, inline="always")
def _queue_of_day(mean: float, few: float, within_day: float, per_within_day: float) -> float:
    """Return the queue of the day for a long-run mean queue at the same busy share."""
    return mean + (within_day * math.log(1.0 + per_within_day * mean) - mean) * few
