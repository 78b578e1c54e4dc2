"""A plan for income groups becomes one for their countries, without a dollar or a unit more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.baseline.members import members
from sim.domain.plan import Plan, empty_plan, spend_usd
from sim.planning.decisions import most_per_year
from sim.scenario.schema import LeverBounds
from sim.studies.income_groups import (
    MANY_REGIONS,
    by_income_group,
    duals_of_countries,
    is_large,
    share_out,
    whole,
)
from sim.studies.names import load_scenario
from tests.scenarios import build_world
from tests.small_world import small_world

EAST_AFRICA = Path(__file__).parents[3] / "scenarios" / "east_africa.yaml"
SCENARIO = load_scenario(EAST_AFRICA)
WHO = members(SCENARIO)
COUNTRIES = build_world(SCENARIO)
GROUPS = build_world(by_income_group(SCENARIO))
ITEMS = GROUPS.catalogue.items
ONE_EACH = [item.is_one_each for item in ITEMS]
YEARS = SCENARIO.horizon.decide_years
NONE = empty_plan("plan", GROUPS.catalogue, GROUPS.regions, years=YEARS, start_year=2027)


@st.composite
def group_plans(draw: st.DrawFn) -> Plan:
    """Return plans of whole assets and broken services, within what the groups may buy."""
    most = most_per_year(GROUPS, SCENARIO)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest = draw(st.sampled_from([1.0, 10.0, 1e9]))
    units = rng.uniform(0.0, np.minimum(most, largest), NONE.units.shape)
    units *= rng.random(units.shape) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    asset = [not item.is_service for item in ITEMS]
    units[:, :, asset] = np.round(units[:, :, asset])
    units[:, :, ONE_EACH] *= np.cumsum(units[:, :, ONE_EACH], axis=0) <= 1.0
    return replace(NONE, units=units, gap=0.1, predicted=0.5)


def by_group(units: np.ndarray) -> np.ndarray:
    """Return units by year, income group and item."""
    groups = members(by_income_group(SCENARIO)).regions
    belongs = np.array([[group == of for of in WHO.income_groups] for group in groups], dtype=float)
    return np.einsum("gc,aci->agi", belongs, units)


def test_the_example_has_countries_of_two_income_groups() -> None:
    assert GROUPS.regions == ("LIC", "LMC")
    assert sorted(WHO.income_groups) == ["LIC", "LIC", "LIC", "LMC", "LMC"]


@settings(max_examples=60, deadline=None)
@given(group_plans())
def test_sharing_out_adds_no_unit_and_no_dollar(plan: Plan) -> None:
    shared = share_out(plan, SCENARIO, COUNTRIES)
    most = most_per_year(COUNTRIES, SCENARIO)
    assert shared.regions == COUNTRIES.regions
    assert shared.units.shape == (YEARS, 5, len(ITEMS))
    assert (shared.units <= most).all()
    asset = [not item.is_service for item in ITEMS]
    assert (shared.units[:, :, asset] == np.round(shared.units[:, :, asset])).all()
    for country, group in zip(shared.regions, members(SCENARIO).income_groups, strict=True):
        c, p = shared.regions.index(country), plan.regions.index(group)
        np.testing.assert_array_equal(shared.units[:, c, ONE_EACH], plan.units[:, p, ONE_EACH])
    totals = by_group(shared.units)
    totals[:, :, ONE_EACH] = plan.units[:, :, ONE_EACH]
    assert (totals <= plan.units * (1 + 1e-12) + 1e-9).all()
    # units are only lost where a country has as many as it can take
    full = by_group((shared.units >= most).astype(float)) > 0
    np.testing.assert_allclose(totals[~full], plan.units[~full], atol=1e-9)
    horizon = SCENARIO.horizon.score_years
    cost = spend_usd(shared, years=horizon).sum(axis=(1, 2))
    assert (cost <= spend_usd(plan, years=horizon).sum(axis=(1, 2)) * (1 + 1e-9) + 1e-6).all()
    assert np.isnan([shared.gap, shared.predicted]).all()  # those were the group's


def test_where_no_limit_binds_nothing_is_lost() -> None:
    units = np.zeros_like(NONE.units)
    units[:, :, GROUPS.catalogue.index("outreach", "rural")] = 2.0
    units[:, :, GROUPS.catalogue.index("audit")] = 0.3
    shared = share_out(replace(NONE, units=units), SCENARIO, COUNTRIES)
    np.testing.assert_allclose(by_group(shared.units), units)
    years = SCENARIO.horizon.score_years
    assert spend_usd(shared, years=years).sum() == pytest.approx(
        spend_usd(replace(NONE, units=units), years=years).sum()
    )
    need = COUNTRIES.care.need_per_year.sum(axis=(1, 2))
    audits = shared.units[0, :, COUNTRIES.catalogue.index("audit")]
    for group in GROUPS.regions:
        mine = np.array(WHO.income_groups) == group
        np.testing.assert_allclose(audits[mine], 0.3 * need[mine] / need[mine].sum())


def test_a_country_never_gets_more_than_it_may_buy() -> None:
    scenario = SCENARIO.model_copy(update={"levers": {"outreach": LeverBounds(max_per_year=1.0)}})
    units = np.zeros_like(NONE.units)
    item = GROUPS.catalogue.index("outreach", "rural")
    units[0, :, item] = 40.0
    shared = share_out(replace(NONE, units=units), scenario, COUNTRIES)
    assert shared.units[0, :, item].tolist() == [1.0] * 5


def test_screening_values_of_a_group_reach_its_countries_those_in_need_first() -> None:
    duals = np.arange(1.0, 1.0 + 2 * len(ITEMS)).reshape(2, -1)
    found = duals_of_countries(duals, SCENARIO, COUNTRIES)
    need = COUNTRIES.care.need_per_year.sum(axis=(1, 2))
    for g, group in enumerate(GROUPS.regions):
        mine = np.flatnonzero(np.array(WHO.income_groups) == group)
        np.testing.assert_allclose(found[mine], np.tile(duals[g], (len(mine), 1)), rtol=1e-5)
        assert (np.diff(found[mine[np.argsort(need[mine])], 0]) > 0).all()


def test_pooling_asks_for_income_groups_only_where_there_are_many_regions() -> None:
    assert by_income_group(SCENARIO).by == "income_group"
    assert SCENARIO.by == "country"
    assert not is_large(small_world(MANY_REGIONS))
    assert is_large(small_world(MANY_REGIONS + 1))


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=12),
    st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=60),
)
@example([67, 400, 400, 400, 204], [1.0, 1.0, 1.0, 1.0, 1.0, 0.001953125, 0.0010000000000000002])
def test_whole_units_add_up_and_stay_close_to_their_shares(
    bought: list[int], weights: list[float]
) -> None:
    count, share = np.array(bought, dtype=float), np.array(weights) / np.sum(weights)
    found = whole(count, share)
    assert found.shape == (len(bought), len(share))
    assert (found >= 0.0).all()
    np.testing.assert_array_equal(found, np.round(found))
    np.testing.assert_array_equal(found.sum(axis=1), count)
    owed = np.cumsum(count)[:, None] * share
    assert np.abs(np.cumsum(found, axis=0) - owed).max() < 1.0 + 1e-9
