"""The control processes of a run, by name: what happens between the weeks of the stations."""

from collections.abc import Callable, Mapping, Sequence

from sim.pipeline.processes.audits import audits
from sim.pipeline.processes.calendar import Calendar, ControlProcess, Process
from sim.pipeline.processes.outages import outages
from sim.pipeline.processes.policy_steps import policy_steps
from sim.pipeline.processes.purchases import purchases
from sim.pipeline.processes.tele_reading import tele_reading
from sim.pipeline.processes.training import training_cycle
from sim.pipeline.processes.turnover import turnover

SharedProcess = Callable[..., Process | None]
"""A function of one or more calendars."""

_IN_ORDER = (policy_steps, purchases, tele_reading, outages, training_cycle, audits, turnover)
PROCESSES: Mapping[str, ControlProcess] = {process.__name__: process for process in _IN_ORDER}
"""Functions of the calendar: generators are scheduled on it, others schedule what they need."""
SHARED: Mapping[str, SharedProcess] = {"outages": outages, "turnover": turnover}
"""Those of them that serve all runs with the same random numbers in one go."""


def begin_processes(
    together: Sequence[Sequence[Calendar]], processes: Mapping[str, ControlProcess]
) -> None:
    """Schedule every control process.

    Parameters
    ----------
    together : the runs, those with the same random numbers in one sequence.
    """
    for name, process in processes.items():
        for calendars in together:
            if process is SHARED.get(name):
                _schedule(calendars[0], SHARED[name](*calendars))
                continue
            for calendar in calendars:
                _schedule(calendar, process(calendar))


def _schedule(calendar: Calendar, process: Process | None) -> None:
    if process is not None:
        calendar.env.process(process)
