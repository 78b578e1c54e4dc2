"""Reading: readers' hours go to exams read with AI first, then to the queue of the others.

Each profession of a region is one server pool (`kernels.server_pool`), which counts exams by
modality through the week. Here its week is spread over demographic groups.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts, allot, by_place, kernel, total, uniform
from sim.pipeline.kernels.server_pool import Pool, pools_of, week_of
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.capacity_calendar import Opening
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR


class Exams(NamedTuple):
    """Exams of one week, shape (r, m, g) but for ``begun``."""

    exams: Counts
    """Done this week."""
    to_ai: Counts
    """Those of them offered to AI."""
    waiting: Counts
    """Queue; updated."""
    begun: Floats
    """Part-read exams, shape (r, m); updated."""
    read_by_ai: Counts
    """Written, as are the others."""
    read_by_human: Counts
    unread: Counts
    """Exams that lost their use."""
    mean_unread: Floats
    """Exams that nobody has begun to read, mean of the week."""


@kernel
def step(
    week: int,
    pace: NDArray[np.uint64],
    hours: Floats,
    pools: Pool,
    first: Counts,
    steps: Counts,
    of: Exams,
    hours_used: Floats,
) -> None:
    """Read for one week: each pool in one step or, where its exams soon lose their use, several.

    Parameters
    ----------
    pace : random keys of when work came within a step, shape (r, p).
    hours : clinical reader hours this week, shape (r, p).
    pools, first, steps : pools and their steps per week, from ``server_pool.pools_of``.
    hours_used : hours worked this week, shape (r, p); written.

    Notes
    -----
    Where hours are too few to look over what AI reads, the rest joins the human queue. Hours of a
    profession are shared between modalities in proportion to their work. What is read of a
    modality in a week, and what goes stale, falls on groups in proportion to their exams.
    """
    regions, modalities = of.begun.shape
    for r in range(regions):
        for k in range(modalities):
            _lay_out(of, pools, r, k)
        for p in range(len(first) - 1):
            pool = pools[r, first[p] : first[p + 1]]
            hours_used[r, p] = week_of(week, steps[r, p], pace[r, p], hours[r, p], pool)
        for k in range(modalities):
            of.begun[r, pools[r, k].modality] = pools[r, k].begun
            _split(week, pools[r, k], r, of)


@kernel
def _lay_out(of: Exams, pools: Pool, r: int, k: int) -> None:
    """Put the exams of one record's modality, of all groups, into its pool for a new week."""
    pool = pools[r, k]
    m = pool.modality
    pool.by_ai, pool.by_human, pool.late, pool.area, pool.begun = 0, 0, 0, 0.0, of.begun[r, m]
    pool.coming_ai = total(of.to_ai, r, m)
    pool.coming = total(of.exams, r, m) - pool.coming_ai
    pool.queue = total(of.waiting, r, m)


@kernel
def _split(week: int, pool: Any, r: int, of: Exams) -> None:
    """Split the week of one modality of a region over its groups."""
    waiting, key = of.waiting, pool.split_key
    groups, m = waiting.shape[2], pool.modality
    allot(pool.by_ai, of.to_ai, r, m, uniform(key, 3 * week), of.read_by_ai)
    for g in range(groups):
        waiting[r, m, g] += of.exams[r, m, g] - of.read_by_ai[r, m, g]
    people = total(waiting, r, m)
    for g in range(groups):
        of.mean_unread[r, m, g] = pool.area * waiting[r, m, g] / people if people > 0 else 0.0
    allot(pool.late, waiting, r, m, uniform(key, 3 * week + 1), of.unread)
    for g in range(groups):
        waiting[r, m, g] -= of.unread[r, m, g]
    allot(pool.by_human, waiting, r, m, uniform(key, 3 * week + 2), of.read_by_human)
    for g in range(groups):
        waiting[r, m, g] -= of.read_by_human[r, m, g]


class Reading(Station):
    """Clinical reading by today's and added specialists, with AI where a release may read."""

    name = "reading"
    unit = "exams"
    capacity_unit = "reader hours"
    states = (
        Array("reading_waiting", "r m g", "exams to be read"),
        Array("reading_begun", "r m", "part of an exam read", float),
        Array("moved_hours", "r p", "hours a year read for here from afar; negative: away", float),
    )
    flows = (
        Array("read_by_ai", "r m g", "exams read with AI", yearly=True),
        Array("read_by_human", "r m g", "exams read without", yearly=True),
        Array("unread", "r m g", "exams that lost their use before anybody read them", yearly=True),
        Array("mean_unread", "r m g", "exams that nobody has begun, mean of the week", float),
        Array("reader_hours", "r p", "hours of readers, for everything", float),
        Array("reading_capacity", "r p", "hours that are not kept for annotation", float),
        Array("clinical_hours", "r p", "hours spent on reading", float),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        care, catalogue = world.care, world.catalogue
        decisions = ("groups", "stale", "spread")
        self.pace = np.stack(
            [
                random_keys.by_region(f"reading/pace/{profession}")
                for profession in world.professions
            ],
            axis=1,
        )
        self.pools, self.first, self.steps = pools_of(
            np.stack([random_keys.by_station(f"reading/{name}") for name in decisions]),
            by_place(care.reading_minutes, world),
            by_place(care.ai_minutes_ratio, world),
            by_place(1.0 / care.report_patience_weeks, world),
            np.array(care.reader_of, dtype=np.int64),
            len(world.professions),
        )
        self.readers = [catalogue.index("reader", name) for name in world.professions]
        self.hours_per_reader = catalogue.capacity.take(self.readers, axis=1)
        self.clinical_share = 1.0 - care.protected_share[:, None]
        self.may_move = bool(scenario.tele_reading)
        self.opening = Opening.of(
            scenario.capacity_calendar, "readers", world.regions, world.professions
        )

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Read what was examined this week and what still waits."""
        added = state.active.take(self.readers, axis=1) * self.hours_per_reader
        np.divide(
            self.world.care.reader_hours_per_year + added, WEEKS_PER_YEAR, out=flows.reader_hours
        )
        if self.opening.entries:
            # their own: what is read for here from afar goes on
            flows.reader_hours[...] *= self.opening.share(*self.date(tick))
        if self.may_move:
            moved = state.moved_hours / WEEKS_PER_YEAR
            np.add(flows.reader_hours, moved, out=flows.reader_hours)
        np.multiply(flows.reader_hours, self.clinical_share, out=flows.reading_capacity)
        exams = Exams(
            flows.exams,
            flows.to_ai,
            state.reading_waiting,
            state.reading_begun,
            flows.read_by_ai,
            flows.read_by_human,
            flows.unread,
            flows.mean_unread,
        )
        step(
            tick,
            self.pace,
            flows.reading_capacity,
            self.pools,
            self.first,
            self.steps,
            exams,
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
            capacity=flows.reading_capacity.sum(axis=1),
        )
