"""How good AI is under a plan, and which parameters that hangs on."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import sim
from sim.domain.distribution import triangular
from sim.domain.holdings import Holdings
from sim.errors import PlanError
from sim.learning.response import Profile, draw_response
from sim.scenario.schema import Scenario
from sim.studies.ai_quality import LEVELS, quality
from tests.unit.studies.small_study import PROFILE, small_scenario

HOLDINGS = Holdings(np.array([[[100.0], [400.0]]]), np.array([[[1_000.0], [0.0]]]))
NEED = np.array([[[3.0], [1.0]]])
SOURCE = "assumption: a test"


def case(*, level: tuple[float, float, float], kappa_one: float = 0.0) -> Scenario:
    low, value, high = level
    assumed = {"value": value, "low": low, "high": high, "source": SOURCE}
    raw = small_scenario().model_dump()
    raw["response"] |= {"level": assumed, "kappa_one_weight": kappa_one, "transport": "a test"}
    return Scenario.model_validate(raw)


def measured(**draws: Any) -> Profile:
    constants = {
        "floor": 0.1,
        "scale": 1.0,
        "power": 0.4,
        "kappa": 0.3,
        "offset": 10.0,
        "limit": 1e5,
    }
    size = max(np.size(value) for value in draws.values())
    columns = {name: np.full(size, value) for name, value in (constants | draws).items()}
    return replace(PROFILE, draws=MappingProxyType(columns))


def shares(found: Any) -> dict[str, float]:
    return dict(zip(found.drivers["parameter"], found.drivers["share"], strict=True))


def test_all_of_the_variance_is_of_what_varies() -> None:
    uniform = np.random.default_rng(1).uniform(size=200)
    found = shares(quality(case(level=(0.5, 0.5, 0.5)), measured(kappa=uniform), HOLDINGS, NEED))
    assert found["all measured"] == pytest.approx(1.0)
    assert found["kappa"] == pytest.approx(1.0, abs=0.05)
    assert [found[name] for name in ("all assumed", "level", "power")] == pytest.approx([0.0] * 3)
    found = shares(quality(case(level=(0.3, 0.5, 0.8)), measured(kappa=0.5), HOLDINGS, NEED))
    assert (found["all assumed"], found["all measured"]) == pytest.approx((1.0, 0.0))


def test_shares_are_those_of_a_product_of_independent_parameters() -> None:
    """Where nothing is left to learn, the error is the level times the floor."""
    floors = np.random.default_rng(2).uniform(0.1, 0.3, 1_000)
    profile = measured(floor=floors, scale=0.0)
    found = shares(quality(case(level=(0.4, 0.5, 0.9)), profile, HOLDINGS, NEED))
    levels = [triangular((i + 0.5) / LEVELS, low=0.4, mode=0.5, high=0.9) for i in range(LEVELS)]
    total = np.var(np.multiply.outer(floors, levels))
    assert found["floor"] == pytest.approx(np.mean(levels) ** 2 * np.var(floors) / total, rel=0.02)
    assert found["level"] == pytest.approx(np.mean(floors) ** 2 * np.var(levels) / total, rel=1e-6)


def test_quality_is_what_the_response_makes_of_the_holdings() -> None:
    found = quality(case(level=(0.5, 0.5, 0.5)), measured(kappa=0.3), HOLDINGS, NEED)
    law = draw_response(measured(kappa=0.3), 0, level=0.5)
    reached, more = (
        np.average(law(Holdings(times * HOLDINGS.own, HOLDINGS.other)).sensitivity, weights=NEED)
        for times in (1.0, 2.0)
    )
    assert found.sensitivity == pytest.approx((reached,) * 3)
    assert found.gain_of_double == pytest.approx((more - reached,) * 3)
    assert f"{reached:.1%}" in str(found)


def test_a_kappa_of_one_counts_with_its_weight() -> None:
    found = quality(
        case(level=(0.5, 0.5, 0.5), kappa_one=0.25), measured(kappa=0.0), HOLDINGS, NEED
    )
    assert shares(found)["kappa of 1 for another task"] == pytest.approx(1.0)
    low, middle, high = found.sensitivity
    assert low == middle < high


def test_without_a_training_there_is_no_quality() -> None:
    study = sim.study("scenarios/tiny.yaml", overrides=["horizon.decide_years=1"])
    with pytest.raises(PlanError, match="no AI is trained"):
        study.quality("baseline")
