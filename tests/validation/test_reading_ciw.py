"""The reading kernel against Ciw (Palmer et al. 2019): M/D/1 with priority and with reneging."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from sim.units import DAYS_PER_WEEK, MINUTES_PER_HOUR
from tests.validation.desk import Desk, by_counts
from tests.validation.equivalence import assert_equivalent, compare
from tests.validation.station import Means

DESKS = {
    "stale within days": (Desk((150.0,), (10.0,), 25.0, (0.5,)), 20),
    "overloaded": (Desk((120.0,), (10.0,), 15.0, (3.0,)), 12),
    "AI first": (Desk((150.0,), (10.0,), 11.5, (3.0,), ai_share=0.5, ai_minutes_ratio=0.2), 16),
}
"""Desks of one modality, and replications of Ciw."""
WEEKS, WARM_UP = 100, 20


def by_ciw(desk: Desk, *, seed: int) -> Means:
    """Simulate the desk with Ciw: one server, exams that renege; time in weeks."""
    ciw = pytest.importorskip("ciw")
    ciw.seed(seed)
    work = desk.minutes[0] / (MINUTES_PER_HOUR * desk.hours_per_week)
    share = {"ai": desk.ai_share, "others": 1.0 - desk.ai_share}
    time = {"ai": work * desk.ai_minutes_ratio, "others": work}
    names = [name for name, part in share.items() if part]
    network = ciw.create_network(
        arrival_distributions={
            name: [ciw.dists.Exponential(desk.exams_per_week[0] * share[name])] for name in names
        },
        service_distributions={name: [ciw.dists.Deterministic(time[name])] for name in names},
        number_of_servers=[1],
        reneging_time_distributions={
            name: [ciw.dists.Exponential(1.0 / desk.patience_weeks[0])] for name in names
        },
        priority_classes={name: k for k, name in enumerate(names)},
        routing={name: [[0.0]] for name in names},
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(WEEKS)
    records = [record for record in simulation.get_all_records() if record.arrival_date >= WARM_UP]
    waits = np.array([record.waiting_time for record in records]) * DAYS_PER_WEEK
    stale = np.array([record.record_type == "renege" for record in records])
    length = (WEEKS - WARM_UP) * DAYS_PER_WEEK
    return Means(
        exams_per_day=float((~stale).sum() / length),
        unmet_share=float(stale.mean()),
        queue=float(waits.sum() / length),
        wait_days=float(waits.mean()),
        exam_shares=(1.0,),
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes for the slow model."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def _one(desk: Desk, seed: int) -> Means:
    return by_ciw(desk, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", DESKS)
def test_kernel_is_equivalent_to_ciw(name: str, pool: ProcessPoolExecutor) -> None:
    desk, number = DESKS[name]
    reference = list(pool.map(partial(_one, desk), range(number)))
    ours = [
        by_counts(desk, weeks=WEEKS, warm_up=WARM_UP, replication=n, lucks=1) for n in range(200)
    ]
    assert_equivalent(f"Ciw, reading, {name}, load {desk.load:.2f}", compare(ours, reference))
