"""What a job on the accelerators is: what it runs on, who pays, what is asked for, what it used."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Literal, NamedTuple

import numpy as np
import simpy

from sim.domain.levers import Floats
from sim.pipeline.facts import Job

Owner = Literal["rented", "owned"]
MOST_JOBS = 2**32
"""More than ask for a machine in any run."""


@dataclass(slots=True)
class Cluster:
    """Accelerators that run one job at a time, the most urgent first."""

    name: Owner
    machine: simpy.PreemptiveResource
    change: simpy.Event
    """Happens when the cluster fails or comes back."""
    up: bool = True
    asked: Iterator[int] = field(default_factory=count)
    """Numbers of the jobs that ask for the machine."""

    @classmethod
    def of(cls, env: simpy.Environment, name: Owner) -> "Cluster":
        """Return a cluster that works."""
        return cls(name, simpy.PreemptiveResource(env), env.event())

    def place(self, priority: "Priority") -> int:
        """Return the place of a job in line, the lowest first: behind those of its kind so far.

        It keeps it when another job takes the machine from it.
        """
        return priority * MOST_JOBS + next(self.asked)


@dataclass(slots=True)
class Prepaid:
    """Rented GPU-hours for one kind of training, paid for by the regions and not used yet."""

    hours: simpy.Container
    paid: Floats
    """GPU-hours that each region has paid for so far, shape (r,)."""

    @classmethod
    def of(cls, env: simpy.Environment, regions: int) -> "Prepaid":
        """Return an account without any hours."""
        return cls(simpy.Container(env), np.zeros(regions))

    def payers(self) -> Floats:
        """Return the share of each region, shape (r,).

        Unused hours are kept, so those who have paid so far share the energy of what runs now.
        """
        return np.asarray(self.paid / self.paid.sum())


class Priority(IntEnum):
    """Order of jobs that wait for the machine; the lowest goes first."""

    PRE_TRAINING = 0
    FINE_TUNING = 1
    MITIGATION = 2
    GENERATOR = 3


@dataclass(frozen=True, slots=True)
class Booking:
    """Where a job runs."""

    cluster: Cluster
    gpu_hours_per_week: float
    payers: Floats
    """Share of its energy by region, shape (r,); adds up to 1."""
    prepaid: Prepaid | None = None
    """What its hours were taken from."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job that somebody wants done."""

    kind: str
    priority: Priority
    gpu_hours: float
    booking: Booking


class Stretch(NamedTuple):
    """What a job works from a start, or a failure, until it fails or ends."""

    since_week: float
    until_week: float
    left_weeks: float
    """Work that is left when it begins."""


@dataclass(slots=True)
class Tally:
    """What a job has used so far."""

    order: Order
    asked_week: float
    place: int = 0
    """In line for the machine."""
    start_week: float = np.nan
    ahead: list[Stretch] = field(default_factory=list)
    """What it works until it ends, if nothing happens to the whole cluster; none while it stands
    still."""
    interruptions: int = 0
    energy_kwh: float = 0.0
    emissions_t_co2e: float = 0.0

    def written(self, *, end_week: float, outcome: str) -> Job:
        """Return the record of the job as it ended."""
        return Job(
            kind=self.order.kind,
            cluster=self.order.booking.cluster.name,
            asked_week=self.asked_week,
            start_week=self.start_week,
            end_week=end_week,
            gpu_hours=self.order.gpu_hours,
            interruptions=self.interruptions,
            energy_kwh=self.energy_kwh,
            emissions_t_co2e=self.emissions_t_co2e,
            outcome=outcome,
        )
