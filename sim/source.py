"""Hashes of code: one of this package's files, and one of the code that users bring.

Two hashes differ where results could. Comments and line numbers do not count in functions and
classes of one's own; all that they use and that is not installed does.
"""

import hashlib
import pickle
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dis import get_instructions
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

PACKAGE = Path(__file__).parent
APART = re.compile(r"(calibration|profiles|cli(_\w+)?|run_log|terminal)(\.py)?")
"""Names of parts of the package that no study runs."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
_WRAPPED = ("py_func", "__func__", "fget", "fset", "func")
"""Where compiled functions, methods of a class, properties and partial functions keep functions."""


@cache
def study_sha256() -> str:
    """Return one hash of the modules that the numbers of a study come from."""
    paths = PACKAGE.rglob("*.py")
    return files_sha256(
        path for path in paths if not APART.fullmatch(path.relative_to(PACKAGE).parts[0])
    )


def files_sha256(paths: Iterable[Path]) -> str:
    """Return one hash of files of this package: their places in it, and what they hold."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def own_sha256(thing: object) -> str:
    """Return a hash of a function or class of one's own, with all of one's own that it uses."""
    said = _Said()
    said.add(thing)
    return said.digest.hexdigest()


def is_own(thing: object) -> bool:
    """Whether something is defined neither in this package nor in an installed one."""
    module = thing if isinstance(thing, ModuleType) else _module_of(thing)
    if module is None or module.__name__ == "__main__":
        return True
    place = getattr(module, "__file__", None)
    return place is not None and not any(map(Path(place).resolve().is_relative_to, _installed()))


class _Said:
    """Walks through functions, classes and values, and hashes each of them once."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.seen: dict[int, tuple[int, object]] = {}

    def add(self, thing: object) -> None:
        if isinstance(thing, _PLAIN):
            self.word(type(thing).__name__, repr(thing))
        elif id(thing) in self.seen:
            self.word("again", str(self.seen[id(thing)][0]))
        else:
            self.seen[id(thing)] = len(self.seen), thing  # kept, so that no other gets its id
            self.new(thing)

    def new(self, thing: object) -> None:
        match thing:
            case tuple() | list():
                self.all("sequence", thing)
            case set() | frozenset():
                self.all("set", sorted(thing, key=repr))
            case dict():
                self.all("mapping", (part for entry in thing.items() for part in entry))
            case np.ndarray():
                content = thing.tolist() if thing.dtype.hasobject else thing.tobytes()
                self.all("array", (str(thing.dtype), thing.shape, content))
            case CodeType():
                names = (thing.co_names, thing.co_varnames, thing.co_freevars, thing.co_cellvars)
                self.all("code", (thing.co_code, thing.co_consts, *names))
            case _:
                self.named(thing)

    def named(self, thing: object) -> None:
        """Add what has a name and a module, or is of a class that has."""
        where = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
        if isinstance(thing, ModuleType) or not is_own(thing):
            self.foreign(thing)
        elif isinstance(thing, FunctionType):
            given = (thing.__code__, thing.__defaults__, thing.__kwdefaults__)
            self.all("function", (*given, *_closed_over(thing), *_globals_of(thing)))
        elif isinstance(thing, MethodType):
            self.all("method", (thing.__func__, thing.__self__))
        elif isinstance(thing, type):
            self.all("class", (where, *thing.__bases__, *_members_of(thing)))
        elif wrapped := [getattr(thing, name, None) for name in _WRAPPED if hasattr(thing, name)]:
            self.all("wrapped", (type(thing).__name__, *wrapped, *_given(thing)))
        else:
            self.all("object", (type(thing), getattr(thing, "__dict__", {})))

    def foreign(self, thing: object) -> None:
        """Add what is installed: by name where it has one, else by what it holds."""
        name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
        if isinstance(name, str):
            self.word("installed", f"{getattr(thing, '__module__', '')}.{name}")
            return
        try:
            self.word("value", hashlib.sha256(pickle.dumps(thing, protocol=5)).hexdigest())
        except Exception:  # there are objects that cannot be written: their kind must do
            self.word("value of", f"{type(thing).__module__}.{type(thing).__qualname__}")

    def all(self, kind: str, things: Iterable[object]) -> None:
        self.word("begin", kind)
        for thing in things:
            self.add(thing)
        self.word("end", kind)

    def word(self, kind: str, text: str) -> None:
        self.digest.update(f"{kind}\0{text}\0".encode())


def _closed_over(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            yield "empty"


def _globals_of(function: FunctionType) -> Iterator[object]:
    """Yield the names of globals that a function uses, and what they are now."""
    names, attributes = set[str](), set[str]()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        attributes.update(code.co_names)
        names.update(
            str(one.argval)
            for one in get_instructions(code)
            if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        )
    for name in sorted(names & function.__globals__.keys()):
        thing = function.__globals__[name]
        yield name
        yield thing
        if isinstance(thing, ModuleType) and is_own(thing):
            for attribute in sorted(attributes & vars(thing).keys()):
                yield attribute
                yield vars(thing)[attribute]


def _members_of(given: type) -> Iterator[object]:
    for name, member in sorted(vars(given).items()):
        private = (name.startswith("__") and name.endswith("__")) or name == "_abc_impl"
        if not private or isinstance(member, FunctionType):
            yield name
            yield member


def _given(thing: object) -> Iterator[object]:
    if isinstance(thing, partial):
        yield thing.args
        yield thing.keywords


def _module_of(thing: object) -> ModuleType | None:
    named = thing if isinstance(thing, type | FunctionType) else type(thing)
    wrapped = next((getattr(thing, n) for n in _WRAPPED if hasattr(thing, n)), None)
    if isinstance(wrapped, FunctionType):
        named = wrapped
    return sys.modules.get(str(named.__module__))


@cache
def _installed() -> tuple[Path, ...]:
    places: dict[str, Any] = sysconfig.get_paths()
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return PACKAGE, *(Path(places[kind]).resolve() for kind in kinds)
