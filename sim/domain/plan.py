"""Plans: units by year, region and item, and their yearly cost."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from sim.domain.levers import Catalogue, Floats, Stage
from sim.errors import PlanError
from sim.units import WEEKS_PER_YEAR


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """Units bought by year, region and item, shape (year, region, item).

    The years are those in which money can be decided; the simulation may run on after them.
    """

    name: str
    units: Floats
    regions: tuple[str, ...]
    catalogue: Catalogue
    start_year: int
    status: str = "given"
    """How it came about: ``given``, or the solver's status."""
    gap: float = field(default=float("nan"))
    """Proven gap of the optimisation's objective (absolute, log EDE); NaN when not solved."""
    predicted: float = field(default=float("nan"))
    """Equity (EDE of effective coverage) that the optimisation expected; NaN when not solved."""

    def __post_init__(self) -> None:
        expected = (self.units.shape[0], len(self.regions), len(self.catalogue.items))
        if self.units.shape != expected:
            raise PlanError(f"plan '{self.name}': units have shape {self.units.shape}, {expected}")
        if not np.isfinite(self.units).all() or (self.units < 0).any():
            raise PlanError(f"plan '{self.name}': units must be finite and not negative")

    def __repr__(self) -> str:
        paid = float((self.units * self.catalogue.capex_usd).sum())
        bought = self.units.sum(axis=(0, 1))
        most = sorted(np.flatnonzero(bought).tolist(), key=lambda i: -bought[i])
        items = ", ".join(f"{bought[i]:,.4g} {self.catalogue.items[i].name}" for i in most)
        return (
            f"Plan '{self.name}' for {len(self.regions)} regions from {self.start_year}, "
            f"{self.years} years: {items or 'nothing'}; USD {paid:,.0f} of capital and services "
            "(.table() lists them)"
        )

    @property
    def years(self) -> int:
        """Number of years with decisions."""
        return int(self.units.shape[0])

    def plus(self, region: int, item: int, *, units: float, year: int = 0) -> "Plan":
        """Return the plan with more units of one item in one region from ``year`` on.

        An asset is bought once, in ``year``; a service is bought in every year from ``year``.
        """
        more = self.units.copy()
        last = self.years if self.catalogue.items[item].is_service else year + 1
        more[year:last, region, item] += units
        name = f"{self.name}+{self.regions[region]}.{self.catalogue.items[item].name}"
        return replace(self, name=name, units=more, status="given")

    def table(self) -> pd.DataFrame:
        """Return the purchases as a tidy table: year, region, item, stage, units, capex_usd."""
        where = np.argwhere(self.units > 0)
        items = [self.catalogue.items[i] for _, _, i in where]
        return pd.DataFrame(
            {
                "year": [self.start_year + int(y) for y, _, _ in where],
                "region": [self.regions[r] for _, r, _ in where],
                "item": [item.name for item in items],
                "stage": [str(item.stage) for item in items],
                "units": [float(self.units[y, r, i]) for y, r, i in where],
                "capex_usd": [
                    float(self.units[y, r, i] * self.catalogue.capex_usd[r, i]) for y, r, i in where
                ],
            }
        )


def empty_plan(
    name: str, catalogue: Catalogue, regions: tuple[str, ...], *, years: int, start_year: int
) -> Plan:
    """Return the plan that buys nothing."""
    units = np.zeros((years, len(regions), len(catalogue.items)))
    return Plan(name, units, regions, catalogue, start_year)


def active_share(catalogue: Catalogue, *, years: int) -> Floats:
    """Return the share of year ``b`` in which a unit paid in year ``a`` can be used.

    Shape (paid year, used year, region, item): 0 before the lead time has passed, a fraction in
    the year of commissioning, 1 afterwards (an asset is replaced for as long as the plan runs).
    A service is used in the year in which it is paid.
    """
    weeks = np.arange(years)[None, :, None, None] - np.arange(years)[:, None, None, None]
    elapsed = weeks + 1.0 - catalogue.lead_weeks[None, None] / WEEKS_PER_YEAR
    share = np.clip(elapsed, 0.0, 1.0)
    service = np.array([item.is_service for item in catalogue.items])
    return np.where(service[None, None, None, :], np.eye(years)[:, :, None, None], share)


def cost_of_unit(catalogue: Catalogue, *, years: int) -> Floats:
    """Return the dollars due in year ``b`` for a unit paid in year ``a``.

    Shape (paid year, due year, region, item): capital in the year of payment and again whenever
    the unit is replaced, running cost for as long as it is in use.
    """
    lag = np.arange(years)[None, :] - np.arange(years)[:, None]
    life = catalogue.life_years[None, None]
    due = (lag[:, :, None, None] >= 0) & (lag[:, :, None, None] % life == 0)
    service = np.array([item.is_service for item in catalogue.items])[None, None, None, :]
    due = np.where(service, (lag == 0)[:, :, None, None], due)
    running = active_share(catalogue, years=years) * catalogue.running_usd[None, None]
    return np.asarray(due * catalogue.capex_usd[None, None] + running)


def later_usd(plan: Plan, *, years: int) -> Floats:
    """Return what purchases cost after they are paid, within ``years``: running and replacement.

    Shape (year of payment, region, item), US dollars.
    """
    cost = cost_of_unit(plan.catalogue, years=years)[: plan.years].sum(axis=1)
    return np.asarray(plan.units * (cost - plan.catalogue.capex_usd))


def spend_usd(plan: Plan, *, years: int) -> Floats:
    """Return the plan's spend by year, region and item over ``years``, US dollars.

    Shape (year, region, item); includes replacement and running cost after the last decision.
    """
    cost = cost_of_unit(plan.catalogue, years=years)[: plan.years]
    return np.asarray(np.einsum("ari,abri->bri", plan.units, cost))


__all__ = [
    "Plan",
    "Stage",
    "active_share",
    "cost_of_unit",
    "empty_plan",
    "later_usd",
    "spend_usd",
]
