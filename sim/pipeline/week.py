"""One week of every station, in order, for all regions at once."""

import numpy as np

from sim.baseline.world import World
from sim.domain.capacity import switch_share
from sim.domain.holdings import benefit
from sim.domain.lever import Floats
from sim.pipeline import (
    annotation,
    archive,
    backlog,
    curation,
    deployment,
    documentation,
    evaluation,
    governance,
    imaging,
    need,
    reading,
)
from sim.pipeline.flow import Counts
from sim.pipeline.luck import Luck
from sim.pipeline.records import ENERGY_USES, READER_HOURS, Records
from sim.pipeline.state import Flows, State
from sim.scenario.schema import Gate
from sim.units import (
    DAYS_PER_WEEK,
    HOURS_PER_WEEK,
    JOULES_PER_KWH,
    MINUTES_PER_HOUR,
    WATTS_PER_KW,
    WEEKS_PER_YEAR,
)

STATIONS = (
    "imaging",
    "reading",
    "archive",
    "documentation",
    "curation",
    "evaluation",
    "annotation",
)
"""Stations with a weekly record, in the order in which an exam passes them."""


class Week:
    """Steps every station of one run by one week."""

    def __init__(self, world: World, gate: Gate, *, seed: int, replication: int) -> None:
        self.world = world
        self.luck = Luck.of(world, seed=seed, replication=replication)
        self.flows = Flows.of(world)
        care = world.care
        self.chance_break, self.chance_repair = switch_share(
            care.failures_per_week, care.repairs_per_week
        )
        self.leave_per_day = 1.0 / (care.patience_weeks * DAYS_PER_WEEK)
        self.units_per_facility = np.maximum(np.round(care.units_per_facility), 1).astype(np.int64)
        self.busy_curves = imaging.facility_curves(
            self.units_per_facility, care.exams_per_unit_day, self.leave_per_day
        )
        self.stale_per_week = 1.0 / care.report_patience_weeks
        self.reader_of = np.array(care.reader_of, dtype=np.int64)
        self.each = np.ones(len(world.modalities))
        self.gate = gate
        self.human_benefit = self._benefit(care.reader_sensitivity, care.reader_specificity)

    def step(self, state: State, tick: int, tallies: dict[str, Counts]) -> None:
        """Move every station by one week.

        Parameters
        ----------
        state : updated in place.
        tick : weeks since the start of the warm-up, the step of every random draw.
        tallies : weekly record by station, each of shape (5, r); added to in place.
        """
        self._care(state, tick, tallies)
        self._data(state, tick, tallies)

    def _care(self, state: State, tick: int, tallies: dict[str, Counts]) -> None:
        world, care, flows, luck = self.world, self.world.care, self.flows, self.luck
        catalogue, active = world.catalogue, state.active
        outreach = catalogue.index("outreach")
        brought = active[:, outreach] * catalogue.capacity[:, outreach] / WEEKS_PER_YEAR
        need.step(
            tick, luck.need, care.need_per_year, care.reach, brought, flows.need, flows.arrived
        )
        need.spread_over_days(tick, luck.days, flows.arrived, flows.by_day)
        imaging.wear(
            tick,
            luck.wear,
            self.chance_break,
            self.chance_repair,
            state.units_working,
            state.units_broken,
        )
        imaging.step(
            tick,
            luck.imaging,
            flows.by_day,
            flows.arrived,
            state.units_working,
            self.units_per_facility,
            care.exams_per_unit_day,
            self.leave_per_day,
            self.busy_curves,
            state.imaging_waiting,
            flows.exams,
            flows.gave_up,
            flows.mean_waiting,
            tallies["imaging"],
        )
        site = catalogue.index("site")
        deployment.roll_out(active[:, site], world.compute.sites_per_week, state.sites_live)
        room = state.sites_live * world.compute.site_power_share * catalogue.capacity[:, site]
        deployment.route(
            tick,
            luck.route,
            flows.exams,
            state.gate_open,
            room / WEEKS_PER_YEAR,
            state.ai_begun,
            flows.to_ai,
        )
        self.reader_hours = annotation.reader_hours_per_week(world, active)
        reading.step(
            tick,
            luck.reading,
            flows.exams,
            flows.to_ai,
            self.reader_hours * (1.0 - care.protected_share[:, None]),
            care.reading_minutes,
            care.ai_minutes_ratio,
            self.stale_per_week,
            self.reader_of,
            state.reading_waiting,
            state.reading_begun,
            flows.read_by_ai,
            flows.read_by_human,
            flows.unread,
            flows.hours_used,
            tallies["reading"],
        )

    def _data(self, state: State, tick: int, tallies: dict[str, Counts]) -> None:
        world, flows, luck, active = self.world, self.flows, self.luck, state.active
        data = world.data
        archive.step(
            tick, luck.archive, flows.exams, data.digital_share, flows.archived, tallies["archive"]
        )
        backlog.work_off(
            tick,
            luck.documentation,
            flows.archived,
            documentation.capacity_per_week(world, active),
            self.each,
            state.documentation_waiting,
            state.documentation_begun,
            flows.documented,
            flows.worked,
            tallies["documentation"],
        )
        backlog.work_off(
            tick,
            luck.curation,
            flows.documented,
            curation.capacity_per_week(world, active),
            self.each,
            state.curation_waiting,
            state.curation_begun,
            flows.curated,
            flows.worked,
            tallies["curation"],
        )
        curation.reject(
            tick, luck.rejection, data.rejected_share, flows.curated, tallies["curation"]
        )
        evaluation.assign(
            tick,
            luck.audit,
            evaluation.capacity_per_week(world, active),
            state.audit_begun,
            flows.curated,
            flows.set_aside,
            tallies["evaluation"],
        )
        state.audited += flows.set_aside
        self.annotation_hours = annotation.hours_per_week(world, active)
        backlog.work_off(
            tick,
            luck.annotation,
            flows.curated,
            self.annotation_hours * MINUTES_PER_HOUR,
            data.annotation_minutes,
            state.annotation_waiting,
            state.annotation_begun,
            flows.labelled,
            flows.worked,
            tallies["annotation"],
        )
        state.labelled += flows.labelled
        governance.share(
            tick,
            luck.sharing,
            flows.labelled,
            governance.share_that_leaves(world, active),
            state.shared,
        )

    def write(self, state: State, year: int, records: Records) -> None:
        """Add the week that was just stepped to the yearly records."""
        world, flows, cells = self.world, self.flows, records.cells
        for name in ("need", "arrived", "exams", "gave_up", "unread"):
            cells[name][year] += getattr(flows, name)
        cells["read_by_ai"][year] += flows.read_by_ai
        cells["read_by_human"][year] += flows.read_by_human
        cells["waiting_weeks"][year] += flows.mean_waiting
        care = world.care
        ai = self._benefit(state.sensitivity, state.specificity)
        cells["benefit"][year] += (
            flows.read_by_ai * ai + flows.read_by_human * self.human_benefit[None, :, None]
        )
        sick = care.prevalence[None, :, None]
        found = sick * (
            flows.read_by_ai * state.sensitivity
            + flows.read_by_human * care.reader_sensitivity[None, :, None]
        )
        false = (1.0 - sick) * (
            flows.read_by_ai * (1.0 - state.specificity)
            + flows.read_by_human * (1.0 - care.reader_specificity)[None, :, None]
        )
        cells["found"][year] += found
        cells["missed"][year] += flows.need * sick - found
        records.follow_up_usd[year] += (
            found.sum(axis=2) @ care.true_positive_usd + false.sum(axis=2) @ care.false_positive_usd
        )
        self._write_energy(state, year, records)
        self._write_hours(state, year, records)

    def _write_energy(self, state: State, year: int, records: Records) -> None:
        flows, compute = self.flows, self.world.compute
        by_use = {
            "imaging": (flows.exams.sum(axis=2) * compute.unit_kwh_per_exam).sum(axis=1),
            "inference": flows.read_by_ai.sum(axis=(1, 2))
            * (compute.joules_per_inference / JOULES_PER_KWH),
            "sites": state.sites_live * (compute.site_watts * HOURS_PER_WEEK / WATTS_PER_KW),
        }
        for use, energy_kwh in by_use.items():
            records.energy_kwh[year, :, ENERGY_USES.index(use)] += energy_kwh

    def _write_hours(self, state: State, year: int, records: Records) -> None:
        world, flows = self.world, self.flows
        labelling_hours = world.data.annotation_minutes / MINUTES_PER_HOUR
        clinical = flows.hours_used.sum(axis=1)
        annotated = flows.worked / MINUTES_PER_HOUR
        # an audit package pays its own specialists: its hours are bought and used together
        audit = flows.set_aside.sum(axis=2) @ labelling_hours
        bought = annotation.bought_hours_per_week(world, state.active) + audit
        available = self.reader_hours.sum(axis=1) + bought
        idle = available - clinical - annotated - audit
        by_kind = dict(
            zip(READER_HOURS, (clinical, annotated, audit, idle, available), strict=True)
        )
        for k, kind in enumerate(READER_HOURS):
            records.reader_hours[year, :, k] += by_kind[kind]

    def _benefit(self, sensitivity: Floats, specificity: Floats) -> Floats:
        return benefit(
            sensitivity,
            specificity,
            target_specificity=self.gate.target_specificity,
            penalty=self.gate.penalty,
        )
