"""What people bring themselves has one hash, which changes where its results could."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sim.pipeline.stations.imaging import Imaging
from sim.planning.rules import by_need
from sim.source import is_own, own_sha256

STATION = '''\
"""A station of one's own."""
from functools import partial

import numpy as np

import helped
from helped import more
from sim.pipeline.stations.imaging import Imaging

CLOSED = 2
TABLE = {"a": np.array([1.0, 2.0]), "b": frozenset({"x", "y", "z"})}
UNUSED = 1


class Base(Imaging):
    factor = 1.0


class Closing(Base):
    def step(self, state, flows, tick):
        """Close for some weeks."""
        if tick % 52 >= CLOSED:  # open
            return super().step(state, flows, tick)
        return [helped.less(x) + more(x) + TABLE["a"] for x in flows if x in {"p", "q"}]


def scaled(factor):
    def rule(world, scenario, *, most=3):
        return factor * most
    return rule


rule = scaled(2)
part = partial(scaled, 2)
'''
HELPED = (
    "def less(x): return x - LOSS\ndef more(x): return x + 1\ndef other(x): return x\nLOSS = 1\n"
)

Write = Callable[..., ModuleType]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Import a station of one's own, and what it imports, with some text replaced."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in ("stationed", "helped"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()

    def write(old: str = "", new: str = "") -> ModuleType:
        assert not old or (old in STATION) != (old in HELPED)
        (tmp_path / "stationed.py").write_text(STATION.replace(old, new) if old else STATION)
        (tmp_path / "helped.py").write_text(HELPED.replace(old, new) if old else HELPED)
        forget()
        return importlib.import_module("stationed")

    yield write
    forget()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CLOSED = 2", "CLOSED = 40"),
        ("[1.0, 2.0]", "[1.0, 2.5]"),
        ('"z"})', '"zz"})'),
        ("factor = 1.0", "factor = 1.5"),
        (">= CLOSED", "> CLOSED"),
        ("x - LOSS", "x / LOSS"),
        ("LOSS = 1", "LOSS = 2"),
        ("x + 1", "x + 2"),
        ('{"p", "q"}', '{"p", "r"}'),
    ],
)
def test_a_station_differs_where_what_it_uses_does(own: Write, old: str, new: str) -> None:
    before = own_sha256(own().Closing)
    assert own_sha256(own().Closing) == before
    assert own_sha256(own(old, new).Closing) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# open", "# closed"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("return x\nLOSS", "return -x\nLOSS"),
        ("CLOSED = 2\n", "\n\n\nCLOSED = 2\n"),
        ("most=3", "most=4"),
    ],
)
def test_a_station_is_the_same_where_only_something_else_differs(
    own: Write, old: str, new: str
) -> None:
    before = own_sha256(own().Closing)
    assert own_sha256(own(old, new).Closing) == before


@pytest.mark.parametrize("name", ["rule", "part"])
@pytest.mark.parametrize(("old", "new"), [("scaled(2)", "scaled(3)"), ("most=3", "most=4")])
def test_a_function_differs_with_its_defaults_and_what_it_closes_over(
    own: Write, name: str, old: str, new: str
) -> None:
    before = own_sha256(getattr(own(), name))
    changed = own_sha256(getattr(own(old, new), name))
    assert (changed == before) == (name == "part" and old == "scaled(2)")


def test_another_process_finds_the_same(own: Write, tmp_path: Path) -> None:
    here = own_sha256(own().Closing)
    code = "import stationed; from sim.source import own_sha256 as h; print(h(stationed.Closing))"
    root = Path(__file__).parents[2]
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}:{tmp_path}"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == here


def test_what_is_installed_is_not_ones_own(own: Write) -> None:
    assert is_own(own().Closing)
    assert is_own(own().rule)
    assert not any(map(is_own, (Imaging, by_need, np.sum, np.array, print, partial)))
