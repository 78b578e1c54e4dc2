"""No number beyond its bounds gets in: every variable of the tables, and every field."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from sim.domain.bounds import Bounds
from sim.errors import ScenarioError
from sim.scenario.problems import MOST_PROBLEMS
from sim.studies.names import load_scenario, replaceable_in, scenario_schema
from tests.targets_file import SCENARIO

VALUES = ("0", "-1", "100", ".nan", ".inf", "-.inf", "1.0e+300")
THERE = r"^.*there\.yaml:(\d+): overrides\.(\S+?): (.*)$"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that holds a small scenario."""
    path = tmp_path / "here.yaml"
    path.write_text(SCENARIO.replace("[KEN, RWA]", "[RWA]"), encoding="utf-8")
    return path


def refused(file: Path, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return what is said of overrides that are refused, by name; each with file and line."""
    lines = [f"  {name}: {{{given}, source: made up}}\n" for name, given in overrides.items()]
    child = file.parent / "there.yaml"
    child.write_text("".join(["extends: here.yaml\noverrides:\n", *lines]), encoding="utf-8")
    text: dict[str, str] = {}
    for line, key, words in re.findall(THERE, message(child), re.M):
        name = re.sub(r"\.(value|low|high|sample)(\.\d+)?$", "", key)
        assert int(line) == list(overrides).index(name) + 3
        text[name] = words
    return text


def message(file: Path) -> str:
    """Return what is said of a scenario, nothing where it is taken."""
    try:
        load_scenario(file)
    except ScenarioError as error:
        return str(error)
    return ""


def in_parts(names: list[str]) -> Iterator[list[str]]:
    """Yield names, as many at a time as a message says one by one."""
    for first in range(0, len(names), MOST_PROBLEMS):
        yield names[first : first + MOST_PROBLEMS]


@pytest.mark.parametrize("value", VALUES)
def test_every_variable_is_refused_beyond_its_bounds_and_taken_within(
    file: Path, value: str
) -> None:
    known = replaceable_in(load_scenario(file))
    number = float(value.replace(".inf", "inf").replace(".nan", "nan"))
    beyond = {name for name, bounds in known.items() if not bounds.hold(number)}
    assert len(known) > 300
    said: dict[str, str] = {}
    for names in in_parts(list(known)):
        said |= refused(file, dict.fromkeys(names, f"value: {value}"))
    assert set(said) == beyond
    if isfinite(number):
        assert all(known[name].rule in text for name, text in said.items())
    assert beyond if value != "0" else beyond < set(known)


@pytest.mark.parametrize("edge", ["lowest", "highest"])
def test_bounds_themselves_are_allowed(file: Path, edge: str) -> None:
    known = replaceable_in(load_scenario(file))
    for names in in_parts(list(known)):
        given = {name: f"value: {getattr(known[name], edge)!r}" for name in names}
        assert refused(file, given) == {}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("RWA.urban_share", "value: 17.9", "a share runs from 0 to 1; 17.9 looks like percent"),
        ("dermoscopy.reader_sensitivity", "value: 86", "86 looks like percent (share of true"),
        ("RWA.population", "value: 14.26", "must be from 1,000 to 2,000,000,000 persons; 14.26 "
         "looks like millions (persons who live there)."),
        ("RWA.population", "value: 0", "2,000,000,000 persons, got 0 (persons who live there)."),
        ("RWA.readers_per_million.dermatologist", "value: -0.9", "must be from 0 to 10,000 readers "
         "per million people, got -0.9"),
        ("dermoscopy.patience_weeks", "value: 0", "must be from 0.01 to 520 weeks, got 0"),
        ("dermoscopy.exams_per_unit_year", "value: 0", "exams per unit and year, got 0"),
        ("RWA.urban_share", "value: 0.2, low: -0.1, high: 0.4", "from 0 to 1, got -0.1"),
        ("RWA.urban_share", "value: 0.2, high: 40", "from 0 to 1; 40 looks like percent"),
        ("RWA.urban_share", "value: 0.2, sample: [0.2, 20]", "20 looks like percent"),
        ("groups.urban.reach", "value: 0.5, high: 2", "from 0 to 1; 2 looks like percent"),
        ("agreement.capacity", "value: 2", "must be 1 (agreements per unit), got 2"),
    ],
)  # fmt: skip
def test_the_message_says_unit_bounds_and_the_likely_slip(
    file: Path, name: str, given: str, expected: str
) -> None:
    assert expected in refused(file, {name: given})[name]


def test_bounds_hold_on_the_command_line_and_in_overlays(file: Path) -> None:
    with pytest.raises(ScenarioError, match=r"--set .*: overrides\.RWA\.urban_share\.value: a sh"):
        load_scenario(file, overrides=["overrides.RWA.urban_share={value: 17.9, source: made up}"])
    overlay = file.parent / "over.yaml"
    overlay.write_text(
        "overrides:\n  dermoscopy.need_per_1000:\n    value: 3\n    low: 1\n    high: 9000\n"
        "    source: made up\n",
        encoding="utf-8",
    )
    file.write_text(file.read_text(encoding="utf-8") + "overlays: [over.yaml]\n", encoding="utf-8")
    with pytest.raises(
        ScenarioError, match=r"over\.yaml:5: overrides\.dermoscopy\.need_per_1000\.high: must be "
    ):
        load_scenario(file)


def test_every_number_of_a_scenario_has_bounds() -> None:
    schema = scenario_schema()
    # their bounds are those of the table value, the reach or the level that they are of
    elsewhere = {"Override", "Assumption"}
    models = {name: model for name, model in schema["$defs"].items() if name not in elsewhere}
    numbers = [
        (f"{name}.{key}", part)
        for name, model in {**models, "Scenario": schema}.items()
        for key, field in model.get("properties", {}).items()
        for part in forms(field)
        if part.get("type") in ("number", "integer")
    ]
    assert len(numbers) > 20
    for name, part in numbers:
        assert {"minimum", "exclusiveMinimum"} & set(part), name
        assert {"maximum", "exclusiveMaximum"} & set(part), name


def forms(field: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a field's JSON schema and those of what it may hold."""
    yield field
    for part in [*field.get("anyOf", ()), *field.get("oneOf", ())]:
        yield from forms(part)
    for key in ("items", "additionalProperties"):
        if isinstance(field.get(key), dict):
            yield from forms(field[key])


@pytest.mark.parametrize("value", ["-0.1", "0", "11", "1.0e+300", ".nan"])
def test_the_level_of_errors_has_bounds(file: Path, value: str) -> None:
    text = file.read_text(encoding="utf-8")
    old = "value: 0.5, low: 0.3, high: 0.8"
    assert old in text
    file.write_text(text.replace(old, f"value: {value}, low: {value}, high: {value}"), "utf-8")
    with pytest.raises(ScenarioError, match=r"here\.yaml:\d+: response\.level"):
        load_scenario(file)


def test_a_value_beyond_becomes_the_bound() -> None:
    bounds = Bounds(0.0, 1.0, "share")
    assert [bounds.nearest(value) for value in (-0.3, 0.4, 1.7)] == [0.0, 0.4, 1.0]
