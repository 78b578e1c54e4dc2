"""What a treasury asks of the plan besides its budget: fields of a scenario file."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.domain.levers import LeverName, StageName
from sim.scenario.spec import Line, Name, Share, Spec

Usd = Annotated[float, Field(ge=0.0, le=1e15)]
Year = Annotated[int, Field(ge=2020, le=2140)]


class SpendingLimit(Spec):
    """What the plan spends on something, as a share of all that it spends or in US dollars."""

    at_least: Share | None = None
    """Least share of what the plan spends in these years, all running cost included."""
    at_most: Share | None = None
    """Largest share of it."""
    at_least_usd: Usd | None = None
    """Least sum over these years, US dollars, not discounted."""
    at_most_usd: Usd | None = None
    """Largest sum over these years, US dollars, not discounted."""
    regions: tuple[str, ...] = Field((), max_length=250)
    """Spent there: regions of the scenario, income groups or UN subregions; all when not given."""
    stages: tuple[StageName, ...] = ()
    """Spent on these stages; all when not given."""
    levers: tuple[LeverName, ...] = ()
    """Spent on these levers; all when not given."""
    groups: tuple[Line, ...] = Field((), max_length=12)
    """Spent for these groups by what reaches them alone, such as mobile clinics; for all when not
    given."""
    years: tuple[Year, ...] = Field((), max_length=40)
    """Spent in these years; in all when not given."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        limits = ("at_least", "at_most", "at_least_usd", "at_most_usd")
        if all(getattr(self, name) is None for name in limits):
            raise ValueError(f"says no limit: one of {', '.join(limits)} is required")
        for low, high in (limits[:2], limits[2:]):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                raise ValueError(f"{low} {least:g} is above {high} {most:g}")
        return self


class OutcomeLimit(Spec):
    """Where an outcome of the plan has to lie, in its own unit."""

    at_least: float | None = Field(None, ge=-1e15, le=1e15)
    """Lowest mean over the draws, in the unit of the outcome."""
    at_most: float | None = Field(None, ge=-1e15, le=1e15)
    """Highest mean over the draws, in the unit of the outcome."""

    @model_validator(mode="after")
    def _is_one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("one of at_least and at_most is required, and not both")
        return self


class Treasury(Spec):
    """What a treasury asks of the plan besides its budget."""

    budget_usd: Mapping[Year, Annotated[float, Field(ge=0.0, le=1e12)]] = {}
    """Budget of years that differ from ``budget_usd_per_year``, such as `{2027: 6.0e+6}`."""
    carry_over: bool = False
    """Whether money that a year leaves may be spent in later ones; it bears no interest."""
    spending: tuple[SpendingLimit, ...] = Field((), max_length=50)
    """Limits of what the plan spends on places, stages, levers, groups or years."""
    outcomes: Mapping[Name, OutcomeLimit] = Field({}, max_length=20)
    """Limits of outcomes as simulated, such as `{emissions_t_co2e: {at_most: 50}}`."""
    worse_off: Share | None = None
    """Most coverage, as a share of need, that the cell which loses most may lose against nothing
    bought: mean over draws of the largest loss. Not asked for when not given."""
