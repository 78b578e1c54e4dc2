"""The declared measures of a study, and their values from a run or from its cells."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.equity.coverage import CELL, cell_weights, effective_coverage, time_mean, welfare
from sim.equity.inequality import (
    atkinson,
    concentration_index,
    gini,
    theil,
    theil_between_within,
    worst,
)
from sim.pipeline.records import Run
from sim.scenario.schema import Equity


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


def cell_records(run: Run) -> pd.DataFrame:
    """Return a run's yearly cells with the persons and the income behind each.

    Columns of ``Run.cells`` and population (persons), income_usd (income per head, US dollars).
    """
    table, world = run.cells(), run.world
    years = len(table) // int(np.prod(world.shape))
    people = np.broadcast_to(world.care.population[None, :, None, :], (years, *world.shape))
    income = np.broadcast_to(world.income_rank[None, :, None, None], (years, *world.shape))
    return table.assign(population=people.ravel(), income_usd=income.ravel())


def cell_table(records: pd.DataFrame, weight: Mapping[str, float]) -> pd.DataFrame:
    """Return coverage and mean counts per cell, over the replications of one draw.

    Parameters
    ----------
    records : ``cell_records`` of every replication, with a column ``replication``.
    weight : weight of every modality, adding up to 1.

    Returns
    -------
    year, region, group, ec (share of need), need (exams), population (persons), income_usd and
    ``COUNTS``; counts are means over replications.
    """
    replications = records["replication"].nunique()
    coverage = effective_coverage(records, weight)
    by_cell = records.groupby(CELL, sort=False)
    static = by_cell[["population", "income_usd"]].first().reset_index(drop=True)
    counts = by_cell[list(COUNTS)].sum().reset_index(drop=True) / replications
    need = coverage["need"] / replications
    return pd.concat([coverage.assign(need=need), static, counts], axis=1)


def equity_outcomes(cells: pd.DataFrame, equity: Equity) -> dict[str, float]:
    """Return ``EQUITY_OUTCOMES`` of one table of cells, as from ``cell_table``."""
    shape = tuple(cells[axis].nunique() for axis in CELL)
    ec = cells["ec"].to_numpy(dtype=float).reshape(shape)
    population = cells["population"].to_numpy(dtype=float).reshape(shape)[0]
    weights = cell_weights(ec, population, discount_rate=equity.discount_rate)
    mean = time_mean(ec, discount_rate=equity.discount_rate)
    people = np.where(np.isnan(mean), 0.0, population)
    first = cells.iloc[: shape[1] * shape[2]]
    between, within = theil_between_within(mean, people, first["region"].tolist())
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
        "concentration": concentration_index(mean, people, first["income_usd"].to_numpy()),
    }


def run_outcomes(cells: pd.DataFrame, ledger: pd.DataFrame) -> dict[str, float]:
    """Return ``RUN_OUTCOMES`` of one run, from its cells and its ledger."""
    accounts = ledger.groupby("account")["value"].sum()
    sums = cells[["need", *COUNTS]].sum()
    read = sums["read_by_ai"] + sums["read_by_human"]
    totals = {
        **{name: accounts[name] for name in accounts.index},
        **sums,
        "unmet_share": 1.0 - read / sums["need"] if sums["need"] else np.nan,
        "wait_weeks": sums["waiting_weeks"] / sums["arrived"] if sums["arrived"] else np.nan,
    }
    return {outcome.name: float(totals[outcome.name]) for outcome in RUN_OUTCOMES}


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
