"""Commissioning: units are paid for, come after their lead time, and are replaced when worn out."""

from collections.abc import Callable

import numpy as np

from sim.domain.lever import STAFF, Stage
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.staff import finish_training
from sim.units import WEEKS_PER_YEAR


def purchases(cal: Calendar) -> None:
    """Schedule everything that the plan buys."""
    for year, region, item in np.argwhere(cal.plan.units > 0):
        cal.env.process(purchase(cal, int(year), int(region), int(item)))


def purchase(cal: Calendar, year: int, region: int, item: int) -> Process:
    """Pay for units, commission them after their lead time, replace them at the end of life.

    Prices and lives are those the plan was made with, because its budget binds; what the drawn
    world changes is delay: units come no earlier than planned, and later where the draw says so.
    """
    catalogue, units = cal.plan.catalogue, float(cal.plan.units[year, region, item])
    what, name = catalogue.items[item], cal.world.regions[region]
    stage = list(Stage).index(what.stage)
    price = units * catalogue.capex_usd[region, item]
    yield cal.env.timeout(year * WEEKS_PER_YEAR)
    cal.records.spend_usd[cal.year, region, stage] += price
    if what.is_service:
        cal.state.active[region, item] += units
        if what.lever == "gpu_hours":
            cal.bought_gpu_hours[region] += units * catalogue.capacity[region, item]
            yield cal.gpu_hours.put(units * catalogue.capacity[region, item])
        yield cal.env.timeout(WEEKS_PER_YEAR)
        cal.state.active[region, item] -= units
        return
    cal.env.process(replacement(cal, region, stage, price, int(catalogue.life_years[region, item])))
    drawn = cal.world.catalogue.lead_weeks[region, item]
    weeks = int(max(catalogue.lead_weeks[region, item], drawn))
    yield cal.env.timeout(weeks)
    cal.state.active[region, item] += units
    if what.lever == "scanner":
        modality = cal.world.modalities.index(what.scope)
        cal.state.units_working[region, modality] += int(round(units))
    cal.log("commissioned", name, f"{units:g} {what.name}", since=weeks)
    if what.lever in STAFF:
        finish_training(cal, year, region, item, units)


def replacement(cal: Calendar, region: int, stage: int, price: float, life_years: int) -> Process:
    """Pay again for units that wear out, so that what a plan bought keeps running."""
    while True:
        yield cal.env.timeout(life_years * WEEKS_PER_YEAR)
        cal.records.spend_usd[cal.year, region, stage] += price


def running_cost(cal: Calendar) -> Callable[[], None]:
    """Return what pays one week of running cost of every unit in use and of every vacant post.

    The pay of a vacant post meets what it costs to fill it, so that a plan costs what it says.
    """
    weekly = cal.plan.catalogue.running_usd / WEEKS_PER_YEAR
    in_stage = cal.plan.catalogue.in_stage()

    def pay() -> None:
        posts = cal.state.active + cal.state.vacant
        cal.records.spend_usd[cal.year] += (posts * weekly) @ in_stage

    return pay
