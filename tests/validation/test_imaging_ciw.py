"""The imaging kernel against Ciw, a simulator that others wrote (Palmer et al. 2019)."""

import numpy as np
import pytest

from tests.validation.equivalence import assert_equivalent, compare
from tests.validation.station import Means, Station, by_counts

STATIONS = {
    "critical": (Station(20.0, 10.0, 3.0, units_per_facility=2), 48),
    "busy facilities": (Station(38.0, 10.0, 5.0, facilities=4), 20),
    "overloaded": (Station(52.0, 10.0, 4.0, facilities=2, units_per_facility=2), 8),
}
"""Stations, and replications of Ciw."""
DAYS, WARM_UP = 700, 28


def by_ciw(station: Station, *, seed: int) -> Means:
    """Simulate the station with Ciw: one node per facility, people who renege."""
    ciw = pytest.importorskip("ciw")
    ciw.seed(seed)
    places = station.facilities
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(station.arrivals_per_day / places)] * places,
        service_distributions=[ciw.dists.Exponential(station.exams_per_unit_day)] * places,
        number_of_servers=[station.units_per_facility] * places,
        reneging_time_distributions=[ciw.dists.Exponential(1.0 / station.patience_days)] * places,
        routing=[[0.0] * places] * places,
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(DAYS)
    records = [
        record for record in simulation.get_all_records() if WARM_UP <= record.arrival_date < DAYS
    ]
    waits = np.array([record.waiting_time for record in records])
    gave_up = np.array([record.record_type == "renege" for record in records])
    length = DAYS - WARM_UP
    return Means(
        exams_per_day=float((~gave_up).sum() / length),
        unmet_share=float(gave_up.mean()),
        queue=float(waits.sum() / length),
        wait_days=float(waits.mean()),
        exam_shares=(1.0,),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", STATIONS)
def test_kernel_is_equivalent_to_ciw(name: str) -> None:
    station, number = STATIONS[name]
    reference = [by_ciw(station, seed=seed) for seed in range(number)]
    ours = [by_counts(station, weeks=100, warm_up=4, replication=n) for n in range(200)]
    found = list(compare(ours, reference))
    assert_equivalent(f"Ciw, {name}, load {station.load:.2f}", found)
