"""What a scenario file may say: every field with its unit, its bounds and its meaning."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from sim.domain.lever import LeverName

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Modality = Literal["dermoscopy", "chest_xray", "mammography", "ct", "mri", "fundus"]
Priority = Literal["urgent", "routine"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""Classes in which people wait, the first served first."""
Policy = Literal["baseline", "equal_split", "by_need", "plan"]
StationName = Literal[
    "need",
    "imaging",
    "deployment",
    "reading",
    "archive",
    "documentation",
    "curation",
    "evaluation",
    "annotation",
    "generation",
    "governance",
]
Queue = Literal["imaging", "reading", "documentation", "curation", "annotation"]
Count = Annotated[int, Field(ge=0, le=10**9)]


class Spec(BaseModel):
    """Base of everything read from a scenario file: no unknown keys, no mutation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class Assumption(Spec):
    """A number that is not in the baseline tables, with its range and where it comes from."""

    value: float
    """Central value, in the unit of the field."""
    low: float
    """Lowest plausible value."""
    high: float
    """Highest plausible value."""
    source: str = Field(min_length=3, max_length=500)
    """Where the number comes from; "assumption: why" when nothing was published."""
    status: Literal["measured", "published", "assumed"] = "assumed"
    """How it is known."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value:g} is not within {self.low:g} to {self.high:g}")
        return self


REACH_COLUMN, REACH_ASSUMED = "(column)", "(assumed)"
"""Tags of the two ways to state reach; not part of any key."""

Reach = Annotated[
    Annotated[Literal["reach_urban_share", "reach_rural_share"], Tag(REACH_COLUMN)]
    | Annotated[Assumption, Tag(REACH_ASSUMED)],
    Discriminator(lambda given: REACH_COLUMN if isinstance(given, str) else REACH_ASSUMED),
]


class Group(Spec):
    """A demographic group, the same in every region."""

    share: Share | Literal["urban_share", "rural_share"]
    """Share of the population: a number, or a column of the baseline tables."""
    reach: Reach
    """Share of those in need who come for an exam today (distance, price, referral): an assumption
    with its range, or a column of the baseline tables, which differs by income group."""
    need_ratio: Positive = 1.0
    """Need per person relative to the mean of the population."""
    priority: Priority = "routine"
    """Urgent people are examined before routine ones; no exam is broken off for them."""

    @field_validator("reach")
    @classmethod
    def _is_a_share(cls, reach: Assumption | str) -> Assumption | str:
        if isinstance(reach, Assumption) and not 0.0 <= reach.low <= reach.high <= 1.0:
            raise ValueError(f"a share runs from 0 to 1, got {reach.low:g} to {reach.high:g}")
        return reach


class Horizon(Spec):
    """The years of decision and the years that count."""

    start_year: int = Field(2027, ge=2020, le=2100)
    """First calendar year in which money is spent."""
    decide_years: int = Field(10, ge=1, le=30)
    """Years in which the plan may buy."""
    score_years: int = Field(15, ge=1, le=40)
    """Years that are simulated and scored; later ones show what slow stages bring."""
    warm_up_years: int = Field(2, ge=0, le=10)
    """Years simulated before the start, so that queues and stocks begin as they are today."""

    @model_validator(mode="after")
    def _scored_after_decisions(self) -> Self:
        if self.score_years < self.decide_years:
            raise ValueError(
                f"score_years {self.score_years} is shorter than decide_years {self.decide_years}"
            )
        return self


class Equity(Spec):
    """How the outcomes of unequal cells add up to one number."""

    aversion: NotNegative = Field(1.0, le=20.0)
    """Inequality aversion: 0 counts the mean only, 1 is log, large values the worst-off."""
    floor: float = Field(1e-3, gt=0.0, lt=0.5)
    """Effective coverage below which cells count as equally badly off."""
    discount_rate: float = Field(0.03, ge=0.0, le=0.2)
    """Yearly discount rate of effects and of cost."""


class Response(Spec):
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
        return level


class Gate(Spec):
    """When a release may read for a group instead of today's reader."""

    margin: float = Field(0.05, ge=0.0, le=0.5)
    """Non-inferiority margin: benefit that the lower audit bound may fall short by."""
    confidence: float = Field(0.9, gt=0.5, lt=1.0)
    """One-sided confidence of the audit's lower bound."""
    penalty: NotNegative = 1.0
    """Loss of benefit per unit of specificity below the target."""
    target_specificity: Share = 0.9
    """Specificity below which false positives count against a reading."""
    by: Literal["place", "group"] = "place"
    """What an audit is held for. ``place``: a region's groups together. ``group``: each by itself,
    so that a release may read for one and not for another, which takes audits of every group."""
    mitigate: bool = False
    """Whether a new release that fails an audit of enough power is mitigated and released again."""


class Annotation(Spec):
    """How specialists label studies."""

    reading: Literal["single", "adjudicated"] = "single"
    """``single``: one specialist labels a study. ``adjudicated``: two do, and a third where they
    differ; it takes twice the hours and more, and fewer labels are wrong."""
    order: Literal["proportional", "balanced"] = "proportional"
    """Which of the documented studies are labelled first: groups in proportion to their studies,
    or always those of the group that has the fewest labels."""


class Training(Spec):
    """How trainings are scheduled on the clusters."""

    flexible_weeks: int = Field(0, ge=0, le=52)
    """Weeks that a training may wait for the week in which the grid is cleanest; 0 never waits."""


class PolicyStep(Spec):
    """Something that begins in a year whatever the plan buys: a law, a treaty, a cap."""

    kind: Literal["agreement", "documentation_mandate", "carbon_cap"]
    """``agreement``: studies may be shared as under a data-sharing agreement.
    ``documentation_mandate``: a share of studies is documented where they are made.
    ``carbon_cap``: trainings start only while what those of a year should emit stays within so
    much; work that failures make them do again is not foreseen."""
    year: int = Field(ge=2020, le=2140)
    """Calendar year at whose start it begins; it never ends."""
    regions: tuple[str, ...] = ()
    """Regions that it holds in; all of them when not given. A carbon cap holds for all."""
    share: Share | None = None
    """For a documentation mandate: share of archived studies documented where they are made."""
    t_co2e_per_year: NotNegative | None = None
    """For a carbon cap: expected emissions of all trainings that start in a year, t CO2e."""

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        needs = {"documentation_mandate": "share", "carbon_cap": "t_co2e_per_year"}
        for kind, field in needs.items():
            given = getattr(self, field) is not None
            if given != (self.kind == kind):
                raise ValueError(f"{field} belongs to {kind}, and only there; kind is {self.kind}")
        if self.kind == "carbon_cap" and self.regions:
            raise ValueError("a carbon_cap holds for the cluster that all share: no regions")
        return self


class Weekly(Spec):
    """Which weekly series of the stations a run keeps: a world by cell is large."""

    detail: Literal["none", "region", "cell"] = "region"
    """``cell`` keeps every region, modality and group; ``region`` adds them up."""
    stations: tuple[StationName, ...] = ()
    """Stations that are recorded; all when not given."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if twice := sorted({name for name in self.stations if self.stations.count(name) > 1}):
            raise ValueError(f"stations named twice: {', '.join(twice)}")
        if self.detail == "none" and self.stations:
            raise ValueError("stations are named, but detail 'none' records none of them")
        return self

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the stations that are recorded, in pipeline order."""
        wanted = self.stations or get_args(StationName)
        kept = () if self.detail == "none" else wanted
        return tuple(name for name in get_args(StationName) if name in kept)


class LeverBounds(Spec):
    """Limits of one lever, over those of the tables."""

    max_per_year: NotNegative | None = None
    """Most units bought in a year in one region; the tables' value when not given."""
    allowed: bool = True
    """Whether the plan may buy it at all."""


class Uncertainty(Spec):
    """How many draws and replications are run, and from which seed."""

    draws: int = Field(20, ge=1, le=10_000)
    """Samples of what is not known: assumed and imputed inputs, and the measured response."""
    replications: int = Field(2, ge=1, le=1_000)
    """Samples of chance within each draw."""
    seed: int = Field(1, ge=0, le=2**32 - 1)
    """Seed of every stream; the same seed gives the same bits."""


class Override(Spec):
    """A baseline value replaced for this scenario."""

    value: float
    """New value, in the unit of the table."""
    low: float | None = None
    """Lowest plausible value; the value itself when not given."""
    high: float | None = None
    """Highest plausible value; the value itself when not given."""
    source: str = Field(min_length=3, max_length=500)
    """Where the number comes from."""
    status: Literal["measured", "published", "assumed", "calibrated"] = "assumed"
    """How it is known."""
    sample: tuple[float, ...] = Field((), max_length=512)
    """Equally likely values, in place of low to high; a draw takes the same row of all samples, so
    that values fitted together stay together. Written by ``equiscan calibrate``."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if not low <= self.value <= high:
            raise ValueError(f"value {self.value:g} is not within {low:g} to {high:g}")
        if self.sample and self.value not in self.sample:
            # a changed value beside the sample of an overlay would change nothing that is drawn
            raise ValueError(
                f"value {self.value:g} is not one of the sample; set sample to null to replace it"
            )
        return self


class Scenario(Spec):
    """A question about a described world: who, what, how long, how much money, how judged."""

    title: str = Field(min_length=3, max_length=120)
    """One line for the top of the report."""
    question: str = Field(min_length=10, max_length=1000)
    """The question in the asker's own words."""
    regions: tuple[str, ...] = Field(min_length=1, max_length=250)
    """Countries (ISO 3166 alpha-3), groups (LIC, LMC, UMC, HIC, a UN subregion) or ``all``."""
    by: Literal["country", "income_group"] = "country"
    """Whether each country is a region, or countries are pooled by income group."""
    groups: Mapping[str, Group] = Field(min_length=1, max_length=12)
    """Demographic groups; their shares add up to 1."""
    modalities: Mapping[Modality, Positive] = Field(min_length=1, max_length=6)
    """Modalities and the weight of each in effective coverage; weights add up to 1."""
    horizon: Horizon = Horizon()
    """Years of decision and of scoring."""
    profile: str = Field("dermoscopy_site", max_length=200)
    """Measured profile: a shipped name, or a folder inside the scenario's, such as ``./mine``."""
    response: Response
    """How the profile is carried over to this task."""
    budget_usd_per_year: NotNegative = Field(le=1e12)
    """New money per year for all regions, US dollars; running cost included."""
    levers: Mapping[LeverName, LeverBounds] = {}
    """Limits on what may be bought."""
    equity: Equity = Equity()
    """The measure of equity."""
    gate: Gate = Gate()
    """When a release may serve."""
    annotation: Annotation = Annotation()
    """How studies are labelled, today and under every policy."""
    training: Training = Training()
    """How trainings are scheduled."""
    policy_steps: tuple[PolicyStep, ...] = Field((), max_length=100)
    """What begins in a given year under every policy. The plan is made without knowing of it."""
    backlog: Mapping[Queue, Mapping[str, Count]] = {}
    """Studies waiting on the first day, by station and ``REGION.modality`` such as
    ``KEN.dermoscopy``; where not stated, what waits after the warm-up."""
    weekly: Weekly = Weekly()
    """Weekly series that are kept of the runs shown in the report."""
    policies: tuple[Policy, ...] = ("baseline", "equal_split", "plan")
    """What to compare."""
    uncertainty: Uncertainty = Uncertainty()
    """Draws, replications and seed."""
    overrides: Mapping[str, Override] = {}
    """Baseline values to replace, by dotted name such as ``KEN.readers_per_million.dermatologist``
    or ``dermoscopy.need_per_1000``."""

    @model_validator(mode="after")
    def _steps_begin_in_time(self) -> Self:
        end = self.horizon.start_year + self.horizon.score_years
        if late := sorted({step.year for step in self.policy_steps if step.year >= end}):
            years = ", ".join(map(str, late))
            raise ValueError(f"policy_steps in {years} would begin after the last year, {end - 1}")
        return self

    @field_validator("regions")
    @classmethod
    def _named_once(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in regions if regions.count(name) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return regions

    @field_validator("groups")
    @classmethod
    def _add_up_to_everyone(cls, groups: Mapping[str, Group]) -> Mapping[str, Group]:
        shares = [group.share for group in groups.values()]
        numbers = [share for share in shares if not isinstance(share, str)]
        if len(numbers) == len(shares):
            if abs(sum(numbers) - 1.0) > 1e-6:
                raise ValueError(f"shares add up to {sum(numbers):g}, not 1")
        elif sorted(map(str, shares)) != ["rural_share", "urban_share"]:
            raise ValueError("named shares must be exactly urban_share and rural_share")
        return groups

    @field_validator("modalities")
    @classmethod
    def _weights_add_up(cls, modalities: Mapping[Modality, float]) -> Mapping[Modality, float]:
        if abs((weights := sum(modalities.values())) - 1.0) > 1e-6:
            raise ValueError(f"weights add up to {weights:g}, not 1")
        return modalities
