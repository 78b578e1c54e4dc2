"""Assemble the tables of a study from the results of its tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sim.equity.coverage import ede
from sim.scenario.schema import Scenario
from sim.studies.batch import SAMPLE, Kept, joined, totals_of
from sim.studies.experiment import Experiment
from sim.studies.marginal import Addition, marginal_table
from sim.studies.outcomes import OUTCOMES, outcomes_of
from sim.studies.robustness import VARIANTS, robustness_rows, varied_name
from sim.studies.totals import People, Totals, account_table, cell_table, measured


@dataclass(slots=True)
class Gathered:
    """What the finished runs of a study kept, by experiment."""

    scenario: Scenario
    regions: tuple[str, ...]
    people: dict[int, People] = field(default_factory=dict)
    """By draw."""
    totals: dict[Experiment, Totals] = field(default_factory=dict)
    """Of the runs that were kept in full."""
    ede: dict[Experiment, float] = field(default_factory=dict)
    """Equity of every run by itself."""
    objective: dict[Experiment, float] = field(default_factory=dict)
    """The outcome that the plan is made for, of every run by itself."""
    shown: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    """Tables of the first run of every policy, by name."""
    sampled: dict[int, pd.DataFrame] = field(default_factory=dict)
    """What differs from draw to draw, by draw; see ``Sample.drawn_table``."""

    def add(self, kept: Kept) -> None:
        """Add what one task kept; of runs not kept in full, only their equity."""
        draw = int(kept.arrays["draw"])
        people = self.people.setdefault(draw, self._people(kept))
        for experiment, totals in totals_of(kept):
            found = measured(totals, people, self.scenario.equity)
            self.ede[experiment] = ede(found)
            self.objective[experiment] = OUTCOMES.called(self.scenario.objective).of(found)
            if totals.accounts:
                self.totals[experiment] = totals
        for name, table in kept.tables.items():
            if name == SAMPLE:
                self.sampled[draw] = table
            elif name != "runs":
                self.shown.setdefault(name, []).append(table)

    def _people(self, kept: Kept) -> People:
        return People(
            self.regions,
            tuple(self.scenario.groups),
            np.asarray(kept.arrays["population"], dtype=float),
            np.asarray(kept.arrays["income_usd"], dtype=float),
            np.array(list(self.scenario.modalities.values()), dtype=float),
        )

    def sample_table(self) -> pd.DataFrame:
        """Return what differs from draw to draw, of all draws: draw and ``Sample.drawn_table``."""
        draws = range(self.scenario.uncertainty.draws)
        parts = [labelled(self.sampled[draw], draw=draw) for draw in draws]
        return joined(parts)

    def equity(self, policies: Iterable[str]) -> pd.Series:
        """Return equity by policy and draw, of the first replication of every draw."""
        return self._by_draw(self.ede, policies)

    def reached(self, policies: Iterable[str]) -> pd.Series:
        """Return the same of the outcome that the plan is made for."""
        return self._by_draw(self.objective, policies)

    def _by_draw(self, found: Mapping[Experiment, float], policies: Iterable[str]) -> pd.Series:
        draws = range(self.scenario.uncertainty.draws)
        rows = {(one, draw): found[Experiment(one, draw, 0)] for one in policies for draw in draws}
        index = pd.MultiIndex.from_tuples(list(rows), names=["policy", "draw"])
        return pd.Series(list(rows.values()), index=index)


def result_tables(gathered: Gathered, policies: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the tables outcomes, cells, ledger and what is shown of one run of each policy."""
    scenario = gathered.scenario
    start, uncertainty = scenario.horizon.start_year, scenario.uncertainty
    outcomes, cells, ledger = [], [], []
    for policy in policies:
        for draw in range(uncertainty.draws):
            people = gathered.people[draw]
            labels: dict[str, str | int] = {"policy": policy, "draw": draw}
            runs = [
                gathered.totals[Experiment(policy, draw, k)]
                for k in range(uncertainty.replications)
            ]
            for replication, run in enumerate(runs):
                found = outcomes_of(run, people, scenario.equity)
                outcomes.append({**labels, "replication": replication, **found})
            total = Totals.sum(runs)
            cells.append(labelled(cell_table(total, people, start_year=start), **labels))
            accounts = account_table(total, people, start_year=start)
            ledger.append(labelled(accounts[accounts["value"] != 0], **labels))
    return {
        "outcomes": pd.DataFrame(outcomes),
        "cells": pd.concat(cells, ignore_index=True),
        "ledger": pd.concat(ledger, ignore_index=True),
        "sample": gathered.sample_table(),
        **_shown(gathered.shown, policies),
    }


def marginal_values(gathered: Gathered, tried: Sequence[Addition], *, base: str) -> pd.DataFrame:
    """Return the table of ``marginal_table``, from one replication of every draw."""
    names = [base, *(extra.plan.name for extra in tried)]
    return marginal_table(tried, gathered.equity(names), base=base)


def robustness_table(gathered: Gathered, policies: Sequence[str]) -> pd.DataFrame:
    """Return ``robustness_rows`` of every variant, from one replication of every draw."""
    tables = []
    for variant in VARIANTS:
        own = {varied_name(policy, variant): policy for policy in policies}
        reached = gathered.reached(own).rename(index=own, level="policy")
        tables.append(robustness_rows(reached, variant, metric=gathered.scenario.objective))
    return pd.concat(tables, ignore_index=True)


def labelled(table: pd.DataFrame, **labels: str | int) -> pd.DataFrame:
    """Return the table with constant columns in front."""
    return table.assign(**labels)[[*labels, *table.columns]]


def _shown(
    shown: Mapping[str, Sequence[pd.DataFrame]], policies: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return the shown tables with policies in their order, whichever task they came from."""
    return {
        name: joined([part[part["policy"] == policy] for policy in policies for part in parts])
        for name, parts in shown.items()
    }
