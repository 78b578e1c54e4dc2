"""The shipped scenarios work, and what is written about them is what the code says."""

import json
import re
from pathlib import Path

import pytest

from sim.baseline.members import members
from sim.scenario.fields import field_table
from sim.studies.names import known_names, load_scenario, scenario_schema
from sim.studies.study import study

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))
ONE_PAGE = 60
"""Lines."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_scenario_is_valid_and_one_page_long(file: Path) -> None:
    load_scenario(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= ONE_PAGE
    assert lines[0] == "# yaml-language-server: $schema=schema.json"


@pytest.mark.parametrize(
    ("file", "regions", "countries"),
    [
        ("east_africa", 5, 5),
        ("tiny", 2, 2),
        ("income_groups", 4, 217),
        ("world", 217, 217),
        ("prostate_mri", 1, 1),
    ],
)
def test_a_shipped_scenario_covers_what_it_says(file: str, regions: int, countries: int) -> None:
    who = members(load_scenario(FOLDER / f"{file}.yaml"))
    assert (len(who.regions), len(who.countries)) == (regions, countries)


def test_own_labels_decide_how_good_ai_is_where_a_label_takes_a_biopsy() -> None:
    """At no more labels than the scenario lets anybody buy; docs/profiles.md says where they do."""
    known = study(FOLDER / "prostate_mri.yaml")
    found = known.quality("thirds")
    low, middle, _ = found.gain_of_double
    assert low > 0.0
    assert middle >= 0.02
    single = found.drivers[~found.drivers["parameter"].str.startswith("all ")]
    assert single["parameter"].head(3).tolist() == ["floor", "scale", "power"], "and not kappa"
    (of_other,) = known.world().data.public_studies
    assert of_other < 2_000


STATED = re.findall(
    r"^\| `([\w/]+)` \| (\d+)% .* \| ([\d.]+) \(.*\| (\d+)% \| (\d+)% \| (\d+)%, (\w+) \|$",
    (FOLDER.parent / "docs" / "profiles.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
"""Scenario, sensitivity, what twice as many own studies add, shares of variance, place of kappa."""
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def test_every_shipped_scenario_says_what_the_quality_of_ai_hangs_on() -> None:
    shipped = {file.stem for file in FILES} | {"calibration/ct_calibrated"}
    assert {row[0] for row in STATED} == shipped


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row[0], marks=[pytest.mark.slow] if row[0] == "world" else [])
        for row in STATED  # 217 countries take half a minute
    ],
)
def test_what_the_quality_of_ai_hangs_on_is_what_the_code_computes(row: tuple[str, ...]) -> None:
    name, sensitivity, more, *shares, place = row
    found = study(FOLDER / f"{name}.yaml").quality("thirds")
    assert 100.0 * found.sensitivity[1] == pytest.approx(float(sensitivity), abs=0.51)
    assert 100.0 * found.gain_of_double[1] == pytest.approx(float(more), abs=0.051)
    by_name = found.drivers.set_index("parameter")["share"]
    computed = by_name[["all measured", "all assumed", "kappa"]].to_numpy(float)
    assert 100.0 * computed == pytest.approx([float(share) for share in shares], abs=0.51)
    single = by_name.drop(["all measured", "all assumed"])
    assert PLACES[list(single.index).index("kappa")] == place
    assert place not in PLACES[:3], "published: kappa is not among the three"


def test_the_schema_for_editors_is_up_to_date() -> None:
    stored = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    assert stored == scenario_schema(), "stale: run `make schema`"


def test_the_table_of_fields_is_up_to_date() -> None:
    stored = (FOLDER / "fields.md").read_text(encoding="utf-8")
    assert stored == field_table(known_names()), "stale: run `make schema`"


def test_the_readme_names_every_scenario() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\[(\w+\.yaml)\]\(\1\)", text)) == {file.name for file in FILES}


def test_the_example_of_the_readme_is_a_valid_scenario(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    for file in FILES:
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(example, encoding="utf-8")
    scenario = load_scenario(tmp_path / "mine.yaml")
    assert scenario.regions == ("KEN",)
    assert scenario.overrides["KEN.readers_per_million.dermatologist"].high == 0.9


def test_the_example_of_supplies_is_valid(tmp_path: Path) -> None:
    text = (FOLDER.parent / "docs" / "how_to.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(supplies:.*?)```", text, flags=re.DOTALL)
    for file in FILES:
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(f"extends: tiny.yaml\n{example}", encoding="utf-8")
    (supply,) = load_scenario(tmp_path / "mine.yaml").supplies
    assert supply.exams_per_year.value == 20_000
