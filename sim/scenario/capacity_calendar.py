"""The capacity calendar: what part of units or readers is open in which weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sim.domain.levers import Floats
from sim.scenario.spec import Modality, Name, Share, Spec
from sim.units import WEEKS_PER_YEAR


class CalendarEntry(Spec):
    """Weeks in which units or readers work less: a strike, a rainy season, holidays, a closure."""

    of: Literal["imaging", "readers"]
    """``imaging``: units, technologists included. ``readers``: hours of readers, for everything."""
    share: Share
    """Part of the capacity that is left; entries that hold in the same week are multiplied."""
    from_week: int = Field(1, ge=1, le=WEEKS_PER_YEAR)
    """First week of the year in which it holds."""
    to_week: int = Field(WEEKS_PER_YEAR, ge=1, le=WEEKS_PER_YEAR)
    """Last week in which it holds; where that comes before the first, it holds over the turn of the
    year."""
    year: int | None = Field(None, ge=2020, le=2140)
    """Calendar year at whose start it begins; it holds from ever, the warm-up included, when not
    given."""
    until: int | None = Field(None, ge=2020, le=2140)
    """Calendar year at whose start it ends: ``year: 2029, until: 2030`` is once, in 2029. It never
    does when not given."""
    regions: tuple[str, ...] = Field((), max_length=250)
    """Regions that it holds in; all of them when not given."""
    modalities: tuple[Modality, ...] = Field((), max_length=6)
    """Modalities of imaging that it holds for; all when not given."""
    professions: tuple[Name, ...] = Field((), max_length=6)
    """Professions of readers that it holds for; all when not given."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.of == "imaging" and self.professions:
            raise ValueError("professions belong to readers; of imaging, name modalities")
        if self.of == "readers" and self.modalities:
            raise ValueError("modalities belong to imaging; of readers, name professions")
        return self

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.year is not None and self.until is not None and self.until <= self.year:
            raise ValueError(f"until {self.until} is not after year {self.year}")
        return self

    def __str__(self) -> str:
        """Return what it says in words.

        >>> weeks = {"from_week": 14, "to_week": 22}
        >>> print(CalendarEntry(of="imaging", share=0.5, regions=("KEN",), **weeks))
        50% of imaging units work in weeks 14 to 22 of every year, in KEN
        """
        kinds = ", ".join(self.modalities or self.professions)
        who = ("imaging units" if self.of == "imaging" else "readers") + (
            f" ({kinds})" * bool(kinds)
        )
        where = f", in {', '.join(self.regions)}" if self.regions else ""
        weeks = f"weeks {self.from_week} to {self.to_week} of {self.years}"
        return f"{self.share:.0%} of {who} work in {weeks}{where}"

    @property
    def years(self) -> str:
        """The years that it holds in, in words."""
        if self.until is None:
            return "every year" if self.year is None else f"every year from {self.year}"
        last = self.until - 1
        if self.year is None:
            return f"every year up to {last}"
        return f"{self.year}" if self.year == last else f"{self.year} to {last}"

    def holds(self, year: int, week: int) -> bool:
        """Return whether it holds in a week, from 1, of a calendar year.

        >>> rains = CalendarEntry(of="imaging", share=0.5, from_week=50, to_week=3, year=2029)
        >>> [rains.holds(*when) for when in ((2028, 51), (2029, 3), (2029, 4), (2030, 50))]
        [False, True, False, True]
        """
        if (self.year is not None and year < self.year) or (
            self.until is not None and year >= self.until
        ):
            return False
        if self.from_week <= self.to_week:
            return self.from_week <= week <= self.to_week
        return week >= self.from_week or week <= self.to_week


@dataclass(frozen=True, slots=True)
class Opening:
    """What part of a kind of capacity is open, by region and modality or profession."""

    entries: tuple[tuple[CalendarEntry, NDArray[np.bool_]], ...]
    """With the regions and modalities, or professions, of each, shape (r, k)."""
    shape: tuple[int, int]

    @classmethod
    def of(
        cls, calendar: Sequence[CalendarEntry], kind: str, regions: Sequence[str],
        parts: Sequence[str],
    ) -> "Opening":  # fmt: skip
        """Return what entries say of ``imaging``, by modality, or ``readers``, by profession."""

        def among(names: Sequence[str], chosen: Sequence[str]) -> NDArray[np.bool_]:
            return np.array([not chosen or name in chosen for name in names])

        entries = tuple(
            (one, np.outer(among(regions, one.regions),
                           among(parts, one.modalities or one.professions)))
            for one in calendar
            if one.of == kind
        )  # fmt: skip
        return cls(entries, (len(regions), len(parts)))

    def share(self, year: int, week: int) -> Floats:
        """Return the open part in a week, from 0, of a calendar year, shape (r, k)."""
        share = np.ones(self.shape)
        for one, where in self.entries:
            if one.holds(year, week + 1):
                share[where] *= one.share
        return share

    def mean(self, year: int) -> Floats:
        """Return the mean open part of a calendar year, shape (r, k); exactly 1 without entries."""
        if not self.entries:
            return np.ones(self.shape)
        weeks = [self.share(year, week) for week in range(WEEKS_PER_YEAR)]
        return np.asarray(np.mean(weeks, axis=0))
