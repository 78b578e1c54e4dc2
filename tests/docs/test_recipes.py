"""The recipes of CONTRIBUTING.md, followed as a user would follow them in a notebook."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from reports.words import item_words
from sim.baseline import tables
from sim.baseline.world import World
from sim.domain.levers import LEVERS, Lever, Stage
from sim.domain.plan import Plan
from sim.equity.coverage import Measured
from sim.errors import RegistryError, ScenarioError
from sim.planning.objectives import Cells, Welfare, mean_utility
from sim.planning.rules import equal_split
from sim.scenario.schema import Scenario
from sim.studies.proposals import without_ai
from sim.studies.provenance import provenance

ROOT = Path(__file__).parents[2]
TINY = ROOT / "scenarios" / "tiny.yaml"
FEW = ["uncertainty.draws=2", "horizon.decide_years=1", "horizon.score_years=1"]


def late_split(world: World, scenario: Scenario) -> Plan:
    """Split the budget as ``equal_split`` does, and leave the first region out."""
    plan = equal_split(world, scenario)
    units = plan.units.copy()
    units[:, 0] = 0.0
    return replace(plan, name="late_split", units=units)


def kenyan_coverage(measured: Measured) -> float:
    """Return the mean coverage of Kenya, each group by its people."""
    kenya = measured.regions.index("KEN")
    return float(np.average(measured.mean[kenya], weights=measured.persons[kenya]))


def for_kenya(cells: Cells) -> Welfare:
    """Write the mean utility of people in Kenya only."""
    kenyan = np.array([[region == "KEN"] for region in cells.world.regions])
    care = replace(cells.world.care, population=cells.world.care.population * kenyan)
    return mean_utility(replace(cells, world=replace(cells.world, care=care)), cells.equity)


@pytest.fixture(autouse=True)
def recipes() -> Iterator[None]:
    """Add one of each, and take them away again."""
    sim.RULES.add(sim.Rule(late_split, "Late split", "leave the first region out"))
    sim.OUTCOMES.add(
        sim.Outcome("kenyan_ec", "share of need", "higher", "Coverage of Kenya", kenyan_coverage)
    )
    sim.OBJECTIVES.add(sim.Objective("kenyan_ec", kenyan_coverage, for_kenya))
    yield
    del sim.RULES["late_split"], sim.OUTCOMES["kenyan_ec"], sim.OBJECTIVES["kenyan_ec"]


def test_recipes_name_files_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:sim|tests|reports|scenarios)/[\w./]+)`|`(\w+\.(?:py|csv))`", text)
    assert len(named) > 20
    assert [
        path or name
        for path, name in named
        if not ((ROOT / path).exists() if path else next((ROOT / "sim").rglob(name), None))
    ] == []


def test_a_rule_of_ones_own_is_called_by_name_everywhere(tmp_path: Path) -> None:
    changes = [*FEW, "policies=[baseline, late_split]"]
    study = sim.study(TINY, overrides=changes)
    plan = study.plan("late_split")
    assert plan.units[:, 1].any()
    assert not plan.units[:, 0].any()
    result = study.run(tmp_path / "run")
    assert result.policies == ("baseline", "late_split")
    assert set(result.plans["region"]) == {"RWA"}
    assert "the rule 'Late split' beats buying nothing" in " ".join(result.verdicts())
    assert sim.load(tmp_path / "run").values("kenyan_ec")["policy"].tolist() == [
        "baseline",
        "late_split",
    ]


def test_a_study_does_not_go_on_with_another_rule_of_the_same_name() -> None:
    scenario = sim.load_scenario(TINY, overrides=["policies=[late_split]", "objective=kenyan_ec"])
    before = provenance(scenario).stamp()

    def other(world: World, scenario: Scenario) -> Plan:
        return equal_split(world, scenario)

    other.__name__ = "late_split"
    sim.RULES.add(sim.Rule(other))
    after = provenance(scenario).stamp()
    assert {name for name in before if before[name] != after[name]} == {"rule late_split"}
    assert "objective kenyan_ec" in before
    assert set(before) - set(provenance(sim.load_scenario(TINY)).stamp()) == {
        "rule late_split",
        "objective kenyan_ec",
    }


def test_a_lever_is_one_record_and_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be bought, paid for and spoken of; what it does is written into a station."""
    shipped = tables.lever
    monkeypatch.setitem(LEVERS, "van", Lever("van", Stage.CARE, "vans", only_ai=False))
    monkeypatch.setattr(
        tables, "lever", lambda name, *rest: shipped("outreach" if name == "van" else name, *rest)
    )
    study = sim.study(TINY, overrides=[*FEW, "budget_usd_per_year=1e8"])
    assert study.plan("equal_split").units[:, :, study.world().catalogue.index("van")].any()
    bought = pd.DataFrame({"region": ["KEN"], "item": ["van"], "units": [2]})
    run = study.simulate(bought)
    price = 2 * study.world().catalogue.capex_usd[0, study.world().catalogue.index("van")]
    spent = run.ledger().query("account == 'spend_usd' and region == 'KEN'")
    assert set(spent.loc[spent["value"] > 0, "item"]) == {"care delivery"}
    assert spent["value"].sum() > price
    assert item_words("van") == "vans"
    assert "van" not in without_ai(study.scenario)


def test_the_schema_offers_every_lever() -> None:
    offered = sim.scenario_schema()["properties"]["levers"]["propertyNames"]["enum"]
    assert offered == list(LEVERS)


def test_an_outcome_of_ones_own_is_compared_as_ours_are(tmp_path: Path) -> None:
    study = sim.study(TINY, overrides=[*FEW, "policies=[baseline, equal_split]"])
    found = study.compare(["equal_split", "baseline"], metric="kenyan_ec")
    assert "Coverage of Kenya, share of need" in str(found)
    by_draw = study.run(tmp_path / "run").by_draw
    np.testing.assert_array_equal(
        by_draw["kenyan_ec"], found.by_draw["kenyan_ec"].loc[by_draw.index]
    )
    assert not np.allclose(by_draw["kenyan_ec"], by_draw["mean_ec"])


def test_plans_are_made_for_an_objective_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By workers, which know nothing of it but what they are given."""
    monkeypatch.setattr("sim.studies.plan_search.HEDGES", (0.0, 0.0, 0.0))
    changes = [*FEW, "objective=kenyan_ec", "budget_usd_per_year=2e5"]
    study = sim.study(TINY, overrides=changes, workers=2)
    plan = study.plan("optimised")
    apart = [not item.is_pooled for item in plan.catalogue.items]
    assert plan.units[:, 0].any()
    assert not plan.units[:, 1, apart].any()
    found = study.compare({"plan": plan, "nothing": "baseline"})
    assert found.metric == "kenyan_ec"
    assert (found.differences["difference"] > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("policies=[late_splt]", "policies.0: found 'late_splt'. Did you mean 'late_split'"),
        ("objective=kenyan", "objective: found 'kenyan'. Did you mean 'kenyan_ec'"),
        ("weekly.stations=[transfer]", "weekly.stations.0: found 'transfer'. Allowed: need, "),
    ],
)
def test_a_name_that_there_is_not_is_told_with_the_nearest(change: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        sim.study(TINY, overrides=[change])
    assert message in str(caught.value)


def test_what_is_ours_cannot_be_replaced_and_names_are_checked() -> None:
    with pytest.raises(RegistryError, match="the outcome 'ede' is a shipped one"):
        sim.OUTCOMES.add(sim.Outcome("ede", "", "higher", "", kenyan_coverage))
    with pytest.raises(RegistryError, match="outcome 'rural coverage': a name is made of"):
        sim.OUTCOMES.add(sim.Outcome("rural coverage", "", "higher", "", kenyan_coverage))
    with pytest.raises(RegistryError, match=r"no outcome is called 'worst'; .*mean 'worst_ec'"):
        sim.study(TINY, overrides=FEW).compare(["baseline"], metric="worst")
