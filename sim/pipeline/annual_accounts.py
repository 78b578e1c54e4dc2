"""Annual accounts: benefit, cost, energy and reader hours from the weekly flows.

Flows are summed by year for all runs of a batch at once. Whatever is proportional to a yearly sum
is computed from it once, when a run is closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.learning import law
from sim.pipeline.kernels.counts import Counts, by_place, kernel
from sim.pipeline.records import CELL_FIELDS, EXAM_COSTS, Records
from sim.pipeline.state import Flows, Rows, State
from sim.scenario.ai import Gate
from sim.units import (
    HOURS_PER_WEEK,
    JOULES_PER_KWH,
    MINUTES_PER_HOUR,
    WATTS_PER_KW,
    WEEKS_PER_YEAR,
)

ROUNDING = 1e-9
"""Share of reader hours below which what is left of them is an error of rounding."""
ByName = Mapping[str, Counts]
"""Counts by name of the flow, each of shape (y, r, m, g)."""
FOLLOW_UP, STORAGE, ELECTRICITY = range(len(EXAM_COSTS))
_benefit = kernel(law.benefit)


@kernel
def add_readings(
    need: Counts,
    read_by_ai: Counts,
    read_by_human: Counts,
    sensitivity: Floats,
    specificity: Floats,
    reader_sensitivity: Floats,
    reader_specificity: Floats,
    prevalence: Floats,
    true_positive_usd: Floats,
    false_positive_usd: Floats,
    target_specificity: float,
    penalty: float,
    benefit: Floats,
    found: Floats,
    missed: Floats,
    follow_up_usd: Floats,
) -> None:
    """Add what the readings of a week bring to the accounts of the year, the last four.

    Cells have shape (r, m, g); readers' accuracy, prevalence and prices (r, m); ``follow_up_usd``
    (r,).
    """
    regions, modalities, groups = need.shape
    for r in range(regions):
        for m in range(modalities):
            sick = prevalence[r, m]
            sees, spares = reader_sensitivity[r, m], reader_specificity[r, m]
            human_benefit = _benefit(sees, spares, target_specificity, penalty)
            for g in range(groups):
                ai, human = read_by_ai[r, m, g], read_by_human[r, m, g]
                ai_benefit = _benefit(
                    sensitivity[r, m, g], specificity[r, m, g], target_specificity, penalty
                )
                benefit[r, m, g] += ai * ai_benefit + human * human_benefit
                true = sick * (ai * sensitivity[r, m, g] + human * sees)
                false = ai * (1.0 - specificity[r, m, g]) + human * (1.0 - spares)
                found[r, m, g] += true
                missed[r, m, g] += need[r, m, g] * sick - true
                follow_up_usd[r] += true * true_positive_usd[r, m]
                follow_up_usd[r] += (1.0 - sick) * false * false_positive_usd[r, m]


@dataclass(frozen=True, slots=True)
class Tallies:
    """Yearly sums of weeks. Axes: y year, r region, m modality, g group, p profession, i item."""

    counts: Counts
    """Counts of the flows, shape (y, count, r, m, g), in the order of ``Flows.yearly``."""
    waiting_weeks: Floats
    """Shape (y, r, m, g), as are the next three."""
    benefit: Floats
    found: Floats
    missed: Floats
    follow_up_usd: Floats
    """Shape (y, r)."""
    reader_hours: Floats
    """Shape (y, r, p), as is the next."""
    clinical_hours: Floats
    annotation_hours: Floats
    """Shape (y, r), as are the next four."""
    mitigation_hours: Floats
    bought_hours: Floats
    site_weeks: Floats
    """Weeks of live sites."""
    powered_site_weeks: Floats
    """Those of them without a long outage of the grid."""
    unit_weeks: Floats
    """Weeks of units in use and of vacant posts, shape (y, r, i)."""

    @classmethod
    def of(cls, world: World, *, counts: int, years: int) -> "Tallies":
        """Return sums of nothing."""
        cells, regions = (years, *world.shape), (years, len(world.regions))
        by_cell = ("waiting_weeks", "benefit", "found", "missed")
        by_reader = ("reader_hours", "clinical_hours")
        shapes = dict.fromkeys(by_cell, cells) | {
            name: (*regions, len(world.professions)) for name in by_reader
        }
        shapes["unit_weeks"] = (*regions, len(world.catalogue.items))
        others = [name for name in cls.__dataclass_fields__ if name != "counts"]
        zeros = np.zeros((years, counts, *world.shape), dtype=np.int64)
        return cls(zeros, **{name: np.zeros(shapes.get(name, regions)) for name in others})

    def of_rows(self, rows: Rows) -> "Tallies":
        """Return the sums of some regions."""
        counts = np.ascontiguousarray(self.counts[:, :, rows])
        others = [name for name in self.__dataclass_fields__ if name != "counts"]
        return Tallies(
            counts, **{name: np.ascontiguousarray(getattr(self, name)[:, rows]) for name in others}
        )


class Accounts:
    """Adds up the weeks of the runs of a batch, and closes the accounts of each."""

    def __init__(self, world: World, gate: Gate, yearly: tuple[str, ...], *, years: int) -> None:
        self.world, self.gate, self.yearly = world, gate, yearly
        self.tallies = Tallies.of(world, counts=len(yearly), years=years)
        self._sensitivity = by_place(world.care.reader_sensitivity, world)
        self._specificity = by_place(world.care.reader_specificity, world)

    def add(self, state: State, flows: Flows, year: int) -> None:
        """Add the week that was just stepped."""
        sums, care = self.tallies, self.world.care
        sums.counts[year] += flows.counts[: len(self.yearly)]
        sums.waiting_weeks[year] += flows.mean_waiting
        add_readings(
            flows.need,
            flows.read_by_ai,
            flows.read_by_human,
            state.sensitivity,
            state.specificity,
            self._sensitivity,
            self._specificity,
            care.prevalence,
            care.true_positive_usd,
            care.false_positive_usd,
            self.gate.target_specificity,
            self.gate.penalty,
            sums.benefit[year],
            sums.found[year],
            sums.missed[year],
            sums.follow_up_usd[year],
        )
        sums.reader_hours[year] += flows.reader_hours
        sums.clinical_hours[year] += flows.clinical_hours
        sums.annotation_hours[year] += flows.annotation_hours
        sums.mitigation_hours[year] += flows.mitigation_hours
        sums.bought_hours[year] += flows.bought_hours
        sums.site_weeks[year] += state.sites_live
        sums.powered_site_weeks[year] += state.sites_live * (state.power >= 1.0)
        sums.unit_weeks[year] += state.active
        sums.unit_weeks[year] += state.vacant

    def close(self, records: Records, rows: Rows, world: World, plan: Plan) -> None:
        """Write the accounts of one run, which has some rows of the batch and a world of its own.

        The pay of a vacant post meets what it costs to fill it, so that a plan costs what it says.
        """
        sums = self.tallies.of_rows(rows)
        counts = {name: sums.counts[:, k] for k, name in enumerate(self.yearly)}
        written = {name: counts[name].astype(float) for name in CELL_FIELDS if name in counts}
        for name in ("waiting_weeks", "benefit", "found", "missed"):
            written[name] = getattr(sums, name)
        records.cells.update({name: written[name] for name in CELL_FIELDS})
        records.exam_costs_usd[..., FOLLOW_UP] = sums.follow_up_usd
        records.exam_costs_usd[..., STORAGE] = _storage_usd(counts["archived"], world)
        weekly_usd = plan.catalogue.running_usd / WEEKS_PER_YEAR
        records.spend_usd += plan.catalogue.by_stage(sums.unit_weeks * weekly_usd)
        _close_energy(records, sums, counts, world)
        _close_hours(records, sums, counts, world)


def _storage_usd(archived: Counts, world: World) -> Floats:
    """Return what it costs to keep the studies archived since the policy date, shape (y, r).

    Those of a year (y, r, m, g) are kept for half of it on average, and in every year after it:
    networks train on them again. What was archived before is paid already.
    """
    studies = archived.sum(axis=3)
    held = studies.cumsum(axis=0) - studies / 2.0
    return np.asarray(held @ world.data.storage_usd_per_study_year)


def _close_energy(records: Records, sums: Tallies, counts: ByName, world: World) -> None:
    compute = world.compute
    exams = counts["exams"].sum(axis=3)
    imaging = (exams * compute.unit_kwh_per_exam).sum(axis=2)
    # a network reads what is sent to it, whether or not somebody has time to look it over
    sent = counts["to_ai"].sum(axis=(2, 3))
    inference = sent * compute.joules_per_inference / JOULES_PER_KWH
    # a site is on while the grid is, or its own solar power and batteries; these emit nothing
    from_grid = sums.powered_site_weeks * compute.site_grid_share
    own = (sums.site_weeks - from_grid) * compute.site_backup_share
    kwh_per_week = HOURS_PER_WEEK * compute.site_watts / WATTS_PER_KW
    grid = compute.grid_g_co2e_per_kwh
    # that of sites, of servers and of rented hours is in their prices
    records.exam_costs_usd[..., ELECTRICITY] = (
        imaging + inference
    ) * compute.electricity_usd_per_kwh
    for year in range(len(exams)):
        records.add_energy(year, "imaging", imaging[year], grid)
        records.add_energy(year, "inference", inference[year], grid)
        records.add_energy(year, "sites", from_grid[year] * kwh_per_week, grid)
        records.add_energy(year, "sites", own[year] * kwh_per_week, 0.0)


def _close_hours(records: Records, sums: Tallies, counts: ByName, world: World) -> None:
    """Write reader hours in the order of ``READER_HOURS``."""
    labelling_hours = world.data.annotation_minutes / MINUTES_PER_HOUR
    # an audit package pays its own specialists: its hours are bought and used together
    set_aside = counts["set_aside"].sum(axis=3)
    audit = (set_aside * labelling_hours).sum(axis=2)
    clinical = sums.clinical_hours.sum(axis=2)
    available = sums.reader_hours.sum(axis=2) + sums.bought_hours + audit
    annotation, mitigation = sums.annotation_hours, sums.mitigation_hours
    idle = available - clinical - annotation - audit - mitigation
    idle[idle < ROUNDING * available] = 0.0
    used: tuple[NDArray[np.float64], ...] = (
        clinical, annotation, audit, mitigation, idle, available,
    )  # fmt: skip
    records.reader_hours[...] = np.stack(used, axis=-1)
