"""The clusters: jobs wait for GPU-hours, for a clean grid and for the machine, then run.

The regions share two clusters: their own accelerators, as far as trainings may use them, and rented
ones. A job runs on their own where these do it within half a year, else on rented GPU-hours that
are paid for. Each cluster runs one job at a time: pre-training first, then fine-tuning, mitigation
and generators. A failure of a GPU or an outage of the cluster costs the work since the last
checkpoint, which is done again: the provider does not charge for it twice, but its energy is spent
and booked.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import simpy

from sim.domain.lever import Floats
from sim.pipeline.calendar import Calendar, Cluster, Prepaid, Process
from sim.pipeline.policy_steps import carbon_cap
from sim.pipeline.records import Job
from sim.units import GRAMS_PER_TONNE, HOURS_PER_WEEK, WATTS_PER_KW, WEEKS_PER_YEAR

GRID_MEMORY = 0.6
"""Correlation of the grid's carbon intensity between one week and the next; assumed."""
OWNED_WITHIN_WEEKS = 26
"""Longest time that a job may take on the regions' own accelerators; a planner's rule."""


class Priority(IntEnum):
    """Order of jobs that wait for the machine; the lowest goes first."""

    PRE_TRAINING = 0
    FINE_TUNING = 1
    MITIGATION = 2
    GENERATOR = 3


@dataclass(frozen=True, slots=True)
class Booking:
    """Where a job runs."""

    cluster: Cluster
    gpu_hours_per_week: float
    payers: Floats
    """Share of its energy by region, shape (r,); adds up to 1."""
    prepaid: Prepaid | None = None
    """What its hours were taken from."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job that somebody wants done."""

    kind: str
    priority: Priority
    gpu_hours: float
    booking: Booking


def rented_speed(cal: Calendar) -> float:
    """Return the GPU-hours that the rented cluster does in a week."""
    return cal.world.compute.gpus * HOURS_PER_WEEK


def owned_speed(cal: Calendar) -> Floats:
    """Return the GPU-hours of their own that regions give to trainings in a week, shape (r,)."""
    catalogue = cal.world.catalogue
    item = catalogue.index("gpu_server")
    bought = cal.state.active[:, item] * catalogue.capacity[:, item]
    return np.asarray((cal.world.compute.owned_gpu_hours_per_year + bought) / WEEKS_PER_YEAR)


def fits_owned(cal: Calendar, gpu_hours: float) -> bool:
    """Return whether the regions' own accelerators do a job soon enough."""
    return gpu_hours <= OWNED_WITHIN_WEEKS * float(owned_speed(cal).sum())


def book(
    cal: Calendar, gpu_hours: float, prepaid: Prepaid, *, patience_weeks: float
) -> Generator[simpy.Event, object, Booking | None]:
    """Return where a job may run; None where its GPU-hours are not paid for in time."""
    if fits_owned(cal, gpu_hours):
        owned = owned_speed(cal)
        speed = float(owned.sum())
        return Booking(cal.owned, speed, owned / speed)
    request = prepaid.hours.get(gpu_hours)
    yield request | cal.env.timeout(patience_weeks)
    if not request.triggered:
        request.cancel()
        return None
    return Booking(cal.rented, rented_speed(cal), prepaid.payers(), prepaid)


def run_job(cal: Calendar, order: Order) -> Generator[simpy.Event, object, bool]:
    """Wait for the machine, run the order, and book it; return whether it was done."""
    asked, booking = float(cal.env.now), order.booking
    yield from _wait_for_clean_grid(cal)
    with booking.cluster.machine.request(priority=order.priority) as turn:
        yield turn
        grid = cal.world.compute.grid_g_co2e_per_kwh * grid_factor(cal)
        room = carbon_cap(cal) - _emitted(cal)
        expected = _energy_kwh(cal, order.gpu_hours) * float(booking.payers @ grid)
        if expected / GRAMS_PER_TONNE > room:
            if booking.prepaid is not None:
                yield booking.prepaid.hours.put(order.gpu_hours)
            _write(cal, order, asked, outcome="over cap")
            cal.log(
                "carbon cap",
                "all",
                f"{order.kind} needs {expected / GRAMS_PER_TONNE:,.2f} t CO2e, {room:,.2f} left",
            )
            return False
        start = float(cal.env.now)
        worked, interruptions = yield from _work(cal, order)
    energy = _energy_kwh(cal, worked)
    cal.records.add_energy(min(cal.year, cal.last_year), "training", energy * booking.payers, grid)
    _write(
        cal,
        order,
        asked,
        start=start,
        interruptions=interruptions,
        energy_kwh=energy,
        emissions_t_co2e=energy * float(booking.payers @ grid) / GRAMS_PER_TONNE,
    )
    return True


def _write(
    cal: Calendar,
    order: Order,
    asked: float,
    *,
    start: float = np.nan,
    interruptions: int = 0,
    energy_kwh: float = 0.0,
    emissions_t_co2e: float = 0.0,
    outcome: str = "done",
) -> None:
    """Write down a job that ended now, or one that never started."""
    cal.records.jobs.append(
        Job(
            kind=order.kind,
            cluster=order.booking.cluster.name,
            asked_week=asked,
            start_week=start,
            end_week=np.nan if np.isnan(start) else float(cal.env.now),
            gpu_hours=order.gpu_hours,
            interruptions=interruptions,
            energy_kwh=energy_kwh,
            emissions_t_co2e=emissions_t_co2e,
            outcome=outcome,
        )
    )


def _work(cal: Calendar, order: Order) -> Generator[simpy.Event, object, tuple[float, int]]:
    """Run until the work is done; return the GPU-hours that ran and the interruptions."""
    compute, cluster = cal.world.compute, order.booking.cluster
    speed = order.booking.gpu_hours_per_week
    # a failure stops the job, whichever of its accelerators fails
    failures_per_week = compute.gpu_failures_per_week * speed / rented_speed(cal)
    luck = cal.luck("job", order.kind, int(cal.env.now))
    left, worked, interruptions = order.gpu_hours / speed, 0.0, 0
    while True:
        while not cluster.up:
            yield cluster.change
        began = cal.env.now
        to_failure = luck.exponential(1.0 / failures_per_week)
        yield cal.env.timeout(min(left, to_failure)) | cluster.change
        ran = float(cal.env.now - began)
        worked += ran * speed
        # a rounding error of the clock must not leave a job that never ends
        if ran >= left - 1e-9:
            return worked, interruptions
        interruptions += 1
        left -= ran // compute.checkpoint_weeks * compute.checkpoint_weeks


def _wait_for_clean_grid(cal: Calendar) -> Process:
    """Wait for the cleanest week that is not too far off.

    The job knows the weeks to come: what a perfect forecast would save, so an upper bound.
    """
    now, weeks = int(cal.env.now), cal.scenario.training.flexible_weeks
    ahead = cal.grid_weeks[now : now + weeks + 1]
    if len(ahead) > 1 and (wait := int(np.argmin(ahead))):
        yield cal.env.timeout(wait)


def grid_factor(cal: Calendar) -> float:
    """Return the grid's carbon intensity this week, relative to its yearly mean."""
    return float(cal.grid_weeks[min(int(cal.env.now), len(cal.grid_weeks) - 1)])


def grid_weeks(swing: float, luck: np.random.Generator, *, weeks: int) -> Floats:
    """Return the grid's carbon intensity by week relative to its mean: log-normal with memory.

    Parameters
    ----------
    swing : standard deviation of the logarithm, about the relative spread.
    """
    steps, level = luck.standard_normal(weeks), 0.0
    levels = np.empty(weeks)
    for week, step in enumerate(steps):
        level = GRID_MEMORY * level + np.sqrt(1.0 - GRID_MEMORY**2) * step if week else step
        levels[week] = level
    return np.asarray(np.exp(swing * levels - swing**2 / 2.0))


def _energy_kwh(cal: Calendar, gpu_hours: float) -> float:
    compute = cal.world.compute
    return gpu_hours * compute.gpu_watts / WATTS_PER_KW * compute.pue


def _emitted(cal: Calendar) -> float:
    """Return what trainings that ended in this year have emitted, t CO2e."""
    ended = (job for job in cal.records.jobs if job.end_week // WEEKS_PER_YEAR == cal.year)
    return sum(job.emissions_t_co2e for job in ended)
