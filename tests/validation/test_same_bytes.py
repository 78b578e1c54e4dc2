"""However a study is cut up and whoever does it, its run folder is the same byte by byte.

The search for the plan takes longest, and is done once: the other runs begin from what a study has
stored when it has found its plan, as one does that was broken off there.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any, NamedTuple

import numpy as np
import pytest

import sim
from sim.pipeline import run as runs
from sim.studies import batch, execution
from sim.studies.experiment import Trial
from sim.studies.store import PARTIAL
from sim.studies.study import Study
from tests.run_folders import differing

ROOT = Path(__file__).parents[2]
DRAWS = 4
ALL = 10**6
SEARCHED = "simulating plans"
"""What is being done once the search has ended."""
KILLED = f"""
import os, signal, sys, sim

def kill(what, done, *_):
    if what == {SEARCHED!r} and done:
        os.killpg(0, signal.SIGKILL)

file, draws, out = sys.argv[1:]
sim.study(file, overrides=[draws]).run(out, progress=kill)
"""
"""Runs a study, and kills it when its first draw is done, from which most tables are made."""


class Whole(NamedTuple):
    """A study that one process did without a break."""

    file: Path
    out: Path
    searched: Path
    """What it had stored when the plan was found."""

    @property
    def draws(self) -> str:
        return f"uncertainty.draws={DRAWS}"

    def study(self, **workers: Any) -> Study:
        return sim.study(self.file, overrides=[self.draws], **workers)


@pytest.fixture(
    scope="module", params=["tiny", pytest.param("east_africa", marks=pytest.mark.slow)]
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp(request.param)
    file = ROOT / "scenarios" / f"{request.param}.yaml"
    found = Whole(file, folder / "run", folder / "searched")

    def keep(what: str, *_: object) -> None:
        if what == SEARCHED and not found.searched.exists():
            copytree(found.out / PARTIAL, found.searched, ignore=ignore_patterns("locks"))

    found.study().run(found.out, progress=keep)
    return found


@pytest.fixture
def begun(whole: Whole, tmp_path: Path) -> Path:
    """Return the folder of a study that has found its plan, and no more."""
    copytree(whole.searched, tmp_path / "run" / PARTIAL)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("per_task", "at_once"),
    [
        pytest.param(7, 7, marks=pytest.mark.slow),
        pytest.param(1, 1, marks=pytest.mark.slow),
        pytest.param(ALL, 7, marks=pytest.mark.slow),
        pytest.param(ALL, ALL, marks=pytest.mark.slow),
    ],
)
def test_neither_the_size_of_a_batch_nor_the_place_in_it_matters(
    whole: Whole, begun: Path, monkeypatch: pytest.MonkeyPatch, per_task: int, at_once: int
) -> None:
    """Batches of 1, of 7 and of all runs; plans in another order than that of the reference."""
    cells = int(np.prod(whole.study().world().shape))
    luck, trials_of = np.random.default_rng(at_once), execution.trials_of

    def shuffled(*given: Any) -> list[Trial]:
        trials = trials_of(*given)
        return [trials[k] for k in luck.permutation(len(trials))]

    monkeypatch.setattr(batch, "CELLS_PER_TASK", per_task * cells)
    monkeypatch.setattr(runs, "CELLS_AT_ONCE", at_once * cells)
    monkeypatch.setattr(execution, "trials_of", shuffled)
    done: list[int] = []

    def watch(what: str, finished: int, *_: float) -> None:
        if what == "simulating plans":
            done.append(finished)

    whole.study().run(begun, progress=watch)
    assert max(np.diff(done)) == min(per_task, done[-1] // DRAWS)
    assert differing(whole.out, begun) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "workers", [{"workers": 2}, {"workers": 4}, {"cluster": "local:2"}], ids=str
)
def test_the_workers_do_not_matter(whole: Whole, begun: Path, workers: dict[str, Any]) -> None:
    whole.study(**workers).run(begun)
    assert differing(whole.out, begun) == []


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["tiny"], indirect=True)
@pytest.mark.parametrize("workers", [{"workers": 2}, {"cluster": "local:2"}], ids=str)
def test_nor_do_they_where_they_search_for_the_plan_too(
    whole: Whole, tmp_path: Path, workers: dict[str, Any]
) -> None:
    whole.study(**workers).run(tmp_path / "run")
    assert differing(whole.out, tmp_path / "run") == []


@pytest.mark.slow
def test_a_kill_does_not_matter(whole: Whole, begun: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, whole.file, whole.draws, begun],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    kept = [path.name for path in (begun / PARTIAL / "results").glob("draw*.npz")]
    assert [name.partition("--")[0] for name in kept] == ["draw0"]
    whole.study(workers=2).run(begun)
    assert differing(whole.out, begun) == []
