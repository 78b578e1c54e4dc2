"""The objectives that plans are made for, and how the optimisation model writes each.

An objective of one's own joins the shipped ones by ``OBJECTIVES.add(Objective(...))``; the outcome
that it names is declared in ``sim.studies.outcomes``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pulp
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.registry import Registry
from sim.equity.coverage import (
    Measured,
    cell_weights,
    ede,
    mean_coverage,
    welfare,
    worst_coverage,
    year_weights,
)
from sim.equity.inequality import coverage_worth, utility
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot, equal, spelt
from sim.planning.tangents import MANY_CELLS, WIDE, WIDTH, segments, utility_scale, utility_tangents
from sim.scenario.schema import Equity

FLAT = 1e-9
"""Floor of coverage that is none: the mean knows no floor."""
BESIDE = 1e-3
"""Weight of mean coverage beside that of the worst-off cell. It breaks ties, and makes the model
use what is there in the other cells (the augmented maximin; Steuer and Choo 1983,
doi:10.1007/BF02591870)."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of an optimisation model, as an objective sees them.

    Axes: y year, r region, g group.
    """

    problem: pulp.LpProblem
    world: World
    equity: Equity
    years: tuple[str, ...]
    coverage: Variables
    """Variables, effective coverage as a share of need, shape (y, r, g)."""
    today: Floats
    """Coverage without any plan, shape (y, r, g)."""

    @property
    def population(self) -> Floats:
        """Persons, shape (y, r, g)."""
        return self.world.care.people(len(self.years))

    @property
    def needed(self) -> NDArray[np.bool_]:
        """Whether anybody needs an exam, shape (r, g)."""
        return np.asarray(self.world.care.need_per_year.sum(axis=1) > 0)

    def measured(self, coverage: Floats) -> Measured:
        """Return what outcomes are computed from, of coverage of shape (y, r, g)."""
        world = self.world
        ec = np.where(self.needed[None], coverage, np.nan)
        income = world.income_rank
        return Measured(ec, self.population, income, world.regions, world.groups, self.equity)


@dataclass(frozen=True, slots=True)
class Welfare:
    """What is to be as large as possible, before it is turned round, in units of log outcome."""

    terms: Terms
    """Welfare without its constant."""
    constant: float
    """Welfare of nobody covered, along the steepest tangents."""
    exact: Callable[[Measured], float]
    """Welfare without tangents, its constant included."""


class Parts(NamedTuple):
    """What each region adds to an outcome, and how it is made up of that."""

    of: Callable[[Measured], Floats]
    """What each region adds, shape (r,)."""
    whole: Callable[[Floats, Equity], float]
    """The outcome of such parts."""
    worst: bool = False
    """Whether the outcome grows with the least part, and not with their sum."""


@dataclass(frozen=True, slots=True)
class Objective:
    """An outcome that plans can be made for: what it is, and how the model writes it."""

    name: str
    """Of the outcome."""
    of: Callable[[Measured], float]
    """The outcome of one plan in one draw; the larger, the better."""
    write: Callable[[Cells], Welfare]
    """Adds rows and columns to the model, and returns a concave function of the cells' coverage
    that grows with the outcome; one unit is worth as much as a unit of the log outcome."""
    parts: Parts | None = None
    """What each region adds to it; None where that is not known."""


def mean_utility(cells: Cells, equity: Equity) -> Welfare:
    """Write the mean utility of discounted person-years, by tangents (docs/model.md §5)."""
    covered, population = np.where(cells.needed, cells.today, np.nan), cells.population
    weights = cell_weights(covered, population, discount_rate=equity.discount_rate)
    shares = weights / weights.sum()
    # coverage falls as need grows: the tangents have to reach down to its least
    floored = np.maximum(cells.today, cells.equity.floor)
    reference = float(np.exp(np.average(np.log(floored[0]), weights=weights[0])))
    width = WIDTH if cells.coverage.size <= MANY_CELLS else WIDE
    worth: Terms = []
    offset = 0.0
    for r, g in np.argwhere(cells.needed):
        low = 0.5 * float(floored[:, r, g].min())
        tangents = utility_tangents(equity, low=low, high=1.0, reference=reference, width=width)
        pieces = segments(tangents, high=1.0)
        slopes = np.array([piece.slope for piece in pieces])
        steps = tuple(f"step{i}" for i in range(len(pieces)))
        for y, year in enumerate(cells.years):
            name = f"covered_{spelt(cells.world.groups[g])}_{cells.world.regions[r]}_{year}"
            most = np.array([piece.width for piece in pieces])
            parts = add_variables(cells.problem, name, (steps,), high=most)
            rest = [(cells.coverage[y, r, g], -1.0)]
            equal(cells.problem, name, [rest, dot(1.0, parts)], 0.0)
            worth += dot(slopes * shares[y, r, g], parts)
            offset += float(shares[y, r, g]) * tangents[0].intercept
    scale = utility_scale(equity, reference=reference)
    return Welfare(worth, offset, lambda m: welfare(m.ec, population, equity)[0] * scale)


def worst_cell(cells: Cells) -> Welfare:
    """Write the coverage of the worst-off cell, each by its mean over the years."""
    world, needed = cells.world, cells.needed & (cells.world.care.population > 0)
    reference = max(float(cells.today[:, needed].min()), cells.equity.floor)
    (least,) = add_variables(cells.problem, "worst_off", (("cell",),))
    over_years = year_weights(cells.population, discount_rate=cells.equity.discount_rate)
    for r, g in np.argwhere(needed):
        name = f"worst_off_{spelt(world.groups[g])}_{world.regions[r]}"
        own = over_years[:, r, g] / over_years[:, r, g].sum()
        cell = dot(-own, cells.coverage[:, r, g])
        at_most(cells.problem, name, [[(least, 1.0)], cell], 0.0)
    beside = mean_utility(cells, _without_aversion(cells.equity))
    return Welfare(
        [(least, 1.0 / reference), *((v, BESIDE * c) for v, c in beside.terms)],
        BESIDE * beside.constant,
        lambda m: worst_coverage(m) / reference + BESIDE * beside.exact(m),
    )


def _without_aversion(equity: Equity) -> Equity:
    return equity.model_copy(update={"aversion": 0.0, "floor": FLAT})


def _utility(seen: Measured, equity: Equity) -> Floats:
    """Return each region's part of mean utility, by discounted person-years, shape (r,)."""
    worth = utility(np.nan_to_num(seen.ec), aversion=equity.aversion, floor=equity.floor)
    weights = seen.weights
    return np.asarray((weights * worth).sum(axis=(0, 2)) / weights.sum())


def _worst(seen: Measured) -> Floats:
    """Return the coverage of each region's worst-off cell, 1 where nobody has need, shape (r,)."""
    return np.asarray(np.where(seen.persons > 0.0, seen.mean, 1.0).min(axis=1))


OF_EDE = Parts(
    lambda seen: _utility(seen, seen.equity),
    lambda parts, equity: coverage_worth(float(parts.sum()), aversion=equity.aversion),
)
OF_MEAN = Parts(
    lambda seen: _utility(seen, _without_aversion(seen.equity)),
    lambda parts, _: coverage_worth(float(parts.sum()), aversion=0.0),
)
OF_WORST = Parts(_worst, lambda parts, _: float(parts.min()), worst=True)

OBJECTIVES = Registry(
    "objective",
    (
        Objective("ede", ede, lambda cells: mean_utility(cells, cells.equity), OF_EDE),
        Objective(
            "mean_ec",
            mean_coverage,
            lambda cells: mean_utility(cells, _without_aversion(cells.equity)),
            OF_MEAN,
        ),
        Objective("worst_ec", worst_coverage, worst_cell, OF_WORST),
    ),
)
"""Every objective by the name of its outcome."""
