"""The imaging kernel against Ciw, a simulator that others wrote (Palmer et al. 2019).

Ciw knows no breakdowns. A unit that is repaired is therefore one that serves a breakdown: there are
as many breakdowns as units, they come before all people, hold a unit for the time of the repair,
and come back after the time for which a unit works.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from sim.units import DAYS_PER_WEEK
from tests.validation.equivalence import assert_equivalent, compare
from tests.validation.station import Means, Station, by_counts

STATIONS = {
    "critical": (Station(20.0, 10.0, 3.0, units_per_facility=2), 40),
    "busy facilities": (Station(38.0, 10.0, 5.0, facilities=4), 14),
    "overloaded": (Station(52.0, 10.0, 4.0, facilities=2, units_per_facility=2), 8),
    "two classes": (
        Station(26.0, 10.0, 5.0, units_per_facility=2, shares=(0.4, 0.6), urgent=1), 20,
    ),
    "breakdowns": (
        Station(
            42.0, 6.0, 5.0, units_per_facility=6, failures_per_week=0.3, repairs_per_week=1.5
        ), 16,
    ),
    "changing units": (
        Station(
            30.0, 10.0, 7.0, units_per_facility=4, units_from_week={0: 2, 30: 4, 50: 2}
        ), 12,
    ),
    "closed and open again": (
        Station(
            26.0, 10.0, 9.0, units_per_facility=3,
            units_from_week={0: 3, 25: 0, 29: 3, 50: 0, 54: 3, 75: 1, 83: 3},
        ), 12,
    ),
}  # fmt: skip
"""Stations, and replications of Ciw."""
DAYS, WARM_UP = 700, 28


def by_ciw(station: Station, *, seed: int, days: int = DAYS, warm_up: int = WARM_UP) -> Means:
    """Simulate the station with Ciw: one node per facility, people who renege."""
    ciw = pytest.importorskip("ciw")
    ciw.seed(seed)
    network = network_of(station)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(days)
    records = [
        record
        for record in simulation.get_all_records()
        if warm_up <= record.arrival_date < days and record.customer_class != "breakdown"
    ]
    waits = np.array([record.waiting_time for record in records])
    reneged = np.array([record.record_type == "renege" for record in records])
    of_group = [
        np.array([record.customer_class == name for record in records]) for name in groups(station)
    ]
    exams, length = ~reneged, days - warm_up
    return Means(
        exams_per_day=float(exams.sum() / length),
        unmet_share=float(reneged.mean()),
        queue=float(waits.sum() / length),
        wait_days=float(waits.mean()),
        exam_shares=tuple(float((exams & mine).sum() / exams.sum()) for mine in of_group),
        group_queues=tuple(float(waits[mine].sum() / length) for mine in of_group),
        group_waits_days=tuple(float(waits[mine].mean()) for mine in of_group),
    )


def network_of(station: Station) -> Any:
    """Return the network: facilities, and where breakdowns stay while all units work."""
    ciw = pytest.importorskip("ciw")
    places, share = station.facilities, dict(zip(groups(station), station.shares, strict=True))
    arrivals_per_day = station.arrivals_per_day / places
    exam = ciw.dists.Exponential(station.exams_per_unit_day)
    patience = ciw.dists.Exponential(1.0 / station.patience_days)
    arrivals = {
        name: [ciw.dists.Exponential(arrivals_per_day * part)] * places
        for name, part in share.items()
    }
    services = {name: [exam] * places for name in share}
    reneging: dict[str, list[Any]] = {name: [patience] * places for name in share}
    routing = {name: [[0.0] * places] * places for name in share}
    first = {name: 1 + int(g >= station.urgent > 0) for g, name in enumerate(share)}
    servers = [units(station)] * places
    batches: dict[str, list[Any]] = {}
    if station.failures_per_week:
        works, repair = (
            ciw.dists.Exponential(rate / DAYS_PER_WEEK)
            for rate in (station.failures_per_week, station.repairs_per_week)
        )
        for table, nothing in ((arrivals, None), (services, exam), (reneging, None)):
            for name in share:
                table[name] = [*table[name], nothing]
        routing = {name: [[0.0, 0.0]] * 2 for name in share} | {
            "breakdown": [[0.0, 1.0], [1.0, 0.0]]
        }
        arrivals["breakdown"] = [None, ciw.dists.Sequential([0.0, np.inf])]
        services["breakdown"], reneging["breakdown"] = [repair, works], [None, None]
        once, all_units = ciw.dists.Deterministic(1), ciw.dists.Deterministic(station.units)
        batches = {name: [once, once] for name in share} | {"breakdown": [once, all_units]}
        first["breakdown"], servers = 0, [*servers, np.inf]
    return ciw.create_network(
        arrival_distributions=arrivals,
        service_distributions=services,
        number_of_servers=servers,
        reneging_time_distributions=reneging,
        priority_classes={name: number - min(first.values()) for name, number in first.items()},
        routing=routing,
        **({"batching_distributions": batches} if batches else {}),
    )


def groups(station: Station) -> list[str]:
    return [f"group{g}" for g in range(len(station.shares))]


def units(station: Station) -> Any:
    """Return the units of a facility: a number, or a schedule of them."""
    if not station.units_from_week:
        return station.units_per_facility
    ciw = pytest.importorskip("ciw")
    ends = [week * DAYS_PER_WEEK for week in station.units_from_week][1:]
    return ciw.Schedule(
        numbers_of_servers=list(station.units_from_week.values()), shift_end_dates=[*ends, DAYS + 1]
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes for the slow model."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def _one(station: Station, seed: int) -> Means:
    return by_ciw(station, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATIONS)
def test_kernel_is_equivalent_to_ciw(name: str, pool: ProcessPoolExecutor) -> None:
    station, number = STATIONS[name]
    reference = list(pool.map(partial(_one, station), range(number)))
    ours = [by_counts(station, weeks=100, warm_up=4, replication=n) for n in range(200)]
    found = list(compare(ours, reference, by_group=station.urgent > 0))
    assert_equivalent(f"Ciw, {name}, load {station.load:.2f}", found)
