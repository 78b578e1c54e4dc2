"""Outages: long losses of power or network in a region, and failures of the clusters.

Short power cuts are in the usual share of hours that a site works (``site_power_share``); these are
the storms, broken transformers and cut cables that last for days or weeks.
"""

import simpy

from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.jobs import Cluster
from sim.units import WEEKS_PER_YEAR


def outages(cal: Calendar) -> None:
    """Schedule the outages of every region and cluster."""
    for region, rate in enumerate(cal.world.compute.outages_per_year):
        if rate > 0.0:
            cal.env.process(power(cal, region))
    if cal.world.compute.cluster_outages_per_year > 0.0:
        for one in (cal.rented, cal.owned):
            cal.env.process(cluster(cal, one))


def power(cal: Calendar, region: int) -> Process:
    """Lose the grid of one region from time to time; sites then run on their own power only.

    Times between and lengths are exponential: the two-state renewal process of machine repair.
    """
    compute, name = cal.world.compute, cal.world.regions[region]
    between, length = WEEKS_PER_YEAR / compute.outages_per_year[region], compute.outage_weeks[region]
    luck = cal.exponentials("outages", name)
    while True:
        yield cal.env.timeout(next(luck) * between)
        weeks = next(luck) * length
        cal.state.power[region] = compute.site_backup_share[region]
        cal.log("power lost", name, f"for {weeks:.1f} weeks", lasts=weeks)
        yield cal.env.timeout(weeks)
        cal.state.power[region] = 1.0


def cluster(cal: Calendar, one: Cluster) -> Process:
    """Take a cluster down from time to time; what runs on it stops."""
    compute, luck = cal.world.compute, cal.exponentials("outages", "cluster", one.name)
    while True:
        yield cal.env.timeout(next(luck) * (WEEKS_PER_YEAR / compute.cluster_outages_per_year))
        weeks = next(luck) * compute.cluster_outage_weeks
        cal.log("cluster down", "all", f"{one.name}, for {weeks:.1f} weeks", lasts=weeks)
        _switch(cal, one, up=False)
        yield cal.env.timeout(weeks)
        _switch(cal, one, up=True)


def _switch(cal: Calendar, one: Cluster, *, up: bool) -> None:
    one.up = up
    if one.change.callbacks:  # a job waits for it
        changed, one.change = one.change, simpy.Event(cal.env)
        changed.succeed()
