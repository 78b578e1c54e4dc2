"""Read a scenario file and return a ``Scenario``, or report every problem at once."""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from sim.errors import LONGEST_NAME, ScenarioError, cut
from sim.scenario.merged_files import OF_FILES, folder_problems, merged_tree, with_numbers
from sim.scenario.name_checks import Names, scenario_problems, tree_problems, with_codes
from sim.scenario.problems import stop_if, validated
from sim.scenario.schema import Scenario
from sim.scenario.spec import Override
from sim.scenario.tree import Budget, Node, Place, merge, parse_tree


def read_scenario(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    names: Names | None = None,
    allow_outside: bool = False,
    resolved: bool = False,
) -> Scenario:
    """Return the scenario in a file, or raise one ``ScenarioError`` with every problem in it.

    Parameters
    ----------
    path : YAML file; its parents by ``extends`` lie in the same folder.
    overrides : changes such as ``budget_usd_per_year=5e6``, applied last; keys are dotted, values
        are YAML.
    names : names to check regions, profile and overridden values against; not checked when None.
    allow_outside : whether a profile's folder and a file of numbers may lie outside the file's.
    resolved : whether the file is what ``resolved_yaml`` gave, which is longer than what it was
        made from.

    Notes
    -----
    A ``profile`` with a slash is a folder, relative to the file; it is returned absolute.
    """
    file = Path(path)
    budget = Budget.resolved() if resolved else Budget()
    tree = merged_tree(file, budget, allow_outside=allow_outside)
    for text in overrides:
        given = with_numbers(_override(text), file, budget, allow_outside=allow_outside)
        tree = merge(tree, given)
    if names is not None:
        tree = with_codes(tree, names)
    problems = [] if names is None else tree_problems(tree, names)
    problems += folder_problems(tree, file, allow_outside=allow_outside)
    scenario = validated(Scenario, tree, file=str(file), known=problems, more_keys=OF_FILES)
    if names is not None and not problems:
        problems = scenario_problems(scenario, tree, names)
    stop_if(problems, file=str(file))
    if "/" in scenario.profile:
        folder = (file.parent / scenario.profile).resolve()
        return scenario.model_copy(update={"profile": folder.as_posix()})
    return scenario


def resolved_yaml(scenario: Scenario) -> str:
    """Return the whole scenario as YAML: parents merged, overrides applied, defaults written."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(scenario.model_dump(mode="json", exclude_none=True), stream)
    return stream.getvalue()


def scenario_hash(scenario: Scenario) -> str:
    """Return the SHA-256 of what a scenario says, however its file is laid out.

    Order counts inside ``groups`` and other mappings, as it is the order of the axes. Of a profile
    folder only the name counts, so that a project can be moved.
    """
    said = scenario.model_dump(mode="json") | {"profile": Path(scenario.profile).name}
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _override(text: str) -> Node:
    """Return one ``dotted.key=value`` as a tree of its own."""
    place = Place(f"--set {cut(text, LONGEST_NAME)}", 0)
    dotted, equals, value = text.partition("=")
    if not equals or not all(dotted.split(".")) or not value.strip():
        raise ScenarioError(f"{place}: write KEY=VALUE, such as budget_usd_per_year=5e6.")
    node = Node(place, parse_tree(value, file=place.file, numbered=False).value)
    for key in reversed(_keys(dotted.strip())):
        node = Node(place, {key: node})
    return node


def _keys(dotted: str) -> list[str]:
    """Split a dotted key; names of baseline values under ``overrides`` hold dots themselves."""
    top, _, name = dotted.partition(".")
    if top != "overrides" or not name:
        return dotted.split(".")
    head, _, last = name.rpartition(".")
    return [top, head, last] if head and last in Override.model_fields else [top, name]
