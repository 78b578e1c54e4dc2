"""Effective coverage of every cell, and the summary measures by which plans are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sim.domain.levers import Floats
from sim.equity.inequality import equally_distributed, utility, worst
from sim.scenario.schema import Equity

CELL = ["year", "region", "group"]


def effective_coverage(need: Floats, benefit: Floats, weight: Floats) -> Floats:
    """Return effective coverage of every cell, share of need (docs/model.md §5).

    Benefit over need, both summed over the year and over the replications of one draw before
    they are divided, then weighted over modalities. A modality without need in a cell hands its
    weight to the others; a cell without any need has coverage NaN, and counts for nothing.

    Parameters
    ----------
    need : exams, shape (..., region, modality, group).
    benefit : exams, weighted by the benefit of their reading, of the same shape.
    weight : weight of every modality, adding up to 1, shape (modality,).

    Returns
    -------
    Shape (..., region, group).
    """
    needed = need > 0
    ratio = np.divide(benefit, need, out=np.zeros_like(benefit), where=needed)
    share = np.where(needed, weight[:, None], 0.0)
    part, known = (share * ratio).sum(axis=-2), share.sum(axis=-2)
    return np.asarray(np.divide(part, known, out=np.full_like(part, np.nan), where=known > 0))


def discount(years: int, rate: float) -> Floats:
    """Return the weight of each year, shape (years,): 1 in the first, then ``(1 + rate)^-y``."""
    return np.asarray((1.0 + rate) ** -np.arange(years, dtype=float))


def cell_weights(ec: Floats, population: Floats, *, discount_rate: float) -> Floats:
    """Return discounted persons per cell, zero where coverage is NaN; shape (year, region, group).

    Parameters
    ----------
    ec : effective coverage, share of need, shape (year, region, group); NaN without need.
    population : persons, of the same shape.
    """
    persons = discount(len(ec), discount_rate)[:, None, None] * population
    return np.where(np.isnan(ec), 0.0, persons)


def welfare(ec: Floats, population: Floats, equity: Equity) -> tuple[float, float]:
    """Return welfare W and the equally distributed equivalent EDE (docs/model.md §5).

    W is the mean utility of discounted person-years, EDE = u^-1(W), a share of need. ``ec`` must
    be averaged over replications already: the logarithm of a noisy coverage is biased.

    Parameters
    ----------
    ec : effective coverage, shape (year, region, group); NaN without need.
    population : persons, of the same shape.
    """
    weights = cell_weights(ec, population, discount_rate=equity.discount_rate)
    counted = weights > 0
    if not counted.any():
        return float("nan"), float("nan")
    utilities = utility(ec[counted], aversion=equity.aversion, floor=equity.floor)
    ede = equally_distributed(ec, weights, aversion=equity.aversion, floor=equity.floor)
    return float(np.average(utilities, weights=weights[counted])), ede


def year_weights(population: Floats, *, discount_rate: float) -> Floats:
    """Return the weight of every year in the mean of a cell, shape (year, region, group).

    Discounted persons, relative to those of the first year, in which it is 1.

    Parameters
    ----------
    population : persons, of the same shape.
    """
    first = population[:1]
    relative = np.divide(population, first, out=np.ones_like(population), where=first > 0)
    return np.asarray(discount(len(population), discount_rate)[:, None, None] * relative)


def time_mean(ec: Floats, population: Floats, *, discount_rate: float) -> Floats:
    """Return each cell's mean coverage of discounted person-years with need, (region, group).

    Parameters
    ----------
    ec : effective coverage, shape (year, region, group); NaN without need.
    population : persons, of the same shape.
    """
    known = ~np.isnan(ec)
    weights = year_weights(population, discount_rate=discount_rate) * known
    total = weights.sum(axis=0)
    mean = (weights * np.where(known, ec, 0.0)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mean, np.nan)


@dataclass(frozen=True)
class Measured:
    """What a plan brought about in one draw, from which every outcome is computed.

    Axes: y year, r region, g group.
    """

    ec: Floats
    """Effective coverage, share of need, shape (y, r, g); NaN without need."""
    population: Floats
    """Persons, shape (y, r, g)."""
    income_usd: Floats
    """Income per head, US dollars, shape (r,)."""
    regions: tuple[str, ...]
    groups: tuple[str, ...]
    equity: Equity
    sums: Mapping[str, float] = field(default_factory=dict)
    """Counts and accounts of ``sim.studies.totals``, over all cells and years; none where only
    coverage is known."""

    @cached_property
    def weights(self) -> Floats:
        """Discounted persons of every cell, zero without need, shape (y, r, g)."""
        return cell_weights(self.ec, self.population, discount_rate=self.equity.discount_rate)

    @cached_property
    def mean(self) -> Floats:
        """Mean coverage of every cell over its discounted person-years, shape (r, g)."""
        return time_mean(self.ec, self.population, discount_rate=self.equity.discount_rate)

    @cached_property
    def persons(self) -> Floats:
        """Persons of the cells with need, zero in others, discounted mean, shape (r, g)."""
        grown, same = (
            year_weights(people, discount_rate=self.equity.discount_rate).sum(axis=0)
            for people in (self.population, np.ones_like(self.population))
        )
        return np.where(np.isnan(self.mean), 0.0, self.population[0] * (grown / same))


def ede(measured: Measured) -> float:
    """Return the equally distributed equivalent of coverage, share of need."""
    return welfare(measured.ec, measured.population, measured.equity)[1]


def mean_coverage(measured: Measured) -> float:
    """Return the mean coverage of discounted person-years, share of need."""
    return float(np.average(np.nan_to_num(measured.ec), weights=measured.weights))


def worst_coverage(measured: Measured) -> float:
    """Return the coverage of the worst-off cell, each by its mean over the years."""
    return worst(measured.mean, measured.persons)
