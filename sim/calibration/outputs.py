"""Outputs of a baseline run that targets can name, each a pure function of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sim.domain.bounds import Bounds
from sim.domain.levers import Floats
from sim.pipeline.records import Run

PER_1000 = 1000.0
EVERYWHERE = "all"
"""Region of a target that means all regions of the scenario together."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an output is taken over."""

    region: str
    """Name of a region, or ``all``."""
    modality: str | None = None
    """All modalities together when None."""
    among: tuple[str, ...] = ()
    """For a share of data: regions that it is a share of; everything, from outside too, if none."""


@dataclass(frozen=True, slots=True)
class Output:
    """One figure that is both published by somebody and produced by a run."""

    bounds: Bounds
    label: str
    of: Callable[[Run, Scope], float]
    by_modality: bool = True
    """Whether it can be told apart by modality."""

    @property
    def unit(self) -> str:
        """Unit of the figure, in words."""
        return self.bounds.unit


def counts(run: Run, scope: Scope) -> Mapping[str, float]:
    """Return the sums of a run's cell records over a scope and over all scored years."""
    world = run.world
    regions = _chosen(world.regions, scope.region)
    modalities = np.array([scope.modality in (None, name) for name in world.modalities])
    return {
        name: float(values[:, regions][:, :, modalities].sum())
        for name, values in run.records.cells.items()
    }


def exams_per_1000(run: Run, scope: Scope) -> float:
    """Return exams done per 1000 people and year."""
    years = len(run.records.cells["exams"])
    regions = _chosen(run.world.regions, scope.region)
    people = run.world.care.people(years)[:, regions].sum(axis=(1, 2))
    person_years = float(people[0]) * float((people / people[0]).sum())
    return counts(run, scope)["exams"] / person_years * PER_1000


def wait_weeks(run: Run, scope: Scope) -> float:
    """Return the mean wait for an exam, weeks, of everyone who came (Little's law)."""
    return _ratio(counts(run, scope), "waiting_weeks", "arrived")


def share_arrived(run: Run, scope: Scope) -> float:
    """Return the share of those in need who came for an exam."""
    return _ratio(counts(run, scope), "arrived", "need")


def share_reneged(run: Run, scope: Scope) -> float:
    """Return the share of those who came and reneged: left the queue without an exam."""
    return _ratio(counts(run, scope), "reneged", "arrived")


def share_unread(run: Run, scope: Scope) -> float:
    """Return the share of exams whose report came too late, or never."""
    return _ratio(counts(run, scope), "unread", "exams")


def dataset_share(run: Run, scope: Scope) -> float:
    """Return the share of annotated studies that come from a region.

    Annotated studies are those of public data sets and those annotated in the scored years.
    """
    world = run.world
    annotated = run.station("annotation").groupby("region")["done"].sum()
    held = world.data.local_studies.sum(axis=1) + annotated.reindex(world.regions).to_numpy()
    elsewhere = 0.0 if scope.among else float(world.data.public_studies.sum())
    among = [name in (scope.among or world.regions) for name in world.regions]
    total = float(held[among].sum()) + elsewhere
    return float(held[_chosen(world.regions, scope.region)].sum()) / total if total else np.nan


def _share_of(what: str) -> Bounds:
    return Bounds(0.0, 1.0, f"share of {what}")


PER_THOUSAND = Bounds(0.0, 5_000.0, "exams per 1000 people and year")
WEEKS = Bounds(0.0, 520.0, "weeks")

OUTPUTS: dict[str, Output] = {
    "exams_per_1000": Output(PER_THOUSAND, "Exams", exams_per_1000),
    "wait_weeks": Output(WEEKS, "Mean wait for an exam", wait_weeks),
    "share_arrived": Output(_share_of("need"), "Need that came for an exam", share_arrived),
    "share_reneged": Output(_share_of("arrivals"), "Reneged: left the queue", share_reneged),
    "share_unread": Output(_share_of("exams"), "Exams never read", share_unread),
    "dataset_share": Output(
        _share_of("annotated studies"),
        "Share of annotated studies",
        dataset_share,
        by_modality=False,
    ),
}


def _chosen(regions: tuple[str, ...], region: str) -> Floats:
    return np.array([region in (EVERYWHERE, name) for name in regions])


def _ratio(sums: Mapping[str, float], top: str, bottom: str) -> float:
    return sums[top] / sums[bottom] if sums[bottom] else np.nan
