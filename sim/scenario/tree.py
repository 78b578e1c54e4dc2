"""YAML files as trees in which every value knows its line.

YAML 1.2, so that ``NO`` is Norway. Files are data: tags, anchors and aliases are refused, and size,
depth and number of values are bounded while reading, before anything is built.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from sim.errors import ScenarioError

MAX_BYTES = 2_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 12
MAX_DIGITS = 50
TURNS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of the text after them, so that it reads as something else."""

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Budget:
    """What may still be read of one scenario, all its files together, and what was."""

    bytes: int = MAX_BYTES
    values: int = MAX_VALUES
    files: set[Path] = field(default_factory=set)
    """What has been read."""

    @classmethod
    def resolved(cls) -> Self:
        """Return what a scenario may come to once all is in one file, a value a line."""
        return cls(20 * MAX_BYTES, 5 * MAX_VALUES)

    def take(self, values: int, place: "Place") -> None:
        """Count values off what may be read; ``ScenarioError`` where that is not enough."""
        self.values -= values
        if self.values < 0:
            raise ScenarioError(
                f"{place}: more than {MAX_VALUES:,} values, with the files that go with it "
                "(extends, overlays). Give values by income group (LIC, LMC, UMC, HIC) rather than "
                "by country, leave out fields that have a default, or calibrate with fewer draws."
            )


class Place(NamedTuple):
    """Where something stands: a file and its line, or an override and line 0."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place; of an entry of a mapping, the place of its key."""

    place: Place
    value: "dict[str, Node] | list[Node] | Scalar"

    def plain(self) -> object:
        """Return the value and all that is below it without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def descend(self, path: tuple[str | int, ...]) -> "tuple[Node, tuple[str | int, ...]]":
        """Return the deepest node that ``path`` leads to, and the part of it that exists."""
        node = self
        for at, part in enumerate(path):
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
            else:
                return node, path[:at]
        return node, path


def read_tree(path: Path, budget: Budget | None = None) -> Node:
    """Return the tree of a file; ``ScenarioError`` with file and line when it cannot be read."""
    budget = budget or Budget()
    budget.files.add(path)
    return parse_tree(read_text(path, budget), file=str(path), budget=budget)


def parse_tree(
    text: str, *, file: str, numbered: bool = True, budget: Budget | None = None
) -> Node:
    """Return the tree of a YAML text.

    Parameters
    ----------
    file : what messages call the text.
    numbered : whether its lines mean anything to the reader; not for an override.
    budget : what may be read; this text is taken off it.
    """
    builder = _Builder(file, numbered=numbered, budget=budget or Budget())
    try:
        return builder.document(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = ": ".join(filter(None, (error.context, error.problem)))
        hint = " Put text that holds ': ' in quotes." if "mapping values" in reason else ""
        raise builder.wrong(line, f"not readable as YAML: {reason}.{hint}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise builder.wrong(line, "a character that is not text.") from None
    except YAMLError as error:
        raise builder.wrong(1, f"not readable as YAML: {error}.") from None


def merge(base: Node, over: Node) -> Node:
    """Return ``base`` changed by ``over``: mappings merge, all else is replaced, null removes."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        if node.value is None and key in merged:
            del merged[key]
        else:
            merged[key] = merge(merged[key], node) if key in merged else node
    return Node(over.place if over.place.line else base.place, merged)


def read_text(path: Path, budget: Budget) -> str:
    """Return what a file says, within what may still be read; ``ScenarioError`` if it cannot be."""
    try:
        if not path.is_file():  # neither a folder nor a pipe that never ends
            there = "not a file" if path.exists() else "there is no such file"
            raise ScenarioError(f"{path}: {there}.")
        with path.open("rb") as stream:
            content = stream.read(budget.bytes + 1)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}.") from None
    if len(content) > budget.bytes:
        raise ScenarioError(
            f"{path}: larger than {MAX_BYTES:,} bytes, with the files that go with it."
        )
    budget.bytes -= len(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{path}:{line}: not UTF-8 text.") from None


def odd_character(text: str) -> str | None:
    """Return the first character that steers a terminal or a page instead of being read there."""
    return next(filter(_is_no_text, text), None)


def _is_no_text(character: str) -> bool:
    kind = unicodedata.category(character)
    return (kind in ("Cc", "Cs", "Zl", "Zp") and character not in "\n\t") or character in TURNS


class _Builder:
    """Builds the tree from parser events, one by one, so that limits hold from the first."""

    def __init__(self, file: str, *, numbered: bool, budget: Budget) -> None:
        self.file, self.numbered, self.budget = file, numbered, budget
        self.yaml = YAML(typ="safe", pure=True)

    def document(self, text: str) -> Node:
        events: Iterator[Event] = self.yaml.parse(text)
        next(events)  # start of the stream
        start = next(events)
        if isinstance(start, StreamEndEvent):
            raise self.wrong(1, "the file is empty.")
        if isinstance(start, DocumentStartEvent) and start.version not in (None, (1, 2)):
            raise self.wrong(1, "this is YAML 1.1 by its own word; only YAML 1.2 is read.")
        root = self.node(next(events), events, depth=0)
        next(events)  # end of the document
        if not isinstance(after := next(events), StreamEndEvent):
            raise self.wrong(self.line(after), "a second document; a file holds one.")
        return root

    def node(self, event: Event, events: Iterator[Event], *, depth: int) -> Node:
        """Return the value that begins with ``event``, taking the rest of it from ``events``."""
        self.check(event, depth)
        place = self.place(event)
        if isinstance(event, MappingStartEvent):
            return Node(place, self.mapping(events, depth=depth))
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(item := next(events), SequenceEndEvent):
                items.append(self.node(item, events, depth=depth + 1))
            return Node(place, items)
        if not isinstance(event, ScalarEvent):
            raise TypeError(f"unexpected {event!r}")
        return Node(place, self.scalar(event))

    def mapping(self, events: Iterator[Event], *, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            self.check(event, depth + 1)
            if not isinstance(event, ScalarEvent):
                raise self.wrong(self.line(event), "a key must be a word.")
            key = self.text(event)
            if key in entries:
                first = entries[key].place.line
                again = f"'{key}' is already given on line {first}." if first else "given twice."
                raise self.wrong(self.line(event), again)
            value = self.node(next(events), events, depth=depth + 1)
            entries[key] = Node(self.place(event), value.value)
        return entries

    def scalar(self, event: ScalarEvent) -> Scalar:
        tag = self.yaml.resolver.resolve(ScalarNode, event.value, event.implicit)
        if str(tag).endswith(":timestamp"):
            return str(event.value)
        if str(tag).endswith((":int", ":float")) and len(event.value) > MAX_DIGITS:
            raise self.wrong(self.line(event), f"a number of more than {MAX_DIGITS} digits.")
        self.text(event)
        try:
            value = self.yaml.constructor.construct_object(ScalarNode(tag, event.value))
        except ValueError:
            raise self.wrong(self.line(event), f"{event.value!a} is no text or number.") from None
        return value if isinstance(value, int | float | bool | None) else str(value)

    def text(self, event: ScalarEvent) -> str:
        """Return the characters of a scalar, all of which are text."""
        text = str(event.value)
        if (odd := odd_character(text)) is not None:
            raise self.wrong(self.line(event), f"character U+{ord(odd):04X} is no text.")
        return text

    def check(self, event: Event, depth: int) -> None:
        self.budget.take(1, self.place(event))
        line = self.line(event)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise self.wrong(
                line, "anchors and aliases (& and *) are not allowed; use 'extends' instead."
            )
        if (tag := getattr(event, "ctag", None)) is not None:
            raise self.wrong(line, f"tags are not allowed: '{tag}'.")
        if depth > MAX_DEPTH:
            raise self.wrong(line, f"nested deeper than {MAX_DEPTH} levels.")

    def place(self, event: Event) -> Place:
        return Place(self.file, self.line(event) if self.numbered else 0)

    def line(self, event: Event) -> int:
        return int(event.start_mark.line) + 1

    def wrong(self, line: int, reason: str) -> ScenarioError:
        return ScenarioError(f"{Place(self.file, line if self.numbered else 0)}: {reason}")
