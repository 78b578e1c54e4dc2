"""The clusters: jobs wait for GPU-hours, for a clean grid and for the machine, then run.

The regions share two clusters: their own accelerators, as far as trainings may use them, and rented
ones. A job runs on their own where these do it soon enough (``own_job_weeks``), else on rented GPU-
hours that are paid for. Each cluster runs one job at a time: pre-training first, then fine-tuning,
mitigation and generators; where the scenario says so (``training.preemption``), a job takes the
machine from one of a later kind, which goes on afterwards. A failure of a GPU, an outage of the
cluster or such a preemption costs the work since the last checkpoint, which is done again: the
provider does not charge for it twice, but its energy is spent and booked.
"""

import math
from collections.abc import Generator, Iterable, Iterator

import numpy as np
import simpy
from simpy.resources.resource import PriorityRequest

from sim.domain.levers import Floats
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.jobs import Booking, Order, Prepaid, Stretch, Tally
from sim.pipeline.processes.policy_steps import carbon_cap
from sim.units import GRAMS_PER_TONNE, HOURS_PER_WEEK, WATTS_PER_KW, WEEKS_PER_YEAR

MOST_STOPS = 1_000
"""Interruptions after which a job is given up, as it does not come from one checkpoint to the next:
a fast cluster could be stopped without end and never be a week older."""


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
    return gpu_hours <= cal.world.compute.own_job_weeks * float(owned_speed(cal).sum())


def book(
    cal: Calendar, gpu_hours: float, prepaid: Prepaid, *, patience_weeks: float
) -> Generator[simpy.Event, object, Booking | None]:
    """Return where a job may run; None where its GPU-hours are not paid for in time."""
    if fits_owned(cal, gpu_hours):
        owned = owned_speed(cal)
        speed = float(owned.sum())
        return Booking(cal.owned, speed, owned / speed)
    request = prepaid.hours.get(gpu_hours)
    if not request.triggered:
        # without a wait where hours are there, so that jobs ask for the machine in their order
        yield request | cal.env.timeout(patience_weeks)
    if not request.triggered:
        request.cancel()
        return None
    return Booking(cal.rented, rented_speed(cal), prepaid.payers(), prepaid)


def run_job(cal: Calendar, order: Order) -> Generator[simpy.Event, object, bool]:
    """Wait for the machine, run the order, and book it; return whether it was done."""
    tally = Tally(order, float(cal.env.now))
    yield from _wait_for_clean_grid(cal)
    tally.place = order.booking.cluster.place(order.priority)
    turn = yield from _turn(cal, tally)
    if not _within_cap(cal, order):
        order.booking.cluster.machine.release(turn)
        if (prepaid := order.booking.prepaid) is not None:
            yield prepaid.hours.put(order.gpu_hours)
        cal.records.jobs.append(tally.written(end_week=np.nan, outcome="over cap"))
        return False
    tally.start_week = float(cal.env.now)
    cal.under_way.append(tally)
    done = yield from _work(cal, tally, turn)
    cal.under_way.remove(tally)
    now = float(cal.env.now)
    if not done:
        cal.records.jobs.append(tally.written(end_week=now, outcome="given up"))
        cal.log("given up", "all", f"{order.kind}, {tally.interruptions:,} interruptions")
        return False
    cal.records.jobs.append(tally.written(end_week=now, outcome="done"))
    stops = f", {tally.interruptions} interruptions" if tally.interruptions else ""
    detail = f"{order.gpu_hours:,.0f} GPU-hours, {order.booking.cluster.name}{stops}"
    cal.log(order.kind, "all", detail, since=now - tally.start_week)
    return True


def _within_cap(cal: Calendar, order: Order) -> bool:
    """Return whether a training may start under the carbon cap of the year, and promise its share.

    What failures make it do again comes on top: nobody can promise that.
    """
    expected = _energy_kwh(cal, order.gpu_hours) * _grid(cal, order) / GRAMS_PER_TONNE
    room = carbon_cap(cal) - cal.promised_t_co2e.get(cal.year, 0.0)
    if expected > room:
        detail = f"{order.kind} needs {expected:,.2f} t CO2e, {room:,.2f} left"
        cal.log("carbon cap", "all", detail)
        return False
    cal.promised_t_co2e[cal.year] = cal.promised_t_co2e.get(cal.year, 0.0) + expected
    return True


def _turn(cal: Calendar, tally: Tally) -> Generator[simpy.Event, object, PriorityRequest]:
    """Wait for the machine, and return what holds it until it is released or taken away."""
    machine, preempt = tally.order.booking.cluster.machine, cal.scenario.training.preemption
    while True:
        turn = machine.request(priority=tally.place, preempt=preempt)
        try:
            yield turn
        except simpy.Interrupt:
            continue  # taken away in the instant in which it was given
        return turn


def _work(
    cal: Calendar, tally: Tally, turn: PriorityRequest
) -> Generator[simpy.Event, object, bool]:
    """Run until the work is done, and release the machine.

    Returns False where the job is stopped again and again instead.
    """
    compute, booking, kind = cal.world.compute, tally.order.booking, tally.order.kind
    # a failure stops the job, whichever of its accelerators fails
    speed = booking.gpu_hours_per_week
    failures_per_week = compute.gpu_failures_per_week * speed / rented_speed(cal)
    # by number, not by week: when a job starts depends on the plan
    draws = cal.exponentials("job", kind, cal.started[kind])
    cal.started[kind] += 1
    left = tally.order.gpu_hours / speed
    weeks = (next(draws) * (1.0 / failures_per_week) if failures_per_week else math.inf
             for _ in range(MOST_STOPS))  # fmt: skip
    known: list[float] = []
    while left > 0.0 and tally.interruptions < MOST_STOPS:
        preempted = False
        try:
            while not booking.cluster.up:
                yield booking.cluster.change
            # failures are known ahead, and only what happens to the whole cluster is waited for: a
            # fast one has hundreds of them
            since = float(cal.env.now)
            failures = _from(tally.interruptions, known, weeks)
            tally.ahead = list(_stretches(since, left, failures, compute.checkpoint_weeks))
            wait = _delay(since, tally.ahead[-1].until_week)
            yield cal.env.timeout(wait) | booking.cluster.change
        except simpy.Interrupt:
            preempted = True
        if tally.ahead:
            left = _settled(cal, tally)
        if preempted and left > 0.0:
            cal.log("preempted", "all", f"{kind}, {booking.cluster.name}")
            turn = yield from _turn(cal, tally)
    booking.cluster.machine.release(turn)
    return left <= 0.0


def _from(first: int, known: list[float], more: Iterator[float]) -> Iterator[float]:
    """Yield numbers from one on: those that are known, then more, which are known from then on."""
    yield from known[first:]
    for one in more:
        known.append(one)
        yield one


def _stretches(
    since: float, left: float, failures: Iterator[float], checkpoint_weeks: float
) -> Iterator[Stretch]:
    """Yield what a job works between failures, until its work is done or failures are at an end.

    ``failures`` are weeks of work to each next one.
    """
    for to_failure in failures:
        one = Stretch(since, since + min(left, to_failure), left)
        yield one
        left = _left_after(one, one.until_week, checkpoint_weeks)
        if left <= 0.0:
            return
        since = one.until_week


def _left_after(one: Stretch, week: float, checkpoint_weeks: float) -> float:
    """Return the work that is left when a stretch ends in a week, in weeks; 0 where it is done."""
    ran = week - one.since_week
    # a rounding error of the clock must not leave a job that never ends
    if ran >= one.left_weeks - 1e-9:
        return 0.0
    return one.left_weeks - ran // checkpoint_weeks * checkpoint_weeks


def _settled(cal: Calendar, tally: Tally) -> float:
    """Book what a job worked until now, and count what stopped it; return the weeks that are left.

    What stops it now, where it is not done, counts as well.
    """
    now, left = float(cal.env.now), math.inf
    _book_energy(cal, tally, _worked(tally.ahead, now))
    for one in tally.ahead:
        end = min(one.until_week, now)
        left = _left_after(one, end, cal.world.compute.checkpoint_weeks)
        if left <= 0.0:
            break
        tally.interruptions += 1
        if one.until_week >= now:
            break
    tally.ahead = []
    return left


def _worked(ahead: Iterable[Stretch], now: float) -> Iterator[tuple[float, float]]:
    """Yield from when to when a job worked until now."""
    for one in ahead:
        if one.since_week < now:
            yield one.since_week, min(one.until_week, now)


def _delay(now: float, week: float) -> float:
    """Return what has to pass for the clock to stand at a week, to the last bit."""
    delay = week - now
    while now + delay < week:
        delay = math.nextafter(delay, math.inf)
    while now + delay > week:
        delay = math.nextafter(delay, -math.inf)
    return delay


def _book_energy(cal: Calendar, tally: Tally, worked: Iterable[tuple[float, float]]) -> None:
    """Book what a job used while it worked, from week to week, in the years in which it did."""
    booking, grids = tally.order.booking, {}
    payers, speed = booking.payers, booking.gpu_hours_per_week
    for since, now in worked:
        if (week := int(since)) not in grids:  # the grid is as clean all week
            grid = cal.world.compute.grid_g_co2e_per_kwh * grid_factor(cal, since)
            grids[week] = grid, float(payers @ grid)
        grid, of_payers = grids[week]
        for year in range(int(since // WEEKS_PER_YEAR), int(now // WEEKS_PER_YEAR) + 1):
            begin, end = year * WEEKS_PER_YEAR, (year + 1) * WEEKS_PER_YEAR
            weeks = min(now, end) - max(since, begin)
            if weeks > 0.0:
                energy = _energy_kwh(cal, weeks * speed)
                cal.records.add_energy(year, "training", energy * payers, grid)
                tally.energy_kwh += energy
                tally.emissions_t_co2e += energy * of_payers / GRAMS_PER_TONNE


def close_jobs(cal: Calendar) -> None:
    """Write down the jobs that still run when the simulation ends, and book what they used."""
    now = float(cal.env.now)
    for tally in cal.under_way:
        _book_energy(cal, tally, _worked(tally.ahead, now))
        tally.interruptions += sum(one.until_week < now for one in tally.ahead)
        cal.records.jobs.append(tally.written(end_week=np.nan, outcome="running"))


def _wait_for_clean_grid(cal: Calendar) -> Process:
    """Wait for the cleanest week that is not too far off.

    The job knows the weeks to come: what a perfect forecast would save, so an upper bound.
    """
    now, weeks = int(cal.env.now), cal.scenario.training.flexible_weeks
    ahead = cal.grid_weeks[now : now + weeks + 1]
    if len(ahead) > 1 and (wait := int(np.argmin(ahead))):
        yield cal.env.timeout(wait)


def grid_factor(cal: Calendar, week: float) -> float:
    """Return the grid's carbon intensity in a week, relative to its yearly mean."""
    return float(cal.grid_weeks[min(int(week), len(cal.grid_weeks) - 1)])


def grid_weeks(swing: float, rng: np.random.Generator, *, weeks: int, memory: float) -> Floats:
    """Return the grid's carbon intensity by week relative to its mean: log-normal with memory.

    Parameters
    ----------
    swing : standard deviation of the logarithm, about the relative spread.
    memory : correlation between one week and the next.
    """
    steps, level = rng.standard_normal(weeks), 0.0
    levels = np.empty(weeks)
    for week, step in enumerate(steps):
        level = memory * level + np.sqrt(1.0 - memory**2) * step if week else step
        levels[week] = level
    return np.asarray(np.exp(swing * levels - swing**2 / 2.0))


def _energy_kwh(cal: Calendar, gpu_hours: float) -> float:
    compute = cal.world.compute
    return gpu_hours * compute.gpu_watts / WATTS_PER_KW * compute.pue


def _grid(cal: Calendar, order: Order) -> float:
    """Return the intensity of the grids that an order draws on now, g CO2e per kWh."""
    grids = cal.world.compute.grid_g_co2e_per_kwh
    return float(order.booking.payers @ grids) * grid_factor(cal, float(cal.env.now))
