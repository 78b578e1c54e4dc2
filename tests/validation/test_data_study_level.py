"""The stations of data, which count, against every study by itself: shown equivalent, by TOST."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.validation.equivalence import (
    EXAM_SHARE,
    EXAMS,
    QUEUE,
    Comparison,
    assert_equivalent,
    tost,
)
from tests.validation.study_level import DONE, WAITING, Chain, Weeks, by_counts, by_studies

FEW_WAITING = 3.0
"""Studies that a mean queue may differ by, two in a hundred of a week's: capacity is one number for
a week, so that what waits for some hours of it is not seen."""


@dataclass(frozen=True)
class Case:
    """A chain, and how long and how often it is simulated."""

    chain: Chain
    weeks: int = 90
    warm_up: int = 10
    replications: int = 14


ONE = Chain((150.0,), stewards=130.0, curators=160.0, hours=9.0, minutes=(3.0,), audits=5.0)
TWO = replace(
    ONE,
    exams_per_week=(100.0, 60.0),
    stewards=145.0,
    curators=175.0,
    hours=16.0,
    minutes=(3.0, 9.0),
)
CASES = {
    "light": Case(ONE),
    "too few stewards": Case(replace(ONE, stewards=70.0)),
    "too few curators": Case(replace(ONE, curators=80.0)),
    "too few specialists": Case(replace(ONE, hours=3.0)),
    "too few of everybody": Case(
        replace(ONE, stewards=90.0, curators=85.0, hours=2.5, audits=12.5)
    ),
    "two modalities, light": Case(TWO),
    "two modalities, too few specialists": Case(replace(TWO, hours=6.0, audits=20.0)),
    "two modalities, too few of everybody": Case(
        replace(TWO, stewards=80.0, curators=75.0, hours=4.0, audits=7.5)
    ),
}


def both(case: Case) -> tuple[list[Weeks], list[Weeks]]:
    """Return what the stations, and the studies, give in every replication."""
    length = {"weeks": case.weeks, "warm_up": case.warm_up}
    numbers = range(case.replications)
    ours = [by_counts(case.chain, **length, replication=number) for number in numbers]
    return ours, [by_studies(case.chain, **length, replication=number) for number in numbers]


def compared(ours: list[Weeks], reference: list[Weeks]) -> Iterator[Comparison]:
    """Compare what every station finishes, who waits, and whose studies are labelled."""

    def one(
        measure: str, of: Callable[[Weeks], float], *, share: float = 0.0, floor: float = 0.0
    ) -> Comparison:
        a, b = ([of(weeks) for weeks in side] for side in (ours, reference))
        margin = max(share * float(np.mean(b)), floor)
        p_value = tost(np.subtract(a, b), [0.0], margin=margin)
        return Comparison(measure, float(np.mean(b)), float(np.mean(a)), margin, p_value)

    for name in DONE:
        yield one(f"{name} per week", lambda weeks, name=name: weeks.done[name], share=EXAMS)
    for name in WAITING:
        yield one(
            f"queue, {name}",
            lambda weeks, name=name: weeks.waiting[name],
            share=QUEUE,
            floor=FEW_WAITING,
        )
    for m in range(len(reference[0].label_shares) - 1):
        yield one(f"labels, {m}", lambda weeks, m=m: weeks.label_shares[m], floor=EXAM_SHARE)


def test_stations_are_near_every_study_by_itself() -> None:
    # little is left to chance, so that little has to be simulated
    chain = replace(ONE, stewards=90.0, curators=80.0, hours=2.5, documented=0.0, rejected=0.0)
    case = Case(replace(chain, digital=1.0, leave=1.0), 30, 10, 4)
    assert_equivalent("study level, quick", compared(*both(case)))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_stations_are_equivalent_to_every_study_by_itself(name: str) -> None:
    case = CASES[name]
    assert_equivalent(f"study level, {name}, load {case.chain.load:.2f}", compared(*both(case)))


@pytest.mark.slow
def test_a_desk_too_slow_by_a_twentieth_is_noticed() -> None:
    case = CASES["too few of everybody"]
    slower = replace(case.chain, curators=case.chain.curators * 0.95)
    ours, _ = both(replace(case, chain=slower))
    _, reference = both(case)
    found = {one.measure: one.equivalent for one in compared(ours, reference)}
    assert not found["for_training per week"]
    assert found["documented per week"]
