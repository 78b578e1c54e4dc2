"""Plans that are nearly as good: how far they are, that they are, and what all of them spend."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from reports.trade_offs import alternative_sentences, alternatives_section
from sim.domain.plan import spend_usd
from sim.executors.executor import executor_of
from sim.studies.alternatives import Alternatives, alternatives, moved, spending
from sim.studies.answering import Answering
from sim.studies.batch import Design
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

DESIGN = Design(small_scenario(draws=5, replications=1), sample_small)
PLAN = plan_of({"reader.dermatologist": 1.0, "outreach.group1": 1.0, "scanner.dermoscopy": 2.0})
MONEY = arrays(float, (2, 3), elements=st.floats(0.0, 1e6))


@pytest.fixture(scope="module")
def found() -> Alternatives:
    with executor_of(workers=1) as executor:
        return alternatives(DESIGN, Answering(executor), {"plan": PLAN}, runs=250)


@given(MONEY, MONEY)
def test_what_is_moved_is_a_part_of_the_money_and_a_distance(
    one: np.ndarray, other: np.ndarray
) -> None:
    assert 0.0 <= moved(one, other) <= 1.0 + 1e-12
    assert moved(one, other) == pytest.approx(moved(other, one))
    assert moved(one, one) == 0.0


def test_spending_adds_up_to_what_the_plan_spends() -> None:
    assert spending(PLAN, years=2).sum() == pytest.approx(spend_usd(PLAN, years=2).sum())


def test_alternatives_differ_and_say_whether_they_hold(found: Alternatives) -> None:
    table = found.table
    assert table["plan"].iloc[0] == "plan"
    others = table.iloc[1:]
    assert len(others) >= 1
    assert (others["moved"] > 0.0).all()
    assert (others["holds"] == (others["lost"] <= others["within"])).all()
    widest = others.groupby("within")["moved"].max()
    assert widest.is_monotonic_increasing  # what loses less is within a wider part too
    assert set(found.plans["plan"]) == set(table["plan"])


def test_all_spend_at_least_what_is_shared(found: Alternatives) -> None:
    shared = found.shared
    assert (shared["least_usd"] <= shared["plan_usd"] + 1e-6).all()
    assert (shared["plan_usd"] <= shared["most_usd"] + 1e-6).all()
    wide = shared[shared["within"] == 0.05].set_index(["region", "lever"])["least_usd"]
    tight = shared[shared["within"] == 0.01].set_index(["region", "lever"])["least_usd"]
    both = wide.index.intersection(tight.index)
    assert (wide[both] <= tight[both] + 1e-6).all()  # more plans share less
    assert alternatives_section(found.tables)["sentences"]


def test_where_no_other_plan_was_found_that_is_said(found: Alternatives) -> None:
    tight = found.shared["within"] == 0.01
    shared = found.shared.assign(plans=found.shared["plans"].mask(tight, 1))
    said = alternative_sentences(found.tables | {"shared_money": shared})
    assert said[0] == "Within 1% of the plan's objective no other plan was found."
    assert said[2].startswith("Within 5% of the plan's objective, ")
