"""The parameter sample: named random streams, and the measured law carried over."""

import numpy as np
import pytest

from sim.baseline.inputs import Inputs
from sim.domain.bounds import SHARE
from sim.domain.distribution import Distribution
from sim.domain.holdings import Holdings
from sim.scenario.schema import Scenario
from sim.scenario.spec import Assumption
from sim.studies.experiment import Purpose
from sim.studies.sample import event_seed, response_of, varied
from tests.unit.studies.small_study import PROFILE, small_scenario


def scenario_with(**response: object) -> Scenario:
    plain = small_scenario().model_dump()
    plain["response"] |= response
    return Scenario.model_validate(plain)


def test_the_seed_of_events_differs_by_purpose_and_by_draw() -> None:
    seeds = {
        event_seed(1, purpose=purpose, draw=draw)
        for purpose in ("fit", "search", "judge")
        for draw in (None, 0, 1)
    }
    assert len(seeds) == 9


def test_the_central_response_is_the_median_at_the_central_level() -> None:
    central = response_of(small_scenario(), PROFILE, draw=None, purpose="search")
    assert (central.floor, central.scale, central.kappa, central.level) == (0.10, 1.1, 0.4, 0.5)
    believer = scenario_with(kappa_one_weight=0.8)
    assert response_of(believer, PROFILE, draw=None, purpose="search").kappa == 1.0


def test_draws_spread_over_the_profile_and_the_range_of_the_level() -> None:
    drawn = [response_of(small_scenario(), PROFILE, draw=d, purpose="judge") for d in range(400)]
    assert {one.floor for one in drawn} == {0.05, 0.10, 0.20}
    levels = np.array([one.level for one in drawn])
    assert levels.min() > 0.3
    assert levels.max() < 0.7
    assert levels.mean() == pytest.approx(0.5, abs=0.02)  # triangular on 0.3, 0.5, 0.7
    assert levels.std() == pytest.approx(0.4 / np.sqrt(24), rel=0.15)
    again = response_of(small_scenario(), PROFILE, draw=7, purpose="judge")
    assert again == drawn[7]
    assert response_of(small_scenario(), PROFILE, draw=7, purpose="search") != drawn[7]


def test_draws_of_a_latin_hypercube_lie_each_in_another_part_of_every_range() -> None:
    plain = small_scenario()
    asked = plain.uncertainty.model_copy(update={"latin_hypercube": 8})
    cubes = plain.model_copy(update={"uncertainty": asked})
    uniform = Distribution(0.5, 0.3, 0.7, "triangular")

    def parts(purpose: Purpose, scenario: Scenario) -> list[int]:
        drawn = [response_of(scenario, PROFILE, draw=d, purpose=purpose).level for d in range(8)]
        edges = [uniform.at(k / 8, SHARE) for k in range(1, 8)]
        return sorted(int(np.searchsorted(edges, level)) for level in drawn)

    def reached(scenario: Scenario, draw: int, purpose: str = "judge") -> float:
        given = scenario.groups["group0"].reach
        assert isinstance(given, Assumption)
        return Inputs(scenario, draw, purpose).assumption("groups.group0.reach", given)

    assert parts("judge", cubes) == list(range(8))
    assert parts("judge", plain) != list(range(8))
    assert parts("search", cubes) == parts("search", plain)
    edges = [uniform.at(k / 8, SHARE) for k in range(1, 8)]
    for cube in (range(8), range(8, 16)):
        values = [reached(cubes, draw) for draw in cube]
        assert sorted(np.searchsorted(edges, values).tolist()) == list(range(8))
    assert reached(cubes, 3, "search") == reached(plain, 3, "search")
    orders = [[reached(cubes, d) for d in range(8)], [reached(cubes, d) for d in range(8, 16)]]
    assert np.argsort(orders[0]).tolist() != np.argsort(orders[1]).tolist()


def test_another_places_study_is_worth_as_much_in_the_stated_share_of_draws() -> None:
    scenario = scenario_with(kappa_one_weight=0.25)
    kappas = [response_of(scenario, PROFILE, draw=d, purpose="judge").kappa for d in range(400)]
    assert np.mean(np.array(kappas) == 1.0) == pytest.approx(0.25, abs=0.07)


def test_a_frozen_response_stops_at_three_times_the_measured_range() -> None:
    free = response_of(small_scenario(), PROFILE, draw=0, purpose="judge")
    frozen = varied(free, "frozen", PROFILE)
    assert frozen.error(3_000.0, 0.0) == frozen.error(9_000.0, 0.0)
    assert free.error(9_000.0, 0.0) < frozen.error(9_000.0, 0.0)


def test_the_variant_of_shared_studies_counts_them_in_full() -> None:
    free = response_of(small_scenario(), PROFILE, draw=0, purpose="judge")
    assert varied(free, "kappa_one", PROFILE).effective(10.0, 90.0) == 100.0
    assert varied(free, "measured", PROFILE) == free


def test_performance_is_one_less_the_error_at_the_profiles_threshold() -> None:
    response = response_of(small_scenario(), PROFILE, draw=0, purpose="judge")
    own, other = np.array([[[0.0, 500.0]]]), np.array([[[100.0, 0.0]]])
    performance = response(Holdings(own, other))
    np.testing.assert_allclose(performance.sensitivity, 1 - response.error(own, other))
    np.testing.assert_allclose(performance.specificity, 0.9)
