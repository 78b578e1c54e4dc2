"""The schema of scenario files: every field with its unit, bounds and meaning."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from sim.domain.bounds import SHARE
from sim.domain.levers import LeverName
from sim.errors import listed
from sim.scenario.ai import AnnotationSpec, Gate, ResponseSpec, TrainingSpec
from sim.scenario.capacity_calendar import CalendarEntry
from sim.scenario.consumables import Supply
from sim.scenario.spec import (
    Assumption,
    Count,
    Line,
    Modality,
    Name,
    Override,
    Share,
    Spec,
    Text,
    Weight,
)
from sim.scenario.treasury import Treasury

GroupPriority = Literal["urgent", "routine"]
PRIORITIES: tuple[GroupPriority, ...] = get_args(GroupPriority)
"""Classes in which people wait, the first served first."""
GroupName = Annotated[Line, Field(max_length=60)]
Queue = Literal["imaging", "reading", "documentation", "curation", "annotation"]

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
    need_ratio: float = Field(1.0, gt=0.0, le=1_000.0)
    """Need per person relative to the mean of the population."""
    priority: GroupPriority = "routine"
    """Urgent people are examined before routine ones; no exam is broken off for them."""

    @field_validator("reach")
    @classmethod
    def _is_a_share(cls, reach: Assumption | str) -> Assumption | str:
        return reach.within(SHARE) if isinstance(reach, Assumption) else reach


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

    aversion: float = Field(1.0, ge=0.0, le=20.0)
    """Inequality aversion: 0 counts the mean only, 1 is log, large values the worst-off."""
    floor: float = Field(1e-3, gt=0.0, lt=0.5)
    """Effective coverage below which cells count as equally badly off."""
    discount_rate: float = Field(0.03, ge=0.0, le=0.2)
    """Yearly discount rate of effects and of cost."""


class PolicyStep(Spec):
    """Something that holds in given years whatever the plan buys: a law, a treaty, a cap."""

    kind: Literal["agreement", "documentation_mandate", "carbon_cap"]
    """``agreement``: studies may be shared as under a data-sharing agreement.
    ``documentation_mandate``: a share of studies is documented where they are made.
    ``carbon_cap``: trainings start only while what those of a year should emit stays within so
    much; work that failures make them do again is not foreseen."""
    year: int = Field(ge=2020, le=2140)
    """Calendar year at whose start it begins."""
    until: int | None = Field(None, ge=2020, le=2140)
    """Calendar year at whose start it ends; it never does when not given."""
    ramp_years: int = Field(1, ge=1, le=30)
    """Years until it holds in full: with 4, a quarter of it holds in the first year, half in the
    second, all of it from the fourth on. A carbon cap holds at once."""
    regions: tuple[str, ...] = Field((), max_length=250)
    """Regions that it holds in; all of them when not given. A carbon cap holds for all."""
    share: Share | None = None
    """For a documentation mandate: share of archived studies documented where they are made."""
    t_co2e_per_year: float | None = Field(None, ge=0.0, le=1e9)
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
        if self.kind == "carbon_cap" and self.ramp_years > 1:
            raise ValueError("a carbon_cap holds at once: no ramp_years; name a cap for every year")
        return self

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.until is not None and self.until <= self.year:
            raise ValueError(f"until {self.until} is not after year {self.year}")
        return self

    @property
    def changing_years(self) -> tuple[int, ...]:
        """Calendar years at whose start it begins, rises or ends."""
        rising = range(self.year, self.year + self.ramp_years)
        return (*rising, *((self.until,) if self.until is not None else ()))

    def part_in_force(self, year: int) -> float:
        """Return how much of it holds in a calendar year, from 0 to 1.

        >>> step = PolicyStep(kind="agreement", year=2028, until=2031, ramp_years=2)
        >>> [step.part_in_force(year) for year in range(2027, 2032)]
        [0.0, 0.5, 1.0, 1.0, 0.0]
        """
        if year < self.year or (self.until is not None and year >= self.until):
            return 0.0
        return min((year - self.year + 1) / self.ramp_years, 1.0)


class TeleReading(Spec):
    """Readers of one region who may read exams of others: the law allows it, and lines carry it."""

    by: str
    """Region whose readers read, such as ``KEN``."""
    serves: tuple[str, ...] = Field(min_length=1, max_length=250)
    """Regions whose exams they may read, and which buy their hours."""

    @model_validator(mode="after")
    def _reads_for_others(self) -> Self:
        if self.by in self.serves:
            raise ValueError(f"{self.by} reads for itself without tele-reading; leave it out")
        if twice := sorted({name for name in self.serves if self.serves.count(name) > 1}):
            raise ValueError(f"serves named twice: {listed(twice)}")
        return self


class Weekly(Spec):
    """Which weekly series of the stations a run keeps: a world by cell is large."""

    detail: Literal["none", "region", "cell"] = "region"
    """``cell`` keeps every region, modality and group; ``region`` adds them up."""
    stations: tuple[Name, ...] = Field((), max_length=100)
    """Stations that are recorded; all when not given."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if twice := sorted({name for name in self.stations if self.stations.count(name) > 1}):
            raise ValueError(f"stations named twice: {', '.join(twice)}")
        if self.detail == "none" and self.stations:
            raise ValueError("stations are named, but detail 'none' records none of them")
        return self


class LeverBounds(Spec):
    """Limits of one lever, over those of the tables."""

    max_per_year: float | None = Field(None, ge=0.0, le=1e6)
    """Most units bought in a year in one region; the tables' value when not given."""
    regions: Mapping[str, Annotated[float, Field(ge=0.0, le=1e6)]] = {}
    """The same by region, such as `{KEN: 3, RWA: 0}`; the lowest limit holds."""
    allowed: bool = True
    """Whether the plan may buy it at all."""


class Uncertainty(Spec):
    """How many draws and replications are run, and from which seed."""

    draws: int = Field(20, ge=1, le=10_000)
    """Samples of what is not known: assumed and imputed inputs, and the measured response."""
    replications: int = Field(2, ge=1, le=1_000)
    """Replications within each draw: the same parameters, other random events."""
    seed: int = Field(1, ge=0, le=2**32 - 1)
    """Seed of every stream; the same seed gives the same bits."""
    latin_hypercube: int | None = Field(None, ge=2, le=10_000)
    """Draws come in Latin hypercubes of so many, best as many as `draws`: of each hypercube every
    unknown input has one draw in each of as many equally likely parts of its range, so that means
    come out closer with as many runs. When not given, draws are independent."""


class SearchSpec(Spec):
    """How much is simulated to find the plan."""

    effort: Literal["quick", "standard", "thorough"] | Annotated[int, Field(ge=50, le=10**8)] = (
        "standard"
    )
    """Runs, of one plan in one draw, that the search may take: a number, or a word for 1,500, 9,000
    or 40,000. With less than the standard, the optimisation model proposes one plan, else three."""
    worst_draws: float = Field(1.0, ge=0.05, le=1.0)
    """Share of the search draws, the worst of each plan, whose mean outcome the plan makes large.
    1 is the expected value; 0.2 guards against the worst fifth of what is not known."""
    worst_by: Literal["outcome", "regret"] = "outcome"
    """Which draws are a plan's worst: where its outcome is, or where it is furthest behind the best
    of all proposals in the same draw (regret)."""

    @model_validator(mode="after")
    def _regret_is_of_some_draws(self) -> Self:
        if self.worst_by == "regret" and self.worst_draws == 1.0:
            raise ValueError(
                "worst_by regret needs worst_draws below 1, such as 0.2: over all draws the mean "
                "regret ranks plans as the mean outcome does"
            )
        return self


class Scenario(Spec):
    """A question about a described world: who, what, how long, how much money, how judged."""

    title: Line = Field(min_length=3, max_length=120)
    """One line for the top of the report."""
    question: Text = Field(min_length=10, max_length=1000)
    """The question in the asker's own words."""
    regions: tuple[str, ...] = Field(min_length=1, max_length=250)
    """Countries (ISO 3166 alpha-3, or their names), groups (LIC, LMC, UMC, HIC, a UN subregion) or
    ``all``."""
    by: Literal["country", "income_group"] = "country"
    """Whether each country is a region, or countries are pooled by income group."""
    groups: Mapping[GroupName, Group] = Field(min_length=1, max_length=12)
    """Demographic groups; their shares add up to 1."""
    modalities: Mapping[Modality, Weight] = Field(min_length=1, max_length=6)
    """Modalities and the weight of each in effective coverage; weights add up to 1."""
    horizon: Horizon = Horizon()
    """Years of decision and of scoring."""
    profile: str = Field("dermoscopy_encoder_site", max_length=200)
    """Measured profile: a shipped name, or a folder inside the scenario's, such as ``./mine``."""
    response: ResponseSpec
    """How the profile is carried over to this task."""
    budget_usd_per_year: float = Field(ge=0.0, le=1e12)
    """New money per year for all regions, US dollars; running cost included."""
    exam_costs: Literal["beside", "in_budget"] = "beside"
    """Who pays for what exams cost beyond today: following up positive readings, keeping studies,
    electricity. ``beside``: the health service, in a second row beside the budget. ``in_budget``:
    the plan is made so that the budget pays for it, too; simple rules do not foresee it."""
    treasury: Treasury = Treasury()
    """What else the plan must keep: budgets by year, carry-over, shares of spending, outcomes."""
    levers: Mapping[LeverName, LeverBounds] = {}
    """Limits on what may be bought."""
    tele_reading: tuple[TeleReading, ...] = Field((), max_length=250)
    """Who may read whose exams from afar; nobody when not given. The plan may then buy hours of
    them, ``tele_reading.KEN.dermatologist`` in RWA, which Kenya's own people have no more."""
    supplies: tuple[Supply, ...] = Field((), max_length=250)
    """How many exams contrast agent, film and other consumables suffice for; no limit where not
    stated. Imaging uses no more than there is, and a plan may buy more where a price is given."""
    equity: Equity = Equity()
    """The measure of equity."""
    gate: Gate = Gate()
    """When a release may serve."""
    annotation: AnnotationSpec = AnnotationSpec()
    """How studies are labelled, today and under every policy."""
    training: TrainingSpec = TrainingSpec()
    """How trainings are scheduled."""
    policy_steps: tuple[PolicyStep, ...] = Field((), max_length=100)
    """What begins, rises and ends in given years under every policy. The plan is made without
    knowing of it."""
    capacity_calendar: tuple[CalendarEntry, ...] = Field((), max_length=100)
    """Weeks in which units or readers work less, under every policy: strikes, rains, holidays."""
    backlog: Mapping[Queue, Mapping[str, Count]] = {}
    """Studies waiting on the first day, by station and ``REGION.modality`` such as
    ``KEN.dermoscopy``; where not stated, what waits after the warm-up."""
    weekly: Weekly = Weekly()
    """Weekly series that are kept of the runs shown in the report."""
    objective: Name = "ede"
    """Outcome that the plan makes as large as possible, and by which policies are compared."""
    policies: tuple[Name, ...] = Field(("baseline", "equal_split", "plan"), min_length=1)
    """What to compare."""
    search: SearchSpec = SearchSpec()
    """How the plan is searched for."""
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

    @model_validator(mode="after")
    def _calendar_holds_in_time(self) -> Self:
        first = self.horizon.start_year - self.horizon.warm_up_years
        end = self.horizon.start_year + self.horizon.score_years
        for number, one in enumerate(self.capacity_calendar):
            if one.year is not None and one.year >= end:
                raise ValueError(
                    f"capacity_calendar.{number}: year {one.year} is after the last, {end - 1}"
                )
            if one.until is not None and one.until <= first:
                raise ValueError(
                    f"capacity_calendar.{number}: until {one.until} is not after the first year "
                    f"that is simulated, {first} (warm-up included)"
                )
        return self

    @model_validator(mode="after")
    def _who_lends_works(self) -> Self:
        # an hour that is sold is worked: it would be made of nothing while nobody works
        lend = {one.by for one in self.tele_reading}
        for number, one in enumerate(self.capacity_calendar):
            if one.of == "readers" and (both := sorted(lend.intersection(one.regions or lend))):
                raise ValueError(
                    f"capacity_calendar.{number}: readers of {listed(both)} read for others "
                    "(tele_reading), every week; name other regions"
                )
        return self

    @model_validator(mode="after")
    def _years_are_within(self) -> Self:
        first = self.horizon.start_year
        years = range(first, first + self.horizon.score_years)
        named = {
            "treasury.budget_usd": self.treasury.budget_usd,
            **{f"treasury.spending.{n}": one.years for n, one in enumerate(self.treasury.spending)},
        }
        for key, given in named.items():
            if wrong := sorted(set(given) - set(years)):
                found = ", ".join(map(str, wrong))
                raise ValueError(f"{key}: {found} is not within {years[0]} to {years[-1]}")
        return self

    @field_validator("tele_reading")
    @classmethod
    def _by_each_once(cls, given: tuple[TeleReading, ...]) -> tuple[TeleReading, ...]:
        names = [one.by for one in given]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"by {listed(twice)} twice; name all whom they serve in one entry")
        return given

    @field_validator("supplies")
    @classmethod
    def _each_place_once(cls, given: tuple[Supply, ...]) -> tuple[Supply, ...]:
        places = [f"{region}.{one.modality}" for one in given for region in one.regions]
        if twice := sorted({place for place in places if places.count(place) > 1}):
            raise ValueError(f"stated twice: {listed(twice)}")
        return given

    @field_validator("regions", "policies")
    @classmethod
    def _named_once(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in regions if regions.count(name) > 1}):
            raise ValueError(f"named twice: {listed(twice)}")
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
