"""One week of imaging facilities, by day: how many people are examined, renege, and wait.

The busy curve is a long-run mean over random queues. With few facilities the simulated count of
people varies by itself, and the curve would add that variation a second time. The queue at a count
is therefore a weighted mean: ``1 / facilities`` of the queue that comes and goes within a day, the
rest from the curve. The constants below are fitted to Erlang A and Erlang C; docs/validation.md
says how near that comes. Units pooled without the curve overstate exams by up to 13% and show no
queue below full load.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import Counts, kernel, poisson, uniform
from sim.pipeline.kernels.erlang import NODES
from sim.units import DAYS_PER_WEEK

WITHIN_DAY = 0.38
"""Queue that comes and goes within a day, in days of exams of one unit; fitted."""
SCATTER = 0.95
"""Offsets random arrivals, in which a short queue is convex; fitted."""
PATIENT_LESS, PATIENT_BELOW = 0.25, 0.03
"""Where people renege at a rate far below so many per day, ``WITHIN_DAY`` is less by such a share:
a queue that forgets nothing carries its variation from day to day; fitted to Erlang C."""


class Facilities(NamedTuple):
    """The facilities of one region and modality in one week, in which units do not change."""

    working: int
    """Units in working order, of all facilities."""
    facilities: float
    capacity: float
    """Exams per day, where all units are busy."""
    leave: float
    """Rate at which a waiting person reneges, per day."""
    full: float
    """People on units, and examined in a day, where all units are busy."""
    few: float
    """How far the queue of a day is not the long-run mean: one over the facilities."""
    within_day: float
    """Queue that comes and goes within a day."""
    per_within_day: float
    curve: int
    """Which busy curve is theirs."""


class Nodes(NamedTuple):
    """Two nodes of a busy curve: the day's people and queue at each, and its number."""

    low: int
    queue_low: float
    people_low: float
    high: int
    queue_high: float
    people_high: float


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


def within_day_of(exams_per_unit_day: Floats, leave_per_day: Floats) -> Floats:
    """Return the queue that comes and goes within a day at one unit, shape (r, m)."""
    exp = np.vectorize(math.exp, otypes=[float])
    carried = 1.0 - PATIENT_LESS * exp(-leave_per_day / PATIENT_BELOW)
    return np.asarray(WITHIN_DAY * carried * exams_per_unit_day * (1.0 + 3.0 * leave_per_day))


@kernel
def facilities_of(
    working: int, units: int, exams_per_unit: float, leave: float, within_day: float, curve: int
) -> Facilities:
    """Return what a week's days have in common, for facilities of so many units."""
    if working == 0:
        return Facilities(0, 0.0, 0.0, leave, 0.0, 0.0, 0.0, 0.0, curve)
    within_day *= math.sqrt(working)
    return Facilities(
        working,
        working / units,
        working * exams_per_unit,
        leave,
        working * (1.0 + exams_per_unit),
        units / working,
        within_day,
        SCATTER / within_day,
        curve,
    )


@kernel
def week_of(
    week: int,
    service: np.uint64,
    patience: np.uint64,
    people: int,
    by_day: Counts,
    r: int,
    m: int,
    supplies: int,
    urgent: Urgent,
    here: Facilities,
    curves: Floats,
    place: int,
) -> tuple[int, int, float, Urgent, int]:
    """Serve one week, day by day.

    Returns exams, people who reneged, the mean number who waited, the urgent among them, and the
    place on the curve, which is where the next week's search begins.

    Parameters
    ----------
    service, patience : random keys.
    people : who is there in the morning, those on a unit included.
    by_day : arrivals of all regions and modalities, of which this is ``r`` and ``m``.
    supplies : exams that there are supplies for.
    """
    arrivals = 0
    for day in range(DAYS_PER_WEEK):
        arrivals += by_day[day, r, m]
    mean_arrivals = arrivals / DAYS_PER_WEEK
    done, left, area = 0, 0, 0.0
    queue, at = _people_at(place, here, curves)
    queue_above, above = _people_at(place + 1, here, curves)
    nodes = Nodes(place, queue, at, place + 1, queue_above, above)
    for day in range(DAYS_PER_WEEK):
        step, came = DAYS_PER_WEEK * week + day, by_day[day, r, m]
        morning = people + mean_arrivals
        if not nodes.people_low <= morning < nodes.people_high:
            nodes = _nodes_around(morning, nodes, here, curves)
        queue, busy, slope, delayed = _night(morning, nodes, here, curves)
        leaving = here.leave * queue
        lost = min(people + came, poisson(uniform(patience, step), leaving))
        possible = poisson(uniform(service, 2 * step), here.capacity)
        surprise = came - mean_arrivals - (possible - here.capacity) * busy - (lost - leaving)
        at_night = queue + here.working * busy + slope * surprise
        # whole people: rounded up or down at random, so that the mean is kept
        stay = max(0, math.floor(at_night + uniform(service, 2 * step + 1)))
        served = max(0, people + came - lost - stay) if here.working else 0
        served = min(served, supplies - done)
        people += came - served - lost
        done, left, area = done + served, left + lost, area + queue / DAYS_PER_WEEK
        if urgent.arrivals + urgent.queue > 0.0:
            urgent = _urgent_day(urgent, queue, delayed, here, curves)
    return done, left, area, urgent, nodes.high - 1


@kernel
def _night(
    morning: float, nodes: Nodes, here: Facilities, curves: Floats
) -> tuple[float, float, float, float]:
    """Solve the implicit step of a day that began, arrivals included, with so many people.

    Returns the people waiting, the busy share of the units, how many more people are there at
    night for one more in the morning, and the chance that all units of a facility are busy.
    """
    if morning >= nodes.people_high:
        stays = 1.0 + here.leave
        return (morning - here.full) / stays, 1.0, 1.0 / stays, 1.0
    c, low, high = here.curve, nodes.low, nodes.high
    width, more = nodes.people_high - nodes.people_low, nodes.queue_high - nodes.queue_low
    part, busier = (morning - nodes.people_low) / width, curves[c, 1, high] - curves[c, 1, low]
    return (
        nodes.queue_low + part * more,
        curves[c, 1, low] + part * busier,
        (more + here.working * busier) / width,
        curves[c, 2, low] + part * (curves[c, 2, high] - curves[c, 2, low]),
    )


@kernel
def _people_at(node: int, here: Facilities, curves: Floats) -> tuple[float, float]:
    """Return the queue at a node of the curve, and with how many people a day begins there.

    Arrivals are counted in. The queue of the day is not the long-run mean queue at the same busy
    share: with few facilities, it is as it happens to be.
    """
    mean = here.working * curves[here.curve, 0, node]
    scatter = here.within_day * math.log(1.0 + here.per_within_day * mean)
    queue = mean + (scatter - mean) * here.few
    return queue, here.full * curves[here.curve, 1, node] + (1.0 + here.leave) * queue


@kernel
def _nodes_around(people: float, nodes: Nodes, here: Facilities, curves: Floats) -> Nodes:
    """Return neighbouring nodes with so many people between them; the last where there are more.

    From one day to the next the place hardly moves: look there first, then ever farther away.
    """
    low, queue_low, people_low, high, queue_high, people_high = nodes
    reach, last = 1, NODES - 1
    while people >= people_high and high < last:
        low, queue_low, people_low = high, queue_high, people_high
        high, reach = min(high + reach, last), 2 * reach
        queue_high, people_high = _people_at(high, here, curves)
    while people < people_low and low > 0:
        high, queue_high, people_high = low, queue_low, people_low
        low, reach = max(low - reach, 0), 2 * reach
        queue_low, people_low = _people_at(low, here, curves)
    while high - low > 1:
        middle = (low + high) // 2
        queue, at = _people_at(middle, here, curves)
        if people < at:
            high, queue_high, people_high = middle, queue, at
        else:
            low, queue_low, people_low = middle, queue, at
    return Nodes(low, queue_low, people_low, high, queue_high, people_high)


@kernel
def _urgent_day(
    urgent: Urgent, everybody: float, delayed: float, here: Facilities, curves: Floats
) -> Urgent:
    """Return the urgent after a day on which so many people of all kinds waited.

    Their implicit step is solved as everybody's is. They wait only while all units of their
    facility are busy, a share ``delayed`` of the time.
    """
    stays, busy = 1.0 + here.leave, delayed * here.facilities
    if busy > 0.0:
        one = here.capacity * here.few
        people = urgent.queue / busy + urgent.arrivals / here.facilities
        low, high = 0, NODES - 1
        low_people, high_people = (
            0.0,
            stays * curves[here.curve, 3, high] + one * curves[here.curve, 4, high],
        )
        if people >= high_people:
            queue, share = busy * (people - one) / stays, delayed
        else:
            while high - low > 1:
                middle = (low + high) // 2
                at = stays * curves[here.curve, 3, middle] + one * curves[here.curve, 4, middle]
                if people < at:
                    high, high_people = middle, at
                else:
                    low, low_people = middle, at
            part = (people - low_people) / (high_people - low_people)
            queue = busy * (
                curves[here.curve, 3, low]
                + part * (curves[here.curve, 3, high] - curves[here.curve, 3, low])
            )
            share = delayed * (
                curves[here.curve, 4, low]
                + part * (curves[here.curve, 4, high] - curves[here.curve, 4, low])
            )
    elif here.facilities > 0.0:
        queue, share = 0.0, 0.0
    else:
        queue, share = (urgent.queue + urgent.arrivals) / stays, 1.0
    queue = min(queue, everybody)
    return Urgent(
        urgent.arrivals,
        queue,
        urgent.area + queue / DAYS_PER_WEEK,
        urgent.taken + share / DAYS_PER_WEEK,
    )
