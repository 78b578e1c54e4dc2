"""Audit power against the exact binomial; mitigation where quality, not numbers, was wanting."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from sim.pipeline.evaluation import audit_power, wilson_lower
from sim.scenario.schema import Gate
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
    lower = wilson_lower(found, np.full(trials + 1, float(trials)), confidence=confidence)
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
