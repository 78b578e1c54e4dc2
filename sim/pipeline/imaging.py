"""Imaging: people wait for a unit, are examined, or give up; units break and are repaired.

A region's working units stand in facilities of ``units_per_facility``; people go to a facility
that works, and its queue is its own. The kernel counts people of all facilities together, so it
must know how many units are idle at one facility while people wait at another. That is the busy
curve of `erlang`: the long-run busy share of a facility at a mean queue. It depends neither on
the load nor on the number of people, so the same curve serves queues that build up and drain
(the flow-equivalent server of Chandy, Herzog and Woo 1975; the pointwise-stationary fluid flow of
Wang, Tipper and Banerjee 1996), and each day is an implicit Euler step,

    people at night = people in the morning + arrivals - capacity * busy share - leave * waiting,

with busy share and waiting at night. With constant arrivals it settles exactly at Erlang A.
Chance enters as whole numbers: Poisson capacity, arrivals by day, Poisson departures of those who
give up, passed on to the night's count by the slope of the step, which is one in a saturated
facility and near zero where everybody is served the same day.

With few facilities the counts themselves carry part of the variation that the curve averages
over: all but ``1 / facilities`` of it, save for what comes and goes within a day. Two constants,
``WITHIN_DAY`` and ``SCATTER``, were fitted to Erlang A for that. The kernel then agrees with Erlang
A on exams and on those who give up within 1% of arrivals, and on the mean queue within 5% or 0.05
people per facility, 10% for a single unit that very patient people wait for. Units pooled without
the curve overstate exams by up to 13% and show no queue below full load (``tests/validation``).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.domain.lever import Floats
from sim.pipeline.erlang import NODES, busy_curve
from sim.pipeline.flow import Counts, allot, binomial, poisson, uniform
from sim.units import DAYS_PER_WEEK

WITHIN_DAY = 0.38
"""Queue that comes and goes within a day, in days of exams of one unit; fitted."""
SCATTER = 0.95
"""Offsets chance arrivals, in which a short queue is convex; fitted."""


def facility_curves(
    units_per_facility: Counts, exams_per_unit_day: Floats, leave_per_day: Floats
) -> Floats:
    """Return the busy curves of every region and modality.

    Shape (r, m, c, 2, node): c + 1 is the units of a facility, up to the most of any modality,
    because a region may have fewer units than one facility holds.
    """
    most = int(units_per_facility.max())
    curves = np.zeros((*exams_per_unit_day.shape, most, 2, NODES))
    for m, leave in enumerate(leave_per_day):
        rates, where = np.unique(exams_per_unit_day[:, m], return_inverse=True)
        for c in range(int(units_per_facility[m])):
            each = np.stack([busy_curve(c + 1, leave / rate) for rate in rates])
            curves[:, m, c] = each[where]
    return curves


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    by_day: Counts,
    arrived: Counts,
    working: Counts,
    units_per_facility: Counts,
    exams_per_unit_day: Floats,
    leave_per_day: Floats,
    curves: Floats,
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
    working : units in working order, shape (r, m).
    units_per_facility : units that share one queue, shape (m,).
    exams_per_unit_day : mean exams of a working unit in a day, shape (r, m).
    leave_per_day : rate at which a waiting person gives up, per day, shape (m,).
    curves : busy curves, from ``facility_curves``.
    waiting : people not yet examined, those on a unit included, shape (r, m, g); updated in place.
    exams, gave_up : results of the week, shape (r, m, g).
    mean_waiting : people waiting for a unit, mean of the week, shape (r, m, g).
    tally : weekly record, shape (5, r); added to in place.
    """
    regions, modalities, groups = waiting.shape
    available = np.empty(groups, dtype=np.int64)
    for r in range(regions):
        for m in range(modalities):
            people, done, left, area = waiting[r, m].sum(), 0, 0, 0.0
            units = min(units_per_facility[m], max(working[r, m], 1))
            curve = curves[r, m, units - 1]
            service, patience = keys[0, r, m], keys[1, r, m]
            mean_arrivals = arrived[r, m].sum() / DAYS_PER_WEEK
            for day in range(DAYS_PER_WEEK):
                served, lost, queue = _day(
                    DAYS_PER_WEEK * week + day,
                    service,
                    patience,
                    people,
                    by_day[day, r, m],
                    mean_arrivals,
                    working[r, m],
                    working[r, m] / units,
                    exams_per_unit_day[r, m],
                    leave_per_day[m],
                    curve,
                )
                people += by_day[day, r, m] - served - lost
                done += served
                left += lost
                area += queue / DAYS_PER_WEEK
            u = uniform(keys[2, r, m], week)
            for g in range(groups):
                available[g] = waiting[r, m, g] + arrived[r, m, g]
            tally[0, r] += arrived[r, m].sum()
            tally[1, r] += done
            tally[2, r] += left
            tally[4, r] += people
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
def _day(
    day: int,
    service: np.uint64,
    patience: np.uint64,
    people: int,
    arrivals: int,
    mean_arrivals: float,
    working: int,
    facilities: float,
    exams_per_unit: float,
    leave: float,
    curve: Floats,
) -> tuple[int, int, float]:
    """Serve one day; return exams, people who gave up, and the mean number who waited."""
    capacity = working * exams_per_unit
    busy, queue, slope = _night(
        people + mean_arrivals, working, facilities, exams_per_unit, leave, curve
    )
    lost = min(people + arrivals, poisson(uniform(patience, day), leave * queue))
    possible = poisson(uniform(service, 2 * day), capacity)
    surprise = arrivals - mean_arrivals - (possible - capacity) * busy - (lost - leave * queue)
    at_night = queue + working * busy + slope * surprise
    # whole people: rounded up or down by chance, so that the mean is kept
    stay = max(0, int(math.floor(at_night + uniform(service, 2 * day + 1))))
    served = max(0, people + arrivals - lost - stay) if working else 0
    return served, lost, queue


@njit(cache=True)
def _night(
    people: float,
    working: int,
    facilities: float,
    exams_per_unit: float,
    leave: float,
    curve: Floats,
) -> tuple[float, float, float]:
    """Solve the implicit step of a day that began, arrivals included, with so many people.

    Returns the busy share of the units, the people waiting, and how many more people are there at
    night for one more in the morning.
    """
    low, high = 0, curve.shape[1] - 1
    demand_low, queue_low = 0.0, 0.0
    queue_high = _waiting(working * curve[0, high], working, facilities, exams_per_unit, leave)
    full = working * (1.0 + exams_per_unit)
    demand_high = full * curve[1, high] + (1.0 + leave) * queue_high
    if people >= demand_high:
        return 1.0, (people - full) / (1.0 + leave), 1.0 / (1.0 + leave)
    while high - low > 1:
        middle = (low + high) // 2
        queue = _waiting(working * curve[0, middle], working, facilities, exams_per_unit, leave)
        demand = full * curve[1, middle] + (1.0 + leave) * queue
        if demand > people:
            high, demand_high, queue_high = middle, demand, queue
        else:
            low, demand_low, queue_low = middle, demand, queue
    part = (people - demand_low) / (demand_high - demand_low)
    busy = curve[1, low] + part * (curve[1, high] - curve[1, low])
    queue = queue_low + part * (queue_high - queue_low)
    rise = queue_high - queue_low + working * (curve[1, high] - curve[1, low])
    return busy, queue, rise / (demand_high - demand_low)


@njit(cache=True, inline="always")
def _waiting(
    mean_queue: float, working: int, facilities: float, exams_per_unit: float, leave: float
) -> float:
    """Return the queue of the day for a long-run mean queue at the same busy share."""
    if working == 0:
        return 0.0
    within_day = WITHIN_DAY * exams_per_unit * (1.0 + 3.0 * leave) * math.sqrt(working)
    resolved = within_day * math.log1p(SCATTER * mean_queue / within_day)
    return mean_queue + (resolved - mean_queue) / facilities


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
