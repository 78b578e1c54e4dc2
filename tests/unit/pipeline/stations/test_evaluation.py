"""Audit power against the exact binomial; mitigation where quality, not numbers, was wanting."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binom

from sim.domain.holdings import Holdings, Performance
from sim.learning.gate import audit_power, wilson_lower
from sim.learning.response import Response
from sim.pipeline.records import Run
from sim.pipeline.run import simulate
from sim.planning.model import build_model
from sim.planning.solution import solve
from sim.scenario.ai import Gate
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import small_world


@given(
    trials=st.integers(0, 3_000),
    as_good=st.floats(0.01, 0.99),
    needed=st.floats(0.0, 0.99),
    confidence=st.floats(0.55, 0.99),
)
@settings(max_examples=60)
def test_power_is_the_chance_that_enough_positives_are_found(
    trials: int, as_good: float, needed: float, confidence: float
) -> None:
    found = np.arange(trials + 1.0)
    lower = wilson_lower(found, np.maximum(float(trials), 1.0), float(ndtri(confidence)))
    enough = np.flatnonzero(lower >= needed)
    expected = binom.sf(enough[0] - 1, trials, as_good) if trials and len(enough) else 0.0
    power = audit_power(
        np.array([trials]), as_good=np.array(as_good), needed=np.array(needed),
        confidence=confidence,
    )  # fmt: skip
    assert power[0] == pytest.approx(expected, abs=1e-9)


def test_a_release_that_fails_with_power_is_mitigated_and_released_again() -> None:
    world = small_world(2)
    world = replace(world, compute=replace(world.compute, mitigation_sensitivity_gain=0.3))
    plan = buying(world, **(EVERYTHING | {"audit": 20, "steward": 8, "curator": 8, "gpu_hours": 9}))
    mends = scenario(gate=Gate(mitigate=True))
    without, mended = run(world, plan, sensitivity=0.6), run(
        world, plan, case=mends, sensitivity=0.6
    )  # fmt: skip
    assert not without.audits()["passed"].any()
    assert mended.audits()["passed"].any()
    jobs = mended.jobs()
    assert "mitigation" in set(jobs["kind"])
    hours = jobs.set_index("kind")["gpu_hours"]
    ratio = hours["mitigation"].to_numpy()[0] / hours["fine-tuning"].to_numpy()
    assert ratio.min() <= 0.2 + 1e-9
    assert mended.cells()["read_by_ai"].sum() > 0
    better = mended.releases()["sensitivity"]
    assert set(better.round(6)) <= {0.6, 0.9}
    assert (better > 0.8).any()


def test_a_release_that_fails_for_want_of_studies_is_not_mitigated() -> None:
    world = small_world(2)
    plan = buying(world, **(EVERYTHING | {"audit": 0}))
    mends = scenario(gate=Gate(mitigate=True))
    result = run(world, plan, case=mends, sensitivity=0.6)
    assert "mitigation" not in set(result.jobs()["kind"])


def test_a_release_may_read_for_one_group_and_not_for_another() -> None:
    world = small_world(2, 2, population=1e7)
    plan = buying(world, **(EVERYTHING | {"audit": 40, "steward": 9, "curator": 9, "gpu_hours": 9}))

    def worse_for_the_second(holdings: Holdings) -> Performance:
        sensitivity = np.broadcast_to([0.95, 0.4], holdings.own.shape).copy()
        return Performance(sensitivity, np.full(holdings.own.shape, 0.9))

    def read(by: str) -> tuple[Run, np.ndarray]:
        case = scenario(gate=Gate(by=by))  # type: ignore[arg-type]
        result = simulate(
            world, plan, worse_for_the_second, scenario=case, seed=1, replication=0
        )  # fmt: skip
        return result, result.records.cells["read_by_ai"].sum(axis=(0, 2))

    apart, by_group = read("group")
    assert (by_group[:, 0] > 0).all()
    assert (by_group[:, 1] == 0).all()
    assert set(apart.audits()["group"]) == set(world.groups)
    passed = apart.audits().groupby("group")["passed"].any()
    assert passed.to_dict() == {"group0": True, "group1": False}
    # together, the good group hides the bad one, or the bad one keeps the good one from it
    together, pooled = read("place")
    assert set(together.audits()["group"]) == {"all"}
    assert ((pooled[:, 0] > 0) == (pooled[:, 1] > 0)).all()


def test_groups_audited_apart_need_more_audits_in_the_model() -> None:
    law = Response(floor=0.02, scale=1.2, power=0.35, kappa=0.3, offset=20.0, specificity=0.9)
    horizon = Horizon(decide_years=3, score_years=5)
    bought = []
    for by in ("place", "group"):
        case = scenario(horizon=horizon, gate=Gate(by=by))  # type: ignore[arg-type]
        problem = build_model(small_world(1, 3), law, case, budget_usd=2e5, integer=False)
        plan = solve(problem).plan
        bought.append(plan.units[:, :, plan.catalogue.index("audit")].sum())
    assert bought[1] > 1.5 * bought[0] > 0
