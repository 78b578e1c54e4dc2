"""Outcomes: the declared measures of a study, and their values from runs or cells."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import A_CHANGE_OF_SHARE, A_SHARE, ANYWHERE, Bounds
from sim.domain.registry import Registry
from sim.equity.coverage import CELL, Measured, ede, mean_coverage, worst_coverage
from sim.equity.inequality import atkinson, concentration_index, gini, theil, theil_between_within
from sim.scenario.schema import Equity
from sim.studies.experiment import Experiment
from sim.studies.totals import People, Totals, measured

Better = Literal["higher", "lower", "neither"]


class Outcome(NamedTuple):
    """A measure declared once; tables, charts and sentences all read it from here.

    One of one's own joins them by ``OUTCOMES.add(Outcome(...))``.
    """

    name: str
    unit: str
    better: Better
    label: str
    of: Callable[[Measured], float]
    """What it is, of one plan in one draw."""
    kind: Literal["coverage", "run"] = "coverage"
    """``coverage``: computed from coverage averaged over the replications of a draw, before any
    logarithm. ``run``: of every run by its ``sums``, and then averaged."""
    bounds: Bounds = ANYWHERE
    """Between which values it lies; an interval ends there."""

    @property
    def bounds_of_change(self) -> Bounds:
        """Between which values a difference of two of it lies."""
        least, most = self.bounds
        return least - most, most - least


AN_AMOUNT: Bounds = (0.0, inf)


def _total(name: str, unit: str, better: Better, label: str) -> Outcome:
    """Return the outcome that is the sum of that name."""
    return Outcome(name, unit, better, label, lambda measured: measured.sums[name], "run",
                   AN_AMOUNT)  # fmt: skip


def _unmet_share(measured: Measured) -> float:
    sums = measured.sums
    read = sums["read_by_ai"] + sums["read_by_human"]
    return 1.0 - read / sums["need"] if sums["need"] else np.nan


def _wait_weeks(measured: Measured) -> float:
    waited, came = measured.sums["waiting_weeks"], measured.sums["arrived"]
    return waited / came if came else np.nan


def _theil_parts(measured: Measured) -> tuple[float, float]:
    """Return Theil's index between regions and within them."""
    regions, groups = measured.mean.shape
    part = np.repeat(range(regions), groups).tolist()
    return theil_between_within(measured.mean, measured.persons, part)


def _atkinson(measured: Measured) -> float:
    averse = {"aversion": measured.equity.aversion, "floor": measured.equity.floor}
    return atkinson(measured.ec, measured.weights, **averse)


def _concentration(measured: Measured) -> float:
    rank = np.repeat(measured.income_usd, measured.mean.shape[1])
    return concentration_index(measured.mean, measured.persons, rank)


def _group_gap(measured: Measured) -> float:
    """Return how far the best covered group is ahead of the worst, all regions together."""
    covered = np.nansum(measured.mean * measured.persons, axis=0)
    persons = measured.persons.sum(axis=0)
    by_group = covered[persons > 0.0] / persons[persons > 0.0]
    return float(np.ptp(by_group)) if by_group.size else np.nan


COVERAGE_OUTCOMES = (
    Outcome("ede", "share of need", "higher", "Equally distributed effective coverage",
            ede, bounds=A_SHARE),
    Outcome("mean_ec", "share of need", "higher", "Mean effective coverage", mean_coverage,
            bounds=A_SHARE),
    Outcome("worst_ec", "share of need", "higher", "Effective coverage of the worst-off cell",
            worst_coverage, bounds=A_SHARE),
    Outcome("group_gap", "share of need", "lower", "Gap between the best and worst covered group",
            _group_gap, bounds=A_SHARE),
    Outcome("last_ede", "share of need", "higher", "Equity in the last scored year",
            lambda m: ede(replace(m, ec=m.ec[-1:], population=m.population[-1:])),
            bounds=A_SHARE),
    Outcome("atkinson", "share", "lower", "Atkinson index over cells and years", _atkinson,
            bounds=A_SHARE),
    Outcome("gini", "index", "lower", "Gini index over cells", lambda m: gini(m.mean, m.persons),
            bounds=A_SHARE),
    Outcome("theil", "index", "lower", "Theil index over cells",
            lambda m: theil(m.mean, m.persons), bounds=AN_AMOUNT),
    Outcome("theil_between", "index", "lower", "Theil index between regions",
            lambda m: _theil_parts(m)[0], bounds=AN_AMOUNT),
    Outcome("theil_within", "index", "lower", "Theil index within regions",
            lambda m: _theil_parts(m)[1], bounds=AN_AMOUNT),
    Outcome("concentration", "index", "lower", "Concentration among regions of higher income",
            _concentration, bounds=A_CHANGE_OF_SHARE),
)  # fmt: skip
"""Computed from coverage averaged over the replications of a draw, before any logarithm.

Indices over cells take each cell's discounted mean coverage over the scored years.
"""

RUN_OUTCOMES = (
    _total("spend_usd", "US dollars", "lower", "Money spent by the plan"),
    _total("exam_costs_usd", "US dollars", "lower", "Cost of exams beside the plan"),
    _total("energy_kwh", "kWh", "lower", "Energy of the whole pipeline"),
    _total("emissions_t_co2e", "t CO2e", "lower", "Emissions of the whole pipeline"),
    _total("need", "exams", "neither", "Exams needed"),
    _total("exams", "exams", "higher", "Exams done"),
    _total("read_by_ai", "exams", "neither", "Exams read with AI"),
    _total("read_by_human", "exams", "neither", "Exams read without AI"),
    _total("unread", "exams", "lower", "Exams that nobody read in time"),
    Outcome("unmet_share", "share of need", "lower", "Need without a reading", _unmet_share,
            "run", A_SHARE),
    _total("found", "true positives", "higher", "Disease found"),
    _total("missed", "true positives", "lower", "Disease in need and not found"),
    Outcome("wait_weeks", "weeks per arrival", "lower", "Mean wait for an exam", _wait_weeks,
            "run", AN_AMOUNT),
)  # fmt: skip
"""Totals over all cells and scored years, not discounted."""

OUTCOMES = Registry("outcome", (*COVERAGE_OUTCOMES, *RUN_OUTCOMES))
"""Every outcome by name."""


def phrased(name: str) -> str:
    """Return an outcome as it is called in a sentence.

    >>> phrased("worst_ec")
    'effective coverage of the worst-off cell'
    """
    label = OUTCOMES.called(name).label
    return f"{label[0].lower()}{label[1:]}"


def outcomes_of(totals: Totals, people: People, equity: Equity) -> dict[str, float]:
    """Return all ``OUTCOMES`` of the replications of one plan in one draw."""
    found = measured(totals, people, equity)
    return {outcome.name: outcome.of(found) for outcome in OUTCOMES.values()}


def coverage_outcomes(cells: pd.DataFrame, equity: Equity) -> dict[str, float]:
    """Return the outcomes of coverage of one table of cells, as from ``cell_table``."""
    return _coverage_outcomes(measured_cells(cells, equity))


def _coverage_outcomes(found: Measured) -> dict[str, float]:
    return {one.name: one.of(found) for one in OUTCOMES.values() if one.kind == "coverage"}


def measured_cells(cells: pd.DataFrame, equity: Equity) -> Measured:
    """Return what a table of cells, as from ``cell_table``, says of coverage."""
    shape = tuple(cells[axis].nunique() for axis in CELL)
    ec, population, income = (
        cells[name].to_numpy(dtype=float).reshape(shape)
        for name in ("ec", "population", "income_usd")
    )
    regions, groups = (tuple(map(str, cells[axis].unique())) for axis in CELL[1:])
    return Measured(ec, population, income[0, :, 0], regions, groups, equity)


def by_draw_of(
    totals: Mapping[Experiment, Totals], people: Mapping[int, People], equity: Equity
) -> pd.DataFrame:
    """Return every measure by policy and draw, over the replications of each.

    Parameters
    ----------
    totals : of every experiment, kept in full.
    people : of every draw.
    """
    parts: dict[tuple[str, int], list[Totals]] = {}
    for experiment, total in totals.items():
        parts.setdefault((experiment.policy, experiment.draw), []).append(total)
    order = list(dict.fromkeys(policy for policy, _ in parts))
    keys = sorted(parts, key=lambda key: (order.index(key[0]), key[1]))
    rows = [outcomes_of(Totals.sum(parts[key]), people[key[1]], equity) for key in keys]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(keys, names=["policy", "draw"]))


def by_draw(outcomes: pd.DataFrame, cells: pd.DataFrame, equity: Equity) -> pd.DataFrame:
    """Return every measure by policy and draw, the unit that intervals are taken over.

    Equity from coverage averaged over replications, totals as their mean over replications.

    Parameters
    ----------
    outcomes : one row per experiment: policy, draw, replication and the measures.
    cells : columns of ``cell_table`` and policy, draw.
    """
    names = [one.name for one in OUTCOMES.values() if one.kind == "run" and one.name in outcomes]
    totals = outcomes.groupby(["policy", "draw"], sort=False)[names].mean()
    return coverage_by_draw(cells, equity).join(totals)


def coverage_by_draw(cells: pd.DataFrame, equity: Equity) -> pd.DataFrame:
    """Return the outcomes of coverage, indexed by policy and draw."""
    found = measured_by_draw(cells, equity)
    index = pd.MultiIndex.from_tuples(list(found), names=["policy", "draw"])
    return pd.DataFrame([_coverage_outcomes(one) for one in found.values()], index=index)


def measured_by_draw(cells: pd.DataFrame, equity: Equity) -> dict[tuple[str, int], Measured]:
    """Return what tables of cells say of coverage, by policy and draw."""
    groups = cells.groupby(["policy", "draw"], sort=False)
    return {
        (str(policy), int(str(draw))): measured_cells(part, equity)
        for (policy, draw), part in groups
    }
