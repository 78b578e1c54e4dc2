"""Reading: readers' hours go to exams read with AI first, then to the queue of the others.

Each profession of a region is one desk (`desk`), which counts exams by modality through the week.
Here its week is spread over demographic groups.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.desk import Desk, desks_of, week_of
from sim.pipeline.flow import Counts, allot, by_place, kernel, total, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


@kernel
def step(
    week: int,
    pace: NDArray[np.uint64],
    exams: Counts,
    to_ai: Counts,
    hours: Floats,
    desks: Desk,
    first: Counts,
    steps: Counts,
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
    pace : random keys of when work came within a step, shape (r, p).
    exams, to_ai : exams done this week, and those of them offered to AI, shape (r, m, g).
    hours : clinical reader hours this week, shape (r, p).
    desks, first, steps : desks and their steps per week, from ``desk.desks_of``.
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
    regions, modalities, _ = waiting.shape
    for r in range(regions):
        for k in range(modalities):
            _lay_out(exams, to_ai, waiting, begun, desks, r, k)
        for p in range(len(first) - 1):
            desk = desks[r, first[p] : first[p + 1]]
            hours_used[r, p] = week_of(week, steps[r, p], pace[r, p], hours[r, p], desk)
        for k in range(modalities):
            begun[r, desks[r, k].modality] = desks[r, k].begun
            _split(
                week, desks[r, k], r, exams, to_ai, waiting,
                read_by_ai, read_by_human, unread, mean_unread,
            )  # fmt: skip


@kernel
def _lay_out(
    exams: Counts, to_ai: Counts, waiting: Counts, begun: Floats, desks: Desk, r: int, k: int
) -> None:
    """Put the exams of one record's modality, of all groups, on its desk for a new week."""
    desk = desks[r, k]
    m = desk.modality
    desk.by_ai, desk.by_human, desk.late, desk.area, desk.begun = 0, 0, 0, 0.0, begun[r, m]
    desk.coming_ai = total(to_ai, r, m)
    desk.coming = total(exams, r, m) - desk.coming_ai
    desk.queue = total(waiting, r, m)


@kernel
def _split(
    week: int,
    desk: Any,
    r: int,
    exams: Counts,
    to_ai: Counts,
    waiting: Counts,
    read_by_ai: Counts,
    read_by_human: Counts,
    unread: Counts,
    mean_unread: Floats,
) -> None:
    """Split the week of one modality of a region over its groups."""
    groups, m = waiting.shape[2], desk.modality
    allot(desk.by_ai, to_ai, r, m, uniform(desk.split_key, 3 * week), read_by_ai)
    for g in range(groups):
        waiting[r, m, g] += exams[r, m, g] - read_by_ai[r, m, g]
    people = total(waiting, r, m)
    for g in range(groups):
        mean_unread[r, m, g] = desk.area * waiting[r, m, g] / people if people > 0 else 0.0
    allot(desk.late, waiting, r, m, uniform(desk.split_key, 3 * week + 1), unread)
    for g in range(groups):
        waiting[r, m, g] -= unread[r, m, g]
    allot(desk.by_human, waiting, r, m, uniform(desk.split_key, 3 * week + 2), read_by_human)
    for g in range(groups):
        waiting[r, m, g] -= read_by_human[r, m, g]


class Reading(Station):
    """Clinical reading by today's and added specialists, with AI where a release may read."""

    name = "reading"
    unit = "exams"
    capacity_unit = "reader hours"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        care, catalogue = world.care, world.catalogue
        decisions = ("groups", "stale", "spread")
        self.pace = np.stack(
            [luck.by_region(f"reading/pace/{profession}") for profession in world.professions],
            axis=1,
        )
        self.desks, self.first, self.steps = desks_of(
            np.stack([luck.by_station(f"reading/{name}") for name in decisions]),
            by_place(care.reading_minutes, world),
            by_place(care.ai_minutes_ratio, world),
            by_place(1.0 / care.report_patience_weeks, world),
            np.array(care.reader_of, dtype=np.int64),
            len(world.professions),
        )
        self.readers = [catalogue.index("reader", name) for name in world.professions]
        self.hours_per_reader = catalogue.capacity.take(self.readers, axis=1)
        self.clinical_share = 1.0 - care.protected_share[:, None]
        self.hours = np.zeros(self.pace.shape)
        """Not kept for annotation, shape (r, p)."""

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Read what was examined this week and what still waits."""
        added = state.active.take(self.readers, axis=1) * self.hours_per_reader
        np.divide(
            self.world.care.reader_hours_per_year + added, WEEKS_PER_YEAR, out=flows.reader_hours
        )
        np.multiply(flows.reader_hours, self.clinical_share, out=self.hours)
        step(
            tick,
            self.pace,
            flows.exams,
            flows.to_ai,
            self.hours,
            self.desks,
            self.first,
            self.steps,
            state.reading_waiting,
            state.reading_begun,
            flows.read_by_ai,
            flows.read_by_human,
            flows.unread,
            flows.mean_unread,
            flows.clinical_hours,
        )

    def account(self, state: State, flows: Flows) -> Account:
        """Left: exams that nobody read in time."""
        return Account(
            flows.exams,
            flows.read_by_ai + flows.read_by_human,
            left=flows.unread,
            waiting=state.reading_waiting,
            queue=flows.mean_unread,
            busy=flows.clinical_hours.sum(axis=1),
            capacity=self.hours.sum(axis=1),
        )
