"""What is stable: ranks as simulated, other seeds and measures, and what is said of them."""

import numpy as np
import pandas as pd
import pytest

from reports.certificate_page import certificate_section
from sim.answers.intervals import t_interval
from sim.equity.coverage import ede
from sim.executors.executor import executor_of
from sim.planning.moves import Purse
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.certificate import AVERSIONS, FLOORS, SEEDS, TOP, Certificate, certificate
from sim.studies.judging import measured_judged
from sim.studies.marginal import additions
from tests.unit.studies.small_study import plan_of, sample_small, small_scenario

DESIGN = Design(small_scenario(draws=5, replications=1), sample_small)
PLANS = {
    "baseline": plan_of({}, name="baseline"),
    "plan": plan_of({"reader.dermatologist": 1.0, "outreach.group1": 1.0}),
}
WORLD = sample_small(DESIGN.scenario, None, "search").world
TRIED = additions(
    DESIGN.scenario, PLANS["plan"], most=Purse(WORLD, DESIGN.scenario).most, duals=None
)
MARGINAL = pd.DataFrame([(one.region, one.item) for one in TRIED], columns=["region", "item"])


@pytest.fixture(scope="module")
def found() -> Certificate:
    with executor_of(workers=1) as executor:
        return certificate(DESIGN, Answering(executor), PLANS, MARGINAL)


def test_as_it_is_the_ranks_are_those_that_are_simulated(found: Certificate) -> None:
    plans = {one.plan.name: one.plan for one in TRIED} | PLANS
    with executor_of(workers=1) as executor:
        seen = measured_judged(DESIGN, Answering(executor), plans)
    reached = {name: np.mean([ede(one) for one in some]) for name, some in seen.items()}
    rate = {
        (one.region, one.item): (reached[one.plan.name] - reached["plan"]) / one.extra_usd
        for one in TRIED
    }
    order = sorted(rate, key=lambda key: -rate[key])[:TOP]
    assert list(found.items[["region", "item"]].itertuples(index=False, name=None)) == order
    assert found.items["rank"].tolist() == list(range(1, len(order) + 1))


def test_every_variation_is_there_and_ranks_span_what_they_gave(found: Certificate) -> None:
    table = found.variations
    counts = table["kind"].value_counts()
    assert table["kind"].iloc[0] == "as it is"
    assert counts["seed"] == SEEDS
    assert counts["aversion"] == len(AVERSIONS) - 1  # one is as it is
    assert counts["floor"] == len(FLOORS)
    assert table["shared"].iloc[0] == min(TOP, len(TRIED))
    assert (found.items["variations"] == len(table) - 1).all()
    assert (found.items["rank_low"] <= found.items["rank"]).all()
    assert (found.items["rank"] <= found.items["rank_high"]).all()
    assert certificate_section(found.tables)["figure"].startswith("<svg ")
    assert (found.items["best_rank"] <= found.items["worst_rank"]).all()
    assert found.items["kept"].between(0.0, 1.0).all()
    assert set(table["best_policy"]) <= set(PLANS)
    assert (table["lead_low"] <= table["lead"]).all()
    assert (table["lead"] <= table["lead_high"]).all()
    with executor_of(workers=1) as executor:
        seen = measured_judged(DESIGN, Answering(executor), PLANS)
    ahead = [ede(one) - ede(two) for one, two in zip(seen["plan"], seen["baseline"], strict=True)]
    assert table["lead"].iloc[0] == pytest.approx(np.mean(ahead))
    assert table["lead_high"].iloc[0] == pytest.approx(t_interval(pd.Series(ahead))[1])
    assert certificate_section(found.tables)["sentences"]
