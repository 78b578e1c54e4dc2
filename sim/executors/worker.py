"""The worker of an executor, on this machine or another: it answers orders.

Orders and answers are bytes, the same for every kind of worker, so that results cannot depend on
how an executor carries them. Little is imported here: a worker loads what its tasks need.
"""

import os
import platform
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from queue import SimpleQueue
from threading import Thread
from traceback import format_exception
from typing import Any, BinaryIO, NamedTuple

import cloudpickle

from sim.errors import ExecutorError
from sim.source import PACKAGE, files_sha256

PACKAGES = ("numpy", "scipy", "pandas", "numba", "simpy", "pulp", "highspy", "pyarrow")
"""Packages that results may depend on."""
_LENGTH = 8
"""Bytes that say how long a message is."""


class Failed(NamedTuple):
    """An answer: the task ended with an error."""

    error: BaseException
    trace: str


class Done(NamedTuple):
    """An answer: the task ended with a result."""

    result: Any


@lru_cache(maxsize=1)
def installation() -> dict[str, str]:
    """Return what must be the same wherever parts of one study run: the code, and versions."""
    return {
        "code of equiscan": _code_sha256()[:12],
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{package: _version(package) for package in PACKAGES},
    }


def require(expected: dict[str, str]) -> None:
    """Raise ``ExecutorError`` unless this process has the expected installation."""
    here = installation()
    other = [
        f"{name} {here[name]}, not {wanted}"
        for name, wanted in expected.items()
        if here[name] != wanted
    ]
    if other:
        raise ExecutorError(
            f"a worker on '{platform.node()}' has {'; '.join(other)}. Install the same there as "
            "here, and start the worker again."
        )


def packed(work: Callable[..., object]) -> bytes:
    """Return work as bytes; functions and classes of scripts and notebooks travel by value."""
    pickled: bytes = cloudpickle.dumps(work)
    return pickled


def order(work: bytes, task: object) -> bytes:
    """Return a task and what to do with it, for ``answer``."""
    pickled: bytes = cloudpickle.dumps((installation(), work, cloudpickle.dumps(task)))
    return pickled


def answer(ordered: bytes) -> bytes:
    """Do one task and return what came of it, for ``opened``."""
    try:
        expected, work, task = cloudpickle.loads(ordered)
        require(expected)
        result = _unpacked(work)(cloudpickle.loads(task))
        pickled: bytes = cloudpickle.dumps(Done(result))
    except BaseException as error:
        return _failure(error)
    return pickled


def opened(answered: bytes, name: str) -> Any:
    """Return the result of the task of that name, or raise the error that it ended with."""
    said: Done | Failed = cloudpickle.loads(answered)
    if isinstance(said, Done):
        return said.result
    said.error.add_note(f"while a worker did '{name}':\n{said.trace}")
    raise said.error


def serve() -> None:
    """Answer the orders on standard input until it ends, then end this process."""
    orders, answers = os.dup(0), os.dup(1)
    # what a task prints must not end up among the answers, nor a solver read the orders
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    waiting: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive, args=(os.fdopen(orders, "rb"), waiting), daemon=True).start()
    with os.fdopen(answers, "wb") as line:
        while True:
            send(line, answer(waiting.get()))


def send(line: BinaryIO, message: bytes) -> None:
    """Write one message."""
    line.write(len(message).to_bytes(_LENGTH))
    line.write(message)
    line.flush()


def receive(line: BinaryIO) -> bytes:
    """Read one message; ``EOFError`` where the line ends before the message does."""
    length = line.read(_LENGTH)
    message = line.read(int.from_bytes(length)) if len(length) == _LENGTH else b""
    if len(message) != int.from_bytes(length) or not message:
        raise EOFError
    return message


def _receive(line: BinaryIO, waiting: "SimpleQueue[bytes]") -> None:
    """Take orders in, and end this process with the line, in the midst of a task or not.

    The line ends when the process at its other end does, however that came about.
    """
    while True:
        try:
            waiting.put(receive(line))
        except EOFError:
            os._exit(0)


@lru_cache(maxsize=1)
def _unpacked(work: bytes) -> Callable[..., object]:
    """Return the work, which is the same for many tasks."""
    function: Callable[..., object] = cloudpickle.loads(work)
    return function


def _failure(error: BaseException) -> bytes:
    """Return the answer that carries an error; by its text where it cannot be pickled."""
    trace = "".join(format_exception(error))
    try:
        pickled: bytes = cloudpickle.dumps(Failed(error, trace))
        cloudpickle.loads(pickled)
    except Exception:
        pickled = cloudpickle.dumps(Failed(RuntimeError(f"{type(error).__name__}: {error}"), trace))
    return pickled


def _code_sha256() -> str:
    """Return one hash of the modules and tables of this package."""
    return files_sha256([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.csv")])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
