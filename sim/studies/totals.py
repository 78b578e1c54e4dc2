"""What is kept of the runs of a study, added up over replications, and the tables of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import Floats, Stage
from sim.equity.coverage import CELL, Measured, effective_coverage
from sim.pipeline.records import ENERGY_USES, EXAM_COSTS, READER_HOURS, Run
from sim.scenario.schema import Equity

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
