"""Where compiled kernels are kept: a folder for every version of the code that they come from.

numba keeps what it compiled beside each file, and compiles again when that file changes; it does
not notice that a function or constant *imported* into the file has changed.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import llvmlite
import numba

from sim.source import PACKAGE, files_sha256, is_own

SOURCES = ("pipeline/**/*.py", "learning/**/*.py", "domain/**/*.py", "streams.py", "units.py")
"""Files that hold kernels, and what kernels may import."""

_CONFIG: Any = numba.config


@contextmanager
def kept(function: object) -> Iterator[bool]:
    """Have numba keep a kernel in the folder of this version; gives whether it can.

    Kernels are compiled anew in every process where no folder can be written, and where they are
    one's own, because this version does not know what those are made from.
    """
    before, folder = _CONFIG.CACHE_DIR, None if is_own(function) else _folder()
    _CONFIG.CACHE_DIR = str(folder or before)
    try:
        yield folder is not None
    finally:
        _CONFIG.CACHE_DIR = before


@cache
def version() -> str:
    """Return a short hash of all that compiled kernels are made from."""
    sources = files_sha256(path for pattern in SOURCES for path in PACKAGE.glob(pattern))
    made_by = f"numba {numba.__version__}, llvmlite {llvmlite.__version__}, {sources}"
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


@cache
def _folder() -> Path | None:
    """Return a folder that can be written: the user's, beside the code, or that of the account."""
    if _CONFIG.CACHE_DIR:
        places = [Path(_CONFIG.CACHE_DIR)]
    else:
        account = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - gives no error without a home
        places = [PACKAGE / "pipeline" / "__pycache__", Path(account) / "equiscan"]
    folders = (place / f"kernels-{version()}" for place in places)
    return next(filter(_can_be_written, folders), None)


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
