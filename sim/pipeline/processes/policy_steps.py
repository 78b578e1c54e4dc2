"""Policy steps: agreements, mandates and caps that hold in given years, whatever a plan buys."""

from collections.abc import Sequence

import numpy as np

from sim.pipeline.processes.calendar import Calendar, Process
from sim.scenario.schema import PolicyStep
from sim.units import WEEKS_PER_YEAR


def policy_steps(cal: Calendar) -> None:
    """Schedule the policy steps of the scenario that change the state; caps are read by jobs."""
    steps = [step for step in cal.scenario.policy_steps if step.kind != "carbon_cap"]
    start = cal.scenario.horizon.start_year
    for year in sorted({max(year, start) for step in steps for year in step.changing_years}):
        cal.env.process(change(cal, year, steps))


def change(cal: Calendar, year: int, steps: Sequence[PolicyStep]) -> Process:
    """Wait for the year, then let stations see what holds in it; before the start is today."""
    start = cal.scenario.horizon.start_year
    yield cal.env.timeout((year - start) * WEEKS_PER_YEAR)
    today = cal.world.data.documented_share
    agreed, documented = np.zeros_like(today), today.copy()
    for step in steps:
        chosen = np.array([not step.regions or name in step.regions for name in cal.world.regions])
        part = chosen * step.part_in_force(year)
        if step.kind == "agreement":
            agreed = np.maximum(agreed, part)
        else:
            whole = np.maximum(today, step.share or 0.0)
            risen = np.where(part < 1.0, today + part * (whole - today), whole)
            documented = np.maximum(documented, risen)
    cal.state.agreed[:] = agreed
    cal.state.documented_share[:] = documented
    for step in steps:
        if said := _said(step, year, first=year == start):
            what = step.kind.replace("_", " ")
            cal.log(what, ", ".join(step.regions) or "all", said)


def _said(step: PolicyStep, year: int, *, first: bool) -> str:
    """Return what happens to a step at the start of a year; empty where nothing does."""
    part = step.part_in_force(year)
    if part > 0.0 and (year == step.year or first):
        return "begins" if part == 1.0 else f"begins: {part:.0%}"
    if year == step.until:
        return "ends"
    return f"rises to {part:.0%}" if part > step.part_in_force(year - 1) else ""


def carbon_cap(cal: Calendar) -> float:
    """Return what trainings of this calendar year may emit in all, t CO2e; infinity without cap."""
    year = cal.scenario.horizon.start_year + cal.year
    caps = [
        step.t_co2e_per_year
        for step in cal.scenario.policy_steps
        if step.t_co2e_per_year is not None and step.part_in_force(year) > 0.0
    ]
    return min(caps, default=float("inf"))
