"""The reading kernel against what is exact: M/D/1 where exams keep, a fluid where most do not."""

import numpy as np
import pytest

from tests.validation.desk import Desk, by_counts
from tests.validation.equivalence import QUEUE, against, assert_equivalent

NEVER_WEEKS = 1e5


def kernel(desk: Desk, *, weeks: int, warm_up: int, number: int) -> list[float]:
    """Return the mean queue of independent replications."""
    return [
        by_counts(desk, weeks=weeks, warm_up=warm_up, replication=n, lucks=10).queue
        for n in range(number)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.85, 0.9, 0.95, 0.98])
def test_queue_of_a_steady_desk_is_that_of_m_d_1(load: float) -> None:
    """Pollaczek and Khinchine, for exams that all take the same time."""
    desk = Desk((120.0,), (10.0,), 20.0 / load, (NEVER_WEEKS,))
    exact = desk.load**2 / (2.0 * (1.0 - desk.load))
    queues = kernel(desk, weeks=1_500, warm_up=200, number=60)
    found = [against("queue", queues, exact, share=QUEUE)]
    assert_equivalent(f"M/D/1, reading, load {load:.2f}", found)


@pytest.mark.slow
@pytest.mark.parametrize("patience_weeks", [0.3, 2.0, 8.0])
def test_queue_of_an_overloaded_desk_is_the_fluid(patience_weeks: float) -> None:
    """Who is not read goes stale, so as many wait as go stale in the time that they wait."""
    desk = Desk((120.0,), (10.0,), 12.0, (patience_weeks,))
    exact = (120.0 - 72.0) * patience_weeks
    queues = kernel(desk, weeks=300, warm_up=100, number=20)
    found = [against("queue", queues, exact, share=QUEUE)]
    assert_equivalent(f"fluid, reading, patience {patience_weeks:g} weeks", found)


def test_light_desk_reads_everything_and_works_no_longer_than_it_takes() -> None:
    desk = Desk((60.0,), (10.0,), 100.0, (8.0,))
    means = by_counts(desk, weeks=100, warm_up=4, replication=0)
    assert means.queue < 0.1
    assert means.unmet_share < 1e-4
    assert np.isclose(means.exams_per_day, 60.0 / 7.0, rtol=0.05)
