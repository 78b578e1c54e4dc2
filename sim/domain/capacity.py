"""Capacity of units, by the same formulas in the simulation and in the optimisation model."""

import numpy as np

from sim.domain.levers import Floats
from sim.units import WEEKS_PER_YEAR


def uptime(failures_per_week: Floats, repairs_per_week: Floats) -> Floats:
    """Return the long-run share of units in working order (two-state machine repair)."""
    return np.asarray(repairs_per_week / (failures_per_week + repairs_per_week))


def at_work_share(life_years: float, lead_weeks: float) -> float:
    """Return the long-run share of posts that somebody holds.

    Holders leave at the rate 1 / life; a successor comes after the lead time (alternating renewal).

    >>> at_work_share(24.0, 52.0)
    0.96
    """
    return life_years / (life_years + lead_weeks / WEEKS_PER_YEAR)


def switch_share(failures_per_week: Floats, repairs_per_week: Floats) -> tuple[Floats, Floats]:
    """Return the chance to be broken, and to be repaired, at the end of one week.

    First the chance that a working unit ends the week broken, then that a broken unit ends it
    working: the exact transition of the two-state Markov chain, any number of switches between.
    """
    total = failures_per_week + repairs_per_week
    mixed = 1.0 - np.exp(-total)
    return np.asarray(failures_per_week / total * mixed), np.asarray(
        repairs_per_week / total * mixed
    )
