"""What a study hangs on: the unknowns of its sample, and what knowing them is worth."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.answers.information import gain_of_measuring
from sim.errors import AnswerError
from sim.studies.knowledge import (
    CHANCE,
    EVERYTHING,
    TOPIC,
    UNKNOWN,
    Unknowns,
    driver_table,
    failing,
    information_table,
    measurement,
    regret_table,
)
from sim.studies.measuring import (
    ANSWERS,
    ERROR,
    RUNS,
    known_measurements,
    measurements_of,
    measuring_table,
    shown,
)
from sim.studies.names import load_scenario
from sim.studies.result import StudyResult, load
from sim.studies.sample import parameter_sample
from tests.unit.studies.small_study import execute_small, small_scenario

TINY = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
DRAWS = 60


def made_up() -> Unknowns:
    rng = np.random.default_rng(1)
    values = pd.DataFrame(rng.uniform(size=(DRAWS, 3)), columns=["reach", "need", "price"])
    values.index.name = "draw"
    return Unknowns(values, {"reach": "access", "need": "access", "price": "prices"})


def reached(more: pd.Series, *, noise: float = 0.0) -> pd.DataFrame:
    """Return a policy that brings 1, and one that brings more, in two replications."""
    rng = np.random.default_rng(2)
    rows = {
        (draw, k): {"usual": 1.0, "other": 1.0 + gain + rng.normal(scale=noise)}
        for draw, gain in more.items()
        for k in range(2)
    }
    index = pd.MultiIndex.from_tuples(list(rows), names=["draw", "replication"])
    return pd.DataFrame(list(rows.values()), index=index)


def of(table: pd.DataFrame, kind: str, what: str) -> pd.Series:
    return table[(table["kind"] == kind) & (table["what"] == what)].iloc[0]


def test_what_decides_is_worth_knowing_and_the_rest_is_not() -> None:
    unknowns = made_up()
    more = unknowns.drawn["reach"] - 0.5
    table = information_table(reached(more), unknowns, usd_per_unit=1e6)
    whole = of(table, EVERYTHING, EVERYTHING)
    assert whole["value"] == pytest.approx(
        max(more.clip(lower=0.0).mean(), 0.0) - max(more.mean(), 0.0)
    )
    reach = of(table, UNKNOWN, "reach")
    assert reach["low"] > 0.0
    assert reach["share"] == pytest.approx(1.0, abs=0.05)
    assert reach["usd"] == pytest.approx(1e6 * reach["value"])
    assert of(table, TOPIC, "access")["value"] > 0.5 * whole["value"]
    assert of(table, TOPIC, "prices")["low"] == 0.0
    assert (table["value"] <= whole["value"] + 1e-15).all()
    assert (table[["value", "low", "high"]] >= 0.0).all(axis=None)


def test_what_decides_is_worth_measuring_and_pays_where_it_is_cheap() -> None:
    rng = np.random.default_rng(4)
    names = ["groups.rural.reach", "dermoscopy.reading_minutes.LIC", "response.scale"]
    drawn = pd.DataFrame(rng.uniform(size=(DRAWS, 3)), columns=names)
    drawn.index.name = "draw"
    unknowns = Unknowns(drawn, dict.fromkeys(names, "a topic"))
    values = reached(drawn[names[0]] - 0.5)
    table = measuring_table(
        values, unknowns, places={"KEN"}, profile_runs=400, usd_per_unit=1e6, seed=1
    )
    assert set(table["what"]) == {
        "survey of reach", "time study of reading", "100 further training runs"
    }  # fmt: skip
    first = table.iloc[0]
    assert (first["what"], first["where"]) == ("survey of reach", "rural")
    assert first["pays"]
    assert first["worth_usd"] == pytest.approx(1e6 * first["value"])
    assert first["share"] > 0.8  # 400 people tell nearly all
    assert not table["pays"].iloc[1:].any()
    whole = of(information_table(values, unknowns, usd_per_unit=1e6), EVERYTHING, EVERYTHING)
    assert (table["value"] <= whole["value"] + 1e-12).all()
    dear = measuring_table(
        values, unknowns, places={"KEN"}, profile_runs=400, usd_per_unit=1e3, seed=1
    )
    assert not dear["pays"].any()
    # more than the guess of its cost, less than the end of its range
    between = 1.5 * float(first["cost_usd"]) / float(first["value"])
    close = measuring_table(
        values, unknowns, places={"KEN"}, profile_runs=400, usd_per_unit=between, seed=1
    )
    assert close["cost_usd"].max() < close["worth_usd"].max() < first["cost_high_usd"]
    assert not close["pays"].any()


def test_what_measurements_cost_and_how_exact_they_are_is_assumed_with_a_range() -> None:
    known = known_measurements()
    assert set(known["unit"]) == {ANSWERS, ERROR, RUNS}
    for name in ("size", "usd"):
        assert (known[f"low_{name}"] < known[name]).all()
        assert (known[name] < known[f"high_{name}"]).all()
    assert known["source"].str.startswith("assumption: ").all()
    assert known["year"].ge(2026).all()


def test_a_measurement_that_may_be_less_exact_is_worth_less() -> None:
    (sure,) = measurements_of(["level"], places=())
    rng = np.random.default_rng(5)
    true = 0.8 + 0.2 * rng.uniform(size=(DRAWS, 1))
    values = np.stack([np.zeros(DRAWS), true[:, 0] - 0.9], axis=1)

    def worth(high_size: float) -> float:
        unsure = sure._replace(high_size=high_size)
        return float(gain_of_measuring(values, true, partial(shown, unsure, 0), rng).mean())

    assert worth(2.0) < 0.8 * worth(sure.high_size)


def test_one_of_many_measurements_that_seems_worth_something_by_chance_does_not_pay() -> None:
    """Nothing is known by any of eight: in this world, one of twelve such, one seems to be."""
    rng = np.random.default_rng(26)
    names = [f"AA{place}.readers_per_million.radiologist" for place in "ABCDEFGH"]
    drawn = pd.DataFrame(rng.uniform(size=(20, 8)), columns=names).rename_axis("draw")
    table = measuring_table(
        reached(pd.Series(rng.normal(size=20))),
        Unknowns(drawn, dict.fromkeys(names, "a topic")),
        places={name[:3] for name in names},
        profile_runs=400,
        usd_per_unit=1e9,
        seed=1,
    )
    assert ((table["low"] > 0.0) & (table["worth_usd"] > table["cost_high_usd"])).any()
    assert not table["pays"].any()


def test_measurements_are_by_place_where_places_are_few() -> None:
    named = [f"{iso3}.readers_per_million.radiologist" for iso3 in ("KEN", "RWA")]
    found = list(measurements_of(named, places={"KEN", "RWA"}))
    assert [(one.where, len(one.parameters)) for one in found] == [("KEN", 1), ("RWA", 1)]
    many = [f"A{k:02}.readers_per_million.radiologist" for k in range(20)]
    (one,) = measurements_of(many, places={name[:3] for name in many})
    assert (one.where, len(one.parameters)) == ("everywhere", 20)
    assert one.cost_usd == 20 * found[0].cost_usd


def test_the_largest_comes_first_within_each_kind() -> None:
    unknowns = made_up()
    table = information_table(reached(unknowns.drawn["need"] - 0.5), unknowns, usd_per_unit=np.nan)
    for _, part in table.groupby("kind"):
        assert part["value"].is_monotonic_decreasing
    assert table["usd"].isna().all()


def test_replications_that_differ_by_chance_are_told_from_what_can_be_known() -> None:
    unknowns = made_up()
    table = information_table(
        reached(0.0 * unknowns.drawn["reach"], noise=1.0), unknowns, usd_per_unit=1.0
    )
    assert of(table, EVERYTHING, EVERYTHING)["low"] > 0.1
    assert of(table, CHANCE, CHANCE)["low"] == 0.0


def test_a_lead_hangs_on_what_it_is_made_of() -> None:
    unknowns = made_up()
    lead = 3.0 * unknowns.drawn["reach"] + unknowns.drawn["need"]
    table = driver_table(lead, unknowns, seed=1)
    assert of(table, UNKNOWN, "reach")["share"] == pytest.approx(0.9, abs=0.1)
    assert of(table, TOPIC, "access")["share"] > 0.95
    assert of(table, TOPIC, "prices")["share"] < 0.1
    pd.testing.assert_frame_equal(table, driver_table(lead, unknowns, seed=1))


def test_a_lead_that_is_lost_is_told_where() -> None:
    unknowns = made_up()
    found = failing(unknowns.drawn["reach"] - 0.4, unknowns, seed=1)
    assert found.patterns[0].conditions[0].startswith("reach below 0.4")
    assert str(failing(unknowns.drawn["reach"], unknowns, seed=1)).startswith("Never")


def test_few_draws_say_nothing() -> None:
    unknowns = made_up()
    few = Unknowns(unknowns.drawn.iloc[:4], unknowns.topics)
    assert information_table(reached(few.drawn["reach"]), few, usd_per_unit=1.0).empty
    assert driver_table(few.drawn["reach"], few, seed=1).empty


def test_a_sample_names_every_unknown_once_with_its_topic() -> None:
    scenario = load_scenario(TINY)
    parts = [parameter_sample(scenario, draw).drawn_table().assign(draw=draw) for draw in range(3)]
    sample = pd.concat(parts, ignore_index=True)
    unknowns = Unknowns.of(sample)
    names = set(map(str, unknowns.drawn))
    assert {"groups.rural.reach", "level", "response.kappa"} <= names
    # Kenya's and Rwanda's income groups move together
    assert len([name for name in names if "need_per_1000" in name]) == 1
    assert {"KEN.urban_share", "RWA.urban_share"} <= names
    topics = unknowns.topics
    assert topics["groups.rural.reach"] == "reach"
    assert topics["level"] == "level"
    assert topics["response.kappa"] == "response"
    assert "other" not in set(topics.values())
    assert (unknowns.drawn != unknowns.drawn.iloc[0]).any().all()


def test_a_draw_holds_the_values_that_its_world_was_built_from() -> None:
    scenario = load_scenario(TINY)
    sample = parameter_sample(scenario, 5)
    values = sample.drawn_table().set_index("parameter")["value"]
    assert values["level"] == sample.response.level
    assert values["response.floor"] == sample.response.floor
    assert values["groups.rural.reach"] == sample.world.care.reach[0, 0, 1]
    assert values["pue.LMC"] != parameter_sample(scenario, 6).drawn["pue.LMC"].value
    assert parameter_sample(scenario, None).drawn_table().empty


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    out = tmp_path_factory.mktemp("run") / "small"
    scenario = small_scenario(draws=6).model_copy(
        update={"policies": ("baseline", "only_readers", "only_outreach")}
    )
    execute_small(scenario, out)
    return load(out)


def test_a_run_keeps_its_sample(result: StudyResult) -> None:
    assert list(result.sample.columns) == ["draw", "parameter", "topic", "unknown", "value"]
    assert list(result.sample["draw"].unique()) == list(range(6))
    assert set(result.unknowns.drawn) == {"AAA.need", "BBB.need"}


def test_a_result_answers_what_it_hangs_on(result: StudyResult) -> None:
    information, drivers = result.value_of_information(), result.drivers(against="only_readers")
    assert set(information["kind"]) == {EVERYTHING, CHANCE, TOPIC, UNKNOWN}
    assert set(drivers["what"]) == {"other", "AAA.need", "BBB.need"}
    lead = result.lead("only_readers")
    ede = result.by_draw["ede"]
    assert lead.to_numpy() == pytest.approx((ede["only_outreach"] - ede["only_readers"]).to_numpy())
    assert result.fails_when(against="only_readers").draws == 6


def test_a_policy_that_there_is_not_is_named_with_the_nearest(result: StudyResult) -> None:
    with pytest.raises(AnswerError, match=r"no policy 'only_reader' beside.*only_readers"):
        result.lead("only_reader")
    with pytest.raises(AnswerError, match="no method 'soboll'"):
        result.drivers("soboll")
    with pytest.raises(AnswerError, match="this study has 6"):
        result.drivers("pawn")


def test_a_larger_survey_is_worth_more_and_never_more_than_knowing() -> None:
    unknowns = made_up()
    reach = unknowns.drawn["reach"]
    worth = [
        measurement(reached(reach - 0.5), reach, people=people, error=None, seed=1)["value"]
        for people in (2, 20, 10_000)
    ]
    table = information_table(reached(reach - 0.5), unknowns, usd_per_unit=np.nan)
    assert worth[0] < worth[1] < worth[2] <= of(table, EVERYTHING, EVERYTHING)["value"]
    assert worth[2] == pytest.approx(of(table, UNKNOWN, "reach")["value"], rel=0.05)


def test_a_measurement_without_error_is_knowing() -> None:
    unknowns = made_up()
    reach = unknowns.drawn["reach"]
    found = measurement(reached(reach - 0.5), reach, people=None, error=0.0, seed=1)
    table = information_table(reached(reach - 0.5), unknowns, usd_per_unit=np.nan)
    assert found["value"] == pytest.approx(of(table, UNKNOWN, "reach")["value"])


@pytest.mark.parametrize(
    ("people", "error", "said"),
    [
        (None, None, "one of both"),
        (5, 0.1, "one of both"),
        (5, None, "a survey of people measures"),
    ],
)
def test_a_measurement_that_makes_no_sense_is_refused(
    people: int | None, error: float | None, said: str
) -> None:
    true = pd.Series(np.linspace(1.0, 5.0, DRAWS))
    with pytest.raises(AnswerError, match=said):
        measurement(reached(true), true, people=people, error=error, seed=1)


def test_what_is_not_drawn_cannot_be_measured(result: StudyResult) -> None:
    assert result.value_of_measuring("AAA.need", error=0.1)["value"] >= 0.0
    with pytest.raises(AnswerError, match=r"no 'AAA.ned' differs.*AAA.need"):
        result.value_of_measuring("AAA.ned", error=0.1)


def test_regret_is_what_the_best_of_each_draw_has_more() -> None:
    more = pd.Series([0.2, -0.1, 0.0, 0.005])
    table = regret_table(reached(more)).set_index("plan")
    usual, other = table.loc["usual"], table.loc["other"]
    assert usual["regret"] == pytest.approx(0.205 / 4)
    assert other["regret"] == pytest.approx(0.1 / 4)
    assert (usual["largest"], other["largest"]) == (pytest.approx(0.2), pytest.approx(0.1))
    # where both are the same both are the best
    assert (usual["best"], other["best"]) == (0.5, 0.75)
    assert (usual["near"], other["near"]) == (0.75, 0.75)
    assert list(table.index) == ["other", "usual"]


def test_knowing_everything_is_worth_the_least_regret(result: StudyResult) -> None:
    worth = of(result.value_of_information(), EVERYTHING, EVERYTHING)["value"]
    assert result.regret()["regret"].iloc[0] == pytest.approx(worth)


def test_a_policy_among_the_further_plans_counts_once(result: StudyResult) -> None:
    ede = result.by_draw["ede"].unstack("policy")  # noqa: PD010
    readers, best = ede["only_readers"].to_numpy(), ede.max(axis=1).to_numpy() + 0.1
    same = pd.DataFrame({"plan": "only_readers", "draw": ede.index, "value": readers})
    better = same.assign(plan="found for all stages", value=best)
    table = result.regret(pd.concat([same, better])).set_index("plan")["regret"]
    assert sorted(table.index) == sorted([*result.policies, "found for all stages"])
    assert table["found for all stages"] == 0.0
    assert table["only_readers"] == pytest.approx((best - readers).mean())
    assert not result.value_of_information(pd.concat([same, better])).empty
