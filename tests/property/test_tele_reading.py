"""Hours that are read for another region are hours that one's own people have no more."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.domain.lent_hours import loans, moved_hours
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import PlanError
from sim.pipeline.case import Case
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.records import READER_HOURS, Run
from sim.pipeline.run import simulate_many, warm_up_many
from sim.planning.model import build_model
from sim.planning.solution import solve
from sim.scenario.schema import Scenario, TeleReading
from sim.studies.study import study
from tests.property.test_side_by_side import same
from tests.scenarios import build_world, scenario
from tests.small_runs import YEARS, nothing, run
from tests.small_world import LAW, changed, fixed_response, small_world

REGIONS = ("AAA", "BBB", "CCC")
LENDERS = ("AAA", "CCC")
WORLD = small_world(3, modalities=2, lenders=LENDERS)
ABROAD = tuple(
    TeleReading(by=one, serves=tuple(other for other in REGIONS if other != one)) for one in LENDERS
)
CASE = scenario(years=YEARS, tele_reading=ABROAD)
LOANS = loans(WORLD.catalogue, WORLD.regions, WORLD.professions)
ALLOWED = [(r, loan.item) for r, loan in product(range(3), LOANS) if r != loan.lender]
SAME_READERS = [(0, LOANS[2].item), (1, LOANS[2].item)]
"""Two regions that buy of the same readers."""
AVAILABLE = READER_HOURS.index("available")

amounts = st.lists(
    st.tuples(st.sampled_from(ALLOWED), st.integers(0, YEARS - 1), st.floats(0.1, 30.0)), max_size=6
)


def bought(some: list[tuple[tuple[int, int], int, float]]) -> Plan:
    plan = nothing(WORLD)
    units = plan.units.copy()
    for (region, item), year, hours in some:
        units[year, region, item] += hours
    return replace(plan, name="abroad", units=units)


def hours(run: Run) -> Floats:
    """Return all reader hours by year and region."""
    return run.records.reader_hours[..., AVAILABLE]


@given(
    asked=arrays.arrays(float, (3, 4), elements=st.floats(0.0, 1e5)),
    own=arrays.arrays(float, (3, 2), elements=st.floats(0.0, 1e4)),
)
def test_hours_move_and_none_are_made_up(asked: Floats, own: Floats) -> None:
    catalogue = np.zeros((3, len(WORLD.catalogue.items)))
    for k, loan in enumerate(LOANS):
        catalogue[:, loan.item] = asked[:, k]
        catalogue[loan.lender, loan.item] = 0.0
    moved = moved_hours(catalogue, own, LOANS)
    np.testing.assert_allclose(moved.sum(axis=0), 0.0, atol=1e-7)
    assert (own + moved >= 0.0).all(), "nobody gives hours that are not there"
    assert (own / 52 + moved / 52 >= 0.0).all(), "in no week"
    for loan in LOANS:
        wanted = catalogue[:, loan.item].sum()
        if wanted <= own[loan.lender, loan.profession]:
            lent = moved_hours(catalogue, own, [loan])
            assert -lent[loan.lender, loan.profession] == pytest.approx(wanted)


@given(some=amounts, seed=st.integers(0, 2**31))
@example(some=[(SAME_READERS[0], 0, 1.5), (SAME_READERS[1], 0, 17.0)], seed=0)
@settings(max_examples=10, deadline=None)
def test_hours_of_all_regions_stay_what_they_were(
    some: list[tuple[tuple[int, int], int, float]], seed: int
) -> None:
    with_it, without = (run(WORLD, plan, seed=seed, case=CASE) for plan in (bought(some), None))
    np.testing.assert_allclose(hours(with_it).sum(axis=1), hours(without).sum(axis=1))
    *used, available = with_it.records.reader_hours.transpose(2, 0, 1)
    np.testing.assert_allclose(sum(used), available, atol=1e-6)
    assert min(kind.min() for kind in used) >= -1e-6
    for name, series in with_it.records.stations.items():
        entered, done, left, rejected, waiting = series.counts.swapaxes(0, 1)
        before = np.vstack([series.start[None], waiting[:-1]])
        assert (before + entered == done + left + rejected + waiting).all(), name


def test_what_one_gets_the_other_lacks_for_as_long_as_it_is_paid() -> None:
    item = WORLD.catalogue.index("tele_reading", "CCC.radiologist")
    plan = bought([((0, item), 1, 4.0)])
    change = hours(run(WORLD, plan, case=CASE)) - hours(run(WORLD, case=CASE))
    expected = np.zeros((YEARS, 3))
    expected[1, 0], expected[1, 2] = 4.0 * 52, -4.0 * 52
    np.testing.assert_allclose(change, expected, atol=1e-6)
    events = run(WORLD, plan, case=CASE).events().query("kind == 'tele-reading'")
    assert events[["region", "detail"]].to_numpy().tolist() == [
        ["AAA", "+4 hours a week (radiologist)"],
        ["CCC", "-4 hours a week (radiologist)"],
    ]
    assert events["to_week"].tolist() == [104.0, 104.0]
    spent = run(WORLD, plan, case=CASE).records.spend_usd.sum(axis=2)
    assert spent[1].tolist() == [4_000.0, 0.0, 0.0], "who is read for pays"


def test_readers_who_are_idle_help_where_exams_go_unread() -> None:
    """Region CCC has time to spare; AAA has units for many more exams than its readers read."""
    units = np.array([[40.0], [1.0], [1.0]]) * np.ones((3, 2))
    own = np.array([[100.0, 100.0], [900.0, 900.0], [5_000.0, 5_000.0]])
    world = changed(WORLD, "care", units=units, reader_hours_per_year=own)
    item = world.catalogue.index("tele_reading", "CCC.radiologist")
    plan = bought([((0, item), year, 20.0) for year in range(YEARS)])
    helped, alone = (
        run(world, one, case=CASE).records.cells["read_by_human"].sum(axis=(0, 3))
        for one in (plan, None)
    )
    assert helped[0, 1] - alone[0, 1] == pytest.approx(YEARS * 20 * 52 * 60 / 20 * 0.98, rel=0.02)
    np.testing.assert_allclose(helped[2], alone[2], rtol=1e-3)  # they had the time


def test_that_it_may_be_bought_changes_no_bit_of_what_does_not_buy_it() -> None:
    plain = scenario(years=YEARS)
    one = run(small_world(3, modalities=2), case=plain)
    other = run(WORLD, case=CASE)
    same(one, other)


def run_of(case: Case, set_up: Scenario = CASE) -> Run:
    return simulate_many([case], scenario=set_up)[0]


def test_a_purchase_is_felt_in_two_regions_and_moved_in_both() -> None:
    (start,) = warm_up_many([RandomKeys(WORLD, 1, 0)], scenario=CASE)
    base, respond = bought([(ALLOWED[0], 0, 1.0)]), fixed_response()
    (buyer, item), (lender,) = (
        ALLOWED[-1],
        [one.lender for one in LOANS if one.item == ALLOWED[-1][1]],
    )
    more = Case(start, base.plus(buyer, item, units=2.0), respond, base)
    assert more.changed.tolist() == sorted([buyer, lender])
    same(run_of(more._replace(base=None)), run_of(more))


def test_who_may_not_is_refused_with_who_may() -> None:
    only = scenario(years=YEARS, tele_reading=(TeleReading(by="CCC", serves=("BBB",)),))
    item = WORLD.catalogue.index("tele_reading", "CCC.radiologist")
    with pytest.raises(PlanError, match=r"in AAA: .* does not let CCC read for AAA.* for BBB"):
        run(WORLD, bought([((0, item), 0, 1.0)]), case=only)
    with pytest.raises(PlanError, match="nobody"):
        run(WORLD, bought([((0, item), 0, 1.0)]), case=scenario(years=YEARS))


def test_the_optimisation_model_moves_hours_to_where_they_read_more() -> None:
    """Every exam is worth the same, and one region has readers who are idle."""
    units = np.full((3, 2), 40.0)
    own = np.array([[100.0, 100.0], [900.0, 900.0], [5_000.0, 5_000.0]])
    world = changed(WORLD, "care", units=units, reader_hours_per_year=own)
    solution = solve(build_model(world, LAW, CASE, budget_usd=20e3))
    moved = moved_hours(solution.plan.units[0] * world.catalogue.capacity, own, LOANS)
    assert moved[2].sum() < -100.0
    assert moved[0].sum() > 50.0
    assert (
        solution.expected.value
        > solve(build_model(world, LAW, CASE, budget_usd=0.0)).expected.value
    )


def test_prices_are_of_who_reads_and_limits_of_what_they_have() -> None:
    abroad = (TeleReading(by="ZAF", serves=("KEN",)), TeleReading(by="KEN", serves=("RWA",)))
    case = scenario(regions=("KEN", "RWA", "ZAF"), tele_reading=abroad)
    world = build_world(case)
    catalogue, (kenya, rwanda, south) = world.catalogue, range(3)
    by_zaf, by_ken = (
        catalogue.index("tele_reading", f"{one}.dermatologist") for one in ("ZAF", "KEN")
    )
    price, most = catalogue.capex_usd, catalogue.max_per_year
    assert price[kenya, by_zaf] == price[south, by_zaf] > price[rwanda, by_ken]
    own = world.care.reader_hours_per_year[:, 0] / 52
    assert most[:, by_ken].tolist() == [0.0, np.floor(own[kenya]), 0.0]
    assert 1.0 <= most[kenya, by_zaf] <= np.floor(own[south])
    assert most[rwanda, by_zaf] == most[south, by_zaf] == 0.0
    pooled = build_world(case.model_copy(update={"by": "income_group"}))
    assert not pooled.catalogue.max_per_year[:, [by_zaf, by_ken]].any()


def test_a_planner_buys_hours_by_name() -> None:
    known = study("scenarios/tiny.yaml", overrides=["tele_reading=[{by: RWA, serves: [KEN]}]"])
    item = "tele_reading.RWA.dermatologist"
    table = pd.DataFrame({"year": [2027, 2028], "region": "KEN", "item": item, "units": 8.0})
    found = known.simulate(known.plan(table)).events().query("kind == 'tele-reading'")
    assert found["region"].tolist() == ["KEN", "RWA"] * 2
    assert "tele_reading" not in [
        i.lever for i in study("scenarios/tiny.yaml").world().catalogue.items
    ]
