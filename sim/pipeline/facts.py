"""What control processes write down: events, jobs, releases and audits."""

from typing import NamedTuple

from sim.domain.holdings import Performance
from sim.learning.gate import Findings


class Event(NamedTuple):
    """One thing that happened: a commissioning, a job, a release, an outage, a policy step."""

    week: float
    """When it happened, or began to be felt."""
    kind: str
    region: str
    detail: str
    from_week: float
    """Where it took time, its beginning, such as the payment for a unit; else ``week``."""
    to_week: float
    """Its end, such as that of an outage; else ``week``."""


class Job(NamedTuple):
    """One piece of work on the cluster, from the wish to its end; weeks count from the start."""

    kind: str
    """``pre-training``, ``fine-tuning``, ``mitigation`` or ``generator``."""
    cluster: str
    """``rented``, or ``owned`` by the regions."""
    asked_week: float
    start_week: float
    end_week: float
    """Where a job never ran, start and end are NaN."""
    gpu_hours: float
    """Of useful work; what failures and outages cost comes on top in energy."""
    interruptions: int
    energy_kwh: float
    emissions_t_co2e: float
    outcome: str
    """``done``, ``running`` at the end of the simulation, ``over cap``, or ``given up``."""


class Release(NamedTuple):
    """One trained network; it never changes."""

    number: int
    frozen_week: float
    """Week in which its data were frozen."""
    live_week: float
    studies: float
    performance: Performance


class AuditRound(NamedTuple):
    """One look at one release, in every place at once."""

    week: float
    release: int
    groups: tuple[str, ...]
    """Whose studies were looked at together, last axis of the findings: ``all``, or each group."""
    findings: Findings
