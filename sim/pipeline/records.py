"""What a run writes down: facts by cell and by station, never opinions about them."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats, Stage
from sim.units import GRAMS_PER_TONNE, WEEKS_PER_YEAR

Counts = NDArray[np.int64]

CELL_FIELDS = {
    "need": "exams",
    "arrived": "exams",
    "exams": "exams",
    "gave_up": "exams",
    "read_by_ai": "exams",
    "read_by_human": "exams",
    "unread": "exams",
    "benefit": "exams, weighted by benefit",
    "found": "true positives",
    "missed": "diseased in need, not found",
    "waiting_weeks": "exam-weeks",
}
"""Yearly record of every cell, with units."""

ENERGY_USES = ("imaging", "training", "inference", "sites")
"""What energy is used for, and how each is known: see ``ENERGY_BASIS``."""
ENERGY_BASIS = {
    "imaging": "assumed energy per exam",
    "training": "nameplate draw of the GPU x hours x PUE",
    "inference": "measured joules per inference of the profile",
    "sites": "assumed draw of a deployment site",
}

STATION_FIELDS = ("entered", "done", "left", "rejected", "waiting")
"""Weekly record of every station: waiting before + entered = done + left + rejected + waiting."""


READER_HOURS = ("clinical", "annotation", "audit", "idle", "available")
"""What reader hours are used for; the first four add up to the last."""


class Event(NamedTuple):
    """One thing that happened at one time: a commissioning, a job, a release, an audit."""

    week: float
    kind: str
    region: str
    detail: str


@dataclass(slots=True)
class Records:
    """Everything one run writes down while it runs.

    Axes: y year, r region, m modality, g group, w week, s station.
    """

    cells: dict[str, Floats]
    """By ``CELL_FIELDS``, each of shape (y, r, m, g)."""
    stations: dict[str, Counts]
    """By station name, each of shape (w, field, r), fields in the order of ``STATION_FIELDS``."""
    spend_usd: Floats
    """Money spent by the plan, shape (y, r, stage), stages in the order of ``Stage``."""
    follow_up_usd: Floats
    """Cost of following up positive readings, outside the plan's budget, shape (y, r)."""
    energy_kwh: Floats
    """Energy by use, shape (y, r, use), uses in the order of ``ENERGY_USES``."""
    reader_hours: Floats
    """Reader hours by kind, shape (y, r, kind), kinds in the order of ``READER_HOURS``."""
    events: list[Event] = field(default_factory=list)

    @classmethod
    def of(cls, world: World, *, years: int, stations: tuple[str, ...]) -> "Records":
        """Return empty records for ``years`` of a world."""
        regions, modalities, groups = world.shape
        weeks = years * WEEKS_PER_YEAR
        return cls(
            cells={name: np.zeros((years, regions, modalities, groups)) for name in CELL_FIELDS},
            stations={
                name: np.zeros((weeks, len(STATION_FIELDS), regions), dtype=np.int64)
                for name in stations
            },
            spend_usd=np.zeros((years, regions, len(Stage))),
            follow_up_usd=np.zeros((years, regions)),
            energy_kwh=np.zeros((years, regions, len(ENERGY_USES))),
            reader_hours=np.zeros((years, regions, len(READER_HOURS))),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """What happened once: one plan in one draw of the world and one replication of chance."""

    plan: str
    world: World
    start_year: int
    records: Records

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

        Accounts: ``spend_usd`` (item = stage), ``follow_up_usd``, ``energy_kwh`` (item = use),
        ``emissions_t_co2e`` (item = use), ``reader_hours`` (item = kind).
        """
        parts = [
            self._tidy("spend_usd", self.records.spend_usd, tuple(map(str, Stage))),
            self._tidy("follow_up_usd", self.records.follow_up_usd[..., None], ("follow-up",)),
            self._tidy("energy_kwh", self.records.energy_kwh, ENERGY_USES),
            self._tidy("emissions_t_co2e", self._emissions(), ENERGY_USES),
            self._tidy("reader_hours", self.records.reader_hours, READER_HOURS),
        ]
        return pd.concat(parts, ignore_index=True)

    def weekly(self) -> pd.DataFrame:
        """Return the weekly record by station and region: week, station, region and fields."""
        tables = []
        for name, series in self.records.stations.items():
            weeks, _, regions = series.shape
            index = pd.MultiIndex.from_product(
                [range(weeks), self.world.regions], names=["week", "region"]
            )
            flat = series.transpose(0, 2, 1).reshape(weeks * regions, len(STATION_FIELDS))
            table = pd.DataFrame(flat, index=index, columns=list(STATION_FIELDS)).reset_index()
            table.insert(1, "station", name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def events(self) -> pd.DataFrame:
        """Return the log of control events: week, kind, region, detail."""
        return pd.DataFrame(self.records.events, columns=list(Event._fields))

    def _emissions(self) -> Floats:
        grid = self.world.compute.grid_g_co2e_per_kwh[None, :, None]
        return np.asarray(self.records.energy_kwh * grid / GRAMS_PER_TONNE)

    def _tidy(self, account: str, values: Floats, items: tuple[str, ...]) -> pd.DataFrame:
        years = range(self.start_year, self.start_year + values.shape[0])
        index = pd.MultiIndex.from_product(
            [years, self.world.regions, items], names=["year", "region", "item"]
        )
        table = pd.DataFrame({"value": values.ravel()}, index=index).reset_index()
        table.insert(2, "account", account)
        return table
