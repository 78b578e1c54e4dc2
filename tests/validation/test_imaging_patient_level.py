"""The imaging kernel, which counts, against a model of every person: shown equivalent, by TOST."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import pytest

from tests.validation.equivalence import assert_equivalent, compare
from tests.validation.patient_level import by_patients
from tests.validation.station import Means, Station, by_counts

COUNTS_PER_PATIENT_LEVEL = 10
"""Replications of the kernel for each one of the slow model, so that the latter is the noise."""


@dataclass(frozen=True)
class Case:
    """A station, and how long and how often it is simulated."""

    station: Station
    weeks: int
    warm_up: int
    replications: int


CASES = {
    "light": Case(Station(24.0, 12.0, 5.0, facilities=2, units_per_facility=2), 60, 4, 44),
    "critical": Case(Station(30.0, 10.0, 3.0, units_per_facility=3), 160, 4, 40),
    "overloaded": Case(Station(32.0, 10.0, 7.0, units_per_facility=2), 40, 4, 12),
    "breakdowns": Case(
        Station(
            56.0, 6.0, 5.0, units_per_facility=8, failures_per_week=0.1, repairs_per_week=0.5
        ), 120, 8, 32,
    ),
    "breakdowns, people go elsewhere": Case(
        Station(80.0, 6.0, 7.0, facilities=12, failures_per_week=0.1, repairs_per_week=0.5),
        60, 6, 32,
    ),
    "short patience": Case(Station(32.4, 12.0, 1.0, facilities=3), 80, 2, 10),
    "two classes, light": Case(
        Station(
            40.0, 10.0, 5.0, facilities=2, units_per_facility=3, shares=(0.3, 0.7), urgent=1
        ), 150, 4, 20,
    ),
    "two classes, critical": Case(
        Station(30.0, 10.0, 3.0, units_per_facility=3, shares=(0.3, 0.7), urgent=1), 160, 4, 36
    ),
    "two classes, overloaded": Case(
        Station(
            52.0, 10.0, 7.0, facilities=2, units_per_facility=2, shares=(0.2, 0.2, 0.6), urgent=2
        ), 60, 6, 24,
    ),
    "two classes, breakdowns": Case(
        Station(
            56.0, 6.0, 5.0, units_per_facility=8, shares=(0.4, 0.6), urgent=1,
            failures_per_week=0.2, repairs_per_week=1.0,
        ), 120, 8, 40,
    ),
    "two classes, people go elsewhere": Case(
        Station(
            80.0, 6.0, 7.0, facilities=12, shares=(0.4, 0.6), urgent=1,
            failures_per_week=0.1, repairs_per_week=0.5,
        ), 50, 6, 32,
    ),
    "several groups": Case(
        Station(25.0, 10.0, 7.0, facilities=2, shares=(0.6, 0.3, 0.1)), 140, 6, 20
    ),
    "changing units": Case(
        Station(
            40.0, 10.0, 14.0, units_per_facility=6, units_from_week={0: 5, 10: 3, 20: 6}
        ), 30, 0, 40,
    ),
    "many facilities": Case(Station(162.0, 3.0, 7.0, facilities=60), 24, 6, 12),
    "large country": Case(
        Station(1_900.0, 5.0, 7.0, facilities=200, units_per_facility=2), 8, 4, 8
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes for the slow model."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def patient_level(case: Case, pool: ProcessPoolExecutor) -> list[Means]:
    one = partial(_one, case)
    return list(pool.map(one, range(case.replications)))


def _one(case: Case, number: int) -> Means:
    return by_patients(case.station, weeks=case.weeks, warm_up=case.warm_up, replication=number)


def kernel(case: Case, *, number: int) -> list[Means]:
    return [
        by_counts(case.station, weeks=case.weeks, warm_up=case.warm_up, replication=i)
        for i in range(number)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_kernel_is_equivalent_to_every_person_by_themselves(
    name: str, pool: ProcessPoolExecutor
) -> None:
    case = CASES[name]
    reference = patient_level(case, pool)
    ours = kernel(case, number=COUNTS_PER_PATIENT_LEVEL * case.replications)
    found = list(compare(ours, reference, by_group=case.station.urgent > 0))
    assert_equivalent(f"patient level, {name}, load {case.station.load:.2f}", found)


@pytest.mark.slow
def test_an_exam_time_wrong_by_a_twentieth_is_noticed(pool: ProcessPoolExecutor) -> None:
    case = CASES["overloaded"]
    reference = patient_level(case, pool)
    slower = replace(case.station, exams_per_unit_day=case.station.exams_per_unit_day / 1.05)
    ours = kernel(replace(case, station=slower), number=100)
    found = {c.measure: c for c in compare(ours, reference)}
    assert not found["exams per day"].equivalent


def test_kernel_is_near_every_person_by_themselves() -> None:
    case = Case(Station(28.0, 10.0, 3.0, facilities=2, shares=(0.7, 0.3)), 60, 2, 12)
    reference = [_one(case, number) for number in range(case.replications)]
    found = list(compare(kernel(case, number=100), reference))
    assert_equivalent("quick", found)
