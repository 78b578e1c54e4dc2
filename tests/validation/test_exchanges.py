"""At the plan that a search finds no small exchange is worth while: of many at random, none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.answers.intervals import t_interval
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.planning.moves import Purse, Step, steps_of, taken
from sim.studies.comparison import WORTHWHILE
from sim.studies.lots import lots, simulated

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "east_africa.yaml"
EXCHANGES, DRAWS = 200, 20
SIZES = 0.005, 0.02
"""Least and most money that is moved, as a share of the whole budget."""


def exchanges(purse: Purse, plan: Plan, random: np.random.Generator) -> Iterator[Floats]:
    """Yield plans with one thing less and another more, as the budget allows, chosen at random."""
    steps = list(steps_of(purse, plan.units))
    buys = [step for step in steps if step.kind == "buy"]
    drops = [step for step in steps if step.kind != "buy"]
    known = {plan.units.tobytes()}
    while True:
        usd = float(random.uniform(*SIZES)) * purse.total_usd
        pair: list[Step] = [drops[random.integers(len(drops))], buys[random.integers(len(buys))]]
        units, _ = taken(purse, plan.units, pair, usd)
        moved = float((np.abs(units - plan.units) * purse.price_usd).sum()) / 2.0
        within = moved <= SIZES[1] * purse.total_usd
        if within and purse.is_kept_by(units) and units.tobytes() not in known:
            known.add(units.tobytes())
            yield units


def test_no_random_exchange_is_worth_while_on_fresh_draws() -> None:
    study = sim.study(SCENARIO, overrides=["uncertainty.seed=811", "search.effort=standard"])
    plan = study.plan()
    purse = Purse(study.world(), study.scenario)
    found = exchanges(purse, plan, np.random.default_rng(811))
    plans = [plan, *(replace(plan, units=next(found)) for _ in range(EXCHANGES))]
    fresh = sim.study(SCENARIO, overrides=["uncertainty.seed=1811"])._design
    reached = np.hstack(
        [simulated(fresh, lot) for lot in lots("exchanges", plans, range(DRAWS)).values()]
    )[..., 0]
    gains = reached[1:] - reached[0]
    lows = np.array([t_interval(pd.Series(gain))[0] for gain in gains])
    worthwhile = gains.mean(axis=1) > WORTHWHILE * reached[0].mean()
    assert not (worthwhile & (lows > 0.0)).any(), f"{gains.mean(axis=1).max():.4f}"
