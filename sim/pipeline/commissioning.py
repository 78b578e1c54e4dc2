"""Commissioning: units are paid for, come after their lead time, and are replaced when worn out.

What is bought in one year with one lead time is one process, whatever the number of regions.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sim.domain.lever import Floats, LeverName
from sim.errors import PlanError
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.jobs import Prepaid
from sim.pipeline.staff import finish_training
from sim.units import WEEKS_PER_YEAR

Chosen = NDArray[np.bool_]


def purchases(cal: Calendar) -> None:
    """Schedule everything that the plan buys, by year."""
    for year in range(len(cal.plan.units)):
        if cal.plan.units[year].any():
            cal.env.process(purchase(cal, year))


def purchase(cal: Calendar, year: int) -> Process:
    """Pay for the units of a year, and send each on its way.

    Prices and lives are those the plan was made with, because its budget binds; what the drawn
    world changes is delay: units come no earlier than planned, and later where the draw says so.
    """
    catalogue, units = cal.plan.catalogue, cal.plan.units[year]
    service = np.array([item.is_service for item in catalogue.items])
    _demand_whole_scanners(cal, units)
    owned = np.where(service, 0.0, units)
    price = units * catalogue.capex_usd
    lead = np.maximum(catalogue.lead_weeks, cal.world.catalogue.lead_weeks)
    yield cal.env.timeout(year * WEEKS_PER_YEAR)
    cal.records.spend_usd[cal.year] += price @ catalogue.in_stage
    for weeks, chosen in _by_value(lead, owned > 0):
        cal.after(weeks, partial(commission, cal, year, weeks, np.where(chosen, owned, 0.0)))
    for life_years, chosen in _by_value(catalogue.life_years, owned > 0):
        cal.env.process(replacement(cal, life_years, np.where(chosen, price, 0.0)))
    yield from _serve(cal, np.where(service, units, 0.0))


def _demand_whole_scanners(cal: Calendar, units: Floats) -> None:
    """Refuse part of an imaging unit: it would be paid for and could never be put up."""
    for region, item in np.argwhere(units != np.round(units)).tolist():
        what = cal.plan.catalogue.items[item]
        if what.lever == "scanner":
            raise PlanError(
                f"plan '{cal.plan.name}' buys {units[region, item]:g} {what.name} in "
                f"{cal.world.regions[region]}: imaging units come in whole numbers."
            )


def _serve(cal: Calendar, units: Floats) -> Process:
    """Keep services for the year that was paid for, shape (r, i)."""
    catalogue = cal.plan.catalogue
    cal.state.active += units
    accounts: tuple[tuple[LeverName, Prepaid], ...] = (
        ("pretraining", cal.for_pretraining),
        ("gpu_hours", cal.for_fine_tuning),
    )
    for lever, account in accounts:
        item = catalogue.index(lever)
        hours = units[:, item] * catalogue.capacity[:, item]
        if hours.any():
            account.paid += hours
            yield account.hours.put(float(hours.sum()))
    yield cal.env.timeout(WEEKS_PER_YEAR)
    cal.state.active -= units


def commission(cal: Calendar, year: int, weeks: int, units: Floats) -> None:
    """Put units to use, so many weeks after they were paid for, shape (r, i)."""
    world, state = cal.world, cal.state
    state.active += units
    for region, i in np.argwhere(units > 0).tolist():
        what, count = world.catalogue.items[i], float(units[region, i])
        if what.lever == "scanner":
            modality = world.modalities.index(what.scope)
            state.units_working[region, modality] += int(round(count))
        cal.log("commissioned", world.regions[region], f"{count:g} {what.name}", since=weeks)
    finish_training(cal, year, units)


def replacement(cal: Calendar, life_years: int, price: Floats) -> Process:
    """Pay again for units that wear out, so that what a plan bought keeps running."""
    by_stage = price @ cal.plan.catalogue.in_stage
    while True:
        yield cal.env.timeout(life_years * WEEKS_PER_YEAR)
        cal.records.spend_usd[cal.year] += by_stage


def _by_value(values: NDArray[np.int64], among: Chosen) -> Iterator[tuple[int, Chosen]]:
    """Yield every value that occurs, in rising order, and where; all of shape (r, i)."""
    for value in np.unique(values[among]):
        yield int(value), among & (values == value)
