"""A draw moves every number that has a range, and each of them moves the world by itself."""

import pickle
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from sim.baseline import tables
from sim.errors import ScenarioError
from sim.learning.response import PARAMETERS
from sim.scenario.schema import Scenario
from sim.studies.names import load_scenario
from sim.studies.sample import Sample, parameter_sample

SCENARIOS = Path(__file__).parents[3] / "scenarios"
SHIPPED = (
    "east_africa", "income_groups", "prostate_mri", "tiny", "world", "calibration/ct_calibrated",
)  # fmt: skip
MANY = ("income_groups", "world")
"""Of all countries: building their worlds some three hundred times takes half a minute."""
OF_THE_PROFILE = {"level", *(f"response.{name}" for name in PARAMETERS)}
"""What a draw has beside the register of inputs: the measured law, and its level of error."""
NOT_INPUTS = {"burden", "recipes"}
"""Tables that no world is built from: published figures of diseases and of others' trainings, which
ours are held against."""
ENDS = (0.003, 0.997)
"""Uniform numbers close to the ends of ranges: whole units differ only between values far apart."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_draw_moves_what_has_a_range_and_nothing_else(name: str) -> None:
    sample = parameter_sample(load_scenario(SCENARIOS / f"{name}.yaml"), 0)
    ranged = {name for name, one in sample.inputs.items() if one.low < one.high}
    assert len(ranged) > 100
    assert set(sample.drawn) - OF_THE_PROFILE == ranged
    still = [name for name, one in sample.inputs.items() if one.low == one.high]
    assert len(still) > len(ranged) / 20, "population, definitions, printed power and counts"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in MANY else name for name in SHIPPED],
)
def test_every_range_moves_the_world(name: str) -> None:
    """Where there are many countries, those of one variable at once: they are read alike."""
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    sample = parameter_sample(scenario, 0)
    together = defaultdict(set)
    for full, one in sample.drawn.items():
        moved_by = one.moved_by or one.unknown
        alone = moved_by.removeprefix(f"{full[:3]}.") if name in MANY else moved_by
        together[alone].add(moved_by)
    assert len(together) > 60
    middle = dict.fromkeys(set().union(*together.values()), 0.5)
    there = bits(scenario, middle)
    assert bits(scenario, middle) == there

    def moves(names: Iterable[str]) -> bool:
        return any(bits(scenario, middle | dict.fromkeys(names, at)) != there for at in ENDS)

    assert {alone for alone, names in together.items() if not moves(names)} == set()


def bits(scenario: Scenario, stated: dict[str, float]) -> bytes:
    """Return all numbers that a simulation takes from a sample, as bytes."""
    sample: Sample = parameter_sample(scenario, 0, stated=stated)
    return pickle.dumps((sample.world, sample.response))


def test_a_public_data_set_is_drawn_by_itself_and_may_be_replaced() -> None:
    drawn = load_scenario(SCENARIOS / "east_africa.yaml")
    name = "public_patients.HAM10000"
    text = f"overrides={{{name}: {{value: 7000, source: made up for a test}}}}"
    fixed = load_scenario(SCENARIOS / "east_africa.yaml", overrides=[text])
    for draw in range(3):
        one, other = (parameter_sample(scenario, draw) for scenario in (drawn, fixed))
        assert {key: one.drawn[key] for key in one.drawn if key != name} == other.drawn
        assert 2500 < one.drawn[name].value < 7470
        public = [sample.world.data.public_studies.sum() for sample in (one, other)]
        assert public[1] - public[0] == pytest.approx(7000 - one.drawn[name].value)
    values = [parameter_sample(drawn, draw).drawn[name].value for draw in range(20)]
    assert len(set(values)) == 20
    with pytest.raises(ScenarioError, match=r"'public_patients\.HAM10000'"):
        load_scenario(SCENARIOS / "east_africa.yaml", overrides=[text.replace("M1", "M2")])


def test_every_range_of_a_public_data_set_is_of_one_that_a_world_learns_from() -> None:
    known = tables.datasets()
    ranged = set(known.loc[known["low"] < known["high"], "dataset"])
    assert len(ranged) == 8
    assert ranged <= {name for m in tables.TASK_OF for name in tables.labelled_sets(m)}
    assert set(tables.KEYS) - NOT_INPUTS == {
        "country_values", "modalities", "levers", "operations", "gpu", "datasets",
    }  # fmt: skip
