"""Imaging: a queue with reneging and server breakdowns, in daily steps.

People of a region and modality queue at facilities of ``units_per_facility`` units, each with a
queue of its own, and are examined or renege. The kernel tracks the number of people at all
facilities together. How busy units are at a given mean queue is read from the *busy curve* of one
facility (`kernels.erlang`): its stationary busy share as a function of its stationary queue. This
is a flow-equivalent server (Chandy, Herzog and Woo 1975) in a pointwise-stationary fluid flow
(Wang, Tipper and Banerjee 1996). Each day is an implicit Euler step,

    people at night = people in the morning + arrivals - capacity * busy share - leave * waiting,

with busy share and waiting taken at night. Its fixed point under constant arrivals is exactly
Erlang A. Random variability enters as whole numbers: arrivals by day, Poisson capacity and Poisson
reneging. Their deviations from the mean change the night's count by the slope of the step: one in
a saturated facility, near zero where everybody is served the same day (`kernels.facility`).

Urgent groups have non-preemptive priority, which changes who waits and not how many. While all
units of a facility are busy, its urgent people see one fast server (``erlang.urgent_curve``), so
their queue takes a daily step of the same form. Routine groups have the rest of the queue, of the
exams and of those who renege.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.capacity import switch_share, uptime
from sim.domain.levers import Floats, Item
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import Counts, allot, binomial, by_place, kernel, total, uniform
from sim.pipeline.kernels.erlang import busy_curve, urgent_curve
from sim.pipeline.kernels.facility import Urgent, facilities_of, week_of, within_day_of
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.capacity_calendar import Opening
from sim.scenario.schema import Scenario
from sim.streams import uniforms
from sim.units import DAYS_PER_WEEK, WEEKS_PER_YEAR

SATURATED = 16
"""Power of the share of exams that urgent people take, above which their queue is theirs alone."""
NO_LIMIT = 2**62
"""Exams that there are supplies for where a scenario states none."""
ROUNDING = 1e-9
"""Of what is due by the week, so that 52 weeks make the year."""


class Places(NamedTuple):
    """What a run does not change, shape (r, m) but for those said."""

    keys: NDArray[np.uint64]
    """Random keys, shape (4, r, m): service, patience, split over groups and over classes."""
    units_per_facility: Counts
    """Units that share one queue."""
    exams_per_unit_day: Floats
    """Mean exams of a working unit in a day."""
    leave_per_day: Floats
    """Rate at which a waiting person reneges, per day."""
    within_day: Floats
    """Queue that comes and goes within a day, from ``facility.within_day_of``."""
    curves: Floats
    """Busy curves, shape (c, 5, node), from ``facility_curves``."""
    which: Counts
    """Which of them each place has."""
    urgent: NDArray[np.bool_]
    """Groups that are examined before the others, shape (g,); none where all are equal."""


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


def places_of(
    keys: NDArray[np.uint64],
    units_per_facility: Counts,
    exams_per_unit_day: Floats,
    leave_per_day: Floats,
    urgent: NDArray[np.bool_],
) -> Places:
    """Return places with their busy curves; arguments as the fields of ``Places``."""
    curves, which = facility_curves(units_per_facility, exams_per_unit_day, leave_per_day)
    within_day = within_day_of(exams_per_unit_day, leave_per_day)
    return Places(
        keys, units_per_facility, exams_per_unit_day, leave_per_day, within_day, curves, which,
        urgent,
    )  # fmt: skip


class Patients(NamedTuple):
    """People of one week, shape (r, m, g) but for the first."""

    by_day: Counts
    """Arrivals by day, shape (7, r, m)."""
    arrived: Counts
    """Arrivals of the week by group."""
    expected: Floats
    """Their mean."""
    waiting: Counts
    """People not yet examined, those on a unit included; updated."""
    exams: Counts
    """Written, as are the next two."""
    reneged: Counts
    mean_waiting: Floats
    """People waiting for a unit, mean of the week."""
    supplies: Counts
    """Exams that there are supplies for, shape (r, m)."""
    available: Counts
    """Scratch, as is the next."""
    part: Counts


class Passed(NamedTuple):
    """What a week brought one class of a place: exams, people who reneged, and the mean queue."""

    done: int
    left: int
    area: float


@kernel
def step(week: int, places: Places, people: Patients, working: Counts, place: Counts) -> None:
    """Serve one week in daily steps.

    Parameters
    ----------
    working : units in working order, shape (r, m).
    place : where on its curve each place was last, shape (r, m); the next search begins there,
        which changes its time and nothing else; updated in place.
    """
    keys, waiting = places.keys, people.waiting
    regions, modalities, groups = waiting.shape
    two_classes = 0
    for g in range(groups):
        two_classes |= places.urgent[g]
    for r in range(regions):
        for m in range(modalities):
            at_work, per_day = _supplied(working, places, people, r, m)
            units = min(places.units_per_facility[r, m], max(at_work, 1))
            here = facilities_of(
                at_work, units, per_day, places.leave_per_day[r, m], places.within_day[r, m],
                places.which[r, m] + units - 1,
            )  # fmt: skip
            first, on_units = _urgent_people(places, people, r, m, at_work, per_day)
            done, left, area, first, place[r, m] = week_of(
                week, keys[0, r, m], keys[1, r, m], total(waiting, r, m), people.by_day, r, m,
                people.supplies[r, m], first, here, places.curves, place[r, m],
            )  # fmt: skip
            for g in range(groups):
                waiting[r, m, g] += people.arrived[r, m, g]
            passed, u = Passed(done, left, area), uniform(keys[2, r, m], week)
            if two_classes:
                rounding = uniform(keys[3, r, m], week)
                ours = _urgent_share(
                    places.urgent, waiting, r, m, passed, first, on_units, rounding
                )
                # the urgent first, and what they leave to the others
                for members in range(1, -1, -1):
                    _split_class(members, places.urgent, r, m, ours, u, people)
                    ours = Passed(done - ours.done, left - ours.left, area - ours.area)
            else:
                _split(r, m, passed, u, people)


@kernel
def _supplied(
    working: Counts, places: Places, people: Patients, r: int, m: int
) -> tuple[int, float]:
    """Return the units of a place that have supplies, and how many exams each takes in a day.

    Where these do not last the week, units take fewer exams each day, so that they do.
    """
    at_work, per_day = working[r, m], places.exams_per_unit_day[r, m]
    supplies = people.supplies[r, m]
    if supplies <= 0:
        at_work = 0
    elif supplies < at_work * per_day * DAYS_PER_WEEK:
        per_day = supplies / (at_work * DAYS_PER_WEEK)
    return at_work, per_day


@kernel
def _urgent_people(
    places: Places, people: Patients, r: int, m: int, working: int, per_day: float
) -> tuple[Urgent, float]:
    """Return the urgent people of a place as a week begins, and how many of them are on units.

    ``working`` units each take ``per_day`` exams in a day.
    """
    # the mean: a short queue is convex in arrivals, and their variability is in the curve already
    arrivals, here = 0.0, 0
    for g in range(len(places.urgent)):
        if places.urgent[g]:
            arrivals += people.expected[r, m, g]
            here += people.waiting[r, m, g]
    arrivals /= DAYS_PER_WEEK
    on_units = arrivals / per_day if working else 0.0
    return Urgent(arrivals, max(0.0, here - on_units), 0.0, 0.0), on_units


@kernel
def _urgent_share(
    urgent: NDArray[np.bool_],
    came: Counts,
    r: int,
    m: int,
    passed: Passed,
    first: Urgent,
    on_units: float,
    u: float,
) -> Passed:
    """Return what a week brought the urgent, in whole numbers that leave nobody out.

    Parameters
    ----------
    came : people who were there, arrivals of the week included, shape (r, m, g).
    passed : what it brought everybody.
    first, on_units : the urgent people at its end, those who wait and those on units.
    u : uniform that rounds.
    """
    done, left, area = passed
    ours, everybody = 0, total(came, r, m)
    for g in range(len(urgent)):
        if urgent[g]:
            ours += came[r, m, g]
    share = first.area / area if area > 0.0 else 0.0
    lost = math.floor(left * share + u)
    lost = min(max(lost, left - (everybody - ours)), ours, left)
    # where urgent people take every exam, random variability adds up: who is not examined stays
    staying = first.queue + on_units
    staying += first.taken**SATURATED * (ours - lost - first.taken * done - staying)
    stay = math.floor(staying + u)
    stay = min(max(stay, ours - lost - done), ours - lost, everybody - done - left)
    return Passed(ours - lost - max(stay, 0), lost, first.area)


@kernel
def _split(r: int, m: int, passed: Passed, u: float, people: Patients) -> None:
    """Split the week of a place over its groups, in proportion to their people."""
    waiting, groups = people.waiting, people.waiting.shape[2]
    allot(passed.done, waiting, r, m, u, people.exams)
    for g in range(groups):
        waiting[r, m, g] -= people.exams[r, m, g]
    staying = total(waiting, r, m)
    allot(passed.left, waiting, r, m, u, people.reneged)
    for g in range(groups):
        share = waiting[r, m, g] / staying if staying > 0 else 1.0 / groups
        people.mean_waiting[r, m, g] = passed.area * share
        waiting[r, m, g] -= people.reneged[r, m, g]


@kernel
def _split_class(
    members: int, urgent: NDArray[np.bool_], r: int, m: int, passed: Passed, u: float,
    people: Patients,
) -> None:  # fmt: skip
    """Split the week of one class of a place over its groups, as ``_split`` does of all.

    ``members`` are the urgent groups, 1, or the others, 0.
    """
    waiting, available, part = people.waiting, people.available, people.part
    size = 0
    for g in range(len(urgent)):
        ours = urgent[g] == members
        available[r, m, g] = waiting[r, m, g] if ours else 0
        size += ours
    allot(passed.done, available, r, m, u, part)
    for g in range(len(urgent)):
        available[r, m, g] -= part[r, m, g]
        if urgent[g] == members:
            people.exams[r, m, g] = part[r, m, g]
    staying = total(available, r, m)
    allot(passed.left, available, r, m, u, part)
    for g in range(len(urgent)):
        if urgent[g] == members:
            share = available[r, m, g] / staying if staying > 0 else 1.0 / size
            people.mean_waiting[r, m, g] = passed.area * share
            people.reneged[r, m, g] = part[r, m, g]
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
            repairs = binomial(uniform(keys[r, m], 2 * week + 1), broken[r, m], chance_repair[r, m])
            working[r, m] += repairs - breaks
            broken[r, m] += breaks - repairs


def working_today(world: World) -> Counts:
    """Return today's units in working order, their long-run mean, shape (r, m)."""
    share = uptime(world.care.failures_per_week, world.care.repairs_per_week)
    return np.asarray(np.round(np.floor(world.care.units) * share).astype(np.int64))


def broken_today(world: World) -> Counts:
    """Return today's other units, shape (r, m)."""
    return np.asarray(np.floor(world.care.units).astype(np.int64) - working_today(world))


class Imaging(Station):
    """Units of every modality, in facilities with a waiting list each."""

    name = "imaging"
    unit = "exams"
    capacity_unit = "unit-weeks"
    states = (
        Array("imaging_waiting", "r m g", "people not yet examined, those on a unit included"),
        Array("imaging_place", "r m", "node of its busy curve where the search for a place begins"),
        Array("units_working", "r m", "units in working order", begins=working_today),
        Array("units_broken", "r m", "units out of order", begins=broken_today),
        Array("supplies_stored", "r m", "supplies in store, in exams"),
        Array("supplies_due", "r m", "part of an exam's supplies to be delivered", float),
    )
    flows = (
        Array("exams", "r m g", "exams done", yearly=True),
        Array("reneged", "r m g", "people who reneged: left without an exam", yearly=True),
        Array("mean_waiting", "r m g", "people waiting for a unit, mean of the week", float),
        Array("supplied", "r m", "supplies delivered, in exams"),
        Array("supplies", "r m", "exams that there are supplies for"),
        Array("units_open", "r m", "units in working order that the calendar leaves open"),
    )

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        care = world.care
        self.wear_keys = random_keys.by_station("imaging/wear")
        decisions = ("service", "patience", "groups", "classes")
        self.chance_break, self.chance_repair = switch_share(
            care.failures_per_week, care.repairs_per_week
        )
        together = np.maximum(np.round(care.units_per_facility), 1)
        self.places = places_of(
            np.stack([random_keys.by_station(f"imaging/{name}") for name in decisions]),
            by_place(together, world).astype(np.int64),
            by_place(care.exams_per_unit_day, world),
            by_place(1.0 / (care.patience_weeks * DAYS_PER_WEEK), world),
            # where everybody is urgent, nobody is
            (care.priority == 0) & (care.priority.max() > 0),
        )
        self.opening = Opening.of(
            scenario.capacity_calendar, "imaging", world.regions, world.modalities
        )
        self.rounding_keys = random_keys.by_station("imaging/calendar")
        self.limited = np.isfinite(care.supplied_exams_per_year)
        self.supplied_today = np.where(self.limited, care.supplied_exams_per_year, 0.0)
        items = world.catalogue.items
        self.bought_supplies = [
            (m, world.catalogue.index("supplies", name))
            for m, name in enumerate(world.modalities)
            if Item("supplies", name) in items
        ]
        self.scratch = np.zeros((2, *world.shape), dtype=np.int64)

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Break and repair units, then examine people day by day at those that are open."""
        working = state.units_working
        breaks, repairs = self.chance_break, self.chance_repair
        wear(tick, self.wear_keys, breaks, repairs, working, state.units_broken)
        flows.supplies[...] = NO_LIMIT
        if self.limited.any():
            self._deliver(state, flows)
        people = Patients(
            flows.by_day,
            flows.arrived,
            flows.expected,
            state.imaging_waiting,
            flows.exams,
            flows.reneged,
            flows.mean_waiting,
            flows.supplies,
            *self.scratch,
        )
        flows.units_open[...] = working
        if self.opening.entries:
            # whole units, rounded up or down at random, so that the mean is kept
            share = self.opening.share(*self.date(tick))
            flows.units_open[...] = np.floor(
                working * share + uniforms(self.rounding_keys, tick)[0]
            )
        step(tick, self.places, people, flows.units_open, state.imaging_place)
        state.supplies_stored -= np.where(self.limited, flows.exams.sum(axis=2), 0)

    def _deliver(self, state: State, flows: Flows) -> None:
        """Bring a week of supplies, as far as stores have room for them."""
        care, catalogue = self.world.care, self.world.catalogue
        per_week = self.supplied_today.copy()
        for m, item in self.bought_supplies:
            per_week[:, m] += state.active[:, item] * catalogue.capacity[:, item]
        per_week /= WEEKS_PER_YEAR
        due = state.supplies_due + per_week
        whole = np.floor(due + ROUNDING).astype(np.int64)
        state.supplies_due[...] = np.maximum(due - whole, 0.0)
        room = np.ceil(per_week * care.weeks_in_store).astype(np.int64) - state.supplies_stored
        flows.supplied[...] = np.where(self.limited, np.clip(whole, 0, np.maximum(room, 0)), 0)
        state.supplies_stored += flows.supplied
        flows.supplies[...] = np.where(self.limited, state.supplies_stored, NO_LIMIT)

    def account(self, state: State, flows: Flows) -> Account:
        """Left: people who reneged. Capacity: units in working order that are open."""
        per_week = self.world.care.exams_per_unit_day * DAYS_PER_WEEK
        return Account(
            flows.arrived,
            flows.exams,
            left=flows.reneged,
            waiting=state.imaging_waiting,
            queue=flows.mean_waiting,
            busy=(np.einsum("rmg->rm", flows.exams) / per_week).sum(axis=1),
            capacity=flows.units_open.sum(axis=1).astype(float),
        )
