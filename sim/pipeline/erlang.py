"""Closed forms of one imaging facility: Erlang C, Erlang A, machine repair, and the busy curve.

Erlang A is M/M/c+M (Palm 1957; Garnett, Mandelbaum and Reiman 2002, Manufacturing & Service
Operations Management 4(3):208-227): Poisson arrivals, ``units`` servers with exponential exams,
one queue, exponential patience. Rates are per day. Probabilities come from logarithms of weights,
so that thousands of units and heavy overload stay in range.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sim.domain.lever import Floats
from sim.pipeline.flow import kernel

NODES = 68
"""Points of a busy curve; between them it is interpolated."""
MOST_PATIENT = 1e-8
"""Least ratio of the patience rate to the exam rate that a busy curve tells apart."""


@dataclass(frozen=True, slots=True)
class Stationary:
    """Long-run means of one facility."""

    exams_per_day: float
    gave_up_per_day: float
    queue: float
    """People who wait, those being examined not counted."""
    busy_units: float
    delayed_share: float
    """Share of people who find every unit busy when they come."""

    @property
    def wait_days(self) -> float:
        """Mean wait of all who came, those who gave up included (Little's law)."""
        return self.queue / (self.exams_per_day + self.gave_up_per_day)


def erlang_c(arrivals_per_day: float, *, exams_per_unit_day: float, units: int) -> Stationary:
    """Return the long-run means of a facility whose people never give up (M/M/c).

    Erlang's C follows from his B, a ratio of Poisson probabilities that needs no factorial.

    >>> round(erlang_c(9.0, exams_per_unit_day=10.0, units=1).queue, 6)
    8.1
    """
    offered = arrivals_per_day / exams_per_unit_day
    load = offered / units
    if load >= 1.0:
        raise ValueError(f"load {load:g} is not below 1: the queue of the patient never settles")
    blocked = math.exp(stats.poisson.logpmf(units, offered) - stats.poisson.logcdf(units, offered))
    delayed = blocked / (1.0 - load * (1.0 - blocked))
    return Stationary(arrivals_per_day, 0.0, delayed * load / (1.0 - load), offered, delayed)


def erlang_a(
    arrivals_per_day: float, *, exams_per_unit_day: float, units: float, leave_per_day: float
) -> Stationary:
    """Return the long-run means of a facility whose people give up (M/M/c+M).

    Parameters
    ----------
    units : servers; ``math.inf`` for a facility where nobody waits.
    leave_per_day : rate at which a waiting person gives up, above zero.

    >>> heavy = erlang_a(30.0, exams_per_unit_day=10.0, units=2, leave_per_day=0.05)
    >>> round(heavy.exams_per_day, 3), round(heavy.queue, 3)
    (20.0, 200.0)
    """
    if math.isinf(units):
        busy = arrivals_per_day / exams_per_unit_day
        return Stationary(arrivals_per_day, 0.0, 0.0, busy, 0.0)
    chances = erlang_a_chances(
        arrivals_per_day,
        exams_per_unit_day=exams_per_unit_day,
        units=units,
        leave_per_day=leave_per_day,
    )
    people = np.arange(len(chances))
    busy = float(chances @ np.minimum(people, units))
    queue = float(chances @ np.maximum(people - units, 0.0))
    delayed = float(chances[people >= units].sum())
    return Stationary(exams_per_unit_day * busy, leave_per_day * queue, queue, busy, delayed)


def erlang_a_chances(
    arrivals_per_day: float, *, exams_per_unit_day: float, units: float, leave_per_day: float
) -> Floats:
    """Return the stationary chance of 0, 1, 2, ... people in an M/M/c+M facility."""
    capacity = units * exams_per_unit_day
    surplus = (arrivals_per_day - capacity) / leave_per_day
    spread = math.sqrt((arrivals_per_day + capacity) / leave_per_day)
    beyond = max(surplus, 0.0) + 12.0 * spread
    if arrivals_per_day < capacity:
        # no longer than the geometric tail of those who never give up
        beyond = min(beyond, 40.0 / -math.log(max(arrivals_per_day / capacity, 1e-12)))
    people = np.arange(1, math.ceil(units + beyond) + 40)
    departures = exams_per_unit_day * np.minimum(people, units)
    departures += leave_per_day * np.maximum(people - units, 0.0)
    log_weights = np.concatenate([[0.0], np.cumsum(np.log(arrivals_per_day / departures))])
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum())


def working_chances(units: int, *, failures_per_week: float, repairs_per_week: float) -> Floats:
    """Return the stationary chance of 0, 1, ... ``units`` working units (machine repair).

    Units break and are repaired independently, each by its own repairer, so that the number in
    working order is binomial with the availability of one unit.
    """
    availability = repairs_per_week / (failures_per_week + repairs_per_week)
    return np.asarray(stats.binom.pmf(np.arange(units + 1), units, availability))


def busy_curve(units: int, leave_ratio: float) -> Floats:
    """Return how the busy share of a facility's units rises with the people who wait there.

    Parameters
    ----------
    units : servers of the facility.
    leave_ratio : patience rate over the exam rate of a unit, dimensionless.

    Returns
    -------
    Shape (3, ``NODES``): people waiting per unit, busy share of the units, and chance that all of
    them are busy at once, all rising: the stationary means of Erlang A as the load goes from
    nothing to an overload at which the units are always busy.
    """
    ratio = max(leave_ratio, MOST_PATIENT)
    width = math.sqrt(ratio / units)
    nearest = min(0.05 * width, 0.001) / 0.065
    light = [k / 38.0 for k in range(36)]
    busy = [1.0 - 0.065 * nearest ** (k / 15.0) for k in range(16)]
    heavy = [1.0 + 6.0 * width * k / (NODES - 53) for k in range(NODES - 52)]
    curve = np.zeros((3, NODES))
    _long_run(np.array(light + busy + heavy), units, ratio, curve)
    curve[1:, NODES - 1] = 1.0
    return curve


def urgent_curve(units: int, leave_ratio: float) -> Floats:
    """Return how the share of exams that urgent people take rises with how many of them wait.

    Where all units of a facility are busy, the next exam is an urgent person's if one waits, so
    the urgent queue grows with urgent arrivals and shrinks with every exam and every urgent person
    who gives up, whoever else is there. That is the queue behind a busy unit of M/M/1+M that is
    ``units`` times as fast, exactly, where exams are not broken off.

    Parameters
    ----------
    units, leave_ratio : as for ``busy_curve``.

    Returns
    -------
    Shape (2, ``NODES``): urgent people waiting at a facility, and share of its exams that begin
    with one of them, means over the time in which all its units are busy.
    """
    ratio = max(leave_ratio / units, MOST_PATIENT)
    waiting, busy, _ = busy_curve(1, ratio)
    queue = np.divide(waiting, busy, out=np.zeros(NODES), where=busy > 0.0)
    # who comes is examined or gives up
    return np.stack([queue, busy + ratio * waiting - ratio * queue])


@kernel
def _long_run(loads: Floats, units: int, ratio: float, curve: Floats) -> None:
    """Write people waiting per unit, busy share and chance that all are busy; exam rate 1."""
    for k in range(1, len(loads)):
        offered, people = loads[k] * units, 0
        weight, total, idle, free, waiting = 1.0, 1.0, float(units), 1.0, 0.0
        departures = 0.0
        while departures <= offered or weight * (people + 1) >= 1e-13 * total:
            if weight > 1e200:
                weight, total = weight * 1e-200, total * 1e-200
                idle, free, waiting = idle * 1e-200, free * 1e-200, waiting * 1e-200
            people += 1
            departures = min(people, units) + ratio * max(people - units, 0)
            weight *= offered / departures
            total += weight
            idle += weight * max(units - people, 0)
            free += weight * (people < units)
            waiting += weight * max(people - units, 0)
        curve[0, k] = waiting / total / units
        curve[1, k] = 1.0 - idle / total / units
        curve[2, k] = 1.0 - free / total
