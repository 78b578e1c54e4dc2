"""Where a gain comes from: its parts add up to it, and belong to what brings it."""

import numpy as np
import pandas as pd
import pytest

from reports.gain import gain_section
from sim.domain.levers import Stage
from sim.domain.plan import spend_usd
from sim.errors import AnswerError
from sim.executors.executor import executor_of
from sim.studies.answering import Answering
from sim.studies.attribution import (
    MOST,
    PEOPLE,
    PURCHASES,
    Attribution,
    attribution,
    bundles_of,
    gains_of_cells,
)
from sim.studies.batch import Design
from sim.studies.judging import measured_judged
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

DESIGN = Design(small_scenario(draws=5, replications=1), sample_small)
NOTHING = plan_of({}, name="nothing")
PLAN = plan_of({"reader.dermatologist": 1.0, "outreach.group1": 1.0, "scanner.dermoscopy": 2.0})
CARE, CREATION = Stage.CARE, Stage.DATA_CREATION


@pytest.fixture(scope="module")
def found() -> Attribution:
    with executor_of(workers=1) as executor:
        return attribution(DESIGN, Answering(executor), PLAN)


def kind(found: Attribution, name: str) -> pd.DataFrame:
    return found.table[found.table["kind"] == name].set_index("what")


def test_both_kinds_of_parts_add_up_to_the_simulated_gain(found: Attribution) -> None:
    with executor_of(workers=1) as executor:
        seen = measured_judged(DESIGN, Answering(executor), {"nothing": NOTHING, "plan": PLAN})
    reached = {
        name: np.mean([DESIGN.objective.of(one) for one in by_draw])
        for name, by_draw in seen.items()
    }
    gain = reached["plan"] - reached["nothing"]
    assert gain > 0.0
    assert found.whole == pytest.approx(gain)
    for name in (PURCHASES, PEOPLE):
        assert kind(found, name)["value"].sum() == pytest.approx(gain)
        assert kind(found, name)["share"].sum() == pytest.approx(1.0)


def test_bundles_are_stages_and_carry_what_is_spent_on_them(found: Attribution) -> None:
    bought = kind(found, PURCHASES)
    assert set(bought.index) == {str(CARE), str(CREATION)}
    assert bought["usd"].sum() == pytest.approx(spend_usd(PLAN, years=2).sum())
    assert set(kind(found, PEOPLE).index) == {
        f"{region}, {group}" for region in ("AAA", "BBB") for group in ("group0", "group1")
    }
    assert gain_section(found.tables)["figure"].startswith("<svg ")


def test_the_cheapest_of_many_stages_are_one_bundle() -> None:
    everything = {item.name: 1.0 for item in PLAN.catalogue.items}
    bundles = bundles_of(plan_of(everything), years=2)
    assert len(bundles) == MOST
    assert len({stage for some in bundles for stage in some}) == sum(map(len, bundles)) > MOST


def test_a_cell_whose_coverage_alone_changes_has_all_of_the_gain() -> None:
    with executor_of(workers=1) as executor:
        before = measured_judged(DESIGN, Answering(executor), {"nothing": NOTHING})["nothing"][0]
    ec = before.ec.copy()
    ec[:, 1, 0] += 0.1
    after = type(before)(
        ec, before.population, before.income_usd, before.regions, before.groups, before.equity
    )
    parts = gains_of_cells(before, after, aversion=1.0)
    assert parts.tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_nothing_has_no_gain_to_divide() -> None:
    with executor_of(workers=1) as executor, pytest.raises(AnswerError, match="buys nothing"):
        attribution(DESIGN, Answering(executor), NOTHING)
