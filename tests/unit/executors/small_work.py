# ruff: noqa: PLC0415 - many processes are started, and only one kind of work needs tables
"""Work for tests of executors, done in processes of their own."""

import os
import signal
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING
from uuid import uuid4

from sim.errors import InfeasibleError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def double(number: float) -> float:
    return 2 * number


def slowly(seconds: float) -> float:
    sleep(seconds)
    return seconds


def die_once(mark: Path) -> str:
    """Kill the process that does this, unless another was killed for it."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark.name


def die_of(name: str) -> str:
    """Kill the process that is given a certain name."""
    if name == "poison":
        sleep(1.0)  # the others have answered long before
        os.kill(os.getpid(), signal.SIGKILL)
    sleep(0.1)
    return name


def unlike(_: int) -> str:
    """Return something else at every call."""
    return uuid4().hex


def tables(rows: int) -> "tuple[np.ndarray, pd.DataFrame]":
    import numpy as np
    import pandas as pd

    numbers = np.array([np.nan, -0.0, *np.arange(rows) / 3])
    return numbers, pd.DataFrame({"number": numbers, "name": ["x"] * len(numbers)})


def infeasible(_: int) -> None:
    raise InfeasibleError(("money",))


class UnsendableError(Exception):
    """An error that is pickled, and cannot be unpickled."""

    def __init__(self, one: int, other: str) -> None:
        super().__init__(f"{one} {other}")


def unsendable(_: int) -> None:
    raise UnsendableError(1, "seven")
