"""Run folders may come from anyone: whatever was done to one, it opens as it was, or is refused."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from sim.cli import app
from sim.studies.manifest import MANIFEST, Finished, manifest_text, sha256_of
from sim.studies.store import add_report
from tests.unit.studies.small_study import candidates, execute_small, small_scenario

OF_EACH = 30
"""Damages of each kind."""
KINDS = ("bit", "cut", "grown", "missing", "pipe", "device", "folder", "link", "text", "swapped")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two finished run folders of different studies, with reports."""
    out = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.studies.execution.Execution.candidates", lambda *_: candidates())
        for name, draws in (("one", 1), ("other", 2)):
            execute_small(small_scenario(draws=draws, replications=1), out / name)
            add_report(Finished.at(out / name), "<p>a report</p>")
    return out / "one", out / "other"


def corrupted(run: Path, other: Path, kind: str, luck: np.random.Generator) -> str:
    """Do something to one file of a run folder, and return which."""
    names = sorted(path.name for path in run.iterdir())
    if kind == "swapped":  # for another one
        names = [n for n in names if (run / n).read_bytes() != (other / n).read_bytes()]
    place = run / str(luck.choice(names))
    content = place.read_bytes()
    at, few = int(luck.integers(len(content))), int(luck.integers(1, 9))
    changes = {
        "bit": content[:at] + bytes([content[at] ^ 1 << few - 1]) + content[at + 1 :],
        "cut": content[:at],
        "grown": content[:at] + b"\x00" * few + content[at:],
        "text": content[:at] + b'":{' + content[at + 3 :],
    }
    place.unlink()
    if kind in changes:
        place.write_bytes(changes[kind])
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "swapped":
        shutil.copy(other / place.name, place)
    elif kind != "missing":
        place.symlink_to({"device": "/dev/zero", "link": "nowhere"}[kind])
    return place.name


def commands(run: Path) -> Iterator[Result]:
    for words in (("report",), ("trace",), ("trace", "--table", "jobs", "--policy", "baseline")):
        yield CliRunner().invoke(app, [words[0], str(run), *words[1:]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_corrupted_run_folder_is_refused_by_name_or_opens_as_it_was(
    folders: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    one, other = folders
    luck, refused = np.random.default_rng(KINDS.index(kind)), 0
    for _ in range(OF_EACH):
        run = Path(shutil.copytree(one, tmp_path / "run"))
        name = corrupted(run, other, kind, luck)
        for told in commands(run):
            assert told.exit_code in (0, 2), (name, told.stderr)
            # a manifest with a wrong hash names a file that is as it was
            assert told.exit_code == 0 or name == MANIFEST or name in told.stderr
            assert "Traceback" not in told.stderr
            assert "fault" not in told.stderr
            refused += told.exit_code == 2
        shutil.rmtree(run)
    assert refused > OF_EACH / 2


@pytest.mark.slow
def test_content_that_was_changed_with_its_hash_never_ends_in_a_traceback(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """A manifest is no signature: who changes both is not found out, but told in a sentence."""
    one, other = folders
    luck = np.random.default_rng(2)
    for turn in range(75):
        run = Path(shutil.copytree(one, tmp_path / "run"))
        kind = ("bit", "cut", "grown", "text", "swapped")[turn % 5]
        name = corrupted(run, other, kind, luck)
        if name == MANIFEST:
            shutil.rmtree(run)
            continue
        files = json.loads((run / MANIFEST).read_text())["files"]
        (run / MANIFEST).write_text(manifest_text({**files, name: sha256_of(run / name)}))
        for told in commands(run):
            assert told.exit_code in (0, 1, 2), (name, told.stderr)
            assert isinstance(told.exception, SystemExit | None), (name, told.exception)
            assert "Traceback" not in told.stderr
        shutil.rmtree(run)
