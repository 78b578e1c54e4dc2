"""The notebooks run from top to bottom, and are stored without what they print."""

from pathlib import Path
from shutil import copytree

import nbformat
import pytest
from nbclient import NotebookClient

import sim

FOLDER = Path(__file__).parents[2] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
FINISHED = FOLDER / "east_africa"
"""The finished run that ships."""
LIMIT_S = 900  # of a cell; only to end one that hangs
"""Most seconds of one cell."""
LONG = ("01_first_run", "02_trade_offs", "05_beyond_the_plan")
"""Notebooks that run whole studies; here of a shorter scenario."""
SHORTER = """extends: shipped.yaml
regions: [KEN]
horizon: {decide_years: 1, score_years: 1, warm_up_years: 0}
search: {effort: 60}
"""
"""The short scenario, shorter still."""


def test_there_are_notebooks() -> None:
    assert FILES


def test_the_run_that_ships_is_of_the_scenario_that_ships() -> None:
    """Else make it again: `make shipped-run`."""
    result = sim.load(FINISHED)
    scenario = sim.study(FOLDER.parent / "scenarios" / "east_africa.yaml").scenario
    assert result.scenario == scenario
    assert "plan" in result.policies
    assert sum(path.stat().st_size for path in FINISHED.iterdir()) < 8e6


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_is_stored_without_outputs(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []


def place_of(file: Path, tmp_path: Path) -> Path:
    """Return the folder that a notebook runs in; it looks for ``scenarios`` there or beside it."""
    if file.stem not in LONG:
        return FOLDER
    copytree(FINISHED, tmp_path / FINISHED.name)
    scenarios = copytree(FOLDER.parent / "scenarios", tmp_path / "scenarios")
    (scenarios / "tiny.yaml").rename(scenarios / "shipped.yaml")
    (scenarios / "tiny.yaml").write_text(SHORTER, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_runs_from_top_to_bottom(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where a notebook puts its runs
    run_from_top_to_bottom(file, place_of(file, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_notebook_runs_as_it_is_shipped(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run_from_top_to_bottom(FOLDER / f"{name}.ipynb", FOLDER)


def run_from_top_to_bottom(file: Path, place: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    resources = {"metadata": {"path": place}}
    client = NotebookClient(notebook, timeout=LIMIT_S, kernel_name="python3", resources=resources)
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert code[-1].outputs  # every notebook ends with something to see
    warned = [out.text for cell in code for out in cell.outputs if out.get("name") == "stderr"]
    assert warned == []
