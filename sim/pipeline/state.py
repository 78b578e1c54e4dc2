"""The state of every station as plain arrays, so that runs can branch at the policy date.

Runs of many plans are moved side by side: their states are stacked along the region axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.capacity import uptime
from sim.domain.levers import Floats
from sim.pipeline.flow import Counts
from sim.units import DAYS_PER_WEEK

Rows = slice | NDArray[np.intp]
"""Where the regions of one run are among those of many."""


@dataclass(slots=True)
class State:
    """Queues, stocks and capacities at one moment.

    Axes: r region, m modality, g group, p profession, i item. Counts are whole numbers; a field
    named ``*_begun`` is the part of a study already worked on.
    """

    imaging_waiting: Counts  # (r, m, g)
    units_working: Counts  # (r, m)
    units_broken: Counts  # (r, m)
    reading_waiting: Counts  # (r, m, g)
    reading_begun: Floats  # (r, m)
    ai_begun: Floats  # (r,)
    documentation_waiting: Counts  # (r, m, g)
    documentation_begun: Floats  # (r, m)
    curation_waiting: Counts  # (r, m, g)
    curation_begun: Floats  # (r, m)
    reviewed: Counts  # (r, m, g) studies that curators have seen so far
    found_bad: Counts  # (r, m, g) bad ones of the block of studies under way
    annotation_waiting: Counts  # (r, m, g)
    annotation_begun: Floats  # (r, m)
    review_hours: Floats  # (r,) that a mitigation still asks of specialists
    archived: Counts  # (r, m, g) images kept so far, labelled or not
    audit_begun: Floats  # (r,)
    audited: Counts  # (r, m, g)
    labelled: Counts  # (r, m, g)
    shared: Counts  # (r, m, g)
    synthetic: Counts  # (r, m, g)
    generation_begun: Floats  # (r,)
    generator_ready: NDArray[np.bool_]  # (r, m), where a generator has been trained
    label_efficiency: Floats  # (r, m) what a labelled study is worth after pre-training
    active: Floats  # (r, i) units in use that the plan owns or pays
    vacant: Floats  # (r, i) posts that the plan pays and nobody holds
    sites_live: Counts  # (r,)
    gate_open: Counts  # (r, m, g), 1 where a release may read
    sensitivity: Floats  # (r, m, g) of the release that reads
    specificity: Floats  # (r, m, g)
    power: Floats  # (r,) share of a site's usual hours that an outage leaves
    agreed: Floats  # (r,), 1 where an agreement holds by a policy step
    documented_share: Floats  # (r,) of archived studies, documented where they are made
    own: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    """Arrays of stations of one's own, by name of the station; first axis: region."""

    @classmethod
    def today(cls, world: World) -> "State":
        """Return the state with empty queues, today's units and no release."""
        r, m, g = world.shape
        units = np.floor(world.care.units).astype(np.int64)
        share = uptime(world.care.failures_per_week, world.care.repairs_per_week)
        working = np.round(units * share).astype(np.int64)

        def counts(*shape: int) -> Counts:
            return np.zeros(shape, dtype=np.int64)

        return cls(
            imaging_waiting=counts(r, m, g),
            units_working=working,
            units_broken=units - working,
            reading_waiting=counts(r, m, g),
            reading_begun=np.zeros((r, m)),
            ai_begun=np.zeros(r),
            documentation_waiting=counts(r, m, g),
            documentation_begun=np.zeros((r, m)),
            curation_waiting=counts(r, m, g),
            curation_begun=np.zeros((r, m)),
            reviewed=counts(r, m, g),
            found_bad=counts(r, m, g),
            annotation_waiting=counts(r, m, g),
            annotation_begun=np.zeros((r, m)),
            review_hours=np.zeros(r),
            archived=counts(r, m, g),
            audit_begun=np.zeros(r),
            audited=counts(r, m, g),
            labelled=counts(r, m, g),
            shared=counts(r, m, g),
            synthetic=counts(r, m, g),
            generation_begun=np.zeros(r),
            generator_ready=np.zeros((r, m), dtype=bool),
            label_efficiency=np.ones((r, m)),
            active=np.zeros((r, len(world.catalogue.items))),
            vacant=np.zeros((r, len(world.catalogue.items))),
            sites_live=counts(r),
            gate_open=counts(r, m, g),
            sensitivity=np.zeros((r, m, g)),
            specificity=np.zeros((r, m, g)),
            power=np.ones(r),
            agreed=np.zeros(r),
            documented_share=world.data.documented_share.copy(),
        )

    @classmethod
    def stacked(cls, states: Sequence["State"]) -> "State":
        """Return an independent copy of states, one after the other along the region axis."""
        names = [part.name for part in fields(cls) if part.name != "own"]
        parts = {name: np.concatenate([getattr(s, name) for s in states]) for name in names}
        own = {name: np.concatenate([s.own[name] for s in states]) for name in states[0].own}
        return cls(**parts, own=own)

    def of(self, rows: Rows) -> "State":
        """Return some regions of the state: what is written there is written here."""
        return cast("State", _Rows(self, rows))


class _Rows:
    """Regions of a state, looked up anew each time: a station may put new arrays into the state."""

    __slots__ = ("_rows", "_whole")

    def __init__(self, whole: State, rows: Rows) -> None:
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_rows", rows)

    def __getattr__(self, name: str) -> Any:
        values = getattr(self._whole, name)
        if name == "own":
            return {station: array[self._rows] for station, array in values.items()}
        return values[self._rows]

    def __setattr__(self, name: str, values: Any) -> None:
        getattr(self._whole, name)[self._rows] = values


YEARLY = (
    "need",
    "arrived",
    "exams",
    "gave_up",
    "to_ai",
    "read_by_ai",
    "read_by_human",
    "unread",
    "set_aside",
    "labelled",
)
"""Flows that the annual accounts add up."""
COUNTS = (
    *YEARLY,
    "archived",
    "at_source",
    "documented",
    "curated",
    "rejected",
    "generated",
    "leaving",
)
"""Flows of cells that are whole numbers, in the order of ``Flows.counts``."""


@dataclass(frozen=True, slots=True)
class Flows:
    """Counts of one week, reused from week to week; shape (r, m, g) but for those said."""

    counts: Counts
    """All ``COUNTS``, shape (count, r, m, g): each of them is a part of it."""
    need: Counts
    arrived: Counts
    exams: Counts
    gave_up: Counts
    to_ai: Counts
    read_by_ai: Counts
    read_by_human: Counts
    unread: Counts
    archived: Counts
    at_source: Counts
    """Documented where they are made."""
    documented: Counts
    curated: Counts
    """And, once the audit has taken its share, those left for training."""
    rejected: Counts
    set_aside: Counts
    labelled: Counts
    generated: Counts
    leaving: Counts
    """Flagged as free to leave their region."""
    expected: Floats
    """Mean of ``arrived``."""
    by_day: Counts
    """Arrivals, shape (day, r, m)."""
    mean_waiting: Floats
    mean_unread: Floats
    reader_hours: Floats
    """Of the week, for everything, shape (r, p)."""
    clinical_hours: Floats
    """Spent on reading, shape (r, p)."""
    annotation_hours: Floats
    """Spent on labels, shape (r,)."""
    mitigation_hours: Floats
    """Spent on what a mitigation has to see again, shape (r,)."""
    bought_hours: Floats
    """Of annotation, on top of readers' own, shape (r,)."""

    def with_counts(self, counts: Counts) -> "Flows":
        """Return the same week with other counts, shape (count, r, m, g)."""
        return replace(self, counts=counts, **dict(zip(COUNTS, counts, strict=True)))

    @classmethod
    def of(cls, world: World) -> "Flows":
        """Return empty flows for a world."""
        regions, readers = len(world.regions), len(world.professions)
        counts = np.zeros((len(COUNTS), *world.shape), dtype=np.int64)
        return cls(
            counts=counts,
            **dict(zip(COUNTS, counts, strict=True)),
            expected=np.zeros(world.shape),
            by_day=np.zeros((DAYS_PER_WEEK, *world.shape[:2]), dtype=np.int64),
            mean_waiting=np.zeros(world.shape),
            mean_unread=np.zeros(world.shape),
            reader_hours=np.zeros((regions, readers)),
            clinical_hours=np.zeros((regions, readers)),
            annotation_hours=np.zeros(regions),
            mitigation_hours=np.zeros(regions),
            bought_hours=np.zeros(regions),
        )
