"""Reading: readers' hours go to exams read with AI first, then to the queue of the others.

The readers of a profession are one desk that works evenly through the week. Exams come at any time
of it, so the desk can run empty on a Tuesday and be behind on Friday. The work that is left is
therefore that of a reflected Brownian motion: exams come as a Poisson process, hours go steadily,
and given what came and went, the lowest point that the balance reached has a known distribution
(the minimum of a Brownian bridge; Karatzas and Shreve 1991, section 2.8), drawn with one
uniform. Its long-run mean is exactly that of M/D/1. Exams go stale all the time: half of them
before reading and half after it (Strang 1968), in steps of at most a quarter of the patience. Hours
pooled over the week, and exams that go stale at its end, would make queues a quarter too short
at full load and leave none below it (docs/validation.md).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts, allot, binomial, serve, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import MINUTES_PER_HOUR, WEEKS_PER_YEAR

STEPS_PER_PATIENCE = 4
"""Least number of steps in the time after which an exam is, on average, of no more use."""


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
    """Read for one week, in one step or, where exams soon lose their use, in several.

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
    Where hours are too few to look over what AI reads, the rest joins the human queue. Within a
    profession, hours are shared between modalities in proportion to their work.
    """
    steps = max(1, int(math.ceil(STEPS_PER_PATIENCE * stale_per_week.max())))
    with_ai, others = to_ai.copy(), exams - to_ai
    stale = stale_per_week / steps
    chance_stale = -np.expm1(-stale / 2.0)
    # scratch of one region and step, made once: memory is what a small kernel spends its time on
    came_ai, came, looked_over = (
        np.empty_like(exams[0]), np.empty_like(exams[0]), np.empty_like(exams[0])
    )  # fmt: skip
    some = np.empty(exams.shape[2], dtype=np.int64)
    for results in (read_by_ai, read_by_human, unread):
        results[:] = 0
    mean_unread[:] = 0.0
    hours_used[:] = 0.0
    for r in range(waiting.shape[0]):
        for k in range(steps):
            tick = steps * week + k
            _take(2 * tick, keys[2, r], steps - k, with_ai[r], came_ai)
            _take(2 * tick + 1, keys[2, r], steps - k, others[r], came)
            _go_stale(
                2 * tick,
                keys[1, r],
                stale,
                chance_stale,
                begun[r],
                waiting[r],
                unread[r],
                mean_unread[r],
                some,
            )
            for p in range(hours.shape[1]):
                hours_used[r, p] += _read(
                    tick, keys[0, r], pace[r, p], came, came_ai, hours[r, p] / steps, minutes,
                    ai_minutes_ratio, reader_of, p, waiting[r], begun[r], read_by_ai[r],
                    read_by_human[r], looked_over, some,
                )  # fmt: skip
            _go_stale(
                2 * tick + 1, keys[1, r], stale, chance_stale, begun[r], waiting[r], unread[r],
                mean_unread[r], some,
            )  # fmt: skip
        mean_unread[r] /= steps


@njit(cache=True)
def _take(draw: int, keys: NDArray[np.uint64], steps: int, rest: Counts, taken: Counts) -> None:
    """Take out of the rest of a week what comes in the first of so many steps, shape (m, g)."""
    modalities, groups = rest.shape
    for m in range(modalities):
        total = 0
        for g in range(groups):
            total += rest[m, g]
        if steps == 1 or total == 0:
            for g in range(groups):
                taken[m, g] = rest[m, g]
        else:
            count = binomial(uniform(keys[m], 2 * draw), total, 1.0 / steps)
            allot(count, rest[m], uniform(keys[m], 2 * draw + 1), taken[m])
        for g in range(groups):
            rest[m, g] -= taken[m, g]


@njit(cache=True)
def _go_stale(
    draw: int,
    keys: NDArray[np.uint64],
    stale: Floats,
    chance_stale: Floats,
    begun: Floats,
    waiting: Counts,
    unread: Counts,
    mean_unread: Floats,
    late: Counts,
) -> None:
    """Move out of the queues what loses its use in half a step.

    ``stale`` is the rate per step, ``chance_stale`` the chance in half a step, of shape (m,).

    An exam that somebody has begun to read is safe. Those that go stale are the rate times the
    mean queue, so the mean queue is those expected to go, over the rate.
    """
    modalities, groups = waiting.shape
    for m in range(modalities):
        exams = 0
        for g in range(groups):
            exams += waiting[m, g]
        queue = exams - (begun[m] > 0.0)
        if queue <= 0:
            continue
        chance = chance_stale[m]
        count = binomial(uniform(keys[m], 2 * draw), queue, chance)
        allot(count, waiting[m], uniform(keys[m], 2 * draw + 1), late)
        part = chance / stale[m] * queue / exams
        for g in range(groups):
            mean_unread[m, g] += waiting[m, g] * part
            waiting[m, g] -= late[g]
            unread[m, g] += late[g]


@njit(cache=True)
def _read(
    tick: int,
    keys: NDArray[np.uint64],
    pace: np.uint64,
    came: Counts,
    came_ai: Counts,
    hours: float,
    minutes: Floats,
    ai_minutes_ratio: Floats,
    reader_of: NDArray[np.int64],
    p: int,
    waiting: Counts,
    begun: Floats,
    read_by_ai: Counts,
    read_by_human: Counts,
    looked_over: Counts,
    some: Counts,
) -> float:
    """Read for one step, in one region and profession; return the hours spent.

    ``looked_over`` (m, g) and ``some`` (g,) are scratch.
    """
    modalities, groups = waiting.shape
    free = hours * MINUTES_PER_HOUR
    with_ai = _with_ai(
        tick, keys, came_ai, minutes, ai_minutes_ratio, reader_of, p, free, looked_over
    )
    before = _work(reader_of, p, minutes, waiting, begun)
    entering, variance = 0.0, 0.0
    for m in range(modalities):
        if reader_of[m] == p:
            joining, seen = 0, 0
            for g in range(groups):
                more = came[m, g] + came_ai[m, g] - looked_over[m, g]
                waiting[m, g] += more
                read_by_ai[m, g] += looked_over[m, g]
                joining += more
                seen += looked_over[m, g]
            entering += minutes[m] * joining
            variance += joining * minutes[m] ** 2
            variance += seen * (minutes[m] * ai_minutes_ratio[m]) ** 2
    left = _work_left(before, with_ai + entering - free, variance, uniform(pace, tick))
    without_ai = _without_ai(
        tick, keys, minutes, free - with_ai, left, reader_of, p, waiting, begun, read_by_human,
        some,
    )  # fmt: skip
    return (with_ai + without_ai) / MINUTES_PER_HOUR


@njit(cache=True)
def _work(
    reader_of: NDArray[np.int64], p: int, minutes: Floats, waiting: Counts, begun: Floats
) -> float:
    """Return the reader minutes that the queue of one region and profession still needs."""
    work = 0.0
    for m in range(len(minutes)):
        if reader_of[m] == p:
            work += max(waiting[m].sum() - begun[m], 0.0) * minutes[m]
    return work


@njit(cache=True, inline="always")
def _work_left(before: float, net: float, variance: float, u: float) -> float:
    """Return the work at the end of a step, never below zero at any time of it.

    Parameters
    ----------
    before : work at the start.
    net : work that came, less what the hours could do.
    variance : of the work that comes in a step.
    u : uniform that draws the lowest point of the balance within the step.
    """
    lowest = (net - math.sqrt(net * net - 2.0 * variance * math.log(u))) / 2.0
    return net + max(before, -lowest)


@njit(cache=True)
def _with_ai(
    tick: int,
    keys: NDArray[np.uint64],
    to_ai: Counts,
    minutes: Floats,
    ai_minutes_ratio: Floats,
    reader_of: NDArray[np.int64],
    p: int,
    free: float,
    read: Counts,
) -> float:
    """Look over what AI reads, as much as there are hours for: ``read`` (m, g); return minutes."""
    wanted = 0.0
    for m in range(len(minutes)):
        if reader_of[m] == p:
            wanted += to_ai[m].sum() * (minutes[m] * ai_minutes_ratio[m])
    if wanted == 0.0:
        for m in range(len(minutes)):
            if reader_of[m] == p:
                _copy(to_ai[m], read[m])
        return 0.0
    share = 1.0 if wanted <= free else free / wanted
    spent = 0.0
    for m in range(len(minutes)):
        if reader_of[m] == p:
            count = int(math.floor(to_ai[m].sum() * share + 1e-9))
            allot(count, to_ai[m], uniform(keys[m], 2 * tick), read[m])
            spent += count * (minutes[m] * ai_minutes_ratio[m])
    return min(spent, free)


@njit(cache=True, inline="always")
def _copy(given: Counts, out: Counts) -> None:
    for g in range(len(given)):
        out[g] = given[g]


@njit(cache=True)
def _without_ai(
    tick: int,
    keys: NDArray[np.uint64],
    minutes: Floats,
    free: float,
    left: float,
    reader_of: NDArray[np.int64],
    p: int,
    waiting: Counts,
    begun: Floats,
    read_by_human: Counts,
    read: Counts,
) -> float:
    """Read the queue down to the work left, in whole exams; return the minutes spent.

    An exam of which less than half is left is finished, where there is time for it.
    """
    work = _work(reader_of, p, minutes, waiting, begun)
    left = min(max(left, work - free), work)
    idle, share = free - (work - left), left / work if work > 0.0 else 0.0
    for m in range(len(minutes)):
        if reader_of[m] == p:
            queue = waiting[m].sum()
            room = max(queue - begun[m], 0.0)
            rest = room * share
            if rest < 0.5 and rest * minutes[m] <= idle:
                idle -= rest * minutes[m]
                rest = 0.0
            done, begun[m] = serve(queue, room - rest, begun[m])
            allot(done, waiting[m], uniform(keys[m], 2 * tick + 1), read)
            for g in range(len(read)):
                waiting[m, g] -= read[g]
                read_by_human[m, g] += read[g]
    return max(free - idle, 0.0)


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
