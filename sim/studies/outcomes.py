"""Outcomes: the declared measures of a study, and their values from runs or cells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import A_CHANGE_OF_SHARE, A_SHARE, ANYWHERE, Bounds
from sim.baseline.world import World
from sim.domain.levers import Floats, Stage
from sim.domain.registry import Registry
from sim.equity.coverage import (
    CELL,
    Measured,
    ede,
    effective_coverage,
    mean_coverage,
    worst_coverage,
)
from sim.equity.inequality import atkinson, concentration_index, gini, theil, theil_between_within
from sim.pipeline.records import ENERGY_USES, EXAM_COSTS, READER_HOURS, Run
from sim.scenario.schema import Equity
from sim.studies.experiment import Experiment

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
    Outcome(
        "unmet_share",
        "share of need",
        "lower",
        "Need without a reading",
        _unmet_share,
        "run",
        A_SHARE,
    ),
    _total("found", "true positives", "higher", "Disease found"),
    _total("missed", "true positives", "lower", "Disease in need and not found"),
    Outcome(
        "wait_weeks",
        "weeks per arrival",
        "lower",
        "Mean wait for an exam",
        _wait_weeks,
        "run",
        AN_AMOUNT,
    ),
)
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


COUNTS = (
    "arrived",
    "exams",
    "reneged",
    "read_by_ai",
    "read_by_human",
    "unread",
    "found",
    "missed",
    "waiting_weeks",
)
"""Counts that the cell table keeps beside coverage, summed over modalities."""


ACCOUNTS: Mapping[str, tuple[str, ...]] = {
    "spend_usd": tuple(map(str, Stage)),
    "exam_costs_usd": EXAM_COSTS,
    "energy_kwh": ENERGY_USES,
    "emissions_t_co2e": ENERGY_USES,
    "reader_hours": READER_HOURS,
}
"""Yearly accounts of every region, and the items of each."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What is kept of the replications of one plan in one draw, added up.

    Axes: y year, r region, m modality, g group.
    """

    need: Floats
    """Exams, shape (y, r, m, g)."""
    benefit: Floats
    """Exams, weighted by the benefit of their reading, shape (y, r, m, g)."""
    counts: Floats
    """``COUNTS`` over all modalities, shape (count, y, r, g)."""
    accounts: Mapping[str, Floats]
    """``ACCOUNTS``, each of shape (y, r, item)."""
    replications: int = 1

    @classmethod
    def of(cls, run: Run) -> "Totals":
        """Return what is kept of one run."""
        cells, records = run.records.cells, run.records
        return cls(
            need=cells["need"],
            benefit=cells["benefit"],
            counts=np.stack([cells[name].sum(axis=2) for name in COUNTS]),
            accounts={
                "spend_usd": records.spend_usd,
                "exam_costs_usd": records.exam_costs_usd,
                "energy_kwh": records.energy_kwh,
                "emissions_t_co2e": records.emissions_t_co2e,
                "reader_hours": records.reader_hours,
            },
        )

    @classmethod
    def sum(cls, parts: Sequence["Totals"]) -> "Totals":
        """Return the totals of all replications of a draw."""
        return cls(
            need=np.sum([part.need for part in parts], axis=0),
            benefit=np.sum([part.benefit for part in parts], axis=0),
            counts=np.sum([part.counts for part in parts], axis=0),
            accounts={
                name: np.sum([part.accounts[name] for part in parts], axis=0)
                for name in parts[0].accounts
            },
            replications=sum(part.replications for part in parts),
        )


class People(NamedTuple):
    """Who lives in a world, and who is better off."""

    regions: tuple[str, ...]
    groups: tuple[str, ...]
    population: Floats
    """Persons, shape (y, r, g)."""
    income_usd: Floats
    """Income per head, US dollars, shape (r,)."""
    weight: Floats
    """Of each modality in coverage, shape (m,)."""

    @classmethod
    def of(cls, world: World, *, years: int) -> "People":
        """Return the people of a world over so many scored years."""
        return cls(
            world.regions, world.groups, world.care.people(years), world.income_rank, world.weight
        )


def cell_table(totals: Totals, people: People, *, start_year: int) -> pd.DataFrame:
    """Return coverage and mean counts per cell, over the replications of one draw.

    Returns
    -------
    year, region, group, ec (share of need), need (exams), population (persons), income_usd and
    ``COUNTS``; need and counts are means over replications.
    """
    ec = effective_coverage(totals.need, totals.benefit, people.weight)
    columns = {
        "ec": ec,
        "need": totals.need.sum(axis=2) / totals.replications,
        "population": people.population,
        "income_usd": np.broadcast_to(people.income_usd[None, :, None], ec.shape),
        **dict(zip(COUNTS, totals.counts / totals.replications, strict=True)),
    }
    flat = {name: values.ravel() for name, values in columns.items()}
    return _cell_labels(start_year, len(ec), people.regions, people.groups).assign(**flat)


def account_table(totals: Totals, people: People, *, start_year: int) -> pd.DataFrame:
    """Return the accounts, means over replications: year, region, account, item, value."""
    mean = [values.ravel() / totals.replications for values in totals.accounts.values()]
    years = len(next(iter(totals.accounts.values())))
    labels = _account_labels(start_year, years, people.regions, tuple(totals.accounts))
    return labels.assign(value=np.concatenate(mean))


@lru_cache(maxsize=2)
def _cell_labels(
    start_year: int, years: int, regions: tuple[str, ...], groups: tuple[str, ...]
) -> pd.DataFrame:
    """Return year, region and group of every cell: the same for every draw of every plan."""
    names = [range(start_year, start_year + years), regions, groups]
    return pd.MultiIndex.from_product(names, names=CELL).to_frame(index=False)


@lru_cache(maxsize=2)
def _account_labels(
    start_year: int, years: int, regions: tuple[str, ...], accounts: tuple[str, ...]
) -> pd.DataFrame:
    """Return year, region, account and item of every account."""
    names = ["year", "region", "account", "item"]
    first = range(start_year, start_year + years)
    each = [
        pd.MultiIndex.from_product([first, regions, [account], ACCOUNTS[account]], names=names)
        for account in accounts
    ]
    return pd.concat([index.to_frame(index=False) for index in each], ignore_index=True)


def measured(totals: Totals, people: People, equity: Equity) -> Measured:
    """Return what the replications of one plan in one draw brought about, means over them."""
    sums = {name: float(v.sum()) for name, v in totals.accounts.items()}
    sums |= dict(zip(COUNTS, totals.counts.sum(axis=(1, 2, 3)).tolist(), strict=False))
    sums["need"] = float(totals.need.sum())
    return Measured(
        ec=effective_coverage(totals.need, totals.benefit, people.weight),
        population=people.population,
        income_usd=people.income_usd,
        regions=people.regions,
        groups=people.groups,
        equity=equity,
        sums={name: value / totals.replications for name, value in sums.items()},
    )


def measured_in(run: Run, equity: Equity) -> Measured:
    """Return what one run brought about."""
    totals = Totals.of(run)
    return measured(totals, People.of(run.world, years=len(totals.need)), equity)


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
