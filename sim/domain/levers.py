"""Levers: what money buys, with stage and kind; items, and their catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Stage(StrEnum):
    """Stages that money is granted to: care, and those of the pipeline of data and models.

    The latter are those of Queiroz et al. 2025, Figures 1 and 3. Care delivery is apart from data
    creation: who is examined and whose exam is read is not yet data.
    """

    CARE = "care delivery"
    DATA_CREATION = "data creation"
    DOCUMENTATION = "documentation"
    CURATION = "curation"
    GENERATION = "generation"
    PRE_TRAINING = "pre-training"
    AGGREGATION = "aggregation"
    FINE_TUNING = "fine-tuning with annotation"
    EVALUATION = "evaluation"
    DEPLOYMENT = "deployment"
    GOVERNANCE = "governance"


@dataclass(frozen=True, slots=True)
class Lever:
    """Something that a plan can buy, declared once: all that is said of levers derives from it."""

    name: str
    stage: Stage
    words: str
    """Its units in a report, plural."""
    scope: Literal["", "modality", "profession", "group", "lender", "supply"] = ""
    """What there is one item of it for; one for all where empty. ``lender``: a profession of a
    region that the scenario lets read for others. ``supply``: a modality whose supplies the
    scenario states, with their price."""
    also: Stage | None = None
    """A second stage that it serves, which bears a share of its cost (``Catalogue.also_share``)."""
    service: bool = False
    """Bought by the year: its capacity lasts the year in which it is paid. All others are assets:
    commissioned after their lead time, run at a yearly cost and replaced at the end of their life,
    so that a slow stage is not starved by a horizon that ends."""
    staff: bool = False
    """People: they leave, and their posts stand vacant until successors are trained."""
    pooled: bool = False
    """All regions share it, whoever pays for it."""
    one_each: bool = False
    """A country has one or none."""
    imported: bool = False
    """Its price carries freight and duty."""
    only_ai: bool = True
    """Worth nothing unless AI comes to read."""


LEVERS = {
    lever.name: lever
    for lever in (
        Lever("scanner", Stage.DATA_CREATION, "imaging units", scope="modality",
              also=Stage.CARE, imported=True, only_ai=False),
        Lever("supplies", Stage.CARE, "supplies for 1,000 exams", scope="supply",
              service=True, only_ai=False),
        Lever("outreach", Stage.CARE, "mobile clinics", scope="group", only_ai=False),
        Lever("reader", Stage.CARE, "trained readers", scope="profession",
              also=Stage.FINE_TUNING, staff=True, only_ai=False),
        Lever("tele_reading", Stage.CARE, "hours a week of tele-reading", scope="lender",
              service=True, only_ai=False),
        Lever("steward", Stage.DOCUMENTATION, "documentation officers", staff=True),
        Lever("curator", Stage.CURATION, "data curators", staff=True),
        Lever("annotation", Stage.FINE_TUNING, "annotation hours", service=True),
        Lever("synthesis", Stage.GENERATION, "synthetic studies", service=True),
        Lever("pretraining", Stage.PRE_TRAINING, "GPU-hours of pre-training", service=True,
              pooled=True),
        Lever("federation", Stage.AGGREGATION, "federated training nodes", one_each=True),
        Lever("gpu_hours", Stage.FINE_TUNING, "GPU-hours", service=True, pooled=True),
        Lever("gpu_server", Stage.FINE_TUNING, "GPU servers of one's own",
              also=Stage.PRE_TRAINING, imported=True),
        Lever("audit", Stage.EVALUATION, "local audits", service=True),
        Lever("site", Stage.DEPLOYMENT, "AI deployment sites", imported=True),
        Lever("agreement", Stage.GOVERNANCE, "data-sharing agreements", one_each=True),
    )
}  # fmt: skip
"""Every lever by name, in the order of items and of the schema."""

if TYPE_CHECKING:
    LeverName = str
    StageName = str
else:
    LeverName = Literal[tuple(LEVERS)]
    StageName = Literal[tuple(map(str, Stage))]
"""Names of a lever and of a stage; where a file is read, one of ``LEVERS``, of ``Stage``."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be bought: a lever, and what it is for ("" where it serves all)."""

    lever: LeverName
    scope: str = ""
    """A modality, a profession, a demographic group, or REGION.profession of those who read for
    others, as the lever's ``scope`` says; empty where it serves all."""

    @property
    def name(self) -> str:
        """Name in tables and charts, such as ``scanner.dermoscopy`` or ``curator``."""
        return f"{self.lever}.{self.scope}" if self.scope else self.lever

    @property
    def what(self) -> Lever:
        """All that is declared of its lever."""
        return LEVERS[self.lever]

    @property
    def stage(self) -> Stage:
        """Stage that the item belongs to first of all."""
        return self.what.stage

    @property
    def is_one_each(self) -> bool:
        """Whether a country has one or none."""
        return self.what.one_each

    @property
    def is_pooled(self) -> bool:
        """Whether all regions share it, whoever pays."""
        return self.what.pooled

    @property
    def is_service(self) -> bool:
        """Whether it is bought by the year rather than owned."""
        return self.what.service


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
    also_share: Floats
    """Share of an item's cost that its second stage bears; 0 where it has none."""
    _places: dict[tuple[str, str], int] = field(init=False, repr=False, compare=False)
    is_service: NDArray[np.bool_] = field(init=False, repr=False, compare=False)
    """Whether an item is bought by the year rather than owned, shape (item,)."""
    in_stage: Floats = field(init=False, repr=False, compare=False)
    """Share of an item's cost that a stage bears, shape (region, item, stage)."""

    def __post_init__(self) -> None:
        places = {(item.lever, item.scope): place for place, item in enumerate(self.items)}
        object.__setattr__(self, "_places", places)
        service = np.array([item.is_service for item in self.items])
        object.__setattr__(self, "is_service", service)
        first, also = (
            np.array([[float(stage is one) for one in Stage] for stage in stages])
            for stages in zip(
                *((item.stage, item.what.also or item.stage) for item in self.items), strict=True
            )
        )
        share = self.also_share[..., None]
        object.__setattr__(self, "in_stage", (1.0 - share) * first + share * also)

    @classmethod
    def stacked(cls, catalogues: Sequence["Catalogue"]) -> "Catalogue":
        """Return catalogues of the same items as one, whose regions are those of all in turn."""
        values = [one.name for one in fields(cls) if one.init and one.name != "items"]
        return cls(
            catalogues[0].items,
            **{name: np.concatenate([getattr(c, name) for c in catalogues]) for name in values},
        )

    def by_stage(self, usd: Floats) -> Floats:
        """Return costs of items, shape (..., region, item), by stage: (..., region, stage)."""
        return np.asarray(np.einsum("...ri,ris->...rs", usd, self.in_stage))

    def index(self, lever: LeverName, scope: str = "") -> int:
        """Position of an item on the item axis; ``KeyError`` when absent."""
        return self._places[lever, scope]
