"""A scenario file, merged with the files that it rests on: parents, overlays, tables of numbers."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sim.errors import LONGEST_NAME, ScenarioError, cut, nearest
from sim.scenario.own_numbers import nearest_file, read_numbers
from sim.scenario.problems import Problem, stop_if, unknown
from sim.scenario.tree import Budget, Node, merge, read_tree

LONGEST_PATH = 200
FIT = "fit.json"
"""File of a profile's folder that says what was measured."""
MOST_PARENTS = 8
"""Files that may extend one another in a row."""
TABLE = ".csv"
"""How the name of a file of numbers ends."""
OF_FILES = ("extends", "overlays", "checksums")
"""Keys of a file that say which files it rests on."""
OVERLAY_KEYS = ("overrides", "calibration")
"""What an overlay holds: overrides, and how they came about, which is for people to read."""


def sources(path: str | Path) -> set[Path]:
    """Return the files that a scenario is made of; ``ScenarioError`` where one cannot be read."""
    budget = Budget()
    merged_tree(Path(path), budget, allow_outside=True)
    return budget.files


def merged_tree(file: Path, budget: Budget, *, allow_outside: bool) -> Node:
    """Return a file's tree merged over its overlays, and those over the files that it extends."""
    trees: list[Node] = []
    seen: set[Path] = set()
    while True:
        tree = read_tree(file, budget)
        seen.add(file.resolve())
        if not isinstance(tree.value, dict):
            raise ScenarioError(f"{tree.place}: a scenario is a mapping of keys to values.")
        stop_if(_changed_files(file, tree.value.get("checksums")), file=str(file))
        tree = with_numbers(tree, file, budget, allow_outside=allow_outside)
        entries = dict(tree.value) if isinstance(tree.value, dict) else {}
        parent = entries.pop("extends", None)
        named = entries.pop("overlays", None)
        entries.pop("checksums", None)
        overlays = _overlays(file, named, entries.get("overrides"), budget)
        trees += [Node(tree.place, entries), *overlays]
        if parent is None:
            break
        file = beside(file, parent, key="extends")
        if file.resolve() in seen or len(seen) > MOST_PARENTS:
            chain = f"extends itself, or more than {MOST_PARENTS} files in a row"
            raise ScenarioError(f"{parent.place}: extends: '{parent.value}' {chain}.")
    merged = trees.pop()
    while trees:
        merged = merge(merged, trees.pop())
    return merged


def _changed_files(file: Path, stated: Node | None) -> Iterator[Problem]:
    """Yield which files are no longer what a scenario rests on."""
    if stated is None or stated.value is None:
        return
    if not isinstance(stated.value, dict):
        raise ScenarioError(f"{stated.place}: checksums: must give SHA-256 by name of file.")
    for name, node in stated.value.items():
        there = beside(file, Node(node.place, name), key="checksums")
        with there.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if str(node.value).casefold() != found:
            text = f"'{cut(str(node.value), LONGEST_NAME)}' is stated, and the file has {found}. \
Look at what changed in it; where that is meant, state the new one."
            yield Problem(node.place, f"checksums.{name}", text)


def _overlays(file: Path, named: Node | None, own: Node | None, budget: Budget) -> Iterator[Node]:
    """Yield the overrides of a file's overlays as trees, the last of them first.

    An override is taken whole from the last that gives it: a value of one and the sample of
    another would contradict each other.
    """
    if named is None or named.value is None:
        return
    if not isinstance(named.value, list):
        raise ScenarioError(f"{named.place}: overlays: must be a list of file names.")
    taken = set(own.value) if own is not None and isinstance(own.value, dict) else set()
    for entry in reversed(named.value):
        overrides = _overlay(beside(file, entry, key="overlays"), budget)
        kept = {name: node for name, node in overrides.items() if name not in taken}
        taken |= set(kept)
        yield Node(entry.place, {"overrides": Node(entry.place, kept)})


def with_numbers(tree: Node, file: Path, budget: Budget, *, allow_outside: bool) -> Node:
    """Return the tree of a file with the rows of the CSV file that its overrides may name."""
    named = tree.value.get("overrides") if isinstance(tree.value, dict) else None
    if named is None or not isinstance(named.value, str) or not isinstance(tree.value, dict):
        return tree
    there, reason = file.parent / named.value, ""
    if there.suffix.casefold() != TABLE or not 0 < len(named.value) < LONGEST_PATH:
        reason = f"found {cut(named.value, LONGEST_NAME)!r}; must be a mapping, or the name of a \
CSV file in the scenario's folder."
    elif not (allow_outside or there.resolve().is_relative_to(file.parent.resolve())):
        reason = f"'{named.value}' leads out of the scenario's folder; copy it there, or allow it."
    elif not there.is_file():
        reason = f"there is no file '{named.value}' in '{file.parent}'."
        reason += nearest_file(named.value, file.parent)
    stop_if([Problem(named.place, "overrides", reason)] if reason else (), file=str(file))
    rows = Node(named.place, read_numbers(there, budget))
    return Node(tree.place, {**tree.value, "overrides": rows})


def _overlay(file: Path, budget: Budget) -> dict[str, Node]:
    """Return the overrides of an overlay, by name."""
    if file.suffix.casefold() == TABLE:
        return read_numbers(file, budget)
    tree = read_tree(file, budget)
    entries = tree.value if isinstance(tree.value, dict) else {}
    for key, node in entries.items():
        if key not in OVERLAY_KEYS:
            reason = f"unknown key in an overlay. {unknown(key, OVERLAY_KEYS)}"
            raise ScenarioError(f"{node.place}: {key}: {reason}")
    overrides = entries.get("overrides")
    if overrides is None or not isinstance(overrides.value, dict):
        raise ScenarioError(f"{tree.place}: an overlay is a mapping that holds 'overrides'.")
    return overrides.value


def beside(file: Path, named: Node, *, key: str) -> Path:
    """Return the file of that name in the same folder."""
    name = named.value
    if not isinstance(name, str) or Path(name).name != name or not 0 < len(name) < LONGEST_PATH:
        reason = f"found {name!r}; must be the name of a file in the same folder"
        raise ScenarioError(f"{named.place}: {key}: {reason}.")
    there = file.parent / name
    if not there.is_file():
        kinds = [TABLE, ".yaml"] if name.endswith(TABLE) else [".yaml", TABLE]
        beside = [
            other.name
            for kind in kinds
            for other in file.parent.glob(f"*{kind}")
            if other.name != file.name
        ]
        reason = f"there is no file '{name}' in '{file.parent}'.{nearest(name, beside)}"
        raise ScenarioError(f"{named.place}: {key}: {reason}")
    if there.resolve().parent != file.parent.resolve():
        raise ScenarioError(f"{named.place}: {key}: '{name}' leads out of the folder.")
    return there


def folder_problems(tree: Node, file: Path, *, allow_outside: bool) -> Iterator[Problem]:
    """Yield what is wrong with the folder of a profile."""
    node, path = tree.descend(("profile",))
    name = node.value
    if not (path and isinstance(name, str) and "/" in name):
        return
    folder, home = file.parent / name, file.parent.resolve()
    if len(name) > LONGEST_PATH:
        return  # the schema says so
    if not folder.is_dir():
        yield Problem(node.place, "profile", f"there is no folder '{name}'.")
    elif not allow_outside and not all(
        place.resolve().is_relative_to(home) for place in (folder, folder / FIT)
    ):
        reason = f"'{name}' leads out of the scenario's folder; copy it there, or allow it."
        yield Problem(node.place, "profile", reason)
