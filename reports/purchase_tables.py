"""What a policy buys, and what it does first."""

from typing import Any

import pandas as pd

from sim.domain.levers import Stage
from sim.studies.result import StudyResult


def first_year(result: StudyResult, policy: str) -> dict[str, Any]:
    """Return what a policy does in the first year that it buys anything in; nothing if it does not.

    ``year``, ``spent_usd`` (capital and running cost, mean over draws), ``capital_usd``, ``rows``
    (as ``by_item``, the dearest first).
    """
    bought = result.plans[result.plans["policy"] == policy]
    if bought.empty:
        return {}
    year = int(bought["year"].min())
    rows = by_item(bought[bought["year"] == year])
    ledger = result.ledger.query("policy == @policy and account == 'spend_usd' and year == @year")
    return {
        "year": year,
        "spent_usd": float(ledger["value"].sum()) / result.scenario.uncertainty.draws,
        "capital_usd": float(rows["capex_usd"].sum()),
        "rows": rows.sort_values("capex_usd", ascending=False, kind="stable"),
    }


def purchases_by_item(result: StudyResult, policy: str) -> pd.DataFrame:
    """Return what a policy buys: see ``by_item``."""
    return by_item(result.plans[result.plans["policy"] == policy])


def by_item(bought: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a table of plans, summed by item, in the order of stages.

    Columns: stage, item, units, first and last year of purchase, capex_usd, later_usd, regions.
    """
    groups = bought.groupby(["stage", "item"], sort=False)
    table = groups.agg(
        units=("units", "sum"),
        first=("year", "min"),
        last=("year", "max"),
        capex_usd=("capex_usd", "sum"),
        later_usd=("later_usd", "sum"),
        regions=("region", lambda names: ", ".join(sorted(set(names))[:8])),
    ).reset_index()
    order = {str(stage): place for place, stage in enumerate(Stage)}
    return table.sort_values("stage", key=lambda stages: stages.map(order), kind="stable")
