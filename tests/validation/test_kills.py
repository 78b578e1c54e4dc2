"""A study may be killed at any time, again and again: what has finished is kept, and not redone.

``KILLS=12 pytest -m slow tests/validation/test_kills.py`` tries fewer of them.
"""

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
KILLS = int(os.environ.get("KILLS", "100"))
DRAWS = 40
FEW_DRAWS = 8
ROOM_KB = (20, 200, 700)
"""Of disks too small for a study of so few draws, which needs some 900."""
MOST_FILES = 16
"""Files that a study may write before it is killed: some tenth of its work."""
WITHIN_S = 3.0
"""Time that the processes of a killed study have to end."""
WAYS = ("all", "worker", "head", "worker", "all", "asked")
"""Who is killed: all processes at once, one worker, the head, or the head by ``SIGTERM``."""


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """A worker that is killed alone is replaced, and the study goes on by itself."""
    whole, luck = tmp_path / "whole", np.random.default_rng(1)
    assert started(whole).wait() == 0
    kills, studies, while_at_work = 0, 0, 0
    while kills < KILLS:
        out, kept = tmp_path / f"study{studies}", dict[str, int]()
        while not is_complete(out):
            head = started(out)
            kills += killed(head, out, luck, kills)
            if not is_complete(out):  # which has removed what it had kept
                before, kept = kept, finished(out)
                assert before.items() <= kept.items()
                while_at_work += len(before) < len(kept)
        rmtree(out / PARTIAL, ignore_errors=True)  # killed when all was done but this
        assert differing(whole, out) == []
        studies += 1
    assert while_at_work > KILLS / 4


def killed(
    head: "subprocess.Popen[bytes]", out: Path, luck: np.random.Generator, before: int
) -> int:
    """Kill a study that runs, or its workers one after another until it ends; return how often."""
    kills = 0
    while before + kills < KILLS:
        try:
            assert head.wait(moment(head, out, luck)) == 0
        except subprocess.TimeoutExpired:
            way = WAYS[(before + kills) % len(WAYS)]
            if way != "worker" or not kill_worker(head, luck):
                kill(head, "all" if way == "worker" else way)
                return kills + 1
            kills += 1
        else:
            return kills
    assert head.wait() == 0
    return kills


def kill_worker(head: "subprocess.Popen[bytes]", luck: np.random.Generator) -> bool:
    """Kill one of a study's workers alone; return whether there was one."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        workers = [one for one in psutil.Process(head.pid).children() if is_worker(one)]
        if workers:
            os.kill(workers[int(luck.integers(len(workers)))].pid, signal.SIGKILL)
            return True
    return False


def is_worker(process: psutil.Process) -> bool:
    return any("sim.executors" in word for word in process.cmdline())


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


def started(
    out: Path, *, draws: int = DRAWS, stderr: int | None = None
) -> "subprocess.Popen[bytes]":
    """Begin a study, or go on with it, in a session of its own."""
    words = ["run", "scenarios/tiny.yaml", "--set", f"uncertainty.draws={draws}"]
    return subprocess.Popen(
        [sys.executable, "-m", "sim.cli", *words, "--out", out, "--workers", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )


def kill(head: "subprocess.Popen[bytes]", way: str) -> None:
    """Kill the head of a study, or all of it at once, and see that no process of it goes on."""
    by = signal.SIGTERM if way == "asked" else signal.SIGKILL
    for process in in_session(head.pid) if way == "all" else [head.pid]:
        with suppress(ProcessLookupError):
            os.kill(process, by)
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


@pytest.mark.slow
def test_a_study_whose_disk_fills_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """Full while it begins, while it simulates, and while it writes its tables."""
    whole, disk = tmp_path / "whole", tmp_path / "disk"
    assert started(whole, draws=FEW_DRAWS).wait() == 0
    disk.mkdir()
    if not mounted(disk, f"size={ROOM_KB[0]}k"):
        pytest.skip("no right to mount a small disk")
    try:
        out, kept = disk / "study", dict[str, int]()
        for room in ROOM_KB:
            assert mounted(disk, f"remount,size={room}k")
            head = started(out, draws=FEW_DRAWS, stderr=subprocess.PIPE)
            said = head.communicate()[1].decode()
            assert head.returncode == 2, said
            assert "No space left" in said
            assert in_session(head.pid) == []
            before, kept = kept, finished(out)
            assert before.items() <= kept.items()
        assert kept
        assert mounted(disk, "remount,size=100m")
        assert started(out, draws=FEW_DRAWS).wait() == 0
        assert differing(whole, out) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def mounted(disk: Path, options: str) -> bool:
    """Mount a disk of memory, or give it another size; return whether that is allowed here."""
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
