"""Sections of a scenario on AI: response, gate, annotation and training."""

from typing import Literal

from pydantic import Field, field_validator

from sim.domain.bounds import Bounds
from sim.scenario.spec import Assumption, Share, Spec

LEVEL = Bounds(0.0, 10.0, "times the errors of the measured network")


class ResponseSpec(Spec):
    """How the measured profile is carried over to the scenario's task."""

    level: Assumption
    """Errors of a full-size foundation model relative to the measured network's."""
    kappa_one_weight: Share = 0.0
    """Transport: probability that another place's study is worth as much as one's own."""
    own: Literal["place", "group"] = "place"
    """What the profile's groups are here. ``place``: a cell's own studies are those of its region,
    whatever the group. ``group``: they are those of its group, wherever they come from, as for a
    profile of age bands or of sex."""
    transport: str = Field("", max_length=500)
    """Why a profile of another task may be used here; required when it is of another task."""

    @field_validator("level")
    @classmethod
    def _above_zero(cls, level: Assumption) -> Assumption:
        if level.low <= 0.0:
            raise ValueError(f"no model is free of errors: low must be above 0, got {level.low:g}")
        return level.within(LEVEL)


class Gate(Spec):
    """When a release may read for a group instead of today's reader."""

    margin: float = Field(0.05, ge=0.0, le=0.5)
    """Non-inferiority margin: benefit that the lower audit bound may fall short by. A release
    within it reads where readers are short; one whose bound reaches the reader's, everywhere."""
    confidence: float = Field(0.9, gt=0.5, lt=1.0)
    """One-sided confidence of the audit's lower bound."""
    penalty: float = Field(1.0, ge=0.0, le=100.0)
    """Loss of benefit per unit of specificity below the target."""
    target_specificity: Share = 0.9
    """Specificity below which false positives count against a reading."""
    by: Literal["place", "group"] = "place"
    """What an audit is held for. ``place``: a region's groups together. ``group``: each by itself,
    so that a release may read for one and not for another, which takes audits of every group."""
    mitigate: bool = False
    """Whether a new release that fails an audit of enough power is mitigated and released again."""


class AnnotationSpec(Spec):
    """How specialists label studies."""

    reading: Literal["single", "adjudicated"] = "single"
    """``single``: one specialist labels a study. ``adjudicated``: two do, and a third where they
    differ; it takes twice the hours and more, and fewer labels are wrong."""
    order: Literal["proportional", "balanced"] = "proportional"
    """Which of the documented studies are labelled first: groups in proportion to their studies,
    or always those of the group that has the fewest labels."""


class TrainingSpec(Spec):
    """How trainings are scheduled on the clusters."""

    flexible_weeks: int = Field(0, ge=0, le=52)
    """Weeks that a training may wait for the week in which the grid is cleanest; 0 never waits."""
    preemption: bool = False
    """Whether a job takes the machine from one of a later kind that runs, and does not wait for its
    end: pre-training before fine-tuning, mitigation and generators. What it was taken from goes on
    from its last checkpoint."""
