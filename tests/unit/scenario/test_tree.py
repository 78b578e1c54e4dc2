"""YAML is read as data: with lines, by 1.2 rules, bounded, and refused in words."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.scenario.tree import MAX_BYTES, Node, Place, merge, parse_tree, read_tree


def parsed(text: str) -> Node:
    return parse_tree(text, file="x.yaml")


def test_yaml_1_2_knows_norway_and_plain_numbers() -> None:
    text = "[NO, yes, on, 12:30, 2027-01-01, 5e6, 1_000, 012, true, ~]"
    assert parsed(text).plain() == [
        "NO", "yes", "on", "12:30", "2027-01-01", 5e6, 1000, 12, True, None,
    ]  # fmt: skip


def test_every_value_knows_the_line_of_its_key() -> None:
    tree = parsed("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n")
    assert tree.descend(("b",))[0].place == Place("x.yaml", 2)
    assert tree.descend(("b", 0))[0].place.line == 3
    assert tree.descend(("b", 1, "d"))[0].place.line == 5


def test_descending_stops_where_the_tree_ends() -> None:
    node, path = parsed("a: {b: 1}").descend(("a", "missing", "deeper"))
    assert node.plain() == {"b": 1}
    assert path == ("a",)


def test_merging_replaces_lists_merges_mappings_and_removes_what_is_null() -> None:
    base = parsed("{a: {x: 1, y: 2}, b: [1, 2], c: 3}")
    over = parsed("{a: {y: 5, z: 6}, b: [9], c: null, d: null}")
    assert merge(base, over).plain() == {"a": {"x": 1, "y": 5, "z": 6}, "b": [9], "d": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml:1: the file is empty"),
        ("a: 1\nb: 2\na: 3", "x.yaml:3: 'a' is already given on line 1"),
        ("a: 1\nb: [1, 2", "x.yaml:2: not readable as YAML"),
        ("a: 1\nb: why: so", "x.yaml:2: .*Put text that holds ': ' in quotes"),
        ("a: 1\n\tb: 2", "x.yaml:2: not readable as YAML"),
        ("a: 1\n---\nb: 2", "x.yaml:2: a second document"),
        ("%YAML 1.1\n---\na: NO", "x.yaml:1: this is YAML 1.1"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "x.yaml:2: tags are not allowed"),
        ("a: 1\nb: !!int 5", "x.yaml:2: tags are not allowed"),
        ("a: &one 1\nb: *one", "x.yaml:1: anchors and aliases"),
        ("a: 1\n? [b]\n: c", "x.yaml:2: a key must be a word"),
        ("a: 1\nb: \x07", "x.yaml:2: a character that is not text"),
        ('a: 1\nb: "\\0"', "x.yaml:2: character U\\+0000 is no text"),
        ('a: "\\ud800"', "x.yaml:1: .* is no text"),
        ("a: " + "9" * 5000, "x.yaml:1: a number of more than 50 digits"),
        ("a: ._", "x.yaml:1: .* is no text or number"),
        ("[" * 50_000, "x.yaml:1: nested deeper than 12 levels"),
        ("- " * 50_000, "x.yaml:1: nested deeper than 12 levels"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parsed(text)


def test_a_billion_laughs_are_refused_at_once() -> None:
    levels = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi")]  # noqa: B905
    bomb = "a: &a [lol, lol, lol]\n" + "\n".join(levels)
    started = time.perf_counter()
    with pytest.raises(ScenarioError, match=r"x\.yaml:1: anchors and aliases"):
        parsed(bomb)
    assert time.perf_counter() - started < 1.0


def test_many_values_are_refused_before_the_rest_is_read() -> None:
    with pytest.raises(ScenarioError, match="more than 50,000 values"):
        parsed("[" + "1," * 50_000 + "]")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\xfe", "bad.yaml:2: not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "bad.yaml: larger than 2,000,000 bytes"),
    ],
)
def test_bytes_that_are_no_page_of_text_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(ScenarioError, match=message):
        read_tree(tmp_path / "bad.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "marked.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_tree(tmp_path / "marked.yaml").plain() == {"a": 1}


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yaml: there is no such file"):
        read_tree(tmp_path / "none.yaml")
    with pytest.raises(ScenarioError, match="not a file"):
        read_tree(tmp_path)


@given(st.text(alphabet=st.sampled_from("ab01_.-+:,&*!%[]{}|>'\"\\#\t\n ~=e\0\ud800"), max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        outcome = str(parsed(text).place)
    except ScenarioError as error:
        outcome = str(error)
    assert outcome.startswith("x.yaml:")
