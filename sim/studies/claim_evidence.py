"""What claims are held against: coalitions of stages, prices, draws, plans made for one claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.coalitions import shapley
from sim.answers.intervals import t_interval
from sim.baseline.world import World
from sim.domain.levers import Floats, LeverName, Stage
from sim.domain.plan import Plan
from sim.planning.decisions import most_per_year
from sim.planning.rules import baseline, need_share, spend_by_share
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.comparison import WORTHWHILE, verdict
from sim.studies.judging import judged
from sim.studies.plans import plans_of
from sim.studies.recommendation import best_with, cost_of_stage
from sim.studies.sample import Sample
from sim.studies.stage_value import StageValue

VERDICTS = {"beats": "confirmed", "does not beat": "refuted", "undecided": "undecided"}


class Finding(NamedTuple):
    """What came of the comparison of one claim."""

    compared: str
    effect: float
    """Above 0 where the claim holds."""
    low: float
    high: float
    unit: str
    verdict: str
    """confirmed, refuted or undecided; ``not tested`` where there is nothing to compare."""
    n: int
    """Draws, or what else the interval is over."""
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """What claims are held against: a scenario, and what its stages are worth."""

    design: Design
    answering: Answering
    value: StageValue

    @cached_property
    def central(self) -> Sample:
        """The central sample."""
        return self.design.sampler(self.design.scenario, None, "search")

    @property
    def world(self) -> World:
        """The central world."""
        return self.central.world

    @cached_property
    def draws(self) -> list[Sample]:
        """Every judge draw."""
        scenario = self.design.scenario
        return [
            self.design.sampler(scenario, draw, "judge")
            for draw in range(scenario.uncertainty.draws)
        ]

    @cached_property
    def reached(self) -> Floats:
        """Objective of every coalition by draw, shape (coalition, draw)."""
        return self.value.reached()

    @cached_property
    def shapley(self) -> dict[str, Floats]:
        """Shapley value of every stage by draw, shape (draw,)."""
        return dict(zip(self.stages, shapley(self.reached), strict=True))

    @cached_property
    def stages(self) -> list[str]:
        """Stages that have anything to buy."""
        return list(self.value.table["stage"].drop_duplicates())

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """Plans of coalitions by name."""
        blank = baseline(self.world, self.design.scenario)
        return plans_of(self.value.plans, self.value.coalitions["plan"].unique(), blank)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Discounted dollars by stage and what they pay for; see ``cost_of_stage``."""
        found = {
            stage: cost_of_stage(
                best_with(stage, self.plans, self.value.coalitions), stage, self.design.scenario
            )
            for stage in self.stages
        }
        return pd.DataFrame.from_dict(found, orient="index")

    def of(self, *stages: Stage, without: bool = False) -> Floats:
        """Return the objective by draw of the coalition of some stages, or of all others."""
        wanted = {str(stage) for stage in stages}
        if without:
            wanted = set(self.stages) - wanted
        return np.asarray(self.reached[self.value.coalition(wanted)])

    def paired(self, compared: str, difference: Floats, *, unit: str, worthwhile: float) -> Finding:
        """Return the finding of a difference by draw, above 0 where the claim holds."""
        values = pd.Series(difference)
        low, high = t_interval(values)
        mean = float(values.mean())
        said = verdict(mean, low, high, draws=len(values), worthwhile=worthwhile)
        return Finding(compared, mean, low, high, unit, VERDICTS[said], len(values))

    @property
    def worthwhile(self) -> float:
        """Smallest difference in the objective that is called one."""
        return WORTHWHILE * float(self.reached[-1].mean())


def not_tested(compared: str, why: str) -> Finding:
    """Return the finding of a claim that cannot be tested here."""
    return Finding(compared, nan, nan, nan, "", "not tested", 0, why)


def spent(
    evidence: Evidence, name: str, levers: Sequence[LeverName], *, weight: Floats | None = None
) -> Plan | None:
    """Return the plan that splits all money equally over levers, and over regions by need.

    ``weight`` is the share of every region instead of need, shape (r,).
    """
    world, scenario = evidence.world, evidence.design.scenario
    offered = most_per_year(world, scenario) >= 1.0
    wanted = offered & np.array([item.lever in levers for item in world.catalogue.items])
    count = wanted.sum(axis=1, keepdims=True)
    within = np.divide(wanted, count, out=np.zeros(wanted.shape), where=count > 0)
    share = within * (need_share(world) if weight is None else weight)[:, None]
    return spend_by_share(name, world, scenario, share) if share.any() else None


def gain_on_nothing(evidence: Evidence, plans: dict[str, Plan]) -> dict[str, Floats]:
    """Return by draw what plans gain on buying nothing."""
    nothing = {"nothing": baseline(evidence.world, evidence.design.scenario)}
    values, _ = judged(evidence.design, evidence.answering, nothing | plans)
    return {name: values[name][:, 0] - values["nothing"][:, 0] for name in plans}
