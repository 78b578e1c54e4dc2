"""The documentation: pages are in its contents, links lead somewhere, the tutorial is valid."""

import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.scenario.own_numbers import COLUMNS
from sim.studies.manifest import TABLES
from sim.studies.names import load_scenario
from tests.docs.test_readme import command_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ELSEWHERE = {"scenarios.md", "fields.md", "changes.md", "commands.md"}
TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL, flags=re.DOTALL)


def named(contents: object) -> set[str]:
    """Return the pages of a table of contents."""
    if isinstance(contents, str):
        return {contents}
    parts = contents.values() if isinstance(contents, dict) else contents
    return set().union(*map(named, parts))  # type: ignore[arg-type]


def test_every_page_is_in_the_contents() -> None:
    config = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert named(config["nav"]) == {page.name for page in PAGES} | ELSEWHERE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    near = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in near if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["tutorial", "how_to", "reference", "limits", "stress_des"])
def test_every_command_exists_with_its_options(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?:`|^)equiscan ([^`\n]+)", text, flags=re.MULTILINE)
    assert shown or page in ("limits",)
    for words in map(shlex.split, shown):
        known = {option for one in command_of(list(words)).params for option in one.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_the_tutorial_s_scenario_and_numbers_are_valid(tmp_path: Path) -> None:
    (table,), (line,) = blocks("csv"), blocks("yaml")
    assert tuple(table.splitlines()[0].split(",")) == COLUMNS
    (tmp_path / "rwanda_numbers.csv").write_text(table, encoding="utf-8")
    shell = [shlex.split(one) for block in blocks("sh") for one in block.splitlines()]
    new = next(words for words in shell if words[:2] == ["equiscan", "new"])
    called = [sys.executable, "-m", "sim.cli", *new[1:]]
    subprocess.run(called, cwd=tmp_path, check=True, env=_environment(), capture_output=True)
    page = tmp_path / "rwanda.yaml"
    page.write_text(page.read_text(encoding="utf-8") + line, encoding="utf-8")
    (own,) = load_scenario(page).overrides.values()
    assert (own.value, own.status, own.year) == (0.9, "published", 2026)


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def test_the_tables_named_in_the_reference_exist() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `\*\.parquet` \|(.*)\|", text, flags=re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row))
    assert len(named) >= 10
    assert named <= set(TABLES) | {"station_"}


def test_the_example_in_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", (DOCS / "api.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    monkeypatch.chdir(ROOT)
    made: dict[str, Any] = {}
    exec(code, made)
    assert len(made["run"].cells()) > 0


class Asked(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        loads = {"script": "src", "img": "src", "link": "href", "iframe": "src"}
        if tag in loads and (place := given.get(loads[tag])) and given.get("rel") != "canonical":
            self.found.append(place)


@pytest.mark.slow
def test_the_site_is_built_and_asks_nothing_of_others(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra docs is not installed")
    site = tmp_path / "site"
    asked = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(site)]
    done = subprocess.run(
        asked, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = list(site.glob("*.html"))
    assert {page.stem for page in pages} >= {page.stem for page in PAGES} | {"commands", "fields"}
    for page in pages:
        reader = Asked()
        reader.feed(page.read_text(encoding="utf-8"))
        assert [place for place in reader.found if re.match(r"(https?:)?//", place)] == []
    api = (site / "api.html").read_text(encoding="utf-8")
    assert "Return where the next dollar raises equity most" in api
    commands = (site / "commands.html").read_text(encoding="utf-8")
    assert "--dry-run" in commands
