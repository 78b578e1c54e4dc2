"""Types of scenario fields: bounded numbers, and values with a range and a source."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sim.domain.bounds import Bounds
from sim.domain.distribution import Distribution, Shape


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("found nothing but blanks; must say something")
    return text


def _one_line(text: str) -> str:
    if _not_blank(text) != text.strip() or len(text.splitlines()) > 1:
        raise ValueError(f"found {text!r}; must be one line, without blanks around it")
    return text


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(gt=0.0, le=1.0)]
Text = Annotated[str, AfterValidator(_not_blank)]
Line = Annotated[str, AfterValidator(_one_line)]
Modality = Literal["dermoscopy", "chest_xray", "mammography", "ct", "mri", "fundus"]
Name = str
"""Of something that is declared elsewhere; what there is, ``files.Names`` knows."""
Count = Annotated[int, Field(ge=0, le=10**9)]


class Spec(BaseModel):
    """Base of everything read from a scenario file: no unknown keys, no mutation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class Drawable(Spec):
    """How the values of a number within its range are drawn."""

    distribution: Shape = "triangular"
    """``triangular``: from low to high, most likely at the value. ``uniform``: alike from low to
    high. ``normal``, ``lognormal``: low to high is the 95% interval, with the value in its middle.
    ``beta``: of a share, with the value as its mean and, from low to high, twice 1.96 standard
    deviations. What lies beyond the bounds of the quantity is cut off."""
    quantiles: Mapping[Annotated[float, Field(gt=0.0, lt=1.0)], float] = Field({}, max_length=50)
    """In place of a distribution, values by the chance of a lower one, such as ``{0.05: 2, 0.5: 3,
    0.95: 7}``; even between them, from low to high."""


class Assumption(Drawable):
    """A number that is not in the baseline tables, with its range and where it comes from."""

    value: float
    """Central value, in the unit of the field."""
    low: float
    """Lowest plausible value."""
    high: float
    """Highest plausible value."""
    source: Text = Field(min_length=3, max_length=500)
    """Where the number comes from; "assumption: why" when nothing was published."""
    status: Literal["measured", "published", "assumed"] = "assumed"
    """How it is known."""

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if wrong := self.known.wrong():
            raise ValueError(wrong)
        return self

    @property
    def known(self) -> Distribution:
        """What is known of the number."""
        quantiles = tuple(self.quantiles.items())
        return Distribution(self.value, self.low, self.high, self.distribution, quantiles)

    def within(self, bounds: Bounds) -> Self:
        """Return itself; ``ValueError`` that says what is allowed where a number is out of them."""
        if wrong := bounds.broken_by(self.value, self.low, self.high):
            raise ValueError(wrong)
        return self


class Override(Drawable):
    """A baseline value replaced for this scenario."""

    value: float
    """New value, in the unit of the table."""
    low: float | None = None
    """Lowest plausible value; the value itself when not given."""
    high: float | None = None
    """Highest plausible value; the value itself when not given."""
    source: Text = Field(min_length=3, max_length=500)
    """Where the number comes from."""
    status: Literal["measured", "published", "assumed", "calibrated"] = "assumed"
    """How it is known."""
    unit: str = Field("", max_length=100)
    """Unit of the table, to be sure of it; anything else is refused."""
    year: int | None = Field(None, ge=1900, le=2200)
    """Year that the value describes. A population grows from it to the first year; one without is
    of the first."""
    sample: tuple[float, ...] = Field((), max_length=512)
    """Equally likely values, in place of low to high; a draw takes the same row of all samples, so
    that values fitted together stay together. Written by ``equiscan calibrate``."""

    @property
    def known(self) -> Distribution:
        """What is known of the number; of a sample, its ends."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        quantiles = tuple(self.quantiles.items())
        return Distribution(self.value, low, high, self.distribution, quantiles)

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if wrong := self.known.wrong():
            raise ValueError(wrong)
        if self.sample and (self.quantiles or self.distribution != "triangular"):
            raise ValueError("a sample is drawn as it is; leave out distribution and quantiles")
        if self.sample and self.value not in self.sample:
            # a changed value beside the sample of an overlay would change nothing that is drawn
            raise ValueError(
                f"value {self.value:g} is not one of the sample; set sample to null to replace it"
            )
        return self
