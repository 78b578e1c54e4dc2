"""The state of every station as plain arrays, so that a run can branch at the policy date."""

from copy import deepcopy
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.capacity import uptime
from sim.domain.lever import Floats
from sim.pipeline.flow import Counts
from sim.units import DAYS_PER_WEEK


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
    pretraining_hours: float  # GPU-hours of pre-training done so far
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
    """Arrays of stations of one's own, by name of the station."""

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
            pretraining_hours=0.0,
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

    def copy(self) -> "State":
        """Return an independent copy, to branch from."""
        return State(**{part.name: deepcopy(getattr(self, part.name)) for part in fields(self)})


@dataclass(frozen=True, slots=True)
class Flows:
    """Counts of one week, reused from week to week; shape (r, m, g) but for ``by_day``."""

    need: Counts
    arrived: Counts
    expected: Floats  # mean of ``arrived``
    by_day: Counts  # (day, r, m)
    exams: Counts
    gave_up: Counts
    mean_waiting: Floats
    to_ai: Counts
    read_by_ai: Counts
    read_by_human: Counts
    unread: Counts
    mean_unread: Floats
    archived: Counts
    at_source: Counts  # documented where they are made
    documented: Counts
    curated: Counts  # and, once the audit has taken its share, those left for training
    rejected: Counts
    set_aside: Counts
    labelled: Counts
    generated: Counts
    leaving: Counts  # flagged as free to leave their region
    reader_hours: Floats  # (r, p) of the week, for everything
    clinical_hours: Floats  # (r, p) spent on reading
    annotation_hours: Floats  # (r,) spent on labels
    mitigation_hours: Floats  # (r,) spent on what a mitigation has to see again
    bought_hours: Floats  # (r,) of annotation, on top of readers' own

    @classmethod
    def of(cls, world: World) -> "Flows":
        """Return empty flows for a world."""
        r, m, g = world.shape

        def counts() -> Counts:
            return np.zeros((r, m, g), dtype=np.int64)

        return cls(
            need=counts(),
            arrived=counts(),
            expected=np.zeros((r, m, g)),
            by_day=np.zeros((DAYS_PER_WEEK, r, m), dtype=np.int64),
            exams=counts(),
            gave_up=counts(),
            mean_waiting=np.zeros((r, m, g)),
            to_ai=counts(),
            read_by_ai=counts(),
            read_by_human=counts(),
            unread=counts(),
            mean_unread=np.zeros((r, m, g)),
            archived=counts(),
            at_source=counts(),
            documented=counts(),
            curated=counts(),
            rejected=counts(),
            set_aside=counts(),
            labelled=counts(),
            generated=counts(),
            leaving=counts(),
            reader_hours=np.zeros((r, len(world.professions))),
            clinical_hours=np.zeros((r, len(world.professions))),
            annotation_hours=np.zeros(r),
            mitigation_hours=np.zeros(r),
            bought_hours=np.zeros(r),
        )
