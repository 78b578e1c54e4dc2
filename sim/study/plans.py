"""The plans of a scenario, made before the draws on which they are judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import pandas as pd

from sim.domain.lever import Catalogue, Floats
from sim.domain.plan import Plan, empty_plan
from sim.planning.rules import RULES
from sim.scenario.schema import Scenario
from sim.study.experiment import Prepare
from sim.study.search import Field, Spread, best_candidate

PLAN_COLUMNS = ["policy", "year", "region", "item", "stage", "units", "capex_usd"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan and what its maker says about it."""

    plan: Plan
    note: str = ""
    """How the plan came about, in words; empty for a rule."""
    duals: Floats | None = field(default=None)
    """Programme's estimate of log EDE per further US dollar, shape (region, item), for screening;
    None where there is no programme."""


Proposals = Mapping[str, Proposal]


def make_plans(
    scenario: Scenario, *, prepare: Prepare, spread: Spread = map
) -> dict[str, Proposal]:
    """Return the plan of every policy of a scenario, in its order.

    Rules see the central world; the plan is searched for on draws that no judged run shares.

    Parameters
    ----------
    prepare : how the setting of a draw and replication is made.
    spread : how the candidates of the search are made.
    """
    world = prepare(scenario, None, 0, "search").world
    return {
        policy: Proposal(RULES[policy](world, scenario))
        if policy in RULES
        else _searched(Field(scenario, prepare), spread)
        for policy in scenario.policies
    }


def _searched(field: Field, spread: Spread) -> Proposal:
    found = best_candidate(field, spread=spread)
    return Proposal(found.plan, found.note, found.duals)


def tables_of(proposals: Proposals) -> dict[str, pd.DataFrame]:
    """Return proposals as the tables ``plan``, ``programme`` and ``duals``.

    ``plan``: policy, year, region, item, stage, units, capex_usd. ``programme``: policy, status,
    gap and predicted (NaN for rules), note. ``duals``: policy, region, item, dual.
    """
    purchases = [p.plan.table().assign(policy=name) for name, p in proposals.items()]
    return {
        "plan": pd.concat(purchases, ignore_index=True)[PLAN_COLUMNS],
        "programme": pd.DataFrame(
            {
                "policy": list(proposals),
                "status": [p.plan.status for p in proposals.values()],
                "gap": [p.plan.gap for p in proposals.values()],
                "predicted": [p.plan.predicted for p in proposals.values()],
                "note": [p.note for p in proposals.values()],
            }
        ),
        "duals": pd.DataFrame(
            [row for name, p in proposals.items() for row in _dual_rows(name, p)],
            columns=["policy", "region", "item", "dual"],
        ),
    }


def proposals_of(
    tables: Mapping[str, pd.DataFrame],
    *,
    scenario: Scenario,
    regions: tuple[str, ...],
    catalogue: Catalogue,
) -> dict[str, Proposal]:
    """Return the proposals that ``tables_of`` wrote, unit by unit."""
    names = [item.name for item in catalogue.items]
    blank = empty_plan(
        "",
        catalogue,
        regions,
        years=scenario.horizon.decide_years,
        start_year=scenario.horizon.start_year,
    )
    found: dict[str, Proposal] = {}
    for row in tables["programme"].to_dict("records"):
        policy, units = str(row["policy"]), np.zeros_like(blank.units)
        bought = tables["plan"].query("policy == @policy")
        year = bought["year"].to_numpy(dtype=int) - blank.start_year
        region = [regions.index(name) for name in bought["region"]]
        item = [names.index(name) for name in bought["item"]]
        units[year, region, item] = bought["units"]
        told = {name: row[name] for name in ("status", "gap", "predicted")}
        duals = tables["duals"].query("policy == @policy")["dual"].to_numpy(dtype=float)
        found[policy] = Proposal(
            plan=replace(blank, name=policy, units=units, **told),
            note=str(row["note"]),
            duals=duals.reshape(len(regions), len(names)) if duals.size else None,
        )
    return found


def _dual_rows(policy: str, proposal: Proposal) -> Iterator[tuple[str, str, str, float]]:
    if proposal.duals is None:
        return
    items = [item.name for item in proposal.plan.catalogue.items]
    for (region, item), dual in zip(
        product(proposal.plan.regions, items), proposal.duals.ravel(), strict=True
    ):
        yield policy, region, item, float(dual)
