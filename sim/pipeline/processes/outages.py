"""Outages: long losses of power or network in a region, and failures of the clusters.

Short power cuts are in the usual share of hours that a site works (``site_power_share``); these are
the storms, broken transformers and cut cables that last for days or weeks. They do not depend on
any plan: runs with the same random numbers share them.
"""

import simpy

from sim.pipeline.processes.calendar import Calendar, Process, log_all
from sim.pipeline.processes.jobs import Owner
from sim.units import WEEKS_PER_YEAR


def outages(*cals: Calendar) -> None:
    """Schedule the outages of every region and cluster, for runs with the same random numbers."""
    env, compute = cals[0].env, cals[0].world.compute
    for region, rate in enumerate(compute.outages_per_year):
        if rate > 0.0:
            env.process(power(cals, region))
    if compute.cluster_outages_per_year > 0.0:
        owners: tuple[Owner, ...] = ("rented", "owned")
        for owner in owners:
            env.process(cluster(cals, owner))


def power(cals: tuple[Calendar, ...], region: int) -> Process:
    """Lose the grid of one region from time to time; sites then run on their own power only.

    Times between and lengths are exponential: the two-state renewal process of machine repair.
    """
    first = cals[0]
    compute, name = first.world.compute, first.world.regions[region]
    between, length = (
        WEEKS_PER_YEAR / compute.outages_per_year[region],
        compute.outage_weeks[region],
    )
    draws = first.exponentials("outages", name)
    while True:
        yield first.env.timeout(next(draws) * between)
        weeks = next(draws) * length
        for cal in cals:
            cal.state.power[region] = compute.site_backup_share[region]
        log_all(cals, "power lost", name, f"for {weeks:.1f} weeks", lasts=weeks)
        yield first.env.timeout(weeks)
        for cal in cals:
            cal.state.power[region] = 1.0


def cluster(cals: tuple[Calendar, ...], owner: Owner) -> Process:
    """Take a cluster down from time to time; what runs on it stops."""
    first = cals[0]
    compute, draws = first.world.compute, first.exponentials("outages", "cluster", owner)
    while True:
        yield first.env.timeout(next(draws) * (WEEKS_PER_YEAR / compute.cluster_outages_per_year))
        weeks = next(draws) * compute.cluster_outage_weeks
        log_all(cals, "cluster down", "all", f"{owner}, for {weeks:.1f} weeks", lasts=weeks)
        for cal in cals:
            _switch(cal, owner, up=False)
        yield first.env.timeout(weeks)
        for cal in cals:
            _switch(cal, owner, up=True)


def _switch(cal: Calendar, owner: Owner, *, up: bool) -> None:
    one = cal.cluster(owner)
    one.up = up
    if one.change.callbacks:  # a job waits for it
        changed, one.change = one.change, simpy.Event(cal.env)
        changed.succeed()
