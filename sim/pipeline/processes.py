"""The control processes of a run, by name: what happens between the weeks of the stations."""

from collections.abc import Mapping

from sim.pipeline.calendar import Calendar
from sim.pipeline.commissioning import purchases
from sim.pipeline.outages import outages
from sim.pipeline.policy_steps import policy_steps
from sim.pipeline.releases import audits
from sim.pipeline.staff import turnover
from sim.pipeline.station import ControlProcess, Stations
from sim.pipeline.training import training_cycle

PROCESSES: Mapping[str, ControlProcess] = {
    process.__name__: process
    for process in (policy_steps, purchases, outages, training_cycle, audits, turnover)
}
"""Functions of the calendar: generators are scheduled on it, others schedule what they need."""


def begin_processes(calendar: Calendar, stations: Stations) -> None:
    """Schedule every control process, or the one that ``with_stations`` put in its place."""
    for name, shipped in PROCESSES.items():
        own = stations.get(name, shipped)
        if isinstance(own, type):
            raise TypeError(f"{name} is a process: a function of the calendar, not {own!r}")
        if (process := own(calendar)) is not None:
            calendar.env.process(process)
