"""The plans of a scenario, made before the draws on which they are judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial as bind
from itertools import product

import numpy as np
import pandas as pd

from sim.domain.lever import Catalogue, Floats
from sim.domain.plan import Plan, empty_plan
from sim.errors import PlanError
from sim.pipeline.records import STATION_FIELDS, Run
from sim.planning.agreement import Observed, agree
from sim.planning.calibration import Flows
from sim.planning.explanation import marginal_values
from sim.planning.rules import RULES
from sim.scenario.schema import Scenario
from sim.study.experiment import Prepare, Setting
from sim.study.outcomes import cell_records, cell_table, equity_outcomes
from sim.units import WEEKS_PER_YEAR

SEARCH_REPLICATIONS = 4
"""Replications on which plans are calibrated; none of them judges."""
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


def make_plans(scenario: Scenario, *, prepare: Prepare) -> dict[str, Proposal]:
    """Return the plan of every policy of a scenario, in its order.

    Plans are made for the central world, with luck that no judged run shares.

    Parameters
    ----------
    prepare : how the setting of a draw and replication is made.
    """
    settings = [prepare(scenario, None, k, "search") for k in range(SEARCH_REPLICATIONS)]
    world = settings[0].world
    return {
        policy: Proposal(RULES[policy](world, scenario)) if policy in RULES else _agreed(settings)
        for policy in scenario.policies
    }


def observe(settings: Sequence[Setting], plan: Plan) -> Observed:
    """Return what a plan brings about, averaged over the replications of one draw."""
    runs = [one.run(plan) for one in settings]
    scenario = settings[0].scenario
    records = [cell_records(run).assign(replication=k) for k, run in enumerate(runs)]
    weight = {str(modality): share for modality, share in scenario.modalities.items()}
    cells = cell_table(pd.concat(records, ignore_index=True), weight)

    def mean(name: str) -> Floats:
        return np.asarray(np.mean([run.records.cells[name].sum(axis=3) for run in runs], axis=0))

    exams = mean("exams")
    flows = Flows(
        arrived=mean("arrived"),
        exams=exams,
        read_by_ai=mean("read_by_ai"),
        read_by_human=mean("read_by_human"),
        annotated=np.mean([_annotated(run) for run in runs], axis=0)[:, :, None] * _shares(exams),
        benefit=mean("benefit"),
    )
    return Observed(flows, equity_outcomes(cells, scenario.equity)["ede"])


def _agreed(settings: Sequence[Setting]) -> Proposal:
    """Return the plan that programme and simulation agree on, or the best one found."""
    central = settings[0]
    found = agree(
        central.world, central.nature.response, central.scenario, simulate=bind(observe, settings)
    )
    try:
        values = marginal_values(found.programme, found.plan)
    except PlanError as error:
        return Proposal(found.plan, f"{found.note}; not screened: {error}")
    duals = values["d_log_ede_per_usd"].to_numpy(dtype=float)
    return Proposal(found.plan, found.note, duals.reshape(found.plan.units.shape[1:]))


def _annotated(run: Run) -> Floats:
    """Return studies annotated by year and region: stations do not tell modalities apart."""
    done = run.records.stations["annotation"][:, STATION_FIELDS.index("done")]
    return np.asarray(done.reshape(-1, WEEKS_PER_YEAR, done.shape[1]).sum(axis=1), dtype=float)


def _shares(exams: Floats) -> Floats:
    """Return each modality's share of the exams of a year and region; equal without exams."""
    total = exams.sum(axis=2, keepdims=True)
    equal = np.full_like(exams, 1.0 / exams.shape[2])
    return np.asarray(np.divide(exams, total, out=equal, where=total > 0))


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
