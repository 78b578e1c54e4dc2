"""Tele-reading: hours of readers that one region has bought from another, year by year."""

from collections.abc import Sequence

import numpy as np

from sim.domain.lent_hours import Loan, loans, moved_hours
from sim.domain.levers import Floats
from sim.errors import PlanError
from sim.pipeline.processes.calendar import Calendar, Process
from sim.units import WEEKS_PER_YEAR


def tele_reading(cal: Calendar) -> Process | None:
    """Move the hours that the plan buys; nothing where it buys none."""
    world = cal.world
    lent = loans(world.catalogue, world.regions, world.professions)
    items = [loan.item for loan in lent]
    if not cal.plan.units[:, :, items].any():
        return None
    _demand_allowed(cal, lent)
    return _years(cal, lent)


def _years(cal: Calendar, lent: Sequence[Loan]) -> Process:
    """Move the hours of every year for as long as it lasts."""
    world = cal.world
    for units in cal.plan.units:
        bought = units * world.catalogue.capacity
        moved = moved_hours(bought, world.care.reader_hours_per_year, lent)
        cal.state.moved_hours[...] = moved
        _log(cal, moved)
        yield cal.env.timeout(WEEKS_PER_YEAR)
    cal.state.moved_hours[...] = 0.0


def _log(cal: Calendar, moved: Floats) -> None:
    """Write down who reads for others, and who is read for, in a year."""
    for r, p in np.argwhere(moved):
        hours, profession = moved[r, p] / WEEKS_PER_YEAR, cal.world.professions[p]
        detail = f"{hours:+.3g} hours a week ({profession})"
        cal.log("tele-reading", cal.world.regions[r], detail, lasts=WEEKS_PER_YEAR)


def _demand_allowed(cal: Calendar, lent: Sequence[Loan]) -> None:
    """Refuse hours of a region that the scenario does not let read for the one that buys them."""
    regions = cal.world.regions
    serves = {one.by: one.serves for one in cal.scenario.tele_reading}
    for item, lender, _ in lent:
        for r in np.flatnonzero(cal.plan.units[:, :, item].any(axis=0)).tolist():
            by, buyer = regions[lender], regions[r]
            if buyer not in serves.get(by, ()):
                raise PlanError(
                    f"plan '{cal.plan.name}' buys {cal.world.catalogue.items[item].name} in "
                    f"{buyer}: tele_reading in the scenario does not let {by} read for {buyer}. "
                    f"It lets {by} read for {', '.join(serves.get(by, ())) or 'nobody'}."
                )
