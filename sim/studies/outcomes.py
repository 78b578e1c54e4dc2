"""The declared measures of a study, and their values from a run or from its cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.lever import Floats, Stage
from sim.equity.coverage import CELL, cell_weights, effective_coverage, time_mean, welfare
from sim.equity.inequality import (
    atkinson,
    concentration_index,
    gini,
    theil,
    theil_between_within,
    worst,
)
from sim.pipeline.records import ENERGY_USES, READER_HOURS, Run
from sim.scenario.schema import Equity
from sim.studies.design import Experiment


class Outcome(NamedTuple):
    """A measure declared once; tables, charts and sentences all read it from here."""

    name: str
    unit: str
    better: Literal["higher", "lower", "neither"]
    label: str


EQUITY_OUTCOMES = (
    Outcome("ede", "share of need", "higher", "Equity: equally distributed effective coverage"),
    Outcome("mean_ec", "share of need", "higher", "Mean effective coverage"),
    Outcome("worst_ec", "share of need", "higher", "Effective coverage of the worst-off cell"),
    Outcome("last_ede", "share of need", "higher", "Equity in the last scored year"),
    Outcome("atkinson", "share", "lower", "Atkinson index over cells and years"),
    Outcome("gini", "index", "lower", "Gini index over cells"),
    Outcome("theil", "index", "lower", "Theil index over cells"),
    Outcome("theil_between", "index", "lower", "Theil index between regions"),
    Outcome("theil_within", "index", "lower", "Theil index within regions"),
    Outcome("concentration", "index", "lower", "Concentration among regions of higher income"),
)
"""Computed from coverage averaged over the replications of a draw, before any logarithm.

Indices over cells take each cell's discounted mean coverage over the scored years.
"""

RUN_OUTCOMES = (
    Outcome("spend_usd", "US dollars", "lower", "Money spent by the plan"),
    Outcome("follow_up_usd", "US dollars", "lower", "Cost of following up positive readings"),
    Outcome("energy_kwh", "kWh", "lower", "Energy of the whole pipeline"),
    Outcome("emissions_t_co2e", "t CO2e", "lower", "Emissions of the whole pipeline"),
    Outcome("need", "exams", "neither", "Exams needed"),
    Outcome("exams", "exams", "higher", "Exams done"),
    Outcome("read_by_ai", "exams", "neither", "Exams read with AI"),
    Outcome("read_by_human", "exams", "neither", "Exams read without AI"),
    Outcome("unread", "exams", "lower", "Exams that nobody read in time"),
    Outcome("unmet_share", "share of need", "lower", "Need without a reading"),
    Outcome("found", "true positives", "higher", "Disease found"),
    Outcome("missed", "true positives", "lower", "Disease in need and not found"),
    Outcome("wait_weeks", "weeks per arrival", "lower", "Mean wait for an exam"),
)
"""Totals over all cells and scored years, not discounted."""

OUTCOMES = {outcome.name: outcome for outcome in (*EQUITY_OUTCOMES, *RUN_OUTCOMES)}

COUNTS = (
    "arrived",
    "exams",
    "gave_up",
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
    "follow_up_usd": ("follow-up",),
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
                "follow_up_usd": records.follow_up_usd[..., None],
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
                name: np.sum([part.accounts[name] for part in parts], axis=0) for name in ACCOUNTS
            },
            replications=sum(part.replications for part in parts),
        )


class People(NamedTuple):
    """Who lives in a world, and who is better off."""

    regions: tuple[str, ...]
    groups: tuple[str, ...]
    population: Floats
    """Persons, shape (r, g)."""
    income_usd: Floats
    """Income per head, US dollars, shape (r,)."""
    weight: Floats
    """Of each modality in coverage, shape (m,)."""

    @classmethod
    def of(cls, world: World) -> "People":
        """Return the people of a world."""
        return cls(
            world.regions, world.groups, world.care.population, world.income_rank, world.weight
        )


def cell_table(totals: Totals, people: People, *, start_year: int) -> pd.DataFrame:
    """Return coverage and mean counts per cell, over the replications of one draw.

    Returns
    -------
    year, region, group, ec (share of need), need (exams), population (persons), income_usd and
    ``COUNTS``; need and counts are means over replications.
    """
    ec = effective_coverage(totals.need, totals.benefit, people.weight)
    years = range(start_year, start_year + len(ec))
    index = pd.MultiIndex.from_product([years, people.regions, people.groups], names=CELL)
    columns = {
        "ec": ec,
        "need": totals.need.sum(axis=2) / totals.replications,
        "population": np.broadcast_to(people.population[None], ec.shape),
        "income_usd": np.broadcast_to(people.income_usd[None, :, None], ec.shape),
        **dict(zip(COUNTS, totals.counts / totals.replications, strict=True)),
    }
    flat = {name: values.ravel() for name, values in columns.items()}
    return pd.DataFrame(flat, index=index).reset_index()


def account_table(totals: Totals, people: People, *, start_year: int) -> pd.DataFrame:
    """Return the accounts, means over replications: year, region, account, item, value."""
    tables = []
    for account, values in totals.accounts.items():
        years = range(start_year, start_year + len(values))
        index = pd.MultiIndex.from_product(
            [years, people.regions, [account], ACCOUNTS[account]],
            names=["year", "region", "account", "item"],
        )
        mean = values.ravel() / totals.replications
        tables.append(pd.DataFrame({"value": mean}, index=index).reset_index())
    return pd.concat(tables, ignore_index=True)


def equity_of(
    ec: Floats, population: Floats, income_usd: Floats, equity: Equity
) -> dict[str, float]:
    """Return ``EQUITY_OUTCOMES`` of effective coverage.

    Parameters
    ----------
    ec : effective coverage, share of need, shape (year, region, group); NaN without need.
    population : persons, shape (region, group).
    income_usd : income per head, shape (region,).
    """
    weights = cell_weights(ec, population, discount_rate=equity.discount_rate)
    mean = time_mean(ec, discount_rate=equity.discount_rate)
    people = np.where(np.isnan(mean), 0.0, population)
    groups = ec.shape[2]
    between, within = theil_between_within(
        mean, people, np.repeat(range(ec.shape[1]), groups).tolist()
    )
    averse = {"aversion": equity.aversion, "floor": equity.floor}
    return {
        "ede": welfare(ec, population, equity)[1],
        "mean_ec": float(np.average(np.nan_to_num(ec), weights=weights)),
        "worst_ec": worst(mean, people),
        "last_ede": welfare(ec[-1:], population, equity)[1],
        "atkinson": atkinson(ec, weights, **averse),
        "gini": gini(mean, people),
        "theil": theil(mean, people),
        "theil_between": between,
        "theil_within": within,
        "concentration": concentration_index(mean, people, np.repeat(income_usd, groups)),
    }


def ede_of(totals: Totals, people: People, equity: Equity) -> float:
    """Return the equally distributed equivalent of effective coverage, share of need."""
    ec = effective_coverage(totals.need, totals.benefit, people.weight)
    return welfare(ec, people.population, equity)[1]


def outcomes_of(totals: Totals, people: People, equity: Equity) -> dict[str, float]:
    """Return all ``OUTCOMES``; those of ``RUN_OUTCOMES`` are means over replications."""
    ec = effective_coverage(totals.need, totals.benefit, people.weight)
    sums = {name: float(v.sum()) for name, v in totals.accounts.items()}
    sums |= dict(zip(COUNTS, totals.counts.sum(axis=(1, 2, 3)).tolist(), strict=True))
    sums["need"] = float(totals.need.sum())
    read = sums["read_by_ai"] + sums["read_by_human"]
    values = {name: value / totals.replications for name, value in sums.items()}
    values["unmet_share"] = 1.0 - read / sums["need"] if sums["need"] else np.nan
    waited, came = sums["waiting_weeks"], sums["arrived"]
    values["wait_weeks"] = waited / came if came else np.nan
    measured = equity_of(ec, people.population, people.income_usd, equity)
    return measured | {outcome.name: values[outcome.name] for outcome in RUN_OUTCOMES}


def equity_outcomes(cells: pd.DataFrame, equity: Equity) -> dict[str, float]:
    """Return ``EQUITY_OUTCOMES`` of one table of cells, as from ``cell_table``."""
    shape = tuple(cells[axis].nunique() for axis in CELL)
    ec, population, income = (
        cells[name].to_numpy(dtype=float).reshape(shape)
        for name in ("ec", "population", "income_usd")
    )
    return equity_of(ec, population[0], income[0, :, 0], equity)


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
    names = [outcome.name for outcome in RUN_OUTCOMES]
    totals = outcomes.groupby(["policy", "draw"], sort=False)[names].mean()
    return equity_by_draw(cells, equity).join(totals)


def equity_by_draw(cells: pd.DataFrame, equity: Equity) -> pd.DataFrame:
    """Return ``EQUITY_OUTCOMES`` indexed by policy and draw."""
    groups = cells.groupby(["policy", "draw"], sort=False)
    rows = {key: equity_outcomes(part, equity) for key, part in groups}
    index = pd.MultiIndex.from_tuples(list(rows), names=["policy", "draw"])
    return pd.DataFrame(list(rows.values()), index=index)
