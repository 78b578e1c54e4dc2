"""Policy steps: agreements, mandates and caps that begin in a year, whatever a plan buys."""

import numpy as np

from sim.pipeline.processes.calendar import Calendar, Process
from sim.scenario.schema import PolicyStep
from sim.units import WEEKS_PER_YEAR


def policy_steps(cal: Calendar) -> None:
    """Schedule the policy steps of the scenario that change the state; caps are read by jobs."""
    for step in cal.scenario.policy_steps:
        if step.kind != "carbon_cap":
            cal.env.process(begin(cal, step))


def begin(cal: Calendar, step: PolicyStep) -> Process:
    """Wait for the year, then change what the stations see; a year before the start is today."""
    weeks = (step.year - cal.scenario.horizon.start_year) * WEEKS_PER_YEAR
    yield cal.env.timeout(max(weeks, 0))
    names = cal.world.regions
    chosen = np.array([not step.regions or name in step.regions for name in names])
    if step.kind == "agreement":
        cal.state.agreed[chosen] = 1.0
    else:
        share = np.maximum(cal.state.documented_share, step.share or 0.0)
        cal.state.documented_share[chosen] = share[chosen]
    where = "all" if chosen.all() else ", ".join(step.regions)
    cal.log(step.kind.replace("_", " "), where, "begins")


def carbon_cap(cal: Calendar) -> float:
    """Return what trainings of this calendar year may emit in all, t CO2e; infinity without cap."""
    year = cal.scenario.horizon.start_year + cal.year
    caps = [
        step.t_co2e_per_year
        for step in cal.scenario.policy_steps
        if step.t_co2e_per_year is not None and step.year <= year
    ]
    return min(caps, default=float("inf"))
