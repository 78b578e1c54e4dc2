"""The reading kernel, which counts, against a model of every exam: shown equivalent, by TOST.

Both meet the same exams of every week, so the test is paired.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import pytest

from tests.validation.desk import Desk, by_counts
from tests.validation.equivalence import Comparison, assert_equivalent, compare
from tests.validation.exam_level import by_exams
from tests.validation.station import Means

LIGHT, FEW_WAITING = 0.8, 0.25
"""Load below which hardly an exam waits, and exams that make no difference there."""


@dataclass(frozen=True)
class Case:
    """A desk, and how long and how often it is simulated."""

    desk: Desk
    weeks: int
    warm_up: int
    replications: int


TWO = {"exams_per_week": (100.0, 30.0), "minutes": (6.0, 20.0), "patience_weeks": (4.0, 2.0)}
CASES = {
    "light": Case(Desk((200.0,), (10.0,), 48.0, (8.0,)), 60, 6, 8),
    "busy": Case(Desk((100.0,), (10.0,), 18.5, (6.0,)), 150, 10, 20),
    "critical": Case(Desk((100.0,), (10.0,), 16.67, (4.0,)), 160, 16, 12),
    "overloaded": Case(Desk((120.0,), (10.0,), 14.0, (8.0,)), 100, 40, 10),
    "stale within days": Case(Desk((150.0,), (10.0,), 25.0, (0.5,)), 80, 4, 10),
    "few exams": Case(Desk((20.0,), (12.0,), 4.0, (6.0,)), 500, 40, 10),
    "two modalities": Case(Desk(hours_per_week=19.5, **TWO), 150, 16, 14),
    "two modalities, overloaded": Case(Desk(hours_per_week=14.0, **TWO), 80, 16, 10),
    "AI, critical": Case(
        Desk((150.0,), (10.0,), 15.0, (4.0,), ai_share=0.5, ai_minutes_ratio=0.2), 200, 20, 24
    ),
    "AI, overloaded": Case(
        Desk((150.0,), (10.0,), 11.0, (4.0,), ai_share=0.5, ai_minutes_ratio=0.2), 80, 20, 8
    ),
    "AI and two modalities": Case(
        Desk(hours_per_week=12.0, ai_share=0.4, ai_minutes_ratio=0.25, **TWO), 120, 16, 14
    ),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes for the slow model."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def exam_level(case: Case, pool: ProcessPoolExecutor) -> list[Means]:
    return list(pool.map(partial(_one, case), range(case.replications)))


def _one(case: Case, number: int) -> Means:
    return by_exams(case.desk, weeks=case.weeks, warm_up=case.warm_up, replication=number)


def kernel(case: Case) -> list[Means]:
    return [
        by_counts(case.desk, weeks=case.weeks, warm_up=case.warm_up, replication=number)
        for number in range(case.replications)
    ]


def found(case: Case, ours: list[Means], reference: list[Means]) -> list[Comparison]:
    few = FEW_WAITING if case.desk.load < LIGHT else 0.0
    return list(compare(ours, reference, paired=True, few=few))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_kernel_is_equivalent_to_every_exam_by_itself(name: str, pool: ProcessPoolExecutor) -> None:
    case = CASES[name]
    comparisons = found(case, kernel(case), exam_level(case, pool))
    assert_equivalent(f"exam level, {name}, load {case.desk.load:.2f}", comparisons)


@pytest.mark.slow
def test_a_reading_time_wrong_by_a_twentieth_is_noticed(pool: ProcessPoolExecutor) -> None:
    case = CASES["overloaded"]
    slower = replace(case.desk, minutes=(10.5,))
    comparisons = found(case, kernel(replace(case, desk=slower)), exam_level(case, pool))
    assert not comparisons[0].equivalent


def test_kernel_is_near_every_exam_by_itself() -> None:
    case = Case(Desk((40.0,), (10.0,), 5.5, (4.0,)), 60, 10, 16)
    reference = [_one(case, number) for number in range(case.replications)]
    assert_equivalent("exam level, quick", found(case, kernel(case), reference))
