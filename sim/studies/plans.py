"""Candidate plans of a study, made before the draws on which they are judged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan, later_usd

HISTORY = ("runs", "what", "plan", "draws", "value", "gain", "low", "high", "kept", "expected")
"""Columns of the history of a search: runs so far, what was done, of which plan, in how many draws,
its mean outcome there, the gain on what was there before with its interval, whether it was kept,
and what a surrogate expected its outcome to be there, NaN where none did."""
CLIMB = "climb"
"""What the history calls a step of a climb, judged in draws that did not suggest it."""
SURROGATE = "surrogate"
"""What the history calls a plan that a surrogate proposed, in the draws that it was fitted to."""
PLAN_COLUMNS = ["policy", "year", "region", "item", "stage", "units", "capex_usd",
                "later_usd"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that is considered, and what its maker says about it."""

    plan: Plan
    note: str = ""
    """How the plan came about, in words; empty for a rule."""
    value: float = float("nan")
    """Mean outcome that plans are made for, over the search draws in which it was simulated, which
    are fewer for what the race gave up early; NaN where there is none."""
    duals: Floats | None = field(default=None)
    """Log EDE per further US dollar, shape (region, item), by duals of the optimisation model, for
    screening; None where there are none."""
    history: pd.DataFrame | None = None
    """How it was searched for, one row a decision; None where it was not. See ``HISTORY``."""
    is_best_rule: bool = False
    """Whether it is the simple rule that came furthest in the race of proposals."""


def arrays_of(candidate: Candidate) -> dict[str, NDArray[np.generic]]:
    """Return the numbers of a candidate, to be stored beside ``about``."""
    duals = candidate.duals
    return {"units": candidate.plan.units, "duals": np.zeros(0) if duals is None else duals}


def about(candidate: Candidate) -> pd.DataFrame:
    """Return what is said of a candidate: one row with status, gap, predicted, value and note."""
    plan = candidate.plan
    return pd.DataFrame(
        {
            "name": [plan.name],
            "status": [plan.status],
            "gap": [plan.gap],
            "predicted": [plan.predicted],
            "value": [candidate.value],
            "note": [candidate.note],
        }
    )


def candidate_of(
    arrays: Mapping[str, NDArray[np.generic]], said: pd.DataFrame, world: World, *, start_year: int
) -> Candidate:
    """Return the candidate that ``arrays_of`` and ``about`` stored, bit by bit."""
    row = said.iloc[0]
    plan = Plan(
        name=str(row["name"]),
        units=np.asarray(arrays["units"], dtype=float),
        regions=world.regions,
        catalogue=world.catalogue,
        start_year=start_year,
        status=str(row["status"]),
        gap=float(row["gap"]),
        predicted=float(row["predicted"]),
    )
    duals = np.asarray(arrays["duals"], dtype=float)
    return Candidate(plan, str(row["note"]), float(row["value"]), duals if duals.size else None)


class Foreseen(NamedTuple):
    """How well surrogates foresaw what was then simulated."""

    plans: int
    low: float
    """Least of the expected outcomes, each over that simulated."""
    high: float


def foreseen(history: pd.DataFrame) -> Foreseen | None:
    """Return how the surrogates of a search agreed with the simulation; None where there were none.

    Parameters
    ----------
    history : rows of ``HISTORY``.
    """
    made = history[history["what"] == SURROGATE]
    ratio = made["expected"].astype(float) / made["value"].astype(float)
    return Foreseen(len(ratio), float(ratio.min()), float(ratio.max())) if len(ratio) else None


def climbs_of(history: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the steps of every climb of a search, by the proposal that it began from.

    Parameters
    ----------
    history : rows of ``HISTORY``.
    """
    steps = history[history["what"] == CLIMB]
    start = steps["plan"].str.replace(rf", ({SURROGATE}|step) \d+$", "", regex=True)
    return {str(name): rows for name, rows in steps.groupby(start, sort=False)}


def plan_tables(candidates: Mapping[str, Candidate], *, years: int) -> dict[str, pd.DataFrame]:
    """Return candidates by policy as the tables ``plan``, ``optimisation`` and ``search``.

    ``plan``: policy, year, region, item, stage, units, capex_usd and later_usd (running and
    replacing them within ``years``, the scored ones). ``optimisation``: policy, status, gap and
    predicted (NaN but for plans of the optimisation model), value, best_rule (see ``Candidate``)
    and note. ``search``: ``HISTORY``.
    """
    searched = [one.history for one in candidates.values() if one.history is not None]
    purchases = [
        one.plan.table().assign(
            policy=name, later_usd=later_usd(one.plan, years=years)[one.plan.units > 0]
        )
        for name, one in candidates.items()
    ]
    return {
        "plan": pd.concat(purchases, ignore_index=True)[PLAN_COLUMNS],
        "search": searched[0] if searched else pd.DataFrame(columns=list(HISTORY)),
        "optimisation": pd.DataFrame(
            {
                "policy": list(candidates),
                "status": [one.plan.status for one in candidates.values()],
                "gap": [one.plan.gap for one in candidates.values()],
                "predicted": [one.plan.predicted for one in candidates.values()],
                "value": [one.value for one in candidates.values()],
                "best_rule": [one.is_best_rule for one in candidates.values()],
                "note": [one.note for one in candidates.values()],
            }
        ),
    }


def plans_of(purchases: pd.DataFrame, names: Iterable[str], blank: Plan) -> dict[str, Plan]:
    """Return plans by name, as a table of what they buy describes them.

    Parameters
    ----------
    purchases : plan, year, region, item and units.
    names : of the plans; one that buys nothing has no row.
    blank : a plan that buys nothing.
    """
    items = [item.name for item in blank.catalogue.items]
    made = {}
    for name in names:
        units = blank.units.copy()
        rows = purchases[purchases["plan"] == name]
        for year, region, item, count in rows[["year", "region", "item", "units"]].itertuples(
            index=False
        ):
            units[int(year) - blank.start_year, blank.regions.index(region), items.index(item)] = (
                count
            )
        made[str(name)] = replace(blank, name=str(name), units=units)
    return made
