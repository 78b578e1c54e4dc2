"""Problems of a scenario file as messages: place, key, what was found, what is allowed."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sim.errors import LONGEST_NAME, ScenarioError, cut, listed, nearest
from sim.scenario.schema import REACH_ASSUMED, REACH_COLUMN
from sim.scenario.tree import Node, Place

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]
TAGS = frozenset({REACH_ASSUMED, REACH_COLUMN})
_LONGEST = 60
"""Characters of a found value that are shown."""
KEY = re.compile(r"Value error, ([a-z_]+(?:\.\w+)*): ")
"""How messages of rules between fields begin."""
MOST_PROBLEMS = 30
"""Problems that a message says one by one."""
MOST_ALLOWED = 40
"""Allowed names that a message lists."""


def _nothing() -> str:
    return ""


class Problem(NamedTuple):
    """One thing to put right."""

    place: Place
    key: str
    text: str
    hint: Callable[[], str] = _nothing
    """More words, such as the nearest spelling: looked for where the problem is shown only."""

    def __str__(self) -> str:
        text = f"{self.text}{self.hint()}"
        key = cut(self.key, LONGEST_NAME)
        return f"{self.place}: {key}: {text}" if key else f"{self.place}: {text}"


def stop_if(problems: Iterable[Problem], *, file: str) -> None:
    """Raise one ``ScenarioError`` that lists the problems in the order of the file.

    The first ``MOST_PROBLEMS`` of them are said, the others are counted.
    """
    found = sorted({problem[:3]: problem for problem in problems}.values(), key=_order)
    if len(found) == 1:
        raise ScenarioError(str(found[0]))
    if found:
        lines = [str(problem) for problem in found[:MOST_PROBLEMS]]
        if len(found) > MOST_PROBLEMS:
            lines.append(f"and {len(found) - MOST_PROBLEMS:,} more.")
        raise ScenarioError("\n".join([f"{file} has {len(found):,} problems:", *lines]))


def _order(problem: Problem) -> tuple[Place, str, str]:
    return problem[:3]


def unknown(name: str, allowed: Iterable[str]) -> str:
    """Return what to say about a name that is not among the few that are allowed."""
    names = list(allowed)
    return f"{nearest(name, names)} Allowed: {listed(names, MOST_ALLOWED) or 'none'}.".strip()


def validated(
    model: type[M],
    tree: Node,
    *,
    file: str,
    known: Iterable[Problem] = (),
    more_keys: Iterable[str] = (),
) -> M:
    """Return what a tree describes, or raise one ``ScenarioError`` with every problem in it.

    Parameters
    ----------
    known : problems that were found already, to be said with the others.
    more_keys : what a file may hold besides.
    """
    try:
        return model.model_validate_json(json.dumps(tree.plain()), strict=True)
    except ValidationError as error:
        schema = model.model_json_schema()
        schema["properties"] = {key: {} for key in more_keys} | schema["properties"]
        stop_if([*known, *schema_problems(error, tree, schema)], file=file)
        raise  # not reached: a validation error holds at least one problem


def schema_problems(
    error: ValidationError, tree: Node, schema: Mapping[str, Any]
) -> Iterable[Problem]:
    """Yield the problems that the schema found, each where it stands in the tree.

    Parameters
    ----------
    schema : JSON Schema of the scenario, to say which keys are allowed.
    """
    grouped: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        # a tag says which form of a value pydantic tried; no key of the file is called that
        keys = tuple(part for part in detail["loc"] if part not in TAGS)
        if _only_wrong_items(detail, tree.descend(keys)[0]):
            continue
        missing = detail["type"] == "missing"
        # a rule between fields is one of all of them, and its message begins with the key
        named = KEY.match(detail["msg"]) if not keys else None
        stated = tuple(int(k) if k.isdigit() else k for k in named[1].split(".")) if named else keys
        grouped.setdefault(keys if missing else tree.descend(stated)[1], []).append(detail)
    for path, details in grouped.items():
        node = tree.descend(path)[0]
        # the rules of many are alike: they are put into words for those that are shown
        words = partial(_explain, details, node, path, schema)
        yield Problem(_where(node, details), ".".join(map(str, path)), "", words)


def _where(node: Node, details: Sequence[ErrorDetails]) -> Place:
    """Return where a problem stands: of a rule between keys, at the override that set one, if any.

    What is in the file may have been right until then.
    """
    if details[0]["type"] != "value_error" or not isinstance(node.value, dict):
        return node.place
    set_last = [child.place for child in node.value.values() if child.place.line == 0]
    return set_last[-1] if set_last else node.place


def _only_wrong_items(detail: ErrorDetails, node: Node) -> bool:
    """Return whether a list is called too short because its items are wrong, which is said too."""
    given = node.value if isinstance(node.value, dict | list) else ()
    return detail["type"] == "too_short" and len(given) >= detail["ctx"]["min_length"]


def _explain(
    details: Sequence[ErrorDetails], node: Node, path: Path, schema: Mapping[str, Any]
) -> str:
    kind = details[0]["type"]
    if kind == "missing":
        about = _schema_of(schema, path).get("description", "").split()
        return f"required, but missing: {' '.join(about)}"
    if kind == "extra_forbidden":
        return f"unknown key. {unknown(str(path[-1]), _schema_of(schema, path[:-1])['properties'])}"
    if kind == "literal_error" and details[0]["loc"][-1] == "[key]":
        return f"unknown key. {unknown(str(path[-1]), _choices(details))}"
    if kind == "value_error":
        said = details[0]["msg"].removeprefix("Value error, ")
        return said.removeprefix(f"{'.'.join(map(str, path))}: ") + "."
    rules = " or ".join(map(_rule, details)).replace("or must be", "or")
    if isinstance(node.value, str) and rules == "must be a list":
        rules += f", such as [{cut(node.value, _LONGEST)}]"
    hint = nearest(node.value, _choices(details)) if isinstance(node.value, str) else ""
    return f"found {_found(node)}; {rules}.{hint}"


def model_name(field: Mapping[str, Any]) -> str:
    """Return the name of the model that a field holds, or may hold; empty when it holds none."""
    forms = [field, *field.get("anyOf", ()), *field.get("oneOf", ())]
    names = [str(form.get("$ref", "")).rpartition("/")[2] for form in forms]
    return next(filter(None, names), "")


def _rule(detail: ErrorDetails) -> str:
    """Return pydantic's rule in the words of someone who writes YAML."""
    text = detail["msg"].replace("Input should be", "must be").replace("an object", "a mapping")
    text = re.sub(r"^(String|Tuple|List|Dictionary|Object) should", "must", text)
    return re.sub(" after validation, not [0-9]+", "", text.replace("a valid array", "a list"))


def _choices(details: Iterable[ErrorDetails]) -> list[str]:
    return [
        choice
        for detail in details
        for choice in re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    ]


def _found(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list" if node.value else "an empty list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return cut(repr(node.value), _LONGEST)


def _schema_of(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return the JSON Schema of the value at ``path``, with the description of its key."""
    part: Mapping[str, Any] = schema
    for key in path:
        entries = part.get("additionalProperties") or part.get("items") or {}
        inner = part.get("properties", {}).get(key) or entries
        name = model_name(inner)
        part = {**schema["$defs"].get(name, {}), **inner} if isinstance(inner, dict) else {}
    return part
