"""Compiled kernels are kept, but never those of other code."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from sim.pipeline.kernels import cache
from sim.source import PACKAGE

COUNT = (
    "import numpy as np; from sim.pipeline.stations.curation import bad_among as kernel; "
    "print(*kernel(np.uint64(7), 0, 400, 0, 0.3, 10), sum(kernel.stats.cache_hits.values()))"
)


def counted(tree: Path, **settings: str) -> list[int]:
    """Count with the code of a tree: two counts, and how many kernels came from a cache."""
    env = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    env |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"} | settings
    done = subprocess.run(
        [sys.executable, "-c", COUNT], env=env, cwd=tree, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [int(word) for word in done.stdout.split()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package, as a clone would be."""
    tree = tmp_path_factory.mktemp("tree")
    copytree(PACKAGE, tree / "sim", ignore=ignore_patterns("__pycache__", "measured"))
    return tree


@pytest.mark.slow
def test_a_change_of_what_a_kernel_imports_is_noticed(tree: Path) -> None:
    old = counted(tree)
    assert old[2] == 0
    assert counted(tree) == [*old[:2], 1]
    flow = tree / "sim" / "pipeline" / "kernels" / "counts.py"
    text = flow.read_text()
    assert text.count("0.5) * 2.0**-53") == 1
    flow.write_text(text.replace("0.5) * 2.0**-53", "0.5) * 2.0**-60"))  # curation.py stays
    assert counted(tree) == [0, 0, 0]
    flow.write_text(text)
    assert counted(tree) == [*old[:2], 1]


@pytest.mark.slow
def test_without_a_place_to_write_kernels_are_compiled_each_time(tree: Path) -> None:
    folder = tree / "sim" / "pipeline" / "__pycache__"
    if folder.is_dir():
        folder.rename(tree / "put away")
    folder.touch()  # nothing can be made in it, even by those who may do all
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache"}
    assert [counted(tree, **nowhere)[2] for _ in range(2)] == [0, 0]
    assert [counted(tree, XDG_CACHE_HOME=str(tree / "home"))[2] for _ in range(2)] == [0, 1]
    asked = {"NUMBA_CACHE_DIR": str(tree / "asked")}
    assert [counted(tree, **asked)[2] for _ in range(2)] == [0, 1]


def test_kernels_use_nothing_but_what_their_version_is_made_from() -> None:
    """Names that a kernel takes from another module of the package, and where that lies."""
    known = {path for pattern in cache.SOURCES for path in PACKAGE.glob(pattern)}
    used = {module for path in PACKAGE.rglob("*.py") for module in modules_of_kernels(path)}
    assert {"pipeline/kernels/counts.py", "units.py"} <= used
    assert used <= {path.relative_to(PACKAGE).as_posix() for path in known}


def modules_of_kernels(path: Path) -> Iterator[str]:
    """Yield the files that kernels of a file, and the file itself where it has any, need."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    home = {
        name.asname or name.name: f"{node.module.replace('.', '/').removeprefix('sim/')}.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sim.")
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(one, ast.Name) and one.id == "kernel" for one in node.decorator_list
        ):
            yield path.relative_to(PACKAGE).as_posix()
            within = [inner for statement in node.body for inner in ast.walk(statement)]
            names = {inner.id for inner in within if isinstance(inner, ast.Name)}
            yield from (home[name] for name in names & home.keys())
