"""A study small enough for tests: two made-up regions, two draws, plans made by hand."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sim.baseline.datum import Datum
from sim.baseline.inputs import Drawn
from sim.domain.levers import LEVERS
from sim.domain.plan import Plan, empty_plan
from sim.executors.executor import executor_of
from sim.learning.response import Profile, Response
from sim.pipeline.case import Case
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.studies.batch import Design, starts_of
from sim.studies.execution import execute
from sim.studies.experiment import Purpose
from sim.studies.plans import Candidate
from sim.studies.result import StudyResult
from sim.studies.sample import Sample, Sampler, event_seed
from tests.small_world import ITEMS, small_world

FITTED = {
    "floor": np.array([0.05, 0.10, 0.20]),
    "scale": np.array([1.0, 1.1, 1.2]),
    "power": np.array([0.3, 0.3, 0.3]),
    "kappa": np.array([0.2, 0.4, 0.5]),
    "offset": np.array([10.0, 20.0, 30.0]),
    "limit": np.array([1e5, 1e5, 1e5]),
}
PROFILE = Profile(
    name="made_up",
    task="a task",
    modality="dermoscopy",
    data="phantom",
    specificity=0.9,
    draws=MappingProxyType(FITTED),
    measured_max=1_000.0,
    kappa_interval=(0.1, 0.6),
    kappa_identified=True,
    runs=3,
    baseline_auc=0.5,
    joules_per_training_sample=1.0,
    joules_per_inference=1.0,
    flops_per_training_sample=1.0,
    joules_per_flop=1.0,
    power_source="default",
    hardware="none",
)
RESPONSE = Response(floor=0.1, scale=0.5, power=0.3, kappa=0.5, offset=10.0, specificity=0.9)
NEED = Datum(5.0, 4.0, 6.0, "per 1000", "2020", "assumed", "a test", "")
FORBIDDEN = tuple(name for name in LEVERS if name not in {"scanner", "outreach", "reader"})


def small_scenario(*, draws: int = 2, replications: int = 2) -> Scenario:
    assumed = {"value": 0.5, "low": 0.3, "high": 0.7, "source": "assumption: a test"}
    return Scenario.model_validate(
        {
            "title": "Two made-up regions",
            "question": "Does money for scanners help anyone?",
            "regions": ("AAA", "BBB"),
            "groups": {
                "group0": {"share": 0.5, "reach": assumed},
                "group1": {"share": 0.5, "reach": assumed},
            },
            "modalities": {"dermoscopy": 1.0},
            "horizon": {"decide_years": 2, "score_years": 2, "warm_up_years": 0},
            "response": {"level": assumed},
            "budget_usd_per_year": 200_000.0,
            "levers": {name: {"allowed": False} for name in FORBIDDEN},
            "uncertainty": {"draws": draws, "replications": replications, "seed": 3},
        }
    )


def sample_small(scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
    """Return a made-up sample whose need differs from draw to draw."""
    world = small_world(population=2e5)
    rng = stream(scenario.uncertainty.seed, "need", purpose, str(draw))
    need = world.care.need_per_year * rng.uniform(0.5, 1.5, world.care.need_per_year.shape)
    drawn = replace(world, care=replace(world.care, need_per_year=need))
    seed = event_seed(scenario.uncertainty.seed, purpose=purpose, draw=draw)
    by_region = dict(zip(("AAA.need", "BBB.need"), need.sum(axis=(1, 2)).tolist(), strict=True))
    values = {} if draw is None else {name: Drawn(one, name) for name, one in by_region.items()}
    return Sample(drawn, {"AAA.need": NEED}, PROFILE, RESPONSE, seed, values)


def run_small(
    scenario: Scenario, plan: Plan, *, draw: int | None = 0, purpose: Purpose = "judge"
) -> Run:
    """Return what happens under a plan in one small sample."""
    sample = sample_small(scenario, draw, purpose)
    start = starts_of(Design(scenario), [sample], [0])[0]
    return simulate_many([Case(start, plan, sample.respond())], scenario=scenario)[0]


def execute_small(
    scenario: Scenario,
    out: Path,
    *,
    sampler: Sampler = sample_small,
    workers: int = 1,
    **options: Any,
) -> StudyResult:
    """Run a small study."""
    with executor_of(workers=workers) as executor:
        return execute(Design(scenario, sampler), out, executor, **options)


class Watched:
    """Small samples, and which of them were asked for: draw and purpose."""

    def __init__(self) -> None:
        self.asked: set[tuple[int | None, str]] = set()

    def __call__(self, scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        self.asked.add((draw, purpose))
        return sample_small(scenario, draw, purpose)


def plan_of(units_by_item: dict[str, float], *, name: str = "plan") -> Plan:
    """Return a plan that buys the same in both regions, in the first year."""
    world = small_world()
    plan = empty_plan(name, world.catalogue, world.regions, years=2, start_year=2027)
    units = plan.units.copy()
    for item, amount in units_by_item.items():
        index = [i.name for i in world.catalogue.items].index(item)
        units[0, :, index] = amount
    return replace(plan, units=units)


def candidates() -> dict[str, Candidate]:
    duals = np.arange(2.0 * len(ITEMS)).reshape(2, -1)
    return {
        "baseline": Candidate(plan_of({}, name="baseline")),
        "plan": Candidate(
            replace(plan_of({"reader.dermatologist": 1.0, "outreach.group1": 0.5}), gap=0.01),
            note="made by hand",
            duals=duals,
        ),
    }
