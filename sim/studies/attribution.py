"""Where the gain of a plan comes from: which of its purchases, and whose coverage.

Purchases are bundled by stage. Every coalition of bundles is the plan without the others, their
money kept, and is simulated; the Shapley values of the bundles add up to the gain in every draw.
The same gain, which is a gain in the mean utility of people, is divided among those who gain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sim.answers.coalitions import parts_of, shapley
from sim.answers.intervals import t_interval
from sim.domain.levers import Floats, Stage
from sim.domain.plan import Plan, spend_usd
from sim.equity.coverage import Measured
from sim.equity.inequality import utility
from sim.errors import AnswerError
from sim.planning.rules import baseline
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.judging import measured_judged
from sim.studies.stage_plans import bought_from, without_stages

MOST = 6
"""Most bundles, so that at most 64 plans are simulated; the cheapest stages are one together."""
PURCHASES, PEOPLE = "purchases", "people"
"""Kinds of parts that a gain is divided into."""
GAIN_COLUMNS = ("kind", "what", "value", "low", "high", "share", "usd", "draws")


@dataclass(frozen=True, slots=True)
class Attribution:
    """What every bundle of a plan's purchases brings, and to whom."""

    table: pd.DataFrame
    """kind (purchases or people), what (stages; region and group), value (part of the gain in the
    objective on buying nothing, mean over draws) with its 95% interval, share of the gain, usd
    (spent in all years, not discounted; NaN of people) and draws. The values of each kind add up to
    the gain; nothing is said of people where the objective is not a mean over them."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {"gain": self.table}

    @property
    def whole(self) -> float:
        """The gain of the plan on buying nothing."""
        return float(self.table.loc[self.table["kind"] == PURCHASES, "value"].sum())

    def __str__(self) -> str:
        return str(self.table[["kind", "what", "value", "low", "high"]].to_string(index=False))


def attribution(design: Design, answering: Answering, plan: Plan) -> Attribution:
    """Return where the gain of a plan on buying nothing comes from; one replication of each draw.

    Raises ``AnswerError`` of a plan that buys nothing.
    """
    once = design.scenario.uncertainty.model_copy(update={"replications": 1})
    scenario = design.scenario.model_copy(update={"uncertainty": once})
    design = replace(design, scenario=scenario)
    bundles = bundles_of(plan, years=scenario.horizon.score_years)
    if not bundles:
        raise AnswerError(f"the plan '{plan.name}' buys nothing: there is no gain to divide.")
    whole = (1 << len(bundles)) - 1
    plans = {
        _name(coalition): _bought_by(plan, bundles, coalition) for coalition in range(whole + 1)
    }
    world = design.sampler(scenario, None, "search").world
    plans[_name(0)] = replace(baseline(world, scenario), name=_name(0))
    seen = measured_judged(design, answering, plans)
    values = np.array([[design.objective.of(one) for one in by_draw] for by_draw in seen.values()])
    gain = values[whole] - values[0]
    usd = spend_usd(plan, years=scenario.horizon.score_years).sum(axis=(0, 1))
    stages = [item.stage for item in plan.catalogue.items]
    rows = [
        _row(PURCHASES, ", ".join(map(str, some)), value, gain,
             float(usd[[stage in some for stage in stages]].sum()))
        for some, value in zip(bundles, shapley(values), strict=True)
    ]  # fmt: skip
    if (aversion := _aversion(scenario.objective, scenario.equity.aversion)) is not None:
        cells = zip(seen[_name(0)], seen[_name(whole)], strict=True)
        parts = np.stack([gains_of_cells(a, b, aversion=aversion) for a, b in cells])
        rows += _people(seen[_name(0)][0], parts * gain[:, None, None], gain)
    table = pd.DataFrame(rows, columns=list(GAIN_COLUMNS))
    largest_first = np.lexsort([-table["value"], table["kind"] == PEOPLE])
    return Attribution(table.iloc[largest_first].reset_index(drop=True))


def bundles_of(plan: Plan, *, years: int) -> list[tuple[Stage, ...]]:
    """Return the stages that a plan buys from, the dearest first; the cheapest are one together."""
    usd = spend_usd(plan, years=years).sum(axis=(0, 1))
    stages = [item.stage for item in plan.catalogue.items]
    paid = {
        stage: float(usd[[one == stage for one in stages]].sum()) for stage in bought_from(plan)
    }
    order = sorted(paid, key=lambda stage: -paid[stage])
    apart = order if len(order) <= MOST else order[: MOST - 1]
    rest = tuple(order[len(apart) :])
    return [(stage,) for stage in apart] + ([rest] if rest else [])


def gains_of_cells(nothing: Measured, plan: Measured, *, aversion: float) -> Floats:
    """Return which part of the gain in mean utility every cell has, shape (region, group).

    They add up to 1; a cell that loses has a negative part. NaN in all where nobody gains.
    """
    floor = plan.equity.floor
    more = [
        np.where(one.weights > 0.0, utility(np.nan_to_num(one.ec, nan=1.0), aversion=aversion,
                                            floor=floor), 0.0)
        for one in (nothing, plan)
    ]  # fmt: skip
    gained = (plan.weights * (more[1] - more[0])).sum(axis=0)
    total = float(gained.sum())
    return gained / total if total else np.full(gained.shape, np.nan)


def _bought_by(plan: Plan, bundles: Sequence[tuple[Stage, ...]], coalition: int) -> Plan:
    """Return what a coalition of bundles leaves of a plan."""
    kept = {stage for k in parts_of(coalition) for stage in bundles[k]}
    left = without_stages(plan, [stage for some in bundles for stage in some if stage not in kept])
    return replace(left, name=_name(coalition))


def _name(coalition: int) -> str:
    return f"bundles {coalition}"


def _aversion(objective: str, aversion: float) -> float | None:
    """Return the aversion with which an objective is a mean over people; None where it is none."""
    known: Mapping[str, float] = {"ede": aversion, "mean_ec": 0.0}
    return known.get(objective)


def _people(of: Measured, parts: Floats, gain: Floats) -> list[tuple[object, ...]]:
    """Return a row for every region and group."""
    return [
        _row(PEOPLE, f"{region}, {group}", parts[:, r, g], gain, np.nan)
        for r, region in enumerate(of.regions)
        for g, group in enumerate(of.groups)
    ]


def _row(kind: str, what: str, value: Floats, gain: Floats, usd: float) -> tuple[object, ...]:
    mean, whole = float(value.mean()), float(gain.mean())
    share = mean / whole if whole else np.nan
    return kind, what, mean, *t_interval(pd.Series(value)), share, usd, len(value)
