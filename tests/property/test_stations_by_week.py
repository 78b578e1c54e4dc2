"""Laws of every single week: nobody is lost, nobody works longer than the hours there are."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.pipeline.kernels.server_pool import pools_of
from sim.pipeline.parts import state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.stations import reading
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.streams import keys, stream
from sim.units import MINUTES_PER_HOUR
from tests.scenarios import scenario
from tests.small_world import small_world


@given(
    need=st.floats(0.0, 20.0),
    patience_weeks=st.floats(0.2, 30.0),
    minutes=st.floats(0.5, 60.0),
    urgent=st.booleans(),
    gate_open=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None)
def test_exams_and_hours_add_up_in_every_week(
    need: float, patience_weeks: float, minutes: float, urgent: bool, gate_open: bool, seed: int
) -> None:
    world = small_world(2, 2)
    care = replace(
        world.care,
        need_per_year=world.care.need_per_year * need,
        report_patience_weeks=np.full(1, patience_weeks),
        reading_minutes=np.full(1, minutes),
        priority=np.array([1 - urgent, 1]),
    )
    world = replace(world, care=care)
    week = Week(world, scenario(), STATIONS, RandomKeys(world, seed, 0))
    state = state_today(world)
    state.active[:] = stream(seed, "active").uniform(0.0, 3.0, state.active.shape)
    state.gate_open[:] = gate_open
    waiting = dict.fromkeys(STATIONS, 0)
    labelling_hours = world.data.annotation_minutes / MINUTES_PER_HOUR
    for tick in range(40):
        week.step(state, tick)
        for name, account in week.accounts(state, STATIONS).items():
            entered, *out = (0 if counts is None else counts for counts in account.counts())
            np.testing.assert_array_equal(waiting[name] + entered, sum(out), err_msg=name)
            waiting[name] = 0 if account.waiting is None else account.waiting.copy()
        flows = week.flows
        audit = flows.set_aside.sum(axis=2) @ labelling_hours
        used = flows.clinical_hours.sum(axis=1) + flows.annotation_hours + audit
        idle = flows.reader_hours.sum(axis=1) + flows.bought_hours + audit - used
        assert idle.min() >= -1e-6
        protected = flows.reader_hours * care.protected_share[:, None]
        assert (flows.clinical_hours <= flows.reader_hours - protected + 1e-6).all()
        assert (flows.annotation_hours <= protected.sum(axis=1) + flows.bought_hours + 1e-6).all()


def read_upto(hours: float, *, rates: np.ndarray, seed: int) -> np.ndarray:
    """Return exams read from the start to each week, of two modalities that share readers."""
    cells, shape = ["a", "b"], (1, 2, 2)
    luck = np.stack([keys(seed, 0, d, cells).reshape(1, 2) for d in ("groups", "stale", "spread")])
    pace = keys(seed, 0, "pace", ["here"]).reshape(1, 1)
    came = stream(seed, "exams").poisson(rates, (40, *shape))
    to_ai = stream(seed, "ai").binomial(came, 0.3)
    waiting, by_ai, by_human, unread = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    begun, used, mean_unread = np.zeros((1, 2)), np.zeros((1, 1)), np.zeros(shape)
    upto, one_desk = np.zeros((40, 2, 2)), np.zeros(2, dtype=np.int64)
    desks = pools_of(
        luck, np.array([[6.0, 20.0]]), np.full((1, 2), 0.3), np.array([[0.2, 0.7]]), one_desk, 1
    )
    for week in range(40):
        before = waiting.copy()
        exams = reading.Exams(
            came[week], to_ai[week], waiting, begun, by_ai, by_human, unread, mean_unread
        )
        reading.step(week, pace, np.full((1, 1), hours), *desks, exams, used)
        np.testing.assert_array_equal(before + came[week], by_ai + by_human + unread + waiting)
        assert min(counts.min() for counts in (waiting, by_ai, by_human, unread)) >= 0
        assert (begun[0] <= waiting[0].sum(axis=1)).all()
        assert used[0, 0] <= hours + 1e-9
        upto[week] = (by_ai + by_human)[0]
    return upto.cumsum(axis=0)


@given(
    hours=st.floats(0.0, 60.0),
    more=st.floats(0.5, 40.0),
    rate=st.floats(0.2, 80.0),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_more_hours_never_mean_fewer_readings_of_shared_readers(
    hours: float, more: float, rate: float, seed: int
) -> None:
    rates = np.array([[rate, rate / 2], [rate / 3, rate / 6]])
    gain = read_upto(hours + more, rates=rates, seed=seed) - read_upto(
        hours, rates=rates, seed=seed
    )
    assert gain.min() >= -1.0
