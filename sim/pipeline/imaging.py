"""Imaging: people wait for a unit, are examined, or give up; units break and are repaired.

A region's working units stand in facilities of ``units_per_facility``; people go to a facility
that works, and its queue is its own. The kernel counts people of all facilities together, so it
must know how many units are idle at one facility while people wait at another. That is the busy
curve of `erlang`: the long-run busy share of a facility at a mean queue. It depends neither on
the load nor on the number of people, so the same curve serves queues that build up and drain
(the flow-equivalent server of Chandy, Herzog and Woo 1975; the pointwise-stationary fluid flow of
Wang, Tipper and Banerjee 1996), and each day is an implicit Euler step,

    people at night = people in the morning + arrivals - capacity * busy share - leave * waiting,

with busy share and waiting at night. With constant arrivals it settles exactly at Erlang A.
Chance enters as whole numbers: Poisson capacity, arrivals by day, Poisson departures of those who
give up, passed on to the night's count by the slope of the step, which is one in a saturated
facility and near zero where everybody is served the same day (`facility`).

Urgent groups are examined before routine ones, but no exam is broken off. That changes who waits,
not how many. While all units of a facility are busy, its urgent people meet one fast unit
(``erlang.urgent_curve``), so their queue takes the same kind of daily step as everybody's; what
is left of the queue, of the exams and of those who give up is the routine groups'.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.capacity import switch_share
from sim.domain.levers import Floats
from sim.pipeline.erlang import busy_curve, urgent_curve
from sim.pipeline.facility import Urgent, facilities_of, week_of, within_day_of
from sim.pipeline.flow import Counts, allot, binomial, by_place, kernel, total, uniform
from sim.pipeline.luck import Luck
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.scenario.schema import Scenario
from sim.units import DAYS_PER_WEEK

SATURATED = 16
"""Power of the share of exams that urgent people take, above which their queue is theirs alone."""


def facility_curves(
    units_per_facility: Counts, exams_per_unit_day: Floats, leave_per_day: Floats
) -> tuple[Floats, Counts]:
    """Return the busy curves of a world, and which of them each region and modality has.

    Curves have shape (c, 5, node): those that differ, which are few and stay in the processor's
    cache, each for facilities of one unit, of two, and so on, because a region may have fewer units
    than one facility holds; the three rows of ``erlang.busy_curve``, then the two of
    ``erlang.urgent_curve``. The second array, shape (r, m) as the arguments, says which is that of
    one unit.
    """
    kinds = np.stack([units_per_facility, leave_per_day / exams_per_unit_day], axis=-1)
    differing, which = np.unique(kinds.reshape(-1, 2), axis=0, return_inverse=True)
    most = differing[:, 0].astype(np.int64)
    curves = [
        np.concatenate([busy_curve(units, ratio), urgent_curve(units, ratio)])
        for together, ratio in zip(most.tolist(), differing[:, 1].tolist(), strict=True)
        for units in range(1, together + 1)
    ]
    first = most.cumsum() - most
    return np.stack(curves), first[which].reshape(units_per_facility.shape)


@kernel
def step(
    week: int,
    keys: NDArray[np.uint64],
    by_day: Counts,
    arrived: Counts,
    expected: Floats,
    working: Counts,
    units_per_facility: Counts,
    exams_per_unit_day: Floats,
    leave_per_day: Floats,
    within_day: Floats,
    curves: Floats,
    which: Counts,
    place: Counts,
    urgent: NDArray[np.bool_],
    waiting: Counts,
    exams: Counts,
    gave_up: Counts,
    mean_waiting: Floats,
    available: Counts,
    part: Counts,
) -> None:
    """Serve one week in daily steps.

    Parameters
    ----------
    keys : random keys, shape (4, r, m): service, patience, split over groups and over classes.
    by_day : arrivals by day, shape (7, r, m).
    arrived, expected : arrivals of the week by group, and their mean, shape (r, m, g).
    working : units in working order, shape (r, m).
    units_per_facility : units that share one queue, shape (r, m).
    exams_per_unit_day : mean exams of a working unit in a day, shape (r, m).
    leave_per_day : rate at which a waiting person gives up, per day, shape (r, m).
    within_day : queue that comes and goes within a day, from ``facility.within_day_of``.
    curves, which : busy curves, and which of them each cell has, from ``facility_curves``.
    place : where on its curve each cell was last, shape (r, m); the next search begins there, which
        changes its time and nothing else; updated in place.
    urgent : groups that are examined before the others, shape (g,); none where all are equal.
    waiting : people not yet examined, those on a unit included, shape (r, m, g); updated in place.
    exams, gave_up : results of the week, shape (r, m, g).
    mean_waiting : people waiting for a unit, mean of the week, shape (r, m, g).
    available, part : scratch, shape (r, m, g).
    """
    regions, modalities, groups = waiting.shape
    two_classes = 0
    for g in range(groups):
        two_classes |= urgent[g]
    for r in range(regions):
        for m in range(modalities):
            units = min(units_per_facility[r, m], max(working[r, m], 1))
            here = facilities_of(
                working[r, m], units, exams_per_unit_day[r, m], leave_per_day[r, m],
                within_day[r, m], which[r, m] + units - 1,
            )  # fmt: skip
            first, on_units = _urgent_people(
                urgent, expected, waiting, r, m, working[r, m], exams_per_unit_day[r, m]
            )
            people = total(waiting, r, m)
            done, left, area, first, place[r, m] = week_of(
                week, keys[0, r, m], keys[1, r, m], people, by_day, r, m, first, here, curves,
                place[r, m],
            )  # fmt: skip
            for g in range(groups):
                waiting[r, m, g] += arrived[r, m, g]
            u = uniform(keys[2, r, m], week)
            if two_classes:
                queue = first.area
                served, lost = _urgent_share(
                    urgent, waiting, r, m, done, left, area, first, on_units,
                    uniform(keys[3, r, m], week),
                )  # fmt: skip
                # the urgent first, and what they leave to the others
                for members in range(1, -1, -1):
                    _split_class(
                        members, urgent, r, m, served, lost, queue, u,
                        waiting, exams, gave_up, mean_waiting, available, part,
                    )  # fmt: skip
                    served, lost, queue = done - served, left - lost, area - queue
            else:
                _split(r, m, done, left, area, u, waiting, exams, gave_up, mean_waiting)


@kernel
def _urgent_people(
    urgent: NDArray[np.bool_],
    expected: Floats,
    waiting: Counts,
    r: int,
    m: int,
    working: int,
    speed: float,
) -> tuple[Urgent, float]:
    """Return the urgent people of a place as a week begins, and how many of them are on units."""
    # the mean: a short queue is convex in arrivals, and chance is in the curve already
    arrivals, people = 0.0, 0
    for g in range(len(urgent)):
        if urgent[g]:
            arrivals += expected[r, m, g]
            people += waiting[r, m, g]
    arrivals /= DAYS_PER_WEEK
    on_units = arrivals / speed if working else 0.0
    return Urgent(arrivals, max(0.0, people - on_units), 0.0, 0.0), on_units


@kernel
def _urgent_share(
    urgent: NDArray[np.bool_],
    came: Counts,
    r: int,
    m: int,
    done: int,
    left: int,
    area: float,
    first: Urgent,
    on_units: float,
    u: float,
) -> tuple[int, int]:
    """Return exams and leavers among the urgent of a week, whole numbers that leave nobody out.

    Parameters
    ----------
    came : people who were there, arrivals of the week included, shape (r, m, g).
    done, left, area : exams, leavers and mean queue of the week, of everybody.
    first, on_units : the urgent people at its end, those who wait and those on units.
    u : uniform that rounds.
    """
    ours, everybody = 0, total(came, r, m)
    for g in range(len(urgent)):
        if urgent[g]:
            ours += came[r, m, g]
    share = first.area / area if area > 0.0 else 0.0
    lost = math.floor(left * share + u)
    lost = min(max(lost, left - (everybody - ours)), ours, left)
    # where urgent people take every exam, chance adds up: who is not examined stays
    staying = first.queue + on_units
    staying += first.taken**SATURATED * (ours - lost - first.taken * done - staying)
    stay = math.floor(staying + u)
    stay = min(max(stay, ours - lost - done), ours - lost, everybody - done - left)
    return ours - lost - max(stay, 0), lost


@kernel
def _split(
    r: int,
    m: int,
    done: int,
    left: int,
    area: float,
    u: float,
    waiting: Counts,
    exams: Counts,
    gave_up: Counts,
    mean_waiting: Floats,
) -> None:
    """Split the week of a place over its groups, in proportion to their people."""
    groups = waiting.shape[2]
    allot(done, waiting, r, m, u, exams)
    for g in range(groups):
        waiting[r, m, g] -= exams[r, m, g]
    people = total(waiting, r, m)
    allot(left, waiting, r, m, u, gave_up)
    for g in range(groups):
        share = waiting[r, m, g] / people if people > 0 else 1.0 / groups
        mean_waiting[r, m, g] = area * share
        waiting[r, m, g] -= gave_up[r, m, g]


@kernel
def _split_class(
    members: int,
    urgent: NDArray[np.bool_],
    r: int,
    m: int,
    done: int,
    left: int,
    area: float,
    u: float,
    waiting: Counts,
    exams: Counts,
    gave_up: Counts,
    mean_waiting: Floats,
    available: Counts,
    part: Counts,
) -> None:
    """Split the week of one class of a place over its groups, as ``_split`` does of all.

    ``members`` are the urgent groups, 1, or the others, 0; the last two arrays are scratch.
    """
    size = 0
    for g in range(len(urgent)):
        ours = urgent[g] == members
        available[r, m, g] = waiting[r, m, g] if ours else 0
        size += ours
    allot(done, available, r, m, u, part)
    for g in range(len(urgent)):
        available[r, m, g] -= part[r, m, g]
        if urgent[g] == members:
            exams[r, m, g] = part[r, m, g]
    people = total(available, r, m)
    allot(left, available, r, m, u, part)
    for g in range(len(urgent)):
        if urgent[g] == members:
            share = available[r, m, g] / people if people > 0 else 1.0 / size
            mean_waiting[r, m, g] = area * share
            gave_up[r, m, g] = part[r, m, g]
            waiting[r, m, g] = available[r, m, g] - part[r, m, g]


@kernel
def wear(
    week: int,
    keys: NDArray[np.uint64],
    chance_break: Floats,
    chance_repair: Floats,
    working: Counts,
    broken: Counts,
) -> None:
    """Move units between working and broken over one week; chances and counts, shape (r, m)."""
    regions, modalities = working.shape
    for r in range(regions):
        for m in range(modalities):
            breaks = binomial(uniform(keys[r, m], 2 * week), working[r, m], chance_break[r, m])
            mends = binomial(uniform(keys[r, m], 2 * week + 1), broken[r, m], chance_repair[r, m])
            working[r, m] += mends - breaks
            broken[r, m] += breaks - mends


class Imaging(Station):
    """Units of every modality, in facilities with a waiting list each."""

    name = "imaging"
    unit = "exams"
    capacity_unit = "unit-weeks"

    def __init__(self, world: World, scenario: Scenario, luck: Luck) -> None:
        super().__init__(world, scenario, luck)
        care = world.care
        self.wear_keys = luck.by_station("imaging/wear")
        decisions = ("service", "patience", "groups", "classes")
        self.keys = np.stack([luck.by_station(f"imaging/{name}") for name in decisions])
        self.chance_break, self.chance_repair = switch_share(
            care.failures_per_week, care.repairs_per_week
        )
        self.exams_per_unit_day = by_place(care.exams_per_unit_day, world)
        self.leave_per_day = by_place(1.0 / (care.patience_weeks * DAYS_PER_WEEK), world)
        together = np.maximum(np.round(care.units_per_facility), 1)
        self.units_per_facility = by_place(together, world).astype(np.int64)
        self.curves, self.which = facility_curves(
            self.units_per_facility, self.exams_per_unit_day, self.leave_per_day
        )
        self.within_day = within_day_of(self.exams_per_unit_day, self.leave_per_day)
        self.place = np.zeros_like(self.which)
        self.scratch = np.zeros((2, *world.shape), dtype=np.int64)
        # where everybody is urgent, nobody is
        self.urgent = (care.priority == 0) & (care.priority.max() > 0)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Break and mend units, then examine people day by day."""
        wear(
            tick,
            self.wear_keys,
            self.chance_break,
            self.chance_repair,
            state.units_working,
            state.units_broken,
        )
        step(
            tick,
            self.keys,
            flows.by_day,
            flows.arrived,
            flows.expected,
            state.units_working,
            self.units_per_facility,
            self.exams_per_unit_day,
            self.leave_per_day,
            self.within_day,
            self.curves,
            self.which,
            self.place,
            self.urgent,
            state.imaging_waiting,
            flows.exams,
            flows.gave_up,
            flows.mean_waiting,
            *self.scratch,
        )

    def account(self, state: State, flows: Flows) -> Account:
        """Left: people who gave up. Capacity: units in working order."""
        per_week = self.world.care.exams_per_unit_day * DAYS_PER_WEEK
        return Account(
            flows.arrived,
            flows.exams,
            left=flows.gave_up,
            waiting=state.imaging_waiting,
            queue=flows.mean_waiting,
            busy=(np.einsum("rmg->rm", flows.exams) / per_week).sum(axis=1),
            capacity=state.units_working.sum(axis=1).astype(float),
        )
