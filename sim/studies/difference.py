"""Why two runs differ: which part of the difference comes from which setting, and from the plan.

Every coalition of changed settings is a scenario that takes these from the second run and the rest
from the first; both plans are simulated in it. Shapley values of the settings and of the plan add
up to the difference in every draw.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sim.answers.coalitions import parts_of, shapley
from sim.answers.intervals import t_interval
from sim.domain.plan import Plan
from sim.errors import AnswerError, listed
from sim.executors.executor import executor_of
from sim.planning.objectives import OBJECTIVES
from sim.scenario.schema import Scenario
from sim.studies.answer_folder import policies_of, require_same_code
from sim.studies.answering import Answering, silent
from sim.studies.batch import Design
from sim.studies.execution import Progress, with_draws
from sim.studies.judging import measured_judged
from sim.studies.result import StudyResult

MOST_CHANGES = 6
"""Most parts, the plan among them, so that no more than 32 scenarios are simulated."""
THE_PLAN = "the plan"
STRUCTURE = ("regions", "by", "modalities", "horizon", "tele_reading")
"""Settings that say what a plan is made of: with others a plan of one run is none of the other."""
THROUGH_PLAN = ("budget_usd_per_year", "exam_costs", "treasury", "levers", "policies", "search")
"""Settings that what is simulated knows only by the plan."""
NO_MATTER = ("title", "question", "weekly", "uncertainty", "objective")
"""Settings that change no outcome, or are held alike."""
DIFFERENCE_COLUMNS = ("what", "value", "low", "high", "share", "draws")


def why_different(
    first: StudyResult,
    second: StudyResult,
    *,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return what of the difference between the plans of two runs comes from what.

    See ``difference_table``; ``workers`` are processes, all cores where None.
    """
    with executor_of(workers=workers) as executor:
        return difference_table(first, second, Answering(executor, progress=progress or silent))


def difference_table(first: StudyResult, second: StudyResult, answering: Answering) -> pd.DataFrame:
    """Return what of the difference between the plans of two runs comes from what.

    One replication of each draw that both runs have.

    Returns
    -------
    what (a setting, or the plan), value (part of the second run's objective less the first's, mean
    over draws) with its 95% interval, share of the difference and draws; the largest first.

    Raises
    ------
    AnswerError
        Where the runs differ in structure, seed, objective, code or data, or in too much.
    """
    for result in (first, second):
        require_same_code(result)
    one, other = _alike(first), _alike(second)
    settings = changed_settings(one, other)
    plans = {
        name: policies_of(result, Design(scenario))["plan"]
        for name, result, scenario in (("first", first, one), ("second", second, other))
    }
    parts = settings + ([THE_PLAN] if (plans["first"].units != plans["second"].units).any() else [])
    if len(parts) > MOST_CHANGES:
        raise AnswerError(
            f"the runs differ in {len(parts)} things, {listed(parts)}: at most {MOST_CHANGES} can "
            "be told apart. Compare runs in between."
        )
    draws = min(result.scenario.uncertainty.draws for result in (first, second))
    values = []
    for coalition in range(1 << len(settings)):
        taken = [settings[k] for k in parts_of(coalition)]
        scenario = with_draws(mixed(one, other, taken), draws)
        values.append(_reached(scenario, plans, answering, name=f"mixture {coalition}"))
    both = np.stack(values)  # (coalition of settings, plan, draw)
    ordered = both.transpose(1, 0, 2).reshape(-1, draws) if THE_PLAN in parts else both[:, 0]
    return _table(parts, ordered)


def changed_settings(one: Scenario, other: Scenario) -> list[str]:
    """Return the settings by which what is simulated differs, ``groups`` and ``overrides`` by name.

    Raises ``AnswerError`` where the scenarios differ in structure, or in what they are for.
    """
    structure = [name for name in STRUCTURE if getattr(one, name) != getattr(other, name)]
    if list(one.groups) != list(other.groups):
        structure.append("groups")
    if _bought_supplies(one) != _bought_supplies(other):
        structure.append("supplies")
    if structure:
        raise AnswerError(
            f"the runs differ in {listed(structure)}: what a plan buys in one means nothing in the "
            "other, so that the difference cannot be told apart."
        )
    if one.objective != other.objective:
        raise AnswerError(
            f"one run's plan is made for {one.objective}, the other's for {other.objective}: there "
            "is no one difference."
        )
    if one.uncertainty.seed != other.uncertainty.seed:
        raise AnswerError(
            f"the runs have the seeds {one.uncertainty.seed} and {other.uncertainty.seed}: their "
            "draws are not the same worlds."
        )
    names = [
        name
        for name in Scenario.model_fields
        if name not in (*STRUCTURE, *THROUGH_PLAN, *NO_MATTER)
    ]
    return [what for name in names for what in _differing(name, one, other)]


def _bought_supplies(scenario: Scenario) -> list[str]:
    """Return the modalities that a plan can buy supplies for, which are items of it."""
    priced = (one.modality for one in scenario.supplies if one.usd_per_exam)
    return list(dict.fromkeys(priced))


def _differing(name: str, one: Scenario, other: Scenario) -> list[str]:
    """Return the setting of that name where it differs; its entries, of one that has entries."""
    mine, its = getattr(one, name), getattr(other, name)
    if mine == its:
        return []
    # shares of groups add up to 1: they change together
    shares = name == "groups" and any(mine[key].share != its[key].share for key in mine)
    if not isinstance(mine, Mapping) or shares:
        return [name]
    keys = dict.fromkeys([*mine, *its])
    return [f"{name}.{key}" for key in keys if mine.get(key) != its.get(key)]


def mixed(one: Scenario, other: Scenario, taken: list[str]) -> Scenario:
    """Return a scenario with some settings of another."""
    changes: dict[str, Any] = {}
    for what in taken:
        name, _, key = what.partition(".")
        if not key:
            changes[name] = getattr(other, name)
            continue
        entries = dict(changes.get(name, getattr(one, name)))
        entries.pop(key, None)
        if key in getattr(other, name):
            entries[key] = getattr(other, name)[key]
        order = dict.fromkeys([*getattr(one, name), *getattr(other, name)])
        changes[name] = {entry: entries[entry] for entry in order if entry in entries}
    return one.model_copy(update=changes)


def _alike(result: StudyResult) -> Scenario:
    """Return a run's scenario with one replication."""
    scenario = result.scenario
    once = scenario.uncertainty.model_copy(update={"replications": 1})
    return scenario.model_copy(update={"uncertainty": once})


def _reached(
    scenario: Scenario, plans: Mapping[str, Plan], answering: Answering, *, name: str
) -> np.ndarray:
    """Return the objective of both plans in every draw of a scenario, shape (plan, draw)."""
    design = Design(scenario, objective=OBJECTIVES.called(scenario.objective))
    catalogue = design.sampler(scenario, None, "search").world.catalogue
    there = {
        f"{name}, {whose}": replace(plan, name=f"{name}, {whose}", catalogue=catalogue)
        for whose, plan in plans.items()
    }
    seen = measured_judged(design, answering, there)
    return np.array([[design.objective.of(one) for one in by_draw] for by_draw in seen.values()])


def _table(parts: list[str], values: np.ndarray) -> pd.DataFrame:
    whole = float((values[-1] - values[0]).mean())
    rows = []
    for what, value in zip(parts, shapley(values), strict=True):
        mean = float(value.mean())
        ends = t_interval(pd.Series(value))
        rows.append((what, mean, *ends, mean / whole if whole else np.nan, len(value)))
    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    return table.iloc[np.argsort(-table["value"].abs().to_numpy(), kind="stable")].reset_index(
        drop=True
    )
