"""Closed forms against textbook identities, and the busy curve against the closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.domain.capacity import uptime
from sim.pipeline.kernels.erlang import busy_curve, urgent_curve
from tests.validation.closed_forms import erlang_a, erlang_a_chances, erlang_c, working_chances

loads = st.floats(0.05, 3.0)
units = st.integers(1, 60)
exam_rates = st.floats(0.5, 40.0)
leave_rates = st.floats(1e-3, 20.0)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9, 0.99])
def test_one_unit_is_the_textbook_queue(load: float) -> None:
    found = erlang_c(7.0 * load, exams_per_unit_day=7.0, units=1)
    assert found.queue == pytest.approx(load**2 / (1.0 - load))
    assert found.wait_days == pytest.approx(load / (7.0 - 7.0 * load))
    assert found.delayed_share == pytest.approx(load)


def test_two_units_are_the_textbook_queue() -> None:
    found = erlang_c(1.5, exams_per_unit_day=1.0, units=2)
    assert found.delayed_share == pytest.approx(0.75**2 * 2 / (1 + 0.75))
    assert found.queue == pytest.approx(2 * 0.75**3 / (1 - 0.75**2))


def test_ten_thousand_units_do_not_overflow() -> None:
    # Halfin and Whitt 1981: the share delayed has a limit at c = load + beta * sqrt(load)
    beta, count = 0.5, 10_000
    offered = count - beta * math.sqrt(count)
    found = erlang_c(offered, exams_per_unit_day=1.0, units=count)
    density = math.exp(-(beta**2) / 2.0) / math.sqrt(2.0 * math.pi)
    below = 0.5 * (1.0 + math.erf(beta / math.sqrt(2.0)))
    assert found.delayed_share == pytest.approx(1.0 / (1.0 + beta * below / density), rel=0.01)
    patient = erlang_a(offered, exams_per_unit_day=1.0, units=count, leave_per_day=1e-7)
    assert patient.queue == pytest.approx(found.queue, rel=1e-3)


def test_without_abandonment_an_overload_is_refused() -> None:
    with pytest.raises(ValueError, match="load 1"):
        erlang_c(10.0, exams_per_unit_day=10.0, units=1)


@given(load=loads, c=units, rate=exam_rates, leave=leave_rates)
def test_erlang_a_balances(load: float, c: int, rate: float, leave: float) -> None:
    arrivals = load * c * rate
    found = erlang_a(arrivals, exams_per_unit_day=rate, units=c, leave_per_day=leave)
    assert found.exams_per_day + found.reneged_per_day == pytest.approx(arrivals, rel=1e-9)
    assert found.exams_per_day <= min(arrivals, c * rate) * (1.0 + 1e-9)
    # a fluid of people waits at least as long as demand exceeds capacity
    assert found.queue >= (arrivals - c * rate) / leave * (1.0 - 1e-9)
    assert found.wait_days == pytest.approx(found.queue / arrivals, rel=1e-9)


@given(load=loads, c=units, rate=exam_rates)
def test_equal_rates_leave_a_poisson_number_of_people(load: float, c: int, rate: float) -> None:
    chances = erlang_a_chances(
        load * c * rate, exams_per_unit_day=rate, units=c, leave_per_day=rate
    )
    people = np.arange(len(chances))
    assert chances @ people == pytest.approx(load * c, rel=1e-9)
    assert chances @ people**2 - (load * c) ** 2 == pytest.approx(load * c, rel=1e-7)


@given(load=st.floats(0.05, 0.95), c=units)
def test_very_patient_people_are_those_of_erlang_c(load: float, c: int) -> None:
    patient = erlang_a(load * c, exams_per_unit_day=1.0, units=c, leave_per_day=1e-9)
    assert patient.queue == pytest.approx(
        erlang_c(load * c, exams_per_unit_day=1.0, units=c).queue, rel=1e-4, abs=1e-9
    )


def test_nobody_waits_for_endless_units() -> None:
    endless = erlang_a(50.0, exams_per_unit_day=10.0, units=math.inf, leave_per_day=1.0)
    many = erlang_a(50.0, exams_per_unit_day=10.0, units=80, leave_per_day=1.0)
    assert endless.queue == 0.0
    assert many.queue == pytest.approx(0.0, abs=1e-9)
    assert many.busy_units == pytest.approx(endless.busy_units)


@given(c=st.integers(1, 30), fail=st.floats(0.01, 2.0), repair=st.floats(0.01, 2.0))
def test_working_units_are_the_available_share(c: int, fail: float, repair: float) -> None:
    chances = working_chances(c, failures_per_week=fail, repairs_per_week=repair)
    assert chances.sum() == pytest.approx(1.0)
    share = float(uptime(np.array(fail), np.array(repair)))
    assert chances @ np.arange(c + 1) == pytest.approx(c * share)


@given(c=st.integers(1, 20), ratio=st.floats(1e-4, 10.0))
def test_busy_curve_rises_to_all_units(c: int, ratio: float) -> None:
    waiting, busy, _ = busy_curve(c, ratio)
    assert waiting[0] == busy[0] == 0.0
    assert busy[-1] == 1.0
    assert (np.diff(waiting) >= 0.0).all()
    assert (np.diff(busy) >= 0.0).all()
    # no two points are the same, so that a day's balance has one solution
    assert (np.diff(waiting + busy) > 0.0).all()


@given(c=st.integers(1, 6), ratio=st.floats(1e-3, 0.5), load=st.floats(0.1, 1.6))
def test_busy_curve_balances_at_erlang_a(c: int, ratio: float, load: float) -> None:
    waiting, busy, _ = busy_curve(c, ratio)
    exact = erlang_a(load * c, exams_per_unit_day=1.0, units=c, leave_per_day=ratio)
    demand = busy + ratio * waiting
    beyond = (load - 1.0) / ratio
    found = np.interp(load, demand, waiting) if load < demand[-1] else beyond
    assert found * c == pytest.approx(exact.queue, rel=0.03, abs=0.02)


@pytest.mark.parametrize("ratio", [1e12, 1e300, math.inf])
def test_where_nobody_waits_units_are_busy_as_in_erlang_b(ratio: float) -> None:
    waiting, busy, _ = busy_curve(1, ratio)
    loads = np.arange(36) / 38.0
    assert busy[:36] == pytest.approx(loads / (1.0 + loads), rel=1e-6)
    assert waiting.max() < 1e-5
    assert np.isfinite(urgent_curve(1, ratio)).all()
