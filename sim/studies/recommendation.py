"""The recommendation matrix: what every stage needs and brings, beside the ratings of the review.

Queiroz et al. (doi:10.1145/3793542) rate the stages in their Figure 3 by judgement; here the same
four aspects are computed. Their ratings are our reading of that figure's caption, and a guess
where it says nothing (``review_ratings.csv``): no data of theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial as bind
from importlib.resources import files
from io import StringIO
from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.coalitions import best_plans, shapley
from sim.answers.intervals import t_interval
from sim.answers.ranks import agreement
from sim.baseline.world import World
from sim.domain.levers import Floats, LeverName
from sim.domain.plan import Plan, active_share, spend_usd
from sim.equity.coverage import discount
from sim.planning.rules import baseline
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept
from sim.studies.experiment import Purpose
from sim.studies.judging import ALL
from sim.studies.plans import plans_of
from sim.studies.sample import Sample, Sampler
from sim.studies.stage_plans import bought_from, choice_worth
from sim.studies.stage_value import StageValue
from sim.units import WATTS_PER_KW

ASPECTS = {
    "infrastructure": "change of the stage's value where scanners, readers and power are ample",
    "importance": "Shapley value of the stage",
    "cost": "what the best plan that buys from the stage spends on it",
    "computation": "GPU-hours that this plan buys for the stage, and their energy",
}
"""Aspects of the matrix, in the order of the review, and what is computed of each."""
SCARCE, AMPLE = 0.5, 2.0
"""What scanners, reader hours and power of sites are multiplied by."""
KINDS: dict[str, tuple[LeverName, ...]] = {
    "equipment": ("scanner", "outreach", "site"),
    "labour": ("reader", "steward", "curator", "annotation", "audit"),
    "computing": ("gpu_hours", "gpu_server", "pretraining", "synthesis", "federation"),
}
"""What money for a lever pays for first of all; the rest is agreements."""
NOT_ASSESSED = ("agglomerative models", "world models")
"""Kinds of models that the review names and does not assess, nor is there anything to buy here."""
GPU: tuple[LeverName, ...] = ("gpu_hours", "gpu_server", "pretraining")
"""Levers whose capacity is in GPU-hours."""


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Samples with more or less of what a stage needs of a health system; it travels to workers."""

    sampler: Sampler
    factor: float

    def __call__(self, scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        """Return a sample with so many times the units, reader hours and power of sites."""
        sample = self.sampler(scenario, draw, purpose)
        care, compute = sample.world.care, sample.world.compute
        world = replace(
            sample.world,
            care=replace(
                care,
                units=np.floor(self.factor * care.units),
                reader_hours_per_year=self.factor * care.reader_hours_per_year,
            ),
            compute=replace(
                compute,
                site_power_share=np.minimum(self.factor * compute.site_power_share, 1.0),
            ),
        )
        return replace(sample, world=world)


class Weighed(NamedTuple):
    """Plans that are valued again where infrastructure is scarce or ample."""

    plans: tuple[Plan, ...]
    factor: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The matrix, and how far it agrees with the ratings of the review."""

    table: pd.DataFrame
    """stage, aspect, value, unit, low and high (95% over draws; NaN where it is of one plan at
    central prices), energy_kwh (of the GPU-hours; NaN of other aspects), ``review`` (1 low, 2
    medium, 3 high; 3.5 the highest; NaN where they do not rate it) and ``basis`` (caption,
    inferred, or not assessed: of those there is no value either)."""
    agreements: pd.DataFrame
    """aspect, correlation (Spearman), low, high (bootstrap over stages), stages."""
    money: pd.DataFrame
    """stage, and shares of its cost for equipment, labour, computing and agreements."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {"matrix": self.table, "agreements": self.agreements, "money": self.money}

    def __str__(self) -> str:
        wide = self.table.pivot_table(index="stage", columns="aspect", values="value", sort=False)
        return f"{wide.to_string()}\n\n{self.agreements.to_string(index=False)}"


def recommendation(design: Design, answering: Answering, value: StageValue) -> Recommendation:
    """Return the matrix of a scenario, from what its stages are worth.

    Raises nothing but what the simulation does; a stage from which no good plan buys has no cost.
    """
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    plans = plans_of(value.plans, value.coalitions["plan"].unique(), baseline(world, scenario))
    stages = list(value.table["stage"].drop_duplicates())
    best = {stage: best_with(stage, plans, value.coalitions) for stage in stages}
    years = scenario.horizon.score_years
    costs = {stage: cost_of_stage(plan, stage, scenario) for stage, plan in best.items()}
    hours = {stage: _gpu_hours(plan, stage, world, years) for stage, plan in best.items()}
    scarce, ample = (
        _values_where(design, answering, tuple(plans.values()), factor, stages)
        for factor in (SCARCE, AMPLE)
    )
    kwh = world.compute.gpu_watts / WATTS_PER_KW * world.compute.pue  # of an hour
    worth = value.table[value.table["kind"] == ALL].set_index("stage")
    rows: list[tuple[object, ...]] = []
    for k, stage in enumerate(stages):
        change = pd.Series(ample[k] - scarce[k])
        shapley_of = worth.loc[stage, ["shapley", "low", "high"]]
        rows += [
            (stage, "infrastructure", float(change.mean()), "objective", *t_interval(change), nan),
            (stage, "importance", shapley_of.iloc[0], "objective", *shapley_of.iloc[1:], nan),
            (stage, "cost", sum(costs[stage].values()), "US dollars", nan, nan, nan),
            (stage, "computation", hours[stage], "GPU-hours", nan, nan, hours[stage] * kwh),
        ]
    rows += [
        (stage, aspect, nan, "", nan, nan, nan) for stage in NOT_ASSESSED for aspect in ASPECTS
    ]
    columns = ["stage", "aspect", "value", "unit", "low", "high", "energy_kwh"]
    table = pd.DataFrame(rows, columns=columns).merge(
        review_ratings(), on=["stage", "aspect"], how="left"
    )
    return Recommendation(table, _agreements(table, scenario.uncertainty.seed), _money(costs))


def review_ratings() -> pd.DataFrame:
    """Return the review's ratings as we read them: stage, aspect, review and basis."""
    text = (files("sim.answers") / "review_ratings.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text)).rename(columns={"rating": "review"})


def weigh(design: Design, asked: Weighed) -> Kept:
    """Return the worth of plans where infrastructure is scarce or ample, by choice draw."""
    changed = replace(design, sampler=Infrastructure(design.sampler, asked.factor))
    return Kept({"worth": choice_worth(changed, asked.plans)}, {})


def _values_where(
    design: Design,
    answering: Answering,
    plans: tuple[Plan, ...],
    factor: float,
    stages: Sequence[str],
) -> Floats:
    """Return Shapley values of stages where infrastructure is changed, shape (stage, draw).

    Every coalition chooses again among the plans that are best for some coalition as it is.
    """
    size = 10
    tasks = {
        f"infrastructure x {factor:g}, plans from {first}": Weighed(
            plans[first : first + size], factor
        )
        for first in range(0, len(plans), size)
    }
    done = answering.do("changing infrastructure", bind(weigh, design), tasks)
    worth = np.concatenate([kept.arrays["worth"] for kept in done.values()])
    needs = np.array(
        [sum(1 << stages.index(str(one)) for one in bought_from(plan)) for plan in plans],
        dtype=np.int64,
    )
    chosen = best_plans(needs, worth.mean(axis=1), parts=len(stages))
    return shapley(worth[chosen])


def best_with(stage: str, plans: dict[str, Plan], coalitions: pd.DataFrame) -> Plan | None:
    """Return the best plan that buys from a stage; None where none does."""
    worth = coalitions.drop_duplicates("plan").set_index("plan")["worth"]
    some = [name for name, plan in plans.items() if stage in map(str, bought_from(plan))]
    return plans[max(some, key=lambda name: float(worth[name]))] if some else None


def cost_of_stage(plan: Plan | None, stage: str, scenario: Scenario) -> dict[str, float]:
    """Return what a plan spends on a stage by what it pays for, discounted US dollars."""
    paid = dict.fromkeys((*KINDS, "agreements"), 0.0 if plan is not None else np.nan)
    if plan is None:
        return paid
    years = scenario.horizon.score_years
    usd = spend_usd(plan, years=years).sum(axis=1)
    usd = discount(years, scenario.equity.discount_rate) @ usd
    for item, amount in zip(plan.catalogue.items, usd.tolist(), strict=True):
        if str(item.stage) == stage:
            kinds = [kind for kind, levers in KINDS.items() if item.lever in levers]
            paid[kinds[0] if kinds else "agreements"] += amount
    return paid


def _gpu_hours(plan: Plan | None, stage: str, world: World, years: int) -> float:
    """Return the GPU-hours that a plan buys for a stage, over the scored years."""
    if plan is None:
        return np.nan
    active = active_share(world.catalogue, years=years)[: plan.years].sum(axis=1)
    used = (plan.units * active).sum(axis=0) * world.catalogue.capacity
    mine = [str(i.stage) == stage and i.lever in GPU for i in world.catalogue.items]
    return float(used[:, mine].sum())


def _agreements(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = []
    for aspect, part in table.groupby("aspect", sort=False):
        ours = part["value"].abs() if aspect == "infrastructure" else part["value"]
        rng = stream(seed, "agreement", str(aspect))
        rows.append((aspect, *agreement(ours.to_numpy(float), part["review"].to_numpy(float), rng)))
    return pd.DataFrame(rows, columns=["aspect", "correlation", "low", "high", "stages"])


def _money(costs: dict[str, dict[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(costs, orient="index")
    shares = table.div(table.sum(axis=1).where(lambda total: total > 0.0), axis=0)
    return shares.rename_axis("stage").reset_index()
