"""Make the plan that is asked for: by name, by function, as a table of purchases, or as it is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial as bind

import numpy as np
import pandas as pd

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import PlanError, nearest
from sim.executors.executor import Executor
from sim.planning.rules import PLAN, RULES, SEARCHED, PolicyRule, Rule, baseline
from sim.studies.batch import Design
from sim.studies.lots import Lot, simulated
from sim.studies.plan_search import find_plan, proposed
from sim.studies.plans import Candidate
from sim.studies.proposals import Hedge

How = str | Plan | PolicyRule | pd.DataFrame
"""What a plan is made of: the name of a rule or ``optimised``; a function of world and scenario; a
plan; or a table of purchases with the columns region, item, units and, where not the first,
year."""
OPTIMISED = "optimised"


def candidate_from(
    how: How, design: Design, workers: Callable[[], AbstractContextManager[Executor]]
) -> Candidate:
    """Return the plan that is asked for, with what its maker says about it; see ``How``.

    Parameters
    ----------
    workers : who simulates where a plan is searched for.
    """
    if isinstance(how, Plan):
        return Candidate(how)
    if isinstance(how, str):
        if how == OPTIMISED or how in SEARCHED:
            with workers() as executor:
                policy = PLAN if how == OPTIMISED else how
                return find_plan(design, _Here(design, executor), policy).best
        how = RULES.called(how)
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    if isinstance(how, pd.DataFrame):
        return Candidate(plan_of_table(how, baseline(world, scenario)))
    rule = how if isinstance(how, Rule) else Rule(how)
    return Candidate(rule(world, scenario))


@dataclass(frozen=True, slots=True)
class _Here:
    """Searches for a plan without a run folder."""

    design: Design
    executor: Executor

    def proposals(
        self, hedges: Mapping[str, Hedge], meanwhile: Mapping[str, Lot]
    ) -> tuple[dict[str, Candidate], dict[str, Floats]]:
        """Return the optimisation model's plans, and outcomes of lots."""
        tasks: dict[str, Hedge | Lot] = {**hedges, **meanwhile}
        found = dict(self.executor.run(bind(proposed, self.design), tasks))
        ordered = {name: found[name] for name in tasks}
        made = {name: one for name, one in ordered.items() if isinstance(one, Candidate)}
        return made, {name: np.asarray(one) for name, one in ordered.items() if name in meanwhile}

    def outcomes(self, lots: Mapping[str, Lot]) -> dict[str, Floats]:
        """Return outcomes of plans in search draws."""
        return dict(self.executor.run(bind(simulated, self.design), lots))


def plan_of_table(table: pd.DataFrame, blank: Plan) -> Plan:
    """Return the plan that a table of purchases describes: region, item, units and year.

    Parameters
    ----------
    blank : a plan that buys nothing, with the regions, items and years there are.
    """
    items = [item.name for item in blank.catalogue.items]
    years = range(blank.start_year, blank.start_year + blank.years)
    if missing := {"region", "item", "units"} - set(table.columns):
        raise PlanError(f"a table of purchases has no column {', '.join(sorted(missing))}.")
    units = blank.units.copy()
    for number, row in enumerate(table.to_dict("records")):
        year = int(row.get("year", blank.start_year))
        for what, value, known in (
            ("region", str(row["region"]), blank.regions),
            ("item", str(row["item"]), items),
        ):
            if value not in known:
                raise PlanError(
                    f"row {number} buys in {what} '{value}', which there is not."
                    f"{nearest(value, known)}"
                )
        if year not in years:
            raise PlanError(
                f"row {number} buys in {year}; money is decided from {years[0]} to {years[-1]}."
            )
        place = blank.regions.index(str(row["region"])), items.index(str(row["item"]))
        units[(year - blank.start_year, *place)] += float(row["units"])
    return replace(blank, name="given", units=units)
