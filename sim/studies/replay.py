"""Simulate one run of a finished study again, and hold it against what was kept of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sim.errors import AnswerError, nearest
from sim.pipeline.records import Run
from sim.planning.rules import baseline
from sim.studies.answer_folder import require_same_code
from sim.studies.outcomes import OUTCOMES, outcomes_of
from sim.studies.plan_making import plan_of_table
from sim.studies.result import load
from sim.studies.study import study
from sim.studies.totals import People, Totals


@dataclass(frozen=True, slots=True)
class Replay:
    """One run, simulated again."""

    run: Run
    outcomes: pd.DataFrame
    """outcome, unit, kept and replayed."""
    people: Callable[..., pd.DataFrame]
    """Returns the log of the run by person, of some ``regions`` and ``modalities`` or of all; see
    ``Study.people``."""

    @property
    def same(self) -> bool:
        """Whether every outcome is the same to the last bit."""
        kept, again = self.outcomes["kept"], self.outcomes["replayed"]
        return bool(np.array_equal(kept.to_numpy(), again.to_numpy(), equal_nan=True))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Everything that happened: events, jobs, releases, audits, cells, ledger, stations."""
        run = self.run
        stations = {f"station_{name}": run.station(name) for name in run.records.stations}
        return {
            "events": run.events(),
            "jobs": run.jobs(),
            "releases": run.releases(),
            "audits": run.audits(),
            "cells": run.cells(),
            "ledger": run.ledger(),
            **stations,
        }


def replay(
    folder: Path | str, policy: str = "plan", *, draw: int = 0, replication: int = 0
) -> Replay:
    """Return one run of a finished study, simulated again from its scenario and its plan.

    Raises
    ------
    AnswerError
        Where there is no such run, or the code, tables or profile are others than then.
    """
    result = load(folder)
    if policy not in result.policies:
        hint = nearest(policy, result.policies)
        raise AnswerError(
            f"no policy '{policy}' in this run; it has {', '.join(result.policies)}.{hint}"
        )
    uncertainty = result.scenario.uncertainty
    for name, number, count in (
        ("draw", draw, uncertainty.draws),
        ("replication", replication, uncertainty.replications),
    ):
        if not 0 <= number < count:
            raise AnswerError(f"no {name} {number} in this run; they run from 0 to {count - 1}.")
    require_same_code(result)
    asked = study(result.scenario)
    bought = result.plans[result.plans["policy"] == policy]
    plan = plan_of_table(bought, baseline(asked.world(), result.scenario))
    run = asked.simulate(plan, draw=draw, replication=replication)
    people = People.of(asked.world(draw), years=result.scenario.horizon.score_years)
    again = outcomes_of(Totals.of(run), people, result.scenario.equity)
    kept = result.outcomes.query(
        "policy == @policy and draw == @draw and replication == @replication"
    ).iloc[0]
    rows = [(name, OUTCOMES[name].unit, float(kept[name]), again[name]) for name in again]
    return Replay(
        run,
        pd.DataFrame(rows, columns=["outcome", "unit", "kept", "replayed"]),
        partial(asked.people, plan, draw=draw, replication=replication),
    )
