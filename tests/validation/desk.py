"""One reading desk, described once for every model that simulates it."""

from dataclasses import dataclass

import numpy as np

from sim.pipeline.kernels.server_pool import pools_of
from sim.pipeline.stations import reading
from sim.streams import keys, stream
from sim.units import DAYS_PER_WEEK, MINUTES_PER_HOUR
from tests.validation.station import Means


@dataclass(frozen=True)
class Desk:
    """Readers of one profession in one region; one entry per modality."""

    exams_per_week: tuple[float, ...]
    minutes: tuple[float, ...]
    hours_per_week: float
    patience_weeks: tuple[float, ...]
    """Mean time after which an unread exam is of no more use."""
    ai_share: float = 0.0
    """Share of the exams that AI reads and readers look over."""
    ai_minutes_ratio: float = 0.1

    @property
    def load(self) -> float:
        """Work that comes over the hours there are."""
        each = 1.0 - self.ai_share * (1.0 - self.ai_minutes_ratio)
        work = float(np.dot(self.exams_per_week, self.minutes)) * each
        return work / (self.hours_per_week * MINUTES_PER_HOUR)

    @property
    def exams_per_day(self) -> float:
        """Exams of all modalities that come in a day."""
        return sum(self.exams_per_week) / DAYS_PER_WEEK


def arrivals(desk: Desk, *, weeks: int, replication: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the exams of every week and modality, and those of them that AI reads.

    Both models of the desk are given the same, so that they differ by nothing else.
    """
    luck = stream(1, "exams", replication)
    came = luck.poisson(desk.exams_per_week, (weeks, len(desk.minutes)))
    return came, luck.binomial(came, desk.ai_share)


def by_counts(desk: Desk, *, weeks: int, warm_up: int, replication: int, lucks: int = 30) -> Means:
    """Simulate the desk with the kernel of `stations.reading`, the mean over its own luck."""
    came, to_ai = arrivals(desk, weeks=weeks, replication=replication)
    names = [str(n) for n in range(lucks)]
    cells = [f"{n}/{m}" for n in names for m in range(len(desk.minutes))]
    luck = np.stack(
        [keys(1, replication, d, cells).reshape(lucks, -1) for d in ("groups", "stale", "spread")]
    )
    pace = keys(1, replication, "pace", names).reshape(lucks, 1)
    shape = (lucks, len(desk.minutes), 1)
    minutes, patience = (
        np.broadcast_to(values, shape[:2]) for values in (desk.minutes, desk.patience_weeks)
    )
    ratio, hours = (
        np.full(shape[:2], desk.ai_minutes_ratio),
        np.full((lucks, 1), desk.hours_per_week),
    )
    desks = pools_of(luck, minutes, ratio, 1.0 / patience, np.zeros(shape[1], dtype=np.int64), 1)
    waiting, by_ai, by_human, unread = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    begun, used, mean_unread = np.zeros(shape[:2]), np.zeros((lucks, 1)), np.zeros(shape)
    read, left, queue = np.zeros(shape[1]), 0.0, 0.0
    for week in range(weeks):
        here = [np.broadcast_to(counts[week, :, None], shape).copy() for counts in (came, to_ai)]
        exams = reading.Exams(*here, waiting, begun, by_ai, by_human, unread, mean_unread)
        reading.step(week, pace, hours, *desks, exams, used)
        if week >= warm_up:
            read += (by_ai + by_human).sum(axis=(0, 2)) / lucks
            left += unread.sum() / lucks
            queue += mean_unread.sum() / lucks / (weeks - warm_up)
    total, length = came[warm_up:].sum(), (weeks - warm_up) * DAYS_PER_WEEK
    return Means(
        exams_per_day=read.sum() / length,
        unmet_share=left / total,
        queue=queue,
        # Little's law: the kernel knows how many wait, not which
        wait_days=queue * length / total,
        exam_shares=tuple(read / read.sum()),
    )
