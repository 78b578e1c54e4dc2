"""The busy curve of one imaging facility: the long run of Erlang A at every load.

Erlang A is M/M/c+M (Palm 1957; Garnett, Mandelbaum and Reiman 2002, Manufacturing & Service
Operations Management 4(3):208-227): Poisson arrivals, ``units`` servers with exponential exams,
one queue, exponential patience.
"""

import math

import numpy as np

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import kernel

NODES = 68
"""Points of a busy curve; between them it is interpolated."""
MOST_PATIENT = 1e-8
"""Least ratio of the patience rate to the exam rate that a busy curve tells apart."""
LEAST_PATIENT = 1e12
"""Largest such ratio: hardly anybody waits, as in a system without a queue (Erlang B)."""


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
    ratio = min(max(leave_ratio, MOST_PATIENT), LEAST_PATIENT)
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
    who reneges, whoever else is there. That is the queue behind a busy unit of M/M/1+M that is
    ``units`` times as fast, exactly, where exams are not broken off.

    Parameters
    ----------
    units, leave_ratio : as for ``busy_curve``.

    Returns
    -------
    Shape (2, ``NODES``): urgent people waiting at a facility, and share of its exams that begin
    with one of them, means over the time in which all its units are busy.
    """
    ratio = min(max(leave_ratio / units, MOST_PATIENT), LEAST_PATIENT)
    waiting, busy, _ = busy_curve(1, ratio)
    queue = np.divide(waiting, busy, out=np.zeros(NODES), where=busy > 0.0)
    # who comes is examined or reneges
    return np.stack([queue, busy + ratio * waiting - ratio * queue])


@kernel
def _long_run(loads: Floats, units: int, ratio: float, curve: Floats) -> None:
    """Write people waiting per unit, busy share and chance that all are busy; exam rate 1."""
    for k in range(1, len(loads)):
        offered, people = loads[k] * units, 0
        weight, total, idle, free, waiting = 1.0, 1.0, float(units), 1.0, 0.0
        departures = 0.0
        # ends: departures grow with every person, so that weights fall in the end
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
