"""Training: once a year networks are pre-trained, fine-tuned on frozen data, and released.

Pre-training continues a public foundation model on images of the regions' own archives, labelled
or not. What it brings is measured: it multiplies labelled studies (docs/model.md §4).
"""

import numpy as np
from numpy.typing import NDArray

from sim.learning.law import pretraining_worth
from sim.pipeline.facts import Release
from sim.pipeline.processes.audits import audit, mitigation
from sim.pipeline.processes.calendar import Calendar, Process
from sim.pipeline.processes.cluster import book, fits_owned, rented_speed, run_job
from sim.pipeline.processes.jobs import Booking, Order, Priority
from sim.pipeline.stations import generation, governance
from sim.units import WEEKS_PER_YEAR

LEAST_PRETRAINING = 0.01
"""Share of a full pre-training below which none is run: the least compute that was measured."""


def training_cycle(cal: Calendar) -> Process:
    """Send the trainings of every year to the clusters."""
    while True:
        # after the purchases of the same instant, so that this year's GPU-hours are there
        yield cal.env.timeout(0)
        cal.env.process(year_of_training(cal))
        yield cal.env.timeout(WEEKS_PER_YEAR)


def year_of_training(cal: Calendar) -> Process:
    """Pre-train as far as there are GPU-hours for it, then fine-tune; generators come after."""
    yield from pre_training(cal)
    paying = cal.state.active[:, cal.world.catalogue.index("synthesis")] > 0
    if np.count_nonzero(paying):
        # it asks for the machine once fine-tuning has: a process begins when this one waits
        cal.env.process(generator(cal, paying))
    yield from fine_tuning(cal)


def pre_training(cal: Calendar) -> Process:
    """Go on with pre-training until it is full; more compute than that was not measured."""
    compute, state = cal.world.compute, cal.state
    full = compute.pretraining_gpu_hours
    rest = full - cal.pretraining_booked
    hours = rest if fits_owned(cal, rest) else min(rest, float(cal.for_pretraining.hours.level))
    if hours < LEAST_PRETRAINING * full:
        return
    own = governance.own_share_of_images(cal.world, state)
    booking = yield from book(cal, hours, cal.for_pretraining, patience_weeks=0.0)
    if booking is None:
        return
    cal.pretraining_booked += hours
    if not (yield from run_job(cal, Order("pre-training", Priority.PRE_TRAINING, hours, booking))):
        cal.pretraining_booked -= hours
        return
    cal.pretraining_done += hours
    state.label_efficiency[...] = pretraining_worth(
        cal.pretraining_done / full,
        own,
        efficiency=compute.pretraining_efficiency,
        per_decade=compute.pretraining_per_decade,
        own_share=compute.pretraining_own_share,
    )


def fine_tuning(cal: Calendar) -> Process:
    """Wait for GPU-hours, train on what was frozen, release, audit."""
    world, compute = cal.world, cal.world.compute
    usable = governance.usable(world, cal.state)
    frozen = governance.holdings(world, cal.state, usable, own=cal.scenario.response.own)
    asked = float(cal.env.now)
    studies = governance.trained_on(world, usable)
    slower = compute.federation_gpu_factor - 1.0
    passes = studies + slower * float(usable.federated.sum())
    hours = compute.gpu_hours_base + compute.gpu_hours_per_1000_studies * passes / 1000.0
    booking = yield from book(cal, hours, cal.for_fine_tuning, patience_weeks=WEEKS_PER_YEAR - 1.0)
    if booking is None:
        cal.log("no training", "all", f"{hours:,.0f} GPU-hours were not paid for in time")
        return
    if not (yield from run_job(cal, Order("fine-tuning", Priority.FINE_TUNING, hours, booking))):
        return
    if cal.newest is not None and cal.newest.frozen_week > asked:
        cal.log("no release", "all", "one that was trained on newer data came first")
        return
    number = len(cal.records.releases) + 1
    cal.newest = Release(number, asked, float(cal.env.now), studies, cal.respond(frozen))
    cal.records.releases.append(cal.newest)
    since = cal.newest.live_week - asked
    cal.log("release", "all", f"trained on {studies:,.0f} studies", since=since)
    found = audit(cal)
    if cal.scenario.gate.mitigate and found is not None and (failed := found.wanting()).any():
        yield from mitigation(cal, failed, hours * compute.mitigation_gpu_share)


def generator(cal: Calendar, paying: NDArray[np.bool_]) -> Process:
    """Train a generator for the regions that pay for synthetic studies and have enough real ones.

    Its GPU-hours are in the price of the synthetic studies; its energy is booked.
    """
    ready = generation.can_train_a_generator(cal.world, cal.state) & paying[:, None]
    if not ready.any():
        return
    payers = ready.any(axis=1) / ready.any(axis=1).sum()
    hours = cal.world.compute.generator_gpu_hours
    booking = Booking(cal.rented, rented_speed(cal), np.asarray(payers))
    if (yield from run_job(cal, Order("generator", Priority.GENERATOR, hours, booking))):
        cal.state.generator_ready |= ready
