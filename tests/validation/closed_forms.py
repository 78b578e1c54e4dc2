"""Closed forms of one imaging facility: Erlang C, Erlang A and machine repair.

Erlang A is M/M/c+M (Palm 1957; Garnett, Mandelbaum and Reiman 2002, Manufacturing & Service
Operations Management 4(3):208-227): Poisson arrivals, ``units`` servers with exponential exams,
one queue, exponential patience. Rates are per day. Probabilities come from logarithms of weights,
so that thousands of units and heavy overload stay in range.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sim.domain.levers import Floats


@dataclass(frozen=True, slots=True)
class Stationary:
    """Long-run means of one facility."""

    exams_per_day: float
    reneged_per_day: float
    queue: float
    """People who wait, those being examined not counted."""
    busy_units: float
    delayed_share: float
    """Share of people who find every unit busy when they come."""

    @property
    def wait_days(self) -> float:
        """Mean wait of all who came, those who gave up included (Little's law)."""
        return self.queue / (self.exams_per_day + self.reneged_per_day)


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
