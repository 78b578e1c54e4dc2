"""From the parts of finished experiments to the tables of a study, in the order of the design."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from sim.scenario.schema import Scenario
from sim.study.design import Experiment, experiments
from sim.study.folder import part, read_table, station_table
from sim.study.marginal import Addition, marginal_table
from sim.study.outcomes import cell_table, equity_by_draw, equity_outcomes, run_outcomes
from sim.study.robustness import VARIANTS, robustness_rows, varied_name

LEDGER_KEYS = ["year", "region", "account", "item"]


def result_tables(
    scenario: Scenario, partial: Path, policies: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return the tables outcomes, cells, ledger and what is shown of one experiment each."""
    return {
        "outcomes": _outcomes(scenario, partial, policies),
        "cells": cells(scenario, partial, policies),
        "ledger": _ledger(scenario, partial, policies),
        **{name: _shown(partial, policies, name) for name in shown_tables(scenario)},
    }


def shown_tables(scenario: Scenario) -> list[str]:
    """Return the names of the tables that are kept of the first experiment of every policy."""
    return ["events", "jobs", "releases", "audits", *map(station_table, scenario.weekly.recorded)]


def marginal_values(
    scenario: Scenario, partial: Path, tried: Sequence[Addition], *, base: str
) -> pd.DataFrame:
    """Return the table of ``marginal_table``, from one replication of every draw."""
    names = [base, *(extra.plan.name for extra in tried)]
    table = cells(scenario, partial, names, replications=1)
    return marginal_table(tried, equity_by_draw(table, scenario.equity)["ede"], base=base)


def robustness_table(scenario: Scenario, partial: Path, policies: Sequence[str]) -> pd.DataFrame:
    """Return ``robustness_rows`` of every variant, from one replication of every draw."""
    tables = []
    for variant in VARIANTS:
        own = {varied_name(policy, variant): policy for policy in policies}
        table = cells(scenario, partial, list(own), replications=1)
        ede = equity_by_draw(table, scenario.equity)["ede"].rename(index=own, level="policy")
        tables.append(robustness_rows(ede, variant))
    return pd.concat(tables, ignore_index=True)


def cells(
    scenario: Scenario, partial: Path, policies: Sequence[str], *, replications: int | None = None
) -> pd.DataFrame:
    """Return ``cell_table`` of every policy and draw, over the draw's replications.

    Parameters
    ----------
    replications : how many were run; the scenario's number when not given.
    """
    uncertainty = scenario.uncertainty
    count = replications or uncertainty.replications
    tables = []
    for policy, draw in product(policies, range(uncertainty.draws)):
        records = [
            _read(partial, Experiment(policy, draw, k), "cells").assign(replication=k)
            for k in range(count)
        ]
        table = cell_table(pd.concat(records, ignore_index=True), _weight(scenario))
        tables.append(_labelled(table, policy=policy, draw=draw))
    return pd.concat(tables, ignore_index=True)


def _outcomes(scenario: Scenario, partial: Path, policies: Sequence[str]) -> pd.DataFrame:
    """Return one row per experiment; its equity is that of its one replication."""
    uncertainty = scenario.uncertainty
    rows = []
    for one in experiments(
        policies, draws=uncertainty.draws, replications=uncertainty.replications
    ):
        records = _read(partial, one, "cells").assign(replication=one.replication)
        own = cell_table(records, _weight(scenario))
        totals = run_outcomes(own, _read(partial, one, "ledger"))
        rows.append(one._asdict() | equity_outcomes(own, scenario.equity) | totals)
    return pd.DataFrame(rows)


def _ledger(scenario: Scenario, partial: Path, policies: Sequence[str]) -> pd.DataFrame:
    """Return the books of every policy and draw, mean over replications, without zeros."""
    uncertainty = scenario.uncertainty
    tables = []
    for policy, draw in product(policies, range(uncertainty.draws)):
        books = [
            _read(partial, Experiment(policy, draw, k), "ledger")
            for k in range(uncertainty.replications)
        ]
        total = pd.concat(books).groupby(LEDGER_KEYS, sort=False)["value"].sum() / len(books)
        tables.append(_labelled(total[total != 0].reset_index(), policy=policy, draw=draw))
    return pd.concat(tables, ignore_index=True)


def _shown(partial: Path, policies: Sequence[str], name: str) -> pd.DataFrame:
    """Return one table of the first experiment of every policy."""
    tables = [
        _labelled(_read(partial, Experiment(policy, 0, 0), name), policy=policy)
        for policy in policies
    ]
    return pd.concat(tables, ignore_index=True)


def _read(partial: Path, experiment: Experiment, name: str) -> pd.DataFrame:
    return read_table(part(partial, experiment.name), name)


def _weight(scenario: Scenario) -> dict[str, float]:
    return {str(modality): weight for modality, weight in scenario.modalities.items()}


def _labelled(table: pd.DataFrame, **labels: str | int) -> pd.DataFrame:
    """Return the table with constant columns in front."""
    return table.assign(**labels)[[*labels, *table.columns]]
