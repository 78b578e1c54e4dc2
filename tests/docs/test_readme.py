"""What the front pages promise exists: commands, files, names, and a scenario that is valid."""

import ast
import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import sim
from sim.cli import app
from sim.studies.names import load_scenario
from sim.studies.result import StudyResult

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "scenarios/README.md", "CONTRIBUTING.md", "sim/baseline/tables/README.md")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found


def commands(page: str) -> list[list[str]]:
    """Return the words of every command in backticks or in a block."""
    shown = re.findall(r"(?:`|^)equiscan ([^`\n]+)", text_of(page), flags=re.MULTILINE)
    return [shlex.split(one, comments=True) for one in shown]


def command_of(words: list[str]) -> TyperCommand:
    """Return the command that words call, and fail at the first that does not exist."""
    command, rest = get_command(app), list(words)
    while isinstance(command, TyperGroup):
        name = rest.pop(0)
        assert name in command.commands, f"no command 'equiscan {' '.join(words)}'"
        command = command.commands[name]
    return command


@pytest.mark.parametrize("page", PAGES[:2])
def test_every_command_exists_with_its_options(page: str) -> None:
    found = commands(page)
    assert len(found) >= 4
    for words in found:
        command = command_of([word.rstrip(",") for word in words])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_every_other_command_named_in_a_row_exists() -> None:
    (row,) = re.findall(r"^\| `equiscan profile list`(.*?)\|", README, flags=re.MULTILINE)
    others = re.findall(r"`(\w+)`", row)
    assert others
    for name in others:
        command_of(["profile", name])


def test_every_option_named_alone_exists() -> None:
    parameters = [*command_of(["run"]).params, *get_command(app).params]
    known = {"--help"} | {option for parameter in parameters for option in parameter.opts}
    for page in PAGES[:2]:
        named = re.findall(r"(?<!\S)`(--[\w-]+)[^`]*`", text_of(page))
        assert named
        assert set(named) <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page))
    near = [link for link in links if not re.match(r"[a-z]+:", link)]
    missing = [link for link in near if not ((ROOT / page).parent / link).exists()]
    assert missing == []


def test_every_file_named_in_the_readme_exists() -> None:
    named = re.findall(r"`((?:docs|scenarios|sim|notebooks)/[\w./]+)`", README)
    assert "docs/model.md" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), flags=re.MULTILINE))
    for page in PAGES:
        shown = re.findall(r"(?:^|`)make ([a-z]+)", text_of(page), flags=re.MULTILINE)
        assert set(shown) <= targets
    assert {"demo", "test"} <= targets


def test_the_scenario_shown_is_valid_and_the_one_that_is_shipped(tmp_path: Path) -> None:
    shown = tmp_path / "shown.yaml"
    shown.write_text(block("yaml"), encoding="utf-8")
    given = load_scenario(shown)
    shipped = load_scenario(ROOT / "scenarios" / "east_africa.yaml")
    for field in ("title", "regions", "modalities", "horizon", "budget_usd_per_year", "profile",
                  "policies", "uncertainty", "equity"):  # fmt: skip
        assert getattr(given, field) == getattr(shipped, field), field
    assert given.response.level.value == shipped.response.level.value
    for name, group in shipped.groups.items():
        assert given.groups[name].reach.value == group.reach.value


def test_the_names_of_the_example_in_python_exist() -> None:
    tree = ast.parse(block("python"))
    used = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    owners = {"sim": sim, "study": sim.Study, "result": StudyResult}
    assert {owner for owner, _ in used} == set(owners)
    for owner, name in used:
        assert hasattr(owners[owner], name)
    files = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    for scenario in [name for name in files if str(name).endswith(".yaml")]:
        load_scenario(ROOT / scenario, overrides=["budget_usd_per_year=5e5"])


def test_the_citation_is_of_this_version() -> None:
    cited = YAML(typ="safe").load(text_of("CITATION.cff"))
    assert str(cited["version"]) == version("equiscan")
    assert cited["license"] == "MIT"
    assert cited["references"][0]["doi"] in README


def test_the_container_copies_what_there_is_and_installs_the_locked_versions() -> None:
    lines = text_of("Dockerfile").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert any("--constraint requirements.lock" in line for line in lines)
    assert "FROM python:3.11-slim" in lines
    assert 'requires-python = ">=3.11"' in text_of("pyproject.toml")
