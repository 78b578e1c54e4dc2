"""One imaging station, described once for every model that simulates it, and what they report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.domain.capacity import switch_share
from sim.pipeline.stations import imaging, need
from sim.streams import keys, stream
from sim.units import DAYS_PER_WEEK

DECISIONS = ("service", "patience", "groups", "classes")


@dataclass(frozen=True)
class Station:
    """Imaging facilities of one region and modality; times in days unless a name says weeks."""

    arrivals_per_day: float
    exams_per_unit_day: float
    patience_days: float
    facilities: int = 1
    units_per_facility: int = 1
    shares: tuple[float, ...] = (1.0,)
    """Share of each group in the arrivals."""
    urgent: int = 0
    """The first so many groups are urgent: they are examined before the others."""
    failures_per_week: float = 0.0
    repairs_per_week: float = 1.0
    units_from_week: Mapping[int, int] = field(default_factory=dict)
    """Units of a single facility that change at the start of a week; all units otherwise."""

    @property
    def units(self) -> int:
        """Units installed in all facilities on the first day."""
        return self.units_from_week.get(0, self.facilities * self.units_per_facility)

    @property
    def load(self) -> float:
        """Arrivals over the capacity of all installed units."""
        return self.arrivals_per_day / (self.units * self.exams_per_unit_day)


@dataclass(frozen=True)
class Means:
    """What one replication reports, over the weeks after its warm-up."""

    exams_per_day: float
    unmet_share: float
    """Share of those who came that gave up."""
    queue: float
    """People waiting in all facilities, those being examined not counted."""
    wait_days: float
    exam_shares: tuple[float, ...]
    """Share of each group in the exams."""
    group_queues: tuple[float, ...] = ()
    """People of each group who wait."""
    group_waits_days: tuple[float, ...] = ()


def by_counts(
    station: Station, *, weeks: int, warm_up: int, replication: int, places: int = 1
) -> Means:
    """Simulate the station with the kernels of `stations.imaging`, in so many places at once.

    Means are those of one place, each with a luck of its own.
    """
    names = ["here", *(f"there {n}" for n in range(1, places))]
    luck = np.stack([keys(1, replication, d, names) for d in DECISIONS])[:, :, None]
    days, wear = (keys(1, replication, d, names)[:, None] for d in ("days", "wear"))
    rates = np.array(station.shares) * station.arrivals_per_day * DAYS_PER_WEEK
    shape, urgent = (places, 1, len(rates)), np.arange(len(rates)) < station.urgent
    arrivals = stream(1, "arrivals", replication).poisson(rates, (weeks, *shape))
    leave = np.full((places, 1), 1.0 / station.patience_days)
    speed = np.full((places, 1), station.exams_per_unit_day)
    together = np.full((places, 1), station.units_per_facility)
    there = imaging.places_of(luck, together, speed, leave, urgent)
    chance_break, chance_repair = switch_share(
        np.full((places, 1), station.failures_per_week),
        np.full((places, 1), station.repairs_per_week),
    )
    place, expected = np.zeros_like(there.which), np.broadcast_to(rates, shape).copy()
    waiting, exams, reneged = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    mean_waiting, by_day = np.zeros(shape), np.zeros((DAYS_PER_WEEK, places, 1), dtype=np.int64)
    chance, listed = np.zeros(places), np.zeros(places, dtype=np.int64)
    working, broken = np.full((places, 1), station.units), np.zeros((places, 1), dtype=np.int64)
    done, left, queues = np.zeros(len(rates)), 0.0, np.zeros(len(rates))
    for week, arrived in enumerate(arrivals):
        if week in station.units_from_week:
            working[:] = station.units_from_week[week]
        need.spread_over_days(week, days, arrived, by_day, chance, listed)
        if station.failures_per_week:
            imaging.wear(week, wear, chance_break, chance_repair, working, broken)
        people = imaging.Patients(
            by_day, arrived, expected, waiting, exams, reneged, mean_waiting,
            np.full((places, 1), imaging.NO_LIMIT), *np.zeros((2, *waiting.shape), dtype=np.int64),
        )  # fmt: skip
        imaging.step(week, there, people, working, place)
        if week >= warm_up:
            done += exams.sum(axis=(0, 1)) / places
            left += reneged.sum() / places
            queues += mean_waiting.sum(axis=(0, 1)) / places / (weeks - warm_up)
    came, length = (
        arrivals[warm_up:].mean(axis=(1, 2)).sum(axis=0),
        (weeks - warm_up) * DAYS_PER_WEEK,
    )
    return Means(
        exams_per_day=done.sum() / length,
        unmet_share=left / came.sum(),
        queue=queues.sum(),
        # Little's law: the kernel knows how many wait, not who
        wait_days=queues.sum() * length / came.sum(),
        exam_shares=tuple(done / done.sum()),
        group_queues=tuple(queues),
        group_waits_days=tuple(queues * length / came),
    )
