"""Consumables: how many exams there are supplies for, and what more supplies cost."""

from typing import Self

from pydantic import Field, model_validator

from sim.domain.bounds import Bounds
from sim.scenario.spec import Assumption, Modality, Spec

EXAMS_SUPPLIED = Bounds(0.0, 1e9, "exams per year")
PRICE_OF_SUPPLIES = Bounds(0.001, 1e5, "US dollars per exam")


class Supply(Spec):
    """Contrast agent, film, gel or kits without which there is no exam of a modality."""

    modality: Modality
    """Modality whose exams use them."""
    regions: tuple[str, ...] = Field(min_length=1, max_length=250)
    """Regions in each of which there are so many; elsewhere supplies are no limit."""
    exams_per_year: Assumption
    """Exams that they suffice for in a year, in each of the regions, without any purchase."""
    usd_per_exam: Assumption | None = None
    """Price of what one more exam uses; when given, a plan may buy more, ``supplies`` of the
    modality: a unit is for 1,000 exams in the year that is paid."""
    store_weeks: int = Field(13, ge=1, le=104)
    """Weeks of supplies that stores hold at most: what comes beyond that is not delivered."""

    def __str__(self) -> str:
        """Return what it says in words."""
        there = self.exams_per_year
        price = self.usd_per_exam
        more = (
            f"; more for {price.value:,g} US dollars an exam ({price.low:,g} to {price.high:,g}, "
            f"{price.source})"
            if price
            else "; no more can be bought"
        )
        return (
            f"{self.modality} in {', '.join(self.regions)}: for {there.value:,g} exams a year "
            f"({there.low:,g} to {there.high:,g}, {there.source}), in stores of "
            f"{self.store_weeks} weeks{more}"
        )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        self.exams_per_year.within(EXAMS_SUPPLIED)
        if self.usd_per_exam is not None:
            self.usd_per_exam.within(PRICE_OF_SUPPLIES)
        return self
