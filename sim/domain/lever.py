"""Levers: what money buys at one stage of the pipeline in one region."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Stage(StrEnum):
    """Stages of the pipeline that money is granted to (Queiroz et al. 2025, Figures 1 and 3)."""

    DATA_CREATION = "data creation"
    DOCUMENTATION = "documentation"
    CURATION = "curation"
    ANNOTATION = "annotation"
    GENERATION = "generation"
    PRE_TRAINING = "pre-training"
    AGGREGATION = "aggregation"
    FINE_TUNING = "fine-tuning"
    EVALUATION = "evaluation"
    DEPLOYMENT = "deployment"
    GOVERNANCE = "governance"


LeverName = Literal[
    "scanner",
    "outreach",
    "reader",
    "steward",
    "curator",
    "annotation",
    "synthesis",
    "pretraining",
    "federation",
    "gpu_hours",
    "gpu_server",
    "audit",
    "site",
    "agreement",
]

STAGE_OF: dict[LeverName, Stage] = {
    "scanner": Stage.DATA_CREATION,
    "outreach": Stage.DATA_CREATION,
    "reader": Stage.DATA_CREATION,
    "steward": Stage.DOCUMENTATION,
    "curator": Stage.CURATION,
    "annotation": Stage.ANNOTATION,
    "synthesis": Stage.GENERATION,
    "pretraining": Stage.PRE_TRAINING,
    "federation": Stage.AGGREGATION,
    "gpu_hours": Stage.FINE_TUNING,
    "gpu_server": Stage.FINE_TUNING,
    "audit": Stage.EVALUATION,
    "site": Stage.DEPLOYMENT,
    "agreement": Stage.GOVERNANCE,
}
"""Stage of every lever."""

SERVICES: frozenset[LeverName] = frozenset(
    {"annotation", "synthesis", "pretraining", "gpu_hours", "audit"}
)
"""Levers bought by the year: their capacity lasts the year in which they are paid.

All others are assets: commissioned after their lead time, run at a yearly cost and replaced at
the end of their life, so that a slow stage is not starved by a horizon that ends.
"""


STAFF: frozenset[LeverName] = frozenset({"reader", "steward", "curator"})
"""Levers that are people: they leave, and their posts stand vacant until successors are trained."""


POOLED: frozenset[LeverName] = frozenset({"pretraining", "gpu_hours"})
"""Levers whose capacity all regions share, whoever pays for it."""


ONE_EACH: frozenset[LeverName] = frozenset({"agreement", "federation"})
"""Levers of which a country has one or none."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be bought: a lever, and what it is for ("" where it serves all)."""

    lever: LeverName
    scope: str = ""
    """A modality for ``scanner``, a profession for ``reader``; empty otherwise."""

    @property
    def name(self) -> str:
        """Name in tables and charts, such as ``scanner.dermoscopy`` or ``curator``."""
        return f"{self.lever}.{self.scope}" if self.scope else self.lever

    @property
    def stage(self) -> Stage:
        """Stage that the item belongs to."""
        return STAGE_OF[self.lever]

    @property
    def is_one_each(self) -> bool:
        """Whether a country has one or none."""
        return self.lever in ONE_EACH

    @property
    def is_pooled(self) -> bool:
        """Whether all regions share it, whoever pays."""
        return self.lever in POOLED

    @property
    def is_service(self) -> bool:
        """Whether it is bought by the year rather than owned."""
        return self.lever in SERVICES


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Prices, delays and capacities of every item in every region.

    Arrays have shape (region, item). Money is in US dollars of the scenario's price year.
    """

    items: tuple[Item, ...]
    capex_usd: Floats
    """Price of a unit, delivered and commissioned; for a service the price of a unit-year."""
    running_usd: Floats
    """Running cost of a unit in a year; zero for a service."""
    lead_weeks: NDArray[np.int64]
    """Weeks from payment to use."""
    life_years: NDArray[np.int64]
    """Years of use, then replaced at ``capex_usd``."""
    capacity: Floats
    """What a unit does in a year, in the unit of the station it serves."""
    max_per_year: Floats
    """Most units that can be bought in a year."""
    _places: dict[tuple[str, str], int] = field(init=False, repr=False, compare=False)
    is_service: NDArray[np.bool_] = field(init=False, repr=False, compare=False)
    """Whether an item is bought by the year rather than owned, shape (item,)."""
    in_stage: Floats = field(init=False, repr=False, compare=False)
    """1 where an item belongs to a stage, shape (item, stage), in their orders."""

    def __post_init__(self) -> None:
        places = {(item.lever, item.scope): place for place, item in enumerate(self.items)}
        object.__setattr__(self, "_places", places)
        service = np.array([item.is_service for item in self.items])
        object.__setattr__(self, "is_service", service)
        rows = [[float(item.stage is stage) for stage in Stage] for item in self.items]
        object.__setattr__(self, "in_stage", np.array(rows))

    @classmethod
    def stacked(cls, catalogues: Sequence["Catalogue"]) -> "Catalogue":
        """Return catalogues of the same items as one, whose regions are those of all in turn."""
        values = [one.name for one in fields(cls) if one.init and one.name != "items"]
        return cls(
            catalogues[0].items,
            **{name: np.concatenate([getattr(c, name) for c in catalogues]) for name in values},
        )

    def index(self, lever: LeverName, scope: str = "") -> int:
        """Position of an item on the item axis; ``KeyError`` when absent."""
        return self._places[lever, scope]
