"""Files that are whole or not there."""

from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that a reader, or an interruption, never meets half of it.

    Parameters
    ----------
    write : is given another path in the same folder, and writes there.
    """
    unfinished = path.with_name(f"{path.name}.torn")
    write(unfinished)
    unfinished.replace(path)
