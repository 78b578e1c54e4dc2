"""Preemption on the clusters: what it costs, and that queues are those of preemptive resume."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from sim.baseline.world import World
from sim.pipeline.parts import with_stations
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.cluster import run_job
from sim.pipeline.processes.jobs import Booking, Order, Priority
from sim.scenario.ai import TrainingSpec
from sim.scenario.schema import Horizon, Scenario
from sim.streams import stream
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, YEARS, buying, run
from tests.small_world import changed, small_world

SPEED = 100.0
"""GPU-hours a week of the cluster."""


def still(checkpoint_weeks: float = 1e-9) -> World:
    """Return a world with little else in it, and nothing that fails."""
    world = small_world(1, 1, population=1e3)
    return changed(
        world, "compute", gpu_failures_per_week=0.0, cluster_outages_per_year=0.0, grid_swing=0.0,
        checkpoint_weeks=checkpoint_weeks,
    )  # fmt: skip


def asking(*, preemption: bool, years: int) -> Scenario:
    horizon = Horizon(decide_years=1, score_years=years, warm_up_years=0)
    return scenario(horizon=horizon, training=TrainingSpec(preemption=preemption))


def jobs_of(
    asked: Mapping[Priority, list[tuple[float, float]]], case: Scenario, world: World
) -> pd.DataFrame:
    """Return the jobs of a run in which each kind asks for the machine: (week, weeks of work)."""

    def one(cal: Calendar, priority: Priority, work: float) -> Process:
        booking = Booking(cal.owned, SPEED, np.ones(1))
        yield from run_job(cal, Order(priority.name, priority, work * SPEED, booking))

    def kind(cal: Calendar, priority: Priority) -> Process:
        for week, work in asked[priority]:
            yield cal.env.timeout(week - cal.env.now)
            cal.env.process(one(cal, priority, work))

    def cycle(cal: Calendar) -> None:
        for priority in asked:
            cal.env.process(kind(cal, priority))

    stations = with_stations(training_cycle=cycle)
    return run(world, buying(world, years=1), case=case, stations=stations).jobs()


def test_a_job_gives_way_and_goes_on_from_its_last_checkpoint() -> None:
    """Ten weeks of work, saved every three; taken away after four for two weeks, and once more."""
    asked = {
        Priority.FINE_TUNING: [(1.0, 10.0)],
        Priority.PRE_TRAINING: [(5.0, 2.0), (13.0, 1.0)],
    }
    world = still(checkpoint_weeks=3.0)
    found = jobs_of(asked, asking(preemption=True, years=1), world).set_index("kind")
    # weeks 1 to 5: 4 worked, 3 saved; 7 to 13: 6 worked, all saved; 1 left, done from 14 to 15
    assert found.loc["FINE_TUNING", "end_week"] == pytest.approx(15.0)
    assert found.loc["FINE_TUNING", "start_week"] == 1.0
    assert found.loc["FINE_TUNING", "interruptions"] == 2
    np.testing.assert_allclose(found.loc["PRE_TRAINING", "end_week"], [7.0, 14.0])
    # energy of the week that was done twice is spent, and booked
    per_week = SPEED * world.compute.gpu_watts / 1e3 * world.compute.pue
    assert found.loc["FINE_TUNING", "energy_kwh"] == pytest.approx(11.0 * per_week)
    waited = jobs_of(asked, asking(preemption=False, years=1), world).set_index("kind")
    assert waited.loc["FINE_TUNING", "end_week"] == pytest.approx(11.0)
    np.testing.assert_allclose(waited.loc["PRE_TRAINING", "end_week"], [13.0, 14.0])


def test_who_gives_way_keeps_its_place_among_its_kind() -> None:
    asked = {
        Priority.FINE_TUNING: [(1.0, 4.0), (2.0, 4.0)],
        Priority.PRE_TRAINING: [(3.0, 1.0)],
        Priority.GENERATOR: [(0.0, 2.0)],
    }
    found = jobs_of(asked, asking(preemption=True, years=1), still()).set_index("kind")
    np.testing.assert_allclose(sorted(found.loc["FINE_TUNING", "end_week"]), [6.0, 10.0])
    np.testing.assert_allclose(found.loc["FINE_TUNING", "start_week"], [1.0, 6.0])
    assert found.loc["GENERATOR", "end_week"] == pytest.approx(11.0)


def test_one_is_not_taken_from_by_its_own_kind_or_a_later_one() -> None:
    asked = {
        Priority.PRE_TRAINING: [(0.0, 5.0), (1.0, 1.0)],
        Priority.GENERATOR: [(2.0, 1.0)],
    }
    found = jobs_of(asked, asking(preemption=True, years=1), still())
    assert found["interruptions"].sum() == 0
    assert found["end_week"].tolist() == pytest.approx([5.0, 6.0, 7.0])


def test_two_that_ask_in_one_instant_are_served_in_order() -> None:
    """The earlier kind asks last: it takes the machine in the instant in which it was given."""
    asked = {Priority.GENERATOR: [(1.0, 2.0)], Priority.PRE_TRAINING: [(1.0, 2.0)]}
    found = jobs_of(asked, asking(preemption=True, years=1), still()).set_index("kind")
    assert found.loc["PRE_TRAINING", "end_week"] == pytest.approx(3.0)
    assert found.loc["GENERATOR", "end_week"] == pytest.approx(5.0)


@pytest.mark.parametrize("preemption", [True, False])
def test_two_kinds_wait_as_in_a_queue_of_two_classes(preemption: bool) -> None:
    """M/M/1 with two classes, of loads a and b, work of mean 1 / mu and negligible checkpoints.

    Preemptive resume: the first is served as if alone, in 1 / mu / (1 - a); the second takes
    1 / mu / ((1 - a) (1 - a - b)) (Kleinrock 1976, section 3.6). Not preemptive: they wait
    w / (1 - a) and w / ((1 - a) (1 - a - b)) with w = (a + b) / mu (Cobham 1954).
    """
    mean, loads, weeks = 0.05, (0.3, 0.4), 30 * 52
    random = stream(11, "jobs")
    asked = {}
    for priority, load in zip((Priority.PRE_TRAINING, Priority.GENERATOR), loads, strict=True):
        count = int(1.2 * weeks * load / mean)
        when = np.cumsum(random.exponential(mean / load, count))
        work = random.exponential(mean, count)
        asked[priority] = [one for one in zip(when, work, strict=True) if one[0] < weeks]
    found = jobs_of(asked, asking(preemption=preemption, years=30), still())
    a, b = loads
    alone, both = 1 - a, 1 - a - b
    if preemption:
        expected = mean / alone, mean / (alone * both)
    else:
        waits = (a + b) * mean
        expected = mean + waits / alone, mean + waits / (alone * both)
    ended = found.dropna(subset="end_week")
    for priority, exact in zip(asked, expected, strict=True):
        mine = ended[ended["kind"] == priority.name].sort_values("asked_week")
        spent = (mine["end_week"] - mine["asked_week"]).to_numpy()
        # times of neighbours are alike: means of thirty long stretches are not
        means = np.array([part.mean() for part in np.array_split(spent, 30)])
        error = means.std(ddof=1) / np.sqrt(30)
        assert error < 0.06 * exact
        assert abs(means.mean() - exact) < 3.5 * error


def test_it_changes_trainings_only_where_jobs_meet() -> None:
    world = small_world(2)
    plan = buying(world, **EVERYTHING)
    plain = run(world, plan)
    asked = scenario(years=YEARS, training=TrainingSpec(preemption=True))
    assert "preempted" not in set(run(world, plan, case=asked).events()["kind"])
    pd.testing.assert_frame_equal(run(world, plan, case=asked).jobs(), plain.jobs())
    slow = changed(
        world, "compute", pretraining_gpu_hours=200.0, generator_gpu_hours=400.0, gpus=0.05
    )
    busy = run(slow, plan, case=asked)
    assert "preempted" in set(busy.events()["kind"])
