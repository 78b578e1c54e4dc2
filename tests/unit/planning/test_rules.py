from dataclasses import replace

import numpy as np
import pytest

from sim.domain.levers import Stage
from sim.domain.plan import spend_usd
from sim.planning.rules import RULES
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_world import small_world

HORIZON = Horizon(decide_years=6, score_years=9)


@pytest.mark.parametrize("name", [name for name in RULES if name != "baseline"])
@pytest.mark.parametrize("budget_usd", [0.0, 40e3, 300e3, 5e6])
def test_rules_never_exceed_a_years_budget(name: str, budget_usd: float) -> None:
    case = scenario(horizon=HORIZON, budget_usd_per_year=budget_usd)
    plan = RULES[name](small_world(3), case)
    spend = spend_usd(plan, years=HORIZON.score_years).sum(axis=(1, 2))
    assert (spend <= budget_usd * (1 + 1e-9)).all()
    assert (plan.units == np.floor(plan.units)).all()
    assert plan.name == name
    assert bool(plan.units.any()) == (budget_usd > 0)


def test_equal_split_treats_equal_regions_and_stages_alike() -> None:
    years = Horizon(decide_years=5, score_years=9)  # in the sixth the budget of all binds
    case = scenario(horizon=years, budget_usd_per_year=3e6)
    plan = RULES["equal_split"](small_world(2), case)
    assert (plan.units[:, 0] == plan.units[:, 1]).all()
    spend = spend_usd(plan, years=HORIZON.score_years).sum(axis=0)
    items = plan.catalogue.items
    stages = {item.stage for item in items}
    by_stage = {s: spend[:, [item.stage is s for item in items]].sum(axis=1) for s in stages}
    share = 3e6 / 2 / len(stages) * HORIZON.score_years
    assert max(usd.max() for usd in by_stage.values()) <= share * (1 + 1e-9)
    assert by_stage[Stage.CARE][0] > 0.5 * share


@pytest.mark.parametrize("name", [name for name in RULES if name != "baseline"])
def test_readers_who_never_read_what_is_asked_for_leave_every_rule_a_plan(name: str) -> None:
    world = small_world(2)
    idle = [item.lever == "reader" for item in world.catalogue.items]
    capacity = np.where(idle, 0.0, world.catalogue.capacity)
    world = replace(
        world,
        catalogue=replace(world.catalogue, capacity=capacity),
        care=replace(world.care, reader_hours_per_year=0.0 * world.care.reader_hours_per_year),
    )
    plan = RULES[name](world, scenario(horizon=HORIZON, budget_usd_per_year=2e6))
    assert np.isfinite(plan.units).all()
    assert plan.units.any()


def test_by_need_gives_more_where_need_is_larger() -> None:
    world = small_world(2)
    need = world.care.need_per_year * np.array([1.0, 3.0])[:, None, None]
    world = replace(world, care=replace(world.care, need_per_year=need))
    case = scenario(horizon=HORIZON, budget_usd_per_year=2e6)
    spend = spend_usd(RULES["by_need"](world, case), years=9).sum(axis=(0, 2))
    assert 2.0 < spend[1] / spend[0] < 4.0


def test_rules_save_up_for_what_a_years_share_cannot_buy() -> None:
    case = scenario(horizon=HORIZON, budget_usd_per_year=400e3)
    plan = RULES["equal_split"](small_world(1), case)
    outreach = plan.catalogue.index("outreach", "group0")
    # of the stage a lever has half, and of the lever one group
    yearly = 400e3 / len({item.stage for item in plan.catalogue.items}) / 2 / 2
    assert yearly < plan.catalogue.capex_usd[0, outreach]
    assert plan.units[0, 0, outreach] == 0
    assert plan.units[:, 0, outreach].sum() == 1
    audit = plan.catalogue.index("audit")
    assert plan.units[:, 0, audit].sum() >= 1


def test_limits_of_the_scenario_are_kept() -> None:
    levers = {"scanner": {"max_per_year": 1}, "site": {"allowed": False}}
    case = scenario(horizon=HORIZON, budget_usd_per_year=5e6, levers=levers)
    plan = RULES["equal_split"](small_world(2), case)
    assert plan.units[:, :, plan.catalogue.index("scanner", "dermoscopy")].max() == 1
    assert plan.units[:, :, plan.catalogue.index("site")].max() == 0
    assert plan.units[:, :, plan.catalogue.index("agreement")].sum(axis=0).max() == 1


def test_a_limit_by_region_holds_there_and_nowhere_else() -> None:
    levers = {"audit": {"max_per_year": 3, "regions": {"AAA": 1, "BBB": 5}}}
    case = scenario(horizon=HORIZON, budget_usd_per_year=5e6, levers=levers)
    plan = RULES["equal_split"](small_world(2), case)
    audits = plan.units[:, :, plan.catalogue.index("audit")]
    assert audits.max(axis=0).tolist() == [1.0, 3.0]


@pytest.mark.parametrize("name", list(RULES))
def test_without_money_every_rule_is_the_baseline(name: str) -> None:
    broke = scenario(horizon=HORIZON, budget_usd_per_year=0.0)
    assert not RULES[name](small_world(2), broke).units.any()


def test_baseline_buys_nothing() -> None:
    assert not RULES["baseline"](small_world(), scenario(horizon=HORIZON)).units.any()


@pytest.mark.parametrize("name", ["equal_split", "by_need"])
def test_what_costs_nothing_is_bought_up_to_its_limit(name: str) -> None:
    world = small_world(2)
    catalogue = world.catalogue
    i = catalogue.index("audit")
    free = [np.where(np.arange(len(catalogue.items)) == i, 0.0, cost)
            for cost in (catalogue.capex_usd, catalogue.running_usd)]  # fmt: skip
    given = replace(world, catalogue=replace(catalogue, capex_usd=free[0], running_usd=free[1]))
    case = scenario(horizon=HORIZON, budget_usd_per_year=1e5)
    assert (RULES[name](given, case).units[:, :, i] == catalogue.max_per_year[:, i]).all()
