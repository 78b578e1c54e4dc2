"""Purchases: units are paid for, come after their lead time, and are replaced when worn out.

What is bought in one year with one lead time is one process, whatever the number of regions.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from sim.domain.levers import Floats, LeverName
from sim.errors import PlanError
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.jobs import Prepaid
from sim.pipeline.processes.turnover import Batch, finish_training
from sim.units import WEEKS_PER_YEAR


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
    _demand_whole_scanners(cal, units)
    owned = np.where(catalogue.is_service, 0.0, units)
    price = units * catalogue.capex_usd
    yield cal.env.timeout(year * WEEKS_PER_YEAR)
    cal.records.spend_usd[cal.year] += catalogue.by_stage(price)
    bought = owned > 0
    lead = np.maximum(catalogue.lead_weeks[bought], cal.world.catalogue.lead_weeks[bought])
    coming: dict[int, list[Batch]] = {}
    for weeks, place, count in zip(
        lead.tolist(), np.argwhere(bought).tolist(), owned[bought].tolist(), strict=True
    ):
        coming.setdefault(weeks, []).append((*place, count))
    for weeks in sorted(coming):
        cal.after(weeks, partial(commission, cal, year, weeks, coming[weeks]))
    for life_years in sorted(set(catalogue.life_years[bought].tolist())):
        chosen = bought & (catalogue.life_years == life_years)
        cal.env.process(replacement(cal, life_years, np.where(chosen, price, 0.0)))
    yield from _serve(cal, np.where(catalogue.is_service, units, 0.0))


def _demand_whole_scanners(cal: Calendar, units: Floats) -> None:
    """Refuse part of an imaging unit: it would be paid for and could never be put up."""
    parts = units != np.round(units)
    if not np.count_nonzero(parts):
        return
    for region, item in np.argwhere(parts).tolist():
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


def commission(cal: Calendar, year: int, weeks: int, batches: Sequence[Batch]) -> None:
    """Put units to use, so many weeks after they were paid for."""
    world, state = cal.world, cal.state
    active, items = state.active, world.catalogue.items
    for region, i, count in batches:
        active[region, i] += count
    for region, i, count in batches:
        what = items[i]
        if what.lever == "scanner":
            modality = world.modalities.index(what.scope)
            state.units_working[region, modality] += round(count)
        cal.log("commissioned", world.regions[region], f"{count:g} {what.name}", since=weeks)
    readers = [batch for batch in batches if items[batch[1]].lever == "reader"]
    if readers:
        finish_training(cal, year, readers)


def replacement(cal: Calendar, life_years: int, price: Floats) -> Process:
    """Pay again for units that wear out, so that what a plan bought keeps running."""
    by_stage = cal.plan.catalogue.by_stage(price)
    while True:
        yield cal.env.timeout(life_years * WEEKS_PER_YEAR)
        cal.records.spend_usd[cal.year] += by_stage
