"""The control processes of a run, by name: what happens between the weeks of the stations."""

from collections.abc import Callable, Mapping, Sequence

from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.commissioning import purchases
from sim.pipeline.outages import outages
from sim.pipeline.policy_steps import policy_steps
from sim.pipeline.releases import audits
from sim.pipeline.staff import turnover
from sim.pipeline.station import ControlProcess, Stations
from sim.pipeline.training import training_cycle

SharedProcess = Callable[..., Process | None]
"""A function of one or more calendars."""

PROCESSES: Mapping[str, ControlProcess] = {
    process.__name__: process
    for process in (policy_steps, purchases, outages, training_cycle, audits, turnover)
}
"""Functions of the calendar: generators are scheduled on it, others schedule what they need."""
SHARED: Mapping[str, SharedProcess] = {"outages": outages, "turnover": turnover}
"""Those of them that serve all runs that meet the same chance in one go."""


def begin_processes(together: Sequence[Sequence[Calendar]], stations: Stations) -> None:
    """Schedule every control process, or the one that ``with_stations`` put in its place.

    Parameters
    ----------
    together : the runs, those that meet the same chance in one sequence.
    """
    for name, shipped in PROCESSES.items():
        own = stations.get(name, shipped)
        if isinstance(own, type):
            raise TypeError(f"{name} is a process: a function of the calendar, not {own!r}")
        for calendars in together:
            if own is SHARED.get(name):
                _schedule(calendars[0], SHARED[name](*calendars))
                continue
            for calendar in calendars:
                _schedule(calendar, own(calendar))


def _schedule(calendar: Calendar, process: Process | None) -> None:
    if process is not None:
        calendar.env.process(process)
