"""Files that are whole or not there, also after a loss of power."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from sim.errors import RunFolderError, SimError

TORN = ".torn"
"""How names of files end that are not whole yet."""


def replace_file(
    place: Path, content: Callable[[BinaryIO], object], *, by: str | None = None
) -> None:
    """Write a file beside its place, and move it there once it is on the disk.

    Parameters
    ----------
    by : who writes, of those who never write the same at once; a new name each time otherwise.
    """
    name = f".{place.name}.{uuid4().hex}" if by is None else f"{place.name}.{by}"
    torn = place.with_name(f"{name}{TORN}")
    if by is not None:  # its own of an earlier time
        torn.unlink(missing_ok=True)
    try:
        with torn.open("xb") as file:  # never through a link that bears the name
            content(file)
            file.flush()
            os.fsync(file.fileno())
        torn.replace(place)
    except BaseException:
        torn.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def require_place(place: Path) -> None:
    """Raise ``RunFolderError`` where a file could not be written, before what takes long is done.

    Raises
    ------
    RunFolderError
        Where the place is a folder, or its folder is missing or cannot be written.
    """
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        probe = place.with_name(f".{place.name}.{uuid4().hex}{TORN}")
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise RunFolderError(f"cannot write '{place}': {error.strerror or error}.") from error


def require_free(place: Path, *, overwrite: bool, error: type[SimError] = RunFolderError) -> None:
    """Raise where a file is there that is not to be replaced, or could not be written."""
    if place.exists() and not overwrite:
        raise error(f"{place} exists already; --overwrite replaces it.")
    require_place(place)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk too, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
