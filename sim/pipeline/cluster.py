"""The cluster: jobs wait for money, for a clean grid and for the machine, then run and are booked.

All regions share one rented cluster that runs one job at a time: fine-tuning first, then
mitigation, then generators. A failure of a GPU or an outage of the cluster costs the work since the
last checkpoint, which is done again: the provider does not charge for it twice, but its energy is
spent and booked.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import simpy

from sim.domain.lever import Floats
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.policy_steps import carbon_cap
from sim.pipeline.records import Job
from sim.units import GRAMS_PER_TONNE, HOURS_PER_WEEK, WATTS_PER_KW, WEEKS_PER_YEAR

GRID_MEMORY = 0.6
"""Correlation of the grid's carbon intensity between one week and the next; assumed."""


class Priority(IntEnum):
    """Order of jobs that wait for the machine; the lowest goes first."""

    FINE_TUNING = 0
    MITIGATION = 1
    GENERATOR = 2


@dataclass(frozen=True, slots=True)
class Order:
    """A job that somebody wants done."""

    kind: str
    priority: Priority
    gpu_hours: float
    payers: Floats
    """Share of its energy by region, shape (r,); adds up to 1."""


def run_job(cal: Calendar, order: Order) -> Generator[simpy.Event, object, bool]:
    """Wait for the machine, run the order, and book it; return whether it was done."""
    asked = float(cal.env.now)
    yield from _wait_for_clean_grid(cal)
    with cal.machine.request(priority=order.priority) as turn:
        yield turn
        grid = cal.world.compute.grid_g_co2e_per_kwh * grid_factor(cal)
        room = carbon_cap(cal) - _emitted(cal)
        expected = _energy_kwh(cal, order.gpu_hours) * float(order.payers @ grid) / GRAMS_PER_TONNE
        if expected > room:
            held = Job(order.kind, asked, np.nan, np.nan, order.gpu_hours, 0, 0.0, 0.0, "over cap")
            cal.records.jobs.append(held)
            cal.log(
                "carbon cap", "all", f"{order.kind} needs {expected:,.2f} t CO2e, {room:,.2f} left"
            )
            return False
        start = float(cal.env.now)
        worked, interruptions = yield from _work(cal, order)
    energy = _energy_kwh(cal, worked)
    cal.records.add_energy(min(cal.year, cal.last_year), "training", energy * order.payers, grid)
    emitted = energy * float(order.payers @ grid) / GRAMS_PER_TONNE
    cal.records.jobs.append(
        Job(
            kind=order.kind,
            asked_week=asked,
            start_week=start,
            end_week=float(cal.env.now),
            gpu_hours=order.gpu_hours,
            interruptions=interruptions,
            energy_kwh=energy,
            emissions_t_co2e=emitted,
            outcome="done",
        )
    )
    return True


def _work(cal: Calendar, order: Order) -> Generator[simpy.Event, object, tuple[float, int]]:
    """Run until the work is done; return the GPU-hours that ran and the interruptions."""
    compute = cal.world.compute
    luck = cal.luck("job", order.kind, int(cal.env.now))
    left, worked, interruptions = order.gpu_hours / (compute.gpus * HOURS_PER_WEEK), 0.0, 0
    while True:
        while not cal.cluster_up:
            yield cal.cluster_change
        began = cal.env.now
        to_failure = luck.exponential(1.0 / compute.gpu_failures_per_week)
        yield cal.env.timeout(min(left, to_failure)) | cal.cluster_change
        ran = float(cal.env.now - began)
        worked += ran * compute.gpus * HOURS_PER_WEEK
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
