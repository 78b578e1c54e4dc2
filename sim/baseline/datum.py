"""A baseline value with its unit, its year, its range, and how it is known."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status = Literal["measured", "published", "assumed", "imputed", "calibrated"]
"""How a value is known; a derived value is as good as its weakest input.

- ``measured``: by this project, in a profile that can be run again;
- ``published``: read in the source that is named, or computed from what was read there;
- ``assumed``: a judgement, always with a range and a reason;
- ``imputed``: carried over from other countries, with the spread of those donors.
- ``calibrated``: an assumption narrowed by what a published figure says of its consequences.
"""

Text = Annotated[str, Field(min_length=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Datum:
    """One value. ``low`` and ``high`` equal ``value`` where the source gives no range."""

    value: float
    low: float
    high: float
    unit: str
    year: str
    status: Status
    source: str
    note: str


class Row(BaseModel):
    """The columns that every table has beside its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    value: Finite
    """Central value, in ``unit``."""
    low: Finite
    """Lowest plausible value; a blank cell repeats ``value``."""
    high: Finite
    """Highest plausible value; a blank cell repeats ``value``."""
    unit: Text
    """Unit, in words; shares run from 0 to 1, never percent."""
    year: Text
    """Year or years that the value describes; of publication where that is all we know."""
    status: Status
    """How the value is known."""
    source: Text
    """Who says so; "assumption" where nobody does."""
    note: str
    """What to know before using it; required reasoning where the value is assumed."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value:g} is not within {self.low:g} to {self.high:g}")
        return self

    @model_validator(mode="after")
    def _assumption_has_range_and_reason(self) -> Self:
        if self.status == "assumed" and not self.note:
            raise ValueError("an assumed value needs its reason in 'note'")
        if self.status == "assumed" and self.low == self.high:
            raise ValueError("an assumed value needs a range: give 'low' and 'high'")
        return self
