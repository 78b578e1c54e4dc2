"""The yearly books: what the weeks of the stations mean for people, energy and readers' hours."""

import numpy as np

from sim.baseline.world import World
from sim.domain.holdings import benefit
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, by_place, kernel
from sim.pipeline.records import READER_HOURS, Records
from sim.pipeline.state import Flows, State
from sim.scenario.ai import Gate
from sim.units import HOURS_PER_WEEK, JOULES_PER_KWH, MINUTES_PER_HOUR, WATTS_PER_KW


@kernel
def add_readings(
    need: Counts,
    read_by_ai: Counts,
    read_by_human: Counts,
    ai_benefit: Floats,
    human_benefit: Floats,
    sensitivity: Floats,
    specificity: Floats,
    reader_sensitivity: Floats,
    reader_specificity: Floats,
    prevalence: Floats,
    true_positive_usd: Floats,
    false_positive_usd: Floats,
    benefit: Floats,
    found: Floats,
    missed: Floats,
    follow_up_usd: Floats,
) -> None:
    """Add what the readings of a week bring to the books of the year, the last four.

    Cells have shape (r, m, g); human benefit, readers' accuracy, prevalence and prices (r, m);
    ``follow_up_usd`` (r,).
    """
    regions, modalities, groups = need.shape
    for r in range(regions):
        for m in range(modalities):
            sick = prevalence[r, m]
            for g in range(groups):
                ai, human = read_by_ai[r, m, g], read_by_human[r, m, g]
                benefit[r, m, g] += ai * ai_benefit[r, m, g] + human * human_benefit[r, m]
                true = sick * (ai * sensitivity[r, m, g] + human * reader_sensitivity[r, m])
                false = ai * (1.0 - specificity[r, m, g]) + human * (1.0 - reader_specificity[r, m])
                found[r, m, g] += true
                missed[r, m, g] += need[r, m, g] * sick - true
                follow_up_usd[r] += true * true_positive_usd[r, m]
                follow_up_usd[r] += (1.0 - sick) * false * false_positive_usd[r, m]


class Books:
    """Adds every week of a run to its yearly records."""

    def __init__(self, world: World, gate: Gate, records: Records) -> None:
        care = world.care
        self.world, self.gate, self.records = world, gate, records
        self.reader_sensitivity = by_place(care.reader_sensitivity, world)
        self.reader_specificity = by_place(care.reader_specificity, world)
        self.human_benefit = self._benefit(self.reader_sensitivity, self.reader_specificity)

    def write(self, state: State, flows: Flows, year: int) -> None:
        """Add the week that was just stepped."""
        self._write_cells(state, flows, year)
        self._write_energy(state, flows, year)
        self._write_hours(flows, year)

    def _write_cells(self, state: State, flows: Flows, year: int) -> None:
        care, cells = self.world.care, self.records.cells
        for name in ("need", "arrived", "exams", "gave_up", "unread", "labelled"):
            cells[name][year] += getattr(flows, name)
        cells["read_by_ai"][year] += flows.read_by_ai
        cells["read_by_human"][year] += flows.read_by_human
        cells["waiting_weeks"][year] += flows.mean_waiting
        add_readings(
            flows.need,
            flows.read_by_ai,
            flows.read_by_human,
            self._benefit(state.sensitivity, state.specificity),
            self.human_benefit,
            state.sensitivity,
            state.specificity,
            self.reader_sensitivity,
            self.reader_specificity,
            care.prevalence,
            care.true_positive_usd,
            care.false_positive_usd,
            cells["benefit"][year],
            cells["found"][year],
            cells["missed"][year],
            self.records.follow_up_usd[year],
        )

    def _write_energy(self, state: State, flows: Flows, year: int) -> None:
        compute = self.world.compute
        grid = compute.grid_g_co2e_per_kwh
        imaging = (np.einsum("rmg->rm", flows.exams) * compute.unit_kwh_per_exam).sum(axis=1)
        self.records.add_energy(year, "imaging", imaging, grid)
        # a network reads what is sent to it, whether or not somebody has time to look it over
        joules = flows.to_ai.sum(axis=(1, 2)) * compute.joules_per_inference
        self.records.add_energy(year, "inference", joules / JOULES_PER_KWH, grid)
        # a site is on while the grid is, or its own solar power and batteries; these emit nothing
        from_grid = compute.site_grid_share * (state.power >= 1.0)
        on = from_grid + compute.site_backup_share * (1.0 - from_grid)
        hours = state.sites_live * HOURS_PER_WEEK * on
        dirty = np.divide(from_grid, on, out=np.zeros_like(on), where=on > 0.0)
        sites = hours * compute.site_watts / WATTS_PER_KW
        self.records.add_energy(year, "sites", sites, grid * dirty)

    def _write_hours(self, flows: Flows, year: int) -> None:
        labelling_hours = self.world.data.annotation_minutes / MINUTES_PER_HOUR
        clinical = flows.clinical_hours.sum(axis=1)
        # an audit package pays its own specialists: its hours are bought and used together
        audit = np.einsum("rmg->rm", flows.set_aside) @ labelling_hours
        available = flows.reader_hours.sum(axis=1) + flows.bought_hours + audit
        mitigation = flows.mitigation_hours
        idle = available - clinical - flows.annotation_hours - audit - mitigation
        used = (clinical, flows.annotation_hours, audit, mitigation, idle, available)
        for k in range(len(READER_HOURS)):
            self.records.reader_hours[year, :, k] += used[k]

    def _benefit(self, sensitivity: Floats, specificity: Floats) -> Floats:
        return np.asarray(
            benefit(
                sensitivity,
                specificity,
                target_specificity=self.gate.target_specificity,
                penalty=self.gate.penalty,
            )
        )
