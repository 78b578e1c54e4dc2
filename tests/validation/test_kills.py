"""A study may be killed at any time, again and again: what has finished is kept, and not redone."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from time import monotonic, sleep

import numpy as np
import psutil
import pytest

from sim.studies.manifest import is_complete
from sim.studies.result_file import is_whole
from sim.studies.store import PARTIAL
from tests.run_folders import differing

ROOT = Path(__file__).parents[2]
KILLS = 40
DRAWS = 40
MOST_FILES = 16
"""Files that a study may write before it is killed: some tenth of its work."""
WITHIN_S = 3.0
"""Time that the processes of a killed study have to end."""


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """Every second kill spares the workers: of those, every second asks before (``SIGTERM``)."""
    whole, luck = tmp_path / "whole", np.random.default_rng(1)
    assert started(whole).wait() == 0
    kills, studies, while_at_work = 0, 0, 0
    while kills < KILLS:
        out, kept = tmp_path / f"study{studies}", dict[str, int]()
        while not is_complete(out):
            head = started(out)
            try:
                assert head.wait(moment(head, out, luck) if kills < KILLS else None) == 0
            except subprocess.TimeoutExpired:
                kill(head, *((), (signal.SIGKILL,), (), (signal.SIGTERM,))[kills % 4])
                kills += 1
            if not is_complete(out):  # which has removed what it had kept
                before, kept = kept, finished(out)
                assert before.items() <= kept.items()
                while_at_work += len(before) < len(kept)
        rmtree(out / PARTIAL, ignore_errors=True)  # killed when all was done but this
        assert differing(whole, out) == []
        studies += 1
    assert while_at_work > KILLS / 4


def moment(head: "subprocess.Popen[bytes]", out: Path, luck: np.random.Generator) -> float:
    """Wait until a study has written some more files, and return for how long it goes on then.

    Counted in files, moments are spread over all that a study does, however fast the machine is.
    """
    enough = files_in(out) + luck.integers(MOST_FILES)
    while head.poll() is None and files_in(out) < enough:
        sleep(0.02)
    return float(luck.uniform(0.0, 1.0))


def files_in(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def started(out: Path) -> "subprocess.Popen[bytes]":
    """Begin a study, or go on with it, in a session of its own."""
    words = ["run", "scenarios/tiny.yaml", "--set", f"uncertainty.draws={DRAWS}"]
    return subprocess.Popen(
        [sys.executable, "-m", "sim.cli", *words, "--out", out, "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(head: "subprocess.Popen[bytes]", by: signal.Signals | None = None) -> None:
    """Kill the head of a study, or all of it at once, and see that no process of it goes on."""
    for process in [head.pid] if by else in_session(head.pid):
        with suppress(ProcessLookupError):
            os.kill(process, by or signal.SIGKILL)
    head.wait()
    late = monotonic() + WITHIN_S
    while (left := in_session(head.pid)) and monotonic() < late:
        sleep(0.05)
    assert left == []


def in_session(session: int) -> list[int]:
    """Return the processes of a session that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def finished(out: Path) -> dict[str, int]:
    """Return when every result of a task was written, in nanoseconds; each must be whole."""
    found = list((out / PARTIAL / "results").glob("*.npz"))
    assert all(map(is_whole, found))
    return {path.name: path.stat().st_mtime_ns for path in found}
