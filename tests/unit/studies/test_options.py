"""The best option for every country is the best of what was simulated, within the budget."""

from dataclasses import replace

import numpy as np
import pytest

from sim.equity.coverage import mean_coverage, welfare, worst_coverage
from sim.planning.moves import Purse
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import RULES
from sim.studies import options
from sim.studies.batch import Design
from sim.studies.lots import Lot, simulated
from sim.studies.options import best_by_country, option_values, options_of
from tests.small_world import small_world
from tests.unit.studies.small_study import run_small, sample_small, small_scenario

SCENARIO = small_scenario()
DESIGN = Design(SCENARIO, sample_small)
WORLD = small_world()
PLANS = [RULES[name](WORLD, SCENARIO) for name in ("baseline", "only_outreach", "thirds")]


@pytest.fixture(autouse=True)
def _two_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "OPTION_DRAWS", 2)


def means(of: str) -> np.ndarray:
    """Return an outcome of every plan by the functions that judge, a mean over the same draws."""
    found = []
    for plan in PLANS:
        runs = [run_small(SCENARIO, plan, draw=draw, purpose="search") for draw in range(2)]
        seen = [options.measured_in(run, SCENARIO.equity) for run in runs]
        values = {
            "ede": lambda m: welfare(m.ec, m.population, m.equity)[0],
            "mean_ec": lambda m: mean_coverage(m) - 1.0,
            "worst_ec": worst_coverage,
        }
        found.append(np.mean([values[of](one) for one in seen]))
    return np.array(found)


@pytest.mark.parametrize("objective", ["ede", "mean_ec"])
def test_what_regions_add_is_the_objective(objective: str) -> None:
    design = replace(DESIGN, objective=OBJECTIVES[objective])
    value = option_values(design, PLANS)
    assert value.shape == (2, 3)
    np.testing.assert_allclose(value.sum(axis=0), means(objective), rtol=1e-9)


def test_the_worst_of_all_regions_is_the_worst_off_cell_of_one() -> None:
    design = replace(DESIGN, objective=OBJECTIVES["worst_ec"])
    value = option_values(design, PLANS)
    assert (value.min(axis=0) >= means("worst_ec") - 1e-12).all()
    assert (value > 0.0).all()


def test_the_choice_is_at_least_as_good_as_every_option_that_can_be_paid_for() -> None:
    made = replace(RULES["only_outreach"](WORLD, SCENARIO), name="plan")
    best, note = best_by_country(DESIGN, made)
    purse = Purse(WORLD, SCENARIO)
    assert purse.is_kept_by(best.units)
    assert "for each country the best of" in note
    assert best.name == "plan"
    lot = Lot((best, made, *PLANS), (0, 1))
    means_ = simulated(DESIGN, lot)[..., 0].mean(axis=1)
    assert means_[0] >= means_[1:].max() - 0.01  # countries touch each other a little


def test_options_are_rules_and_a_plan_with_less_and_more_money() -> None:
    made = replace(RULES["thirds"](WORLD, SCENARIO), name="plan")
    found = options_of(DESIGN, made)
    assert len(found) == 1 + len(options.LEVELS) * len(RULES)
    price = {
        name: Purse(WORLD, SCENARIO).spent_usd(plan.units).sum() for name, plan in found.items()
    }
    assert price["only_outreach, 0.5 times"] < price["only_outreach, 1 times"]
    assert price["plan, 0.5 times"] < price["plan, 1 times"] <= price["plan, 2 times"]
    assert price["nothing"] == 0.0
