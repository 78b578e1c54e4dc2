"""The records of a run by year, cell and station, and its tables: no outcome is computed here."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import Floats, Stage
from sim.errors import StationError, nearest
from sim.pipeline.facts import AuditRound, Event, Job, Release
from sim.pipeline.series import Series
from sim.units import GRAMS_PER_TONNE

CELL_FIELDS = {
    "need": "exams",
    "arrived": "exams",
    "exams": "exams",
    "reneged": "exams",
    "read_by_ai": "exams",
    "read_by_human": "exams",
    "unread": "exams",
    "benefit": "exams, weighted by benefit",
    "found": "true positives",
    "missed": "diseased in need, not found",
    "waiting_weeks": "exam-weeks",
    "labelled": "studies",
}
"""Yearly record of every cell, with units."""

ENERGY_USES = ("imaging", "training", "inference", "sites")
"""What energy is used for, and how each is known: see ``ENERGY_BASIS``."""
ENERGY_BASIS = {
    "imaging": "assumed energy per exam",
    "training": "nameplate draw of the GPU x hours x PUE",
    "inference": "measured joules per inference of the profile",
    "sites": "assumed draw of a deployment site while it has power",
}

EXAM_COSTS = ("follow-up", "storage", "electricity")
"""What exams cost beside the plan: following up positive readings, keeping studies in the archive,
and the electricity of imaging units and of inference."""

READER_HOURS = ("clinical", "annotation", "audit", "mitigation", "idle", "available")
"""What reader hours are used for; all but the last add up to it."""

AUDIT_COLUMNS = (
    "week", "release", "region", "modality", "group", "positives", "lower_benefit",
    "needed_benefit", "power", "passed",
)  # fmt: skip


@dataclass(slots=True)
class Records:
    """Everything one run writes down while it runs.

    Axes: y year, r region, m modality, g group, w week, s station.
    """

    cells: dict[str, Floats]
    """By ``CELL_FIELDS``, each of shape (y, r, m, g); written when the run ends."""
    stations: dict[str, Series]
    """Weekly series by station name; written when the run ends."""
    spend_usd: Floats
    """Money spent by the plan, shape (y, r, stage), stages in the order of ``Stage``."""
    exam_costs_usd: Floats
    """What exams cost beside the plan, shape (y, r, item), items in the order of ``EXAM_COSTS``."""
    energy_kwh: Floats
    """Energy by use, shape (y, r, use), uses in the order of ``ENERGY_USES``."""
    reader_hours: Floats
    """Reader hours by kind, shape (y, r, kind), kinds in the order of ``READER_HOURS``."""
    emissions_t_co2e: Floats
    """Emissions by use, shape (y, r, use)."""
    events: list[Event] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    audits: list[AuditRound] = field(default_factory=list)

    @classmethod
    def of(cls, world: World, *, years: int) -> "Records":
        """Return empty records for ``years`` of a world."""
        regions = len(world.regions)
        return cls(
            cells={},
            stations={},
            spend_usd=np.zeros((years, regions, len(Stage))),
            exam_costs_usd=np.zeros((years, regions, len(EXAM_COSTS))),
            energy_kwh=np.zeros((years, regions, len(ENERGY_USES))),
            emissions_t_co2e=np.zeros((years, regions, len(ENERGY_USES))),
            reader_hours=np.zeros((years, regions, len(READER_HOURS))),
        )

    def add_energy(
        self, year: int, use: str, energy_kwh: Floats, grid_g_co2e_per_kwh: Floats | float
    ) -> None:
        """Add energy of one use, and what the grid emits for it, both of shape (r,)."""
        place = year, slice(None), ENERGY_USES.index(use)
        self.energy_kwh[place] += energy_kwh
        self.emissions_t_co2e[place] += energy_kwh * grid_g_co2e_per_kwh / GRAMS_PER_TONNE


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """What happened once: one plan in one draw of the world and one replication."""

    plan: str
    world: World
    start_year: int
    records: Records

    def __repr__(self) -> str:
        cells, years = self.records.cells, len(self.records.spend_usd)
        need, exams = cells["need"].sum(), cells["exams"].sum()
        read = cells["read_by_ai"].sum() + cells["read_by_human"].sum()
        return (
            f"Run of plan '{self.plan}', {years} years from {self.start_year}: {need:,.0f} exams "
            f"needed, {exams:,.0f} done, {read:,.0f} read; {len(self.records.releases)} releases; "
            f"USD {self.records.spend_usd.sum():,.0f} spent"
        )

    def cells(self) -> pd.DataFrame:
        """Return the yearly record by cell: year, region, modality, group and ``CELL_FIELDS``."""
        world, years = self.world, self.records.cells["need"].shape[0]
        index = pd.MultiIndex.from_product(
            [
                range(self.start_year, self.start_year + years),
                world.regions,
                world.modalities,
                world.groups,
            ],
            names=["year", "region", "modality", "group"],
        )
        flat = {name: values.ravel() for name, values in self.records.cells.items()}
        return pd.DataFrame(flat, index=index).reset_index()

    def ledger(self) -> pd.DataFrame:
        """Return yearly money and energy by region, tidy: year, region, account, item, value.

        Accounts: ``spend_usd`` (item = stage), ``exam_costs_usd`` (item = cost), ``energy_kwh``
        (item = use), ``emissions_t_co2e`` (item = use), ``reader_hours`` (item = kind).
        """
        parts = [
            self._tidy("spend_usd", self.records.spend_usd, tuple(map(str, Stage))),
            self._tidy("exam_costs_usd", self.records.exam_costs_usd, EXAM_COSTS),
            self._tidy("energy_kwh", self.records.energy_kwh, ENERGY_USES),
            self._tidy("emissions_t_co2e", self.records.emissions_t_co2e, ENERGY_USES),
            self._tidy("reader_hours", self.records.reader_hours, READER_HOURS),
        ]
        return pd.concat(parts, ignore_index=True)

    def station(self, name: str) -> pd.DataFrame:
        """Return the weekly series of one station, see ``Series.table``.

        Raises
        ------
        StationError
            Where no such station was recorded.
        """
        series = self.records.stations
        if name not in series:
            raise StationError(f"no weekly record of '{name}'.{nearest(name, series)}")
        return series[name].table(self.world)

    def events(self) -> pd.DataFrame:
        """Return the log of control events: the fields of ``Event``."""
        return pd.DataFrame(self.records.events, columns=list(Event._fields))

    def jobs(self) -> pd.DataFrame:
        """Return the work of the cluster, one row per job: the fields of ``Job``."""
        return pd.DataFrame(self.records.jobs, columns=list(Job._fields))

    def releases(self) -> pd.DataFrame:
        """Return every release by cell: number, weeks, studies, sensitivity and specificity."""
        world = self.world
        index = pd.MultiIndex.from_product(
            [world.regions, world.modalities, world.groups], names=["region", "modality", "group"]
        )
        tables = [
            pd.DataFrame(
                {
                    "sensitivity": release.performance.sensitivity.ravel(),
                    "specificity": release.performance.specificity.ravel(),
                },
                index=index,
            )
            .reset_index()
            .assign(
                release=release.number,
                frozen_week=release.frozen_week,
                live_week=release.live_week,
                studies=release.studies,
            )
            for release in self.records.releases
        ]
        columns = ["release", "frozen_week", "live_week", "studies", *index.names]
        columns += ["sensitivity", "specificity"]
        return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)

    def audits(self) -> pd.DataFrame:
        """Return every look of an audit at a release in a place that had audited positives.

        Columns: week, release, region, modality, group (``all`` where the groups of a place are
        audited together), positives, lower_benefit (bound of the benefit of a reading),
        needed_benefit (today's reader's less the margin), power (probability that
        a release as good as today's reader would have passed) and passed.
        """
        if not self.records.audits:
            return pd.DataFrame(columns=list(AUDIT_COLUMNS))
        tables = []
        for week, number, groups, found in self.records.audits:
            places = np.nonzero(found.positives > 0)
            axes = self.world.regions, self.world.modalities, groups
            names = [np.array(axis)[place] for axis, place in zip(axes, places, strict=True)]
            values = (
                found.positives[places],
                found.lower_benefit[places],
                found.needed_benefit[places[1]],
                found.power()[places],
                found.passed[places],
            )
            columns = zip(AUDIT_COLUMNS, (week, number, *names, *values), strict=True)
            tables.append(pd.DataFrame(dict(columns)))
        return pd.concat(tables, ignore_index=True)

    def _tidy(self, account: str, values: Floats, items: tuple[str, ...]) -> pd.DataFrame:
        years = range(self.start_year, self.start_year + values.shape[0])
        index = pd.MultiIndex.from_product(
            [years, self.world.regions, items], names=["year", "region", "item"]
        )
        table = pd.DataFrame({"value": values.ravel()}, index=index).reset_index()
        table.insert(2, "account", account)
        return table
