"""A model of simulated responses: exact where these add up, within every limit."""

from dataclasses import replace

import numpy as np
import pytest

from sim.domain.levers import Floats
from sim.planning.moves import BUNDLE, Purse
from sim.planning.objectives import OF_MEAN, OF_WORST, Parts
from sim.planning.rules import CHAIN, RULES
from sim.planning.surrogate import Surrogate, variations_of
from tests.small_world import small_world
from tests.unit.studies.small_study import small_scenario

SCENARIO = small_scenario().model_copy(update={"levers": {}})
WORLD = small_world()
PURSE = Purse(WORLD, SCENARIO)
PLAN = RULES["by_need"](WORLD, SCENARIO)
NOTHING = RULES["baseline"](WORLD, SCENARIO)
WORTH = np.random.default_rng(3).uniform(0.0, 1e-8, PURSE.price_usd.shape)
"""What a dollar adds to its region, by year, region and item."""


def additive(units: Floats) -> Floats:
    """Return what regions add in two draws, in which all is proportional, shape (draw, region)."""
    added = (units * PURSE.price_usd * WORTH).sum(axis=(0, 2)) - 0.5
    return np.stack([added, 0.5 * added])


def fitted(units: Floats, parts: Parts = OF_MEAN) -> Surrogate:
    variations = list(variations_of(PURSE, units))
    responses = np.stack([additive(units), *(additive(one.units) for one in variations)])
    return Surrogate(PURSE, units, variations, responses, parts)


@pytest.mark.parametrize("units", [PLAN.units, NOTHING.units], ids=["by need", "nothing"])
@pytest.mark.parametrize("parts", [OF_MEAN, OF_WORST], ids=["sum", "worst"])
def test_what_adds_up_is_foreseen_and_every_limit_kept(units: Floats, parts: Parts) -> None:
    surrogate = fitted(units, parts)
    before = np.mean([parts.whole(one, SCENARIO.equity) for one in additive(units)])
    reached = [before]
    for moved in (0.02, 0.2, 1.0):
        found = surrogate.best(moved)
        careful = surrogate.best(moved, 1.0)
        assert careful.expected <= found.expected + 2e-4  # the gap of a choice, and more
        assert PURSE.is_kept_by(found.units)
        assert (found.units >= 0.0).all()
        turnover = float((np.abs(found.units - units) * PURSE.price_usd).sum())
        assert turnover <= moved * PURSE.total_usd * (1.0 + 1e-6)
        seen = np.mean([parts.whole(one, SCENARIO.equity) for one in additive(found.units)])
        assert found.expected == pytest.approx(seen, rel=1e-9)
        assert found.gap <= 2e-4
        reached.append(found.expected)
    assert (np.diff(reached) >= -1e-3).all()
    assert reached[-1] > reached[0]


def test_all_links_of_ai_and_one_of_them_are_not_counted_twice() -> None:
    surrogate = fitted(NOTHING.units)
    places = {(place.item, place.region): p for p, place in enumerate(surrogate.amounts)}
    links = [
        item.name for item in WORLD.catalogue.items if item.lever in CHAIN and not item.is_pooled
    ]
    expected = {
        (places[BUNDLE, r], places[link, r])
        for r in range(len(WORLD.regions))
        for link in links
        if (BUNDLE, r) in places and (link, r) in places
    }
    assert len(links) > 1
    assert set(surrogate._exclusive()) == expected != set()


def test_every_variation_is_another_plan_and_those_of_what_all_share_are_counted_once() -> None:
    variations = list(variations_of(PURSE, PLAN.units))
    assert len({one.units.tobytes() for one in variations} | {PLAN.units.tobytes()}) == 1 + len(
        variations
    )
    surrogate = fitted(PLAN.units)
    shared = [place for place in surrogate.amounts if place.region is None]
    names = {item.name for item in WORLD.catalogue.items if item.is_pooled}
    assert {place.item for place in shared} <= names
    assert len(shared) == len({place.item for place in shared}) > 0


def test_a_limit_of_spending_binds_the_surrogate() -> None:
    treasury = SCENARIO.treasury.model_copy(
        update={"budget_usd": {SCENARIO.horizon.start_year: 1.0}}
    )
    poor = Purse(WORLD, SCENARIO.model_copy(update={"treasury": treasury}))
    surrogate = replace(fitted(NOTHING.units), purse=poor)
    found = surrogate.best(1.0)
    assert not found.units[0].any()  # a dollar buys nothing in the first year
    assert poor.is_kept_by(found.units)
