"""Reading: readers' hours go to exams read with AI first, then to the queue of the others.

Each profession of a region is one desk (`desk`), which counts exams by modality through the week.
Here its week is spread over demographic groups.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.desk import desk_of, week_of
from sim.pipeline.flow import Counts, allot, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@njit(cache=True)
def step(
    week: int,
    keys: NDArray[np.uint64],
    pace: NDArray[np.uint64],
    exams: Counts,
    to_ai: Counts,
    hours: Floats,
    minutes: Floats,
    ai_minutes_ratio: Floats,
    stale_per_week: Floats,
    reader_of: NDArray[np.int64],
    waiting: Counts,
    begun: Floats,
    read_by_ai: Counts,
    read_by_human: Counts,
    unread: Counts,
    mean_unread: Floats,
    hours_used: Floats,
) -> None:
    """Read for one week: each desk in one step or, where its exams soon lose their use, several.

    Parameters
    ----------
    keys : random keys, shape (3, r, m): split over groups, exams gone stale, spread over steps.
    pace : random keys of when work came within a step, shape (r, p).
    exams, to_ai : exams done this week, and those of them offered to AI, shape (r, m, g).
    hours : clinical reader hours this week, shape (r, p).
    minutes, ai_minutes_ratio : reader minutes per exam, and their ratio with AI, shape (m,).
    stale_per_week : rate at which an unread exam loses its use, shape (m,).
    reader_of : profession of each modality, shape (m,).
    waiting, begun : queue (r, m, g) and part-read exams (r, m); updated in place.
    read_by_ai, read_by_human, unread : results of the week, shape (r, m, g).
    mean_unread : exams that nobody has begun to read, mean of the week, shape (r, m, g).
    hours_used : hours worked this week, shape (r, p).

    Notes
    -----
    Where hours are too few to look over what AI reads, the rest joins the human queue. Hours of a
    profession are shared between modalities in proportion to their work. What is read of a
    modality in a week, and what goes stale, falls on groups in proportion to their exams.
    """
    regions, _, groups = waiting.shape
    some = np.empty(groups, dtype=np.int64)
    for p in range(hours.shape[1]):
        mine = np.flatnonzero(reader_of == p)
        if len(mine) == 0:
            hours_used[:, p] = 0.0
            continue
        desk, steps = desk_of(mine, minutes, ai_minutes_ratio, stale_per_week)
        for r in range(regions):
            for k, m in enumerate(mine):
                desk[k].stale_key, desk[k].spread_key = keys[1, r, m], keys[2, r, m]
                desk[k].begun = begun[r, m]
                _lay_out(exams[r, m], to_ai[r, m], waiting[r, m], desk[k])
            hours_used[r, p] = week_of(week, steps, pace[r, p], hours[r, p], desk)
            for k, m in enumerate(mine):
                begun[r, m] = desk[k].begun
                _split(
                    week, keys[0, r, m], desk[k], exams[r, m], to_ai[r, m], waiting[r, m],
                    read_by_ai[r, m], read_by_human[r, m], unread[r, m], mean_unread[r, m], some,
                )  # fmt: skip


@njit(cache=True)
def _lay_out(exams: Counts, to_ai: Counts, waiting: Counts, desk: Any) -> None:
    """Put the exams of all groups (g,) of one modality on the desk, for a new week."""
    desk.by_ai, desk.by_human, desk.late, desk.area = 0, 0, 0, 0.0
    desk.coming_ai, desk.coming, desk.queue = 0, 0, 0
    for g in range(len(exams)):
        desk.coming_ai += to_ai[g]
        desk.coming += exams[g] - to_ai[g]
        desk.queue += waiting[g]


@njit(cache=True)
def _split(
    week: int,
    key: np.uint64,
    desk: Any,
    exams: Counts,
    to_ai: Counts,
    waiting: Counts,
    read_by_ai: Counts,
    read_by_human: Counts,
    unread: Counts,
    mean_unread: Floats,
    some: Counts,
) -> None:
    """Split the week of one modality over its groups (g,); ``some`` (g,) is scratch."""
    allot(desk.by_ai, to_ai, uniform(key, 3 * week), read_by_ai)
    total = 0
    for g in range(len(exams)):
        some[g] = waiting[g] + exams[g] - read_by_ai[g]
        total += some[g]
    for g in range(len(exams)):
        mean_unread[g] = desk.area * some[g] / total if total > 0 else 0.0
    allot(desk.late, some, uniform(key, 3 * week + 1), unread)
    for g in range(len(exams)):
        some[g] -= unread[g]
    allot(desk.by_human, some, uniform(key, 3 * week + 2), read_by_human)
    for g in range(len(exams)):
        waiting[g] = some[g] - read_by_human[g]


class Reading(Station):
    """Clinical reading by today's and added specialists, with AI where a release may read."""

    name = "reading"
    unit = "exams"
    capacity_unit = "reader hours"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        decisions = ("groups", "stale", "spread")
        self.keys = np.stack([luck.by_station(f"reading/{name}") for name in decisions])
        self.pace = np.stack(
            [luck.by_region(f"reading/pace/{profession}") for profession in world.professions],
            axis=1,
        )
        self.stale_per_week = 1.0 / world.care.report_patience_weeks
        self.reader_of = np.array(world.care.reader_of, dtype=np.int64)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Read what was examined this week and what still waits."""
        care = self.world.care
        flows.reader_hours[:] = reader_hours_per_week(self.world, state.active)
        step(
            tick,
            self.keys,
            self.pace,
            flows.exams,
            flows.to_ai,
            self._clinical_hours(flows),
            care.reading_minutes,
            care.ai_minutes_ratio,
            self.stale_per_week,
            self.reader_of,
            state.reading_waiting,
            state.reading_begun,
            flows.read_by_ai,
            flows.read_by_human,
            flows.unread,
            flows.mean_unread,
            flows.clinical_hours,
        )

    def _clinical_hours(self, flows: Flows) -> Floats:
        """Return the hours that are not kept for annotation, shape (r, p)."""
        return np.asarray(flows.reader_hours * (1.0 - self.world.care.protected_share[:, None]))

    def account(self, state: State, flows: Flows) -> Account:
        """Left: exams that nobody read in time."""
        return Account(
            flows.exams,
            flows.read_by_ai + flows.read_by_human,
            left=flows.unread,
            waiting=state.reading_waiting,
            queue=flows.mean_unread,
            busy=flows.clinical_hours.sum(axis=1),
            capacity=self._clinical_hours(flows).sum(axis=1),
        )


def reader_hours_per_week(world: World, active: Floats) -> Floats:
    """Return all reader hours in a week, shape (r, p), for active plan units (r, i)."""
    hours = world.care.reader_hours_per_year.copy()
    for p, profession in enumerate(world.professions):
        item = world.catalogue.index("reader", profession)
        hours[:, p] += active[:, item] * world.catalogue.capacity[:, item]
    return np.asarray(hours / WEEKS_PER_YEAR)
