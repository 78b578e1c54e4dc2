"""Supplies: none are made or lost, no exam is without, more never mean fewer, plans know them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.baseline.world import World
from sim.pipeline.case import Case
from sim.pipeline.parts import state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.run import simulate_many, warm_up_many
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.planning.model import build_model
from sim.planning.solution import solve
from sim.units import WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_runs import YEARS, nothing, run
from tests.small_world import LAW, changed, fixed_response, small_world

TINY = "scenarios/tiny.yaml"


def weeks(
    world: World, seed: int, *, count: int = 150, bought: float = 0.0
) -> dict[str, np.ndarray[Any, Any]]:
    """Return what every week of the stations left: exams by place, deliveries, stores, waiting."""
    case = scenario(years=YEARS, warm_up=0)
    week = Week(world, case, STATIONS, RandomKeys(world, seed, 0))
    state = state_today(world)
    for name in world.modalities:
        state.active[:, world.catalogue.index("supplies", name)] = bought
    seen: dict[str, list[np.ndarray[Any, Any]]] = {}
    for tick in range(count):
        before, people = state.supplies_stored.copy(), state.imaging_waiting.copy()
        week.step(state, tick)
        flows = week.flows
        for name, values in (
            ("before", before), ("delivered", flows.supplied), ("after", state.supplies_stored),
            ("used", flows.exams.sum(axis=2)), ("came", flows.arrived.sum(axis=2)),
            ("left", flows.reneged.sum(axis=2)), ("people", people.sum(axis=2)),
            ("waiting", state.imaging_waiting.sum(axis=2)),
        ):  # fmt: skip
            seen.setdefault(name, []).append(values.copy())
    return {name: np.stack(values) for name, values in seen.items()}


@given(
    supplied=st.floats(0.0, 20_000.0),
    bought=st.floats(0.0, 5.0),
    seed=st.integers(0, 2**32 - 1),
    store=st.integers(1, 30),
    urgent=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_supplies_are_conserved_and_no_exam_is_without(
    supplied: float, bought: float, seed: int, store: int, urgent: bool
) -> None:
    world = small_world(2, 2, modalities=2, supplied=supplied)
    world = changed(world, "care", weeks_in_store=np.full((2, 2), float(store)))
    if urgent:
        world = changed(world, "care", priority=np.array([0, 1]))
    found = weeks(world, seed, bought=bought)
    there = found["before"] + found["delivered"]
    np.testing.assert_array_equal(there, found["used"] + found["after"])
    assert (found["after"] >= 0).all()
    assert (found["used"] <= there).all()
    people = found["people"] + found["came"]
    np.testing.assert_array_equal(people, found["used"] + found["left"] + found["waiting"])
    per_week = (supplied + bought * 1_000.0) / WEEKS_PER_YEAR
    assert (found["delivered"] <= np.ceil(per_week) + 1).all()
    assert (found["after"] <= np.ceil(per_week * store)).all()
    upto = found["delivered"].cumsum(axis=0)
    assert (upto <= per_week * np.arange(1, len(upto) + 1)[:, None, None] + 1e-6).all()


def test_where_supplies_bind_all_of_them_are_used_and_a_year_has_what_is_stated() -> None:
    units = np.full((1, 1), 3.0)
    world = changed(small_world(1, 2, supplied=1_040.0), "care", units=units)
    free = (
        run(changed(small_world(1, 2), "care", units=units))
        .records.cells["exams"]
        .sum(axis=(1, 2, 3))
    )
    exams = run(world).records.cells["exams"].sum(axis=(1, 2, 3))
    assert (free > 2 * 1_040).all()
    np.testing.assert_allclose(exams, 1_040, rtol=0.02)
    # who is not examined leaves, as fast as people leave: a queue without end would be a fault
    found = run(world)
    left = found.records.cells["reneged"].sum(axis=(1, 2, 3))
    came = found.records.cells["arrived"].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(exams[1:] + left[1:], came[1:], rtol=0.1)


def test_none_give_no_exam() -> None:
    cells = run(small_world(2, 2, supplied=0.0)).records.cells
    assert cells["exams"].sum() == 0
    assert cells["read_by_human"].sum() == 0
    assert cells["reneged"].sum() > 0


def test_more_than_is_ever_used_is_no_limit() -> None:
    """A store that is never short: to the bit what it is without a limit, once it is filled."""
    free, supplied = run(small_world(2, 2)), run(small_world(2, 2, supplied=1e8))
    pd.testing.assert_frame_equal(free.cells(), supplied.cells(), check_exact=True)


@given(
    shares=st.lists(st.floats(0.0, 3.0), min_size=2, max_size=2).map(sorted),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15, deadline=None)
def test_more_supplies_never_mean_fewer_exams(shares: list[float], seed: int) -> None:
    """Up to any week, to one exam."""
    few, many = (
        weeks(small_world(2, 1, supplied=5_000.0 * share), seed)["used"].cumsum(axis=0)
        for share in shares
    )
    assert (many - few).min() >= -1


def test_bought_supplies_are_as_those_of_today() -> None:
    world = small_world(1, 2, supplied=1_000.0)
    more = changed(world, "care", supplied_exams_per_year=np.full((1, 1), 3_000.0))
    item = world.catalogue.index("supplies", "dermoscopy")
    case = scenario(years=YEARS, warm_up=0)
    plan = nothing(world).plus(0, item, units=2.0)
    names = ("exams", "reneged", "read_by_human")
    bought, there = (
        np.stack([one.records.cells[name] for name in names])
        for one in (run(world, plan, case=case), run(more, case=case))
    )
    np.testing.assert_array_equal(bought, there)
    spent = run(world, plan, case=case).records.spend_usd.sum(axis=(1, 2))
    np.testing.assert_allclose(spent, 2 * 5_000)


def test_plans_side_by_side_and_shared_regions_are_the_same_to_the_bit() -> None:
    world = small_world(3, 2, supplied=2_000.0)
    case = scenario(years=YEARS)
    (start,) = warm_up_many([RandomKeys(world, 1, 0)], scenario=case)
    base, item = nothing(world), world.catalogue.index("supplies", "dermoscopy")
    plans = [base.plus(r, item, units=1.5) for r in range(3)]
    respond = fixed_response()
    alone = [simulate_many([Case(start, plan, respond)], scenario=case)[0] for plan in plans]
    shared = simulate_many([Case(start, plan, respond, base) for plan in plans], scenario=case)
    for one, other in zip(alone, shared, strict=True):
        pd.testing.assert_frame_equal(one.cells(), other.cells(), check_exact=True)


def test_a_plan_buys_supplies_before_scanners_where_supplies_bind() -> None:
    """Units stand half idle for want of supplies, and readers have time: only supplies help."""
    world = small_world(2, 2, supplied=1_500.0)
    world = changed(world, "care", units=np.full((2, 1), 3.0),
                    reader_hours_per_year=np.full((2, 1), 4_000.0))  # fmt: skip
    only = ("scanner", "supplies", "reader", "outreach")
    forbidden = {
        item.lever: {"allowed": False} for item in world.catalogue.items if item.lever not in only
    }
    case = scenario(years=YEARS, budget_usd_per_year=2e4, levers=forbidden)
    plan = solve(build_model(world, LAW, case)).plan
    units = {item.name: plan.units[:, :, i].sum() for i, item in enumerate(world.catalogue.items)}
    assert units["supplies.dermoscopy"] > 0
    assert units["scanner.dermoscopy"] == 0
    free = small_world(2, 2)
    same = replace(
        free.care, units=world.care.units, reader_hours_per_year=world.care.reader_hours_per_year
    )
    without = solve(build_model(replace(free, care=same), LAW, case)).expected
    stated = solve(build_model(world, LAW, case)).expected
    idle = case.model_copy(update={"budget_usd_per_year": 0.0})
    bound = solve(build_model(world, LAW, idle)).expected
    np.testing.assert_allclose(bound.flows.exams, 1_500.0, rtol=1e-6)
    assert bound.value < stated.value < without.value
    # and what the model expects, the simulation does
    cells = run(world, plan, case=case).records.cells["exams"].sum(axis=3)
    np.testing.assert_allclose(cells, stated.flows.exams, rtol=0.06)


def supplied(*entries: str, **more: str) -> sim.Study:
    overrides = [f"supplies=[{', '.join(entries)}]", *(f"{k}={v}" for k, v in more.items())]
    return sim.study(TINY, overrides=overrides)


MANY = "exams_per_year: {value: 3000, low: 2000, high: 5000, source: our stores}"
PRICE = "usd_per_exam: {value: 2, low: 1, high: 4, source: our tender}"


def test_a_scenario_states_them_by_region_and_draws_them() -> None:
    study = supplied(f"{{modality: dermoscopy, regions: [KEN], {MANY}, {PRICE}}}")
    world = study.world()
    ken, rwa = (world.regions.index(name) for name in ("KEN", "RWA"))
    assert world.care.supplied_exams_per_year[ken, 0] == 3_000
    assert world.care.supplied_exams_per_year[rwa, 0] == np.inf
    item = world.catalogue.index("supplies", "dermoscopy")
    assert world.catalogue.capex_usd[ken, item] == 2_000
    assert world.catalogue.max_per_year[rwa, item] == 0
    assert world.catalogue.max_per_year[ken, item] * 1_000 >= world.care.need_per_year[ken].sum()
    drawn = [study.world(draw).care.supplied_exams_per_year[ken, 0] for draw in range(20)]
    assert 2_000 <= min(drawn) < 2_800
    assert 3_500 < max(drawn) <= 5_000
    unpriced = supplied(f"{{modality: dermoscopy, regions: [KEN], {MANY}}}").world()
    assert "supplies.dermoscopy" not in [one.name for one in unpriced.catalogue.items]


def test_countries_that_are_pooled_have_what_they_have_together() -> None:
    entry = f"{{modality: dermoscopy, regions: [KEN, RWA], {MANY}, {PRICE}}}"
    case = supplied(entry).scenario
    pooled = sim.study(case.model_copy(update={"by": "income_group"})).world()
    alone = supplied(entry.replace(", RWA", "")).scenario
    part = sim.study(alone.model_copy(update={"by": "income_group"})).world()
    assert pooled.care.supplied_exams_per_year.sum() == 6_000
    assert np.isinf(part.care.supplied_exams_per_year).sum() == 1
    item = part.catalogue.index("supplies", "dermoscopy")
    assert np.isfinite(part.catalogue.capex_usd[:, item]).all()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (f"{{modality: ct, regions: [KEN], {MANY}}}", "supplies.0.modality: 'ct' is not in this"),
        (f"{{modality: dermoscopy, regions: [UGA], {MANY}}}", "supplies.0.regions.0: 'UGA' is not"),
        (f"{{modality: dermoscopy, regions: [KEN], {MANY.replace('2000', '-1')}}}", "-1"),
        ("{modality: dermoscopy, regions: [KEN]}", "supplies.0.exams_per_year: "),
        (f"{{modality: dermoscopy, regions: [KEN, KEN], {MANY}}}", "stated twice: KEN.dermoscopy"),
        (f"{{modality: dermoscopy, regions: [KEN], {MANY}, usd: 3}}", "supplies.0.usd: unknown"),
        (f"{{modality: dermoscopy, regions: [KEN], {MANY}, {PRICE.replace('low: 1', 'low: 0')}}}",
         "US dollars per exam"),
    ],
)  # fmt: skip
def test_what_is_stated_wrongly_is_said(entry: str, said: str) -> None:
    with pytest.raises(sim.SimError) as caught:
        supplied(entry)
    assert said in str(caught.value)
