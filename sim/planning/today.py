"""Constants of the optimisation model: need, arrivals, and the capacity that is there today."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.baseline.world import World
from sim.domain.capacity import uptime
from sim.domain.levers import Floats
from sim.learning.gate import benefit_of
from sim.scenario.ai import Gate
from sim.scenario.capacity_calendar import Opening
from sim.scenario.schema import Scenario
from sim.units import DAYS_PER_YEAR, MINUTES_PER_HOUR

COME: Final = 0
"""Stream of those who come by themselves; after it, one of those of each group who are brought."""


@dataclass(frozen=True, slots=True)
class Today:
    """Constants of care that no plan changes.

    Axes: y year, r region, m modality, g group, k stream.
    """

    need: Floats
    """Exams needed in the first year, shape (r, m); at least 1. Flows of all years are shares of
    it."""
    growth: Floats
    """Need of every year over that of the first, shape (y, r)."""
    mass: Floats
    """Persons of each stream at most, as a share of ``need``, shape (y, r, m, k)."""
    mix: Floats
    """Share of each group in a stream, shape (r, m, g, k)."""
    units: Floats
    """Exams a year of today's imaging units, breakdowns included, shape (r, m)."""
    supplies: Floats
    """Exams a year that supplies suffice for without a purchase, shape (r, m); may be infinite."""
    uptime: Floats
    """Share of units in working order, shape (r, m)."""
    open_units: Floats
    """Share of units that the capacity calendar leaves open in a year, shape (y, r, m)."""
    open_readers: Floats
    """The same of readers' hours, shape (y, r, p)."""
    gate: Gate
    human_benefit: Floats
    """Benefit of a reading without AI, shape (m,)."""

    @classmethod
    def of(cls, world: World, scenario: Scenario) -> "Today":
        """Return the constants of a world over the scored years."""
        horizon, calendar, gate = scenario.horizon, scenario.capacity_calendar, scenario.gate
        years = range(horizon.start_year, horizon.start_year + horizon.score_years)
        care, growth = world.care, world.care.growth(len(years))
        units = Opening.of(calendar, "imaging", world.regions, world.modalities)
        readers = Opening.of(calendar, "readers", world.regions, world.professions)
        groups = len(world.groups)
        by_group = np.zeros((*world.shape, 1 + groups))
        by_group[..., COME] = care.need_per_year * care.reach
        by_group[:, :, range(groups), range(1, 1 + groups)] = care.need_per_year * (
            1.0 - care.reach
        )
        persons = by_group.sum(axis=2)
        need = np.maximum(care.need_per_year.sum(axis=2), 1.0)
        works = uptime(care.failures_per_week, care.repairs_per_week)
        empty = np.zeros_like(by_group)
        return cls(
            need=need,
            growth=growth,
            mass=persons / need[:, :, None] * growth[:, :, None, None],
            mix=np.divide(by_group, persons[:, :, None], out=empty, where=persons[:, :, None] > 0),
            units=care.units * care.exams_per_unit_day * DAYS_PER_YEAR * works,
            supplies=care.supplied_exams_per_year,
            uptime=works,
            open_units=np.stack([units.mean(year) for year in years]),
            open_readers=np.stack([readers.mean(year) for year in years]),
            gate=gate,
            human_benefit=benefit_of(care.reader, gate),
        )


def today_flows(world: World, today: Today) -> tuple[Floats, Floats]:
    """Return exams and readings without any plan, in the mean, each of shape (y, r, m)."""
    care = world.care
    room = np.minimum(today.units * today.open_units, today.supplies)
    exams = np.minimum(today.mass[..., COME] * today.need, room)
    minutes = exams * care.reading_minutes
    clinical = care.reader_hours_per_year * (1.0 - care.protected_share[:, None])
    read = np.zeros_like(exams)
    for m, p in enumerate(care.reader_of):
        work = minutes[..., [q == p for q in care.reader_of]].sum(axis=2)
        room = clinical[:, p] * today.open_readers[..., p] * MINUTES_PER_HOUR
        read[..., m] = exams[..., m] * np.minimum(1.0, room / np.maximum(work, 1e-12))
    return exams, read


def today_coverage(world: World, today: Today) -> Floats:
    """Return effective coverage without any plan, shape (y, r, g), from mean flows alone."""
    _, read = today_flows(world, today)
    by_group = read[..., None] * today.mix[..., COME] * today.human_benefit[:, None]
    covered = (weight_per_exam(world) * by_group).sum(axis=2)
    return np.asarray(covered / today.growth[:, :, None])


def weight_per_exam(world: World) -> Floats:
    """Return what a unit of benefit adds to coverage of its cell in the first year, (r, m, g).

    A modality without need in a cell hands its weight to the others.
    """
    need = world.care.need_per_year
    share = np.where(need > 0, world.weight[None, :, None], 0.0)
    shares = share.sum(axis=1, keepdims=True)
    share = np.divide(share, shares, out=np.zeros_like(share), where=shares > 0)
    return np.asarray(np.divide(share, need, out=np.zeros_like(share), where=need > 0))
