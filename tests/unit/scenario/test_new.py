"""A scenario to begin with is valid for every modality, and replaces nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.baseline.members import members
from sim.cli import app
from sim.errors import ScenarioError
from sim.scenario.new import MODALITIES, write_new
from sim.studies.names import load_scenario


@pytest.mark.parametrize("modality", MODALITIES)
def test_it_is_valid_as_it_is_written(modality: str, tmp_path: Path) -> None:
    file = write_new(
        tmp_path / "new.yaml", regions=["KEN", "LIC"], modality=modality, budget_usd=2.5e6
    )
    scenario = load_scenario(file)
    assert {"KEN", "UGA"} <= set(members(scenario).regions)
    assert list(scenario.modalities) == [modality]
    assert scenario.budget_usd_per_year == 2.5e6
    assert scenario.response.level.status == "assumed"
    assert "$" not in file.read_text(encoding="utf-8")


def test_its_comments_are_scenarios_too(tmp_path: Path) -> None:
    file = write_new(tmp_path / "new.yaml", regions=["KEN"], modality="ct", budget_usd=1e6)
    lines = file.read_text(encoding="utf-8").splitlines()
    opened = [line.removeprefix("# ") if line.startswith("# ") else line for line in lines]
    file.write_text("\n".join(opened) + "\n", encoding="utf-8")
    scenario = load_scenario(file)
    assert scenario.treasury.carry_over
    assert scenario.overrides["KEN.readers_per_million.radiologist"].value == 0.6
    assert scenario.capacity_calendar[0].share == 0.5
    assert scenario.supplies[0].usd_per_exam is not None


def test_nothing_is_replaced_and_what_is_unknown_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(ScenarioError, match="exists already"):
        write_new(file, regions=["KEN"], modality="ct", budget_usd=1e6)
    assert file.read_text(encoding="utf-8") == "mine"
    with pytest.raises(ScenarioError, match=r"found 'fundos'\. Did you mean 'fundus'\?"):
        write_new(tmp_path / "new.yaml", regions=["KEN"], modality="fundos", budget_usd=1e6)


def test_it_names_countries_in_words_whatever_they_hold(tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    called = [str(file), "--regions", "Cote d'Ivoire,CIV,St. Lucia", "--modality", "ct"]
    found = CliRunner().invoke(app, ["new", *called])
    assert found.exit_code == 2
    named = CliRunner().invoke(app, ["new", str(file), "--regions", "CIV,St. Lucia,Kenya"])
    assert named.exit_code == 0, named.output
    title = load_scenario(file).title
    assert title.startswith("Dermoscopy in ")
    assert title.endswith("St. Lucia, Kenya")
    assert load_scenario(file).regions == ("CIV", "LCA", "KEN")
