"""The imaging kernel against what is exact: Erlang C, Erlang A, machine repair, a Markov chain."""

from collections.abc import Iterable

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix, vstack
from scipy.sparse.linalg import spsolve

from sim.domain.capacity import switch_share, uptime
from sim.pipeline.stations.imaging import wear
from sim.streams import keys
from sim.units import DAYS_PER_WEEK
from tests.validation.closed_forms import erlang_a, erlang_c, working_chances
from tests.validation.equivalence import (
    EXAMS,
    QUEUE,
    against,
    assert_equivalent,
    compare,
)
from tests.validation.station import Means, Station, by_counts

STATIONS = {
    "one unit, light": Station(6.6, 11.0, 56.0),
    "one unit, busy": Station(9.4, 11.0, 28.0),
    "one unit, critical": Station(11.0, 11.0, 14.0),
    "one unit, overloaded": Station(16.5, 11.0, 56.0),
    "one unit, short patience": Station(18.0, 20.0, 1.0),
    "three units, critical": Station(30.0, 10.0, 6.0, units_per_facility=3),
    "ten units, busy": Station(99.0, 11.0, 10.0, units_per_facility=10),
    "two facilities": Station(22.0, 10.0, 10.0, facilities=2),
    "four facilities of three": Station(126.0, 11.0, 7.0, facilities=4, units_per_facility=3),
    "twenty facilities, light": Station(132.0, 11.0, 56.0, facilities=20),
    "twenty facilities, busy": Station(209.0, 11.0, 56.0, facilities=20),
    "one fast unit, very patient people": Station(17.0, 20.0, 365.0),
    "one slow unit, light": Station(1.8, 3.0, 56.0),
    "large country": Station(19_000.0, 5.0, 14.0, facilities=2_000, units_per_facility=2),
}


AT_ITS_WORST = 0.15
"""Margin of the mean queue of the single facility that is hardest (docs/validation.md)."""


def exactly(station: Station) -> Means:
    """Return the long-run means of a station without breakdowns."""
    places = station.facilities
    facility = erlang_a(
        station.arrivals_per_day / places,
        exams_per_unit_day=station.exams_per_unit_day,
        units=station.units_per_facility,
        leave_per_day=1.0 / station.patience_days,
    )
    unmet = facility.reneged_per_day * places / station.arrivals_per_day
    return Means(
        facility.exams_per_day * places, unmet, facility.queue * places, facility.wait_days, (1.0,)
    )


def exactly_with_breakdowns(station: Station, *, most: int) -> Means:
    """Return the same for one facility whose units break: a chain of (working units, people).

    No more than ``most`` people find room, so many that nobody is turned away.
    """
    working, people = np.divmod(np.arange((station.units + 1) * (most + 1)), most + 1)
    fail, repair = (
        rate / DAYS_PER_WEEK for rate in (station.failures_per_week, station.repairs_per_week)
    )
    queue = np.maximum(people - working, 0)
    service = station.exams_per_unit_day * np.minimum(people, working)
    flows = (
        (1, np.where(people < most, station.arrivals_per_day, 0.0)),
        (-1, service + queue / station.patience_days),
        (-most - 1, working * fail),
        (most + 1, (station.units - working) * repair),
    )
    chances = steady(flows)
    mean_queue = float(chances @ queue)
    wait_days = mean_queue / station.arrivals_per_day
    return Means(
        float(chances @ service), wait_days / station.patience_days, mean_queue, wait_days, (1.0,)
    )


def steady(flows: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """Return the stationary chance of every state of a chain, from jumps and their rates."""
    jumps, rates = zip(*flows, strict=True)
    here = np.arange(len(rates[0]))
    there = np.concatenate([np.clip(here + jump, 0, here[-1]) for jump in jumps])
    rate, start = np.concatenate(rates), np.tile(here, len(jumps))
    into = csr_matrix((np.append(rate, -rate), (np.append(there, start), np.append(start, start))))
    # the chances add up to one, in place of one of the balance equations
    system = vstack([csr_matrix(np.ones((1, len(here)))), into[1:]])
    return np.asarray(spsolve(csc_matrix(system), np.eye(1, len(here))[0]))


@pytest.mark.slow
@pytest.mark.parametrize("name", STATIONS)
def test_kernel_settles_at_erlang_a(name: str) -> None:
    station = STATIONS[name]
    weeks = 400 if station.facilities > 10 else 4_000
    ours = [by_counts(station, weeks=weeks, warm_up=100, replication=n) for n in range(20)]
    found = compare(ours, [exactly(station)])
    assert_equivalent(f"Erlang A, {name}, load {station.load:.2f}", found)


HARD = {
    "ten units, light": Station(30.0, 5.0, 14.0, units_per_facility=10),
}
"""Where the daily step is furthest from Erlang A: a seventh of a person waits."""


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_kernel_is_near_erlang_a_at_its_worst(name: str) -> None:
    station = HARD[name]
    exact = exactly(station)
    ours = [by_counts(station, weeks=4_000, warm_up=200, replication=n) for n in range(20)]
    exams = against(
        "exams per day", [means.exams_per_day for means in ours], exact.exams_per_day, share=EXAMS
    )
    queue = against("queue", [means.queue for means in ours], exact.queue, share=AT_ITS_WORST)
    assert_equivalent(f"Erlang A, hard: {name}, load {station.load:.2f}", [exams, queue])


CLASSES = {
    "light": Station(21.0, 10.0, 14.0, units_per_facility=3, shares=(0.3, 0.7), urgent=1),
    "critical": Station(30.0, 10.0, 14.0, units_per_facility=3, shares=(0.3, 0.7), urgent=1),
    "overloaded": Station(44.0, 10.0, 7.0, units_per_facility=3, shares=(0.5, 0.5), urgent=1),
    "one unit": Station(11.0, 10.0, 21.0, shares=(0.6, 0.4), urgent=1),
    "ten facilities": Station(
        210.0, 10.0, 14.0, facilities=10, units_per_facility=3, shares=(0.2, 0.1, 0.7), urgent=2
    ),
    "urgent people alone overload": Station(
        400.0, 10.0, 14.0, facilities=20, shares=(0.6, 0.4), urgent=1
    ),
}

HARD_CLASSES = {
    "hard: urgent people nearly fill one unit": Station(
        15.0, 10.0, 14.0, shares=(0.57, 0.43), urgent=1
    ),
}
"""A single facility whose urgent people come in and out of overload by themselves."""


def urgent_queue(station: Station) -> float:
    """Return the urgent people who wait, from a chain of (urgent, all) people at one facility."""
    rate = station.arrivals_per_day / station.facilities
    urgent_rate = rate * sum(station.shares[: station.urgent])
    units, leave = station.units_per_facility, 1.0 / station.patience_days
    most = int(units + max(0.0, rate - units * station.exams_per_unit_day) / leave) + 150
    few = min(most, int(max(0.0, urgent_rate - units * station.exams_per_unit_day) / leave) + 100)
    urgent, people = np.divmod(np.arange((few + 1) * (most + 1)), most + 1)
    queue = np.maximum(people - units, 0)
    real = urgent <= queue
    service = station.exams_per_unit_day * np.minimum(people, units)
    others = (rate - urgent_rate) * (people < most) + urgent_rate * (people < units)
    flows = (
        (1, others * (people < most)),
        (
            most + 2,
            np.where((people >= units) & (people < most) & (urgent < few), urgent_rate, 0.0),
        ),
        (-1, np.where(urgent == 0, service, 0.0) + leave * (queue - urgent)),
        (-most - 2, np.where(urgent > 0, service, 0.0) + leave * urgent),
    )
    # nobody waits urgently where fewer wait at all: those states are left at once
    flows = tuple((jump, np.where(real, rate, 0.0)) for jump, rate in flows)
    chances = steady((*flows, (-most - 1, np.where(real, 0.0, 1.0))))
    return float(chances @ urgent) * station.facilities


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES | HARD_CLASSES)
def test_urgent_queue_is_that_of_the_exact_chain(name: str) -> None:
    station = (CLASSES | HARD_CLASSES)[name]
    exact = urgent_queue(station)
    ours = [by_counts(station, weeks=1_500, warm_up=100, replication=n) for n in range(20)]
    urgent = [sum(means.group_queues[: station.urgent]) for means in ours]
    share = AT_ITS_WORST if name in HARD_CLASSES else QUEUE
    found = [against("queue, urgent", urgent, exact, share=share)]
    assert_equivalent(f"Markov chain, two classes, {name}, load {station.load:.2f}", found)


@pytest.mark.slow
def test_kernel_settles_at_the_markov_chain_with_breakdowns() -> None:
    station = Station(
        44.0, 6.0, 5.0, units_per_facility=8, failures_per_week=0.1, repairs_per_week=0.5
    )
    ours = [by_counts(station, weeks=4_000, warm_up=100, replication=n) for n in range(40)]
    found = compare(ours, [exactly_with_breakdowns(station, most=500)])
    assert_equivalent("Markov chain, breakdowns", found)


def test_chain_without_breakdowns_is_erlang_a() -> None:
    never = Station(22.0, 10.0, 3.0, units_per_facility=2, failures_per_week=1e-12)
    chain, formula = exactly_with_breakdowns(never, most=200), exactly(never)
    assert chain.queue == pytest.approx(formula.queue, rel=1e-6)
    assert chain.exams_per_day == pytest.approx(formula.exams_per_day, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("units", "load"), [(1, 0.6), (1, 0.85), (4, 0.9)])
def test_kernel_settles_at_erlang_c_where_nobody_gives_up(units: int, load: float) -> None:
    station = Station(10.0 * units * load, 10.0, 1e6, units_per_facility=units)
    exact = erlang_c(station.arrivals_per_day, exams_per_unit_day=10.0, units=units)
    ours = [by_counts(station, weeks=6_000, warm_up=200, replication=n) for n in range(20)]
    queues = [means.queue for means in ours]
    found = [against("queue", queues, exact.queue, share=QUEUE)]
    assert_equivalent(f"Erlang C, units {units}, load {load:.2f}", found)
    assert max(means.unmet_share for means in ours) < 1e-3


def test_busy_station_is_near_erlang_a() -> None:
    station = Station(20.0, 10.0, 3.0, facilities=2)
    ours = [by_counts(station, weeks=1_500, warm_up=50, replication=n) for n in range(10)]
    assert_equivalent("Erlang A, quick", compare(ours, [exactly(station)]))


@pytest.mark.parametrize(("failures", "repairs"), [(1 / 40, 1 / 8), (0.5, 3.0)])
def test_units_break_and_mend_as_in_machine_repair(failures: float, repairs: float) -> None:
    units, stations, weeks = 6, 2_000, 120
    luck = keys(5, 0, "wear", [str(cell) for cell in range(stations)]).reshape(stations, 1)
    chances = switch_share(np.full((stations, 1), failures), np.full((stations, 1), repairs))
    working = np.full((stations, 1), units)
    broken = np.zeros_like(working)
    for week in range(weeks):
        wear(week, luck, *chances, working, broken)
    exact = working_chances(units, failures_per_week=failures, repairs_per_week=repairs)
    seen = np.bincount(working[:, 0], minlength=units + 1) / stations
    np.testing.assert_allclose(seen, exact, atol=4.0 * np.sqrt(0.25 / stations))
    assert exact @ np.arange(units + 1) == pytest.approx(
        units * uptime(np.array(failures), np.array(repairs))
    )
