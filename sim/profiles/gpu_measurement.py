"""Measure what only a data-centre GPU can in the time that one is lent: the most valuable first.

1. Time and energy of an encoder and of fine-tuning it, by precision and batch (``device_costs``).
2. Fine-tuning of the whole encoder at all label counts.
3. Networks from scratch, the grids that were measured on a processor.

Every step goes on where it stopped, in whatever call and on whatever machine the folder is brought
to. Rows say what they ran on, and nothing is scaled from one device to another.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np
import torch

from sim.errors import ProfileError, listed
from sim.profiles.design import MeasurementPlan
from sim.profiles.device_costs import costs_there, measure_costs
from sim.profiles.images.image_files import open_source
from sim.profiles.measurement import measure
from sim.profiles.runs import PARTS, collect, finished

PLANS = Path(__file__).parent / "plans"
IMAGES = 2_048
"""Images that batches walk through when costs are measured."""
LEAST_S = 10.0
"""Seconds that must be left for another piece of work to begin."""
FINE_TUNED = "dermoscopy_fine_tuned_site"
GRIDS = {
    FINE_TUNED: "ham10000",
    "dermoscopy": "ham10000",
    "chest_xray": "kermany",
    "dermoscopy_age": "ham10000",
    "dermoscopy_sex": "ham10000",
    "fundus_sex": "odir",
}
"""Plans in the order in which they are measured, and how the file of their images begins."""

DEVICES = ("cuda", "cpu")
Progress = Callable[[int, int, str], None]


class Reached(NamedTuple):
    """How far one step is."""

    step: str
    done: int
    of: int
    unit: str


class _TimeIsUp(BaseException):
    """No time is left: what is under way is given up, what is finished is there."""


def _now() -> float:
    return perf_counter()


@dataclass(slots=True)
class _Clock:
    """Says whether there is time for another piece of work as long as the longest so far."""

    minutes: float
    _start: float = field(default_factory=_now)
    _last: float = field(default_factory=_now)
    _longest: float = 0.0

    def begin(self) -> None:
        """Begin a kind of work whose pieces take another time."""
        self._last, self._longest = _now(), 0.0

    def goes_on(self) -> bool:
        """Return whether there is, after a piece of work."""
        now = _now()
        self._longest, self._last = max(self._longest, now - self._last), now
        left = 60.0 * self.minutes - (now - self._start)
        return left > max(self._longest, LEAST_S)


def measure_gpu(
    data: Path,
    out: Path,
    *,
    device: Literal["cuda", "cpu"] = "cuda",
    minutes: float = 7.0,
    steps: int | None = None,
    progress: Progress = lambda *_: None,
) -> list[Reached]:
    """Measure for so many minutes what ``out`` still lacks; return how far every step is.

    Parameters
    ----------
    data : folder with the npz files of images, HAM10000 at least.
    out : folder for the results: one small table for costs, and one and its plan for every grid.
    device : ``cpu`` tries all of it on the processor, and its rows say so.
    minutes : no run begins that would end later, by the longest of its kind so far; what is under
        way then is given up.
    steps : optimisation steps of a fine-tuning; those of its plan when not given.

    Raises
    ------
    ProfileError
        Without such a device, without images, and for a folder that holds another measurement.
    """
    _require(device)
    clock, found = _Clock(minutes), _files(data)
    out.mkdir(parents=True, exist_ok=True)
    plans = {name: MeasurementPlan.load(PLANS / f"{name}.yaml") for name in GRIDS}
    plans = {n: plan.model_copy(update={"device": device}) for n, plan in plans.items()}
    if steps is not None:
        plans[FINE_TUNED] = plans[FINE_TUNED].model_copy(update={"steps": steps})
    source = open_source(found["ham10000"])
    side = plans[FINE_TUNED].image_px
    images = source.pixels(np.arange(IMAGES), side, plans[FINE_TUNED].file_column)
    # runs on a processor are no runs on a GPU: each has folders of its own
    grids = {name: out / f"{name}_{device}" for name, begins in GRIDS.items() if begins in found}
    with _at_most(60.0 * minutes):
        tuned, go_on = plans[FINE_TUNED], clock.goes_on
        measure_costs(tuned, images, out, device=device, go_on=go_on, progress=progress)
        for name, folder in grids.items():
            _grid(plans[name], found[GRIDS[name]], folder, clock, progress)
    done, of = costs_there(out, device)
    return [
        Reached("costs", done, of, "settings"),
        *(
            Reached(name, _runs_there(at), len(plans[name].cells()), "runs")
            for name, at in grids.items()
        ),
    ]


def _require(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ProfileError(
            "--device cuda: torch finds no GPU here. --device cpu tries everything on the "
            "processor, and its rows say cpu."
        )


def _files(data: Path) -> dict[str, Path]:
    """Return the npz files of images by how their names begin."""
    begins = tuple(dict.fromkeys(GRIDS.values()))
    found = {one: min(data.glob(f"{one}*.npz"), default=None) for one in begins}
    if found["ham10000"] is None:
        there = [path.name for path in sorted(data.glob("*"))] if data.is_dir() else []
        raise ProfileError(
            f"{data}: no file ham10000*.npz; it holds {listed(there) if there else 'nothing'}."
        )
    return {one: path for one, path in found.items() if path is not None}


def _grid(
    plan: MeasurementPlan, images: Path, out: Path, clock: _Clock, progress: Progress
) -> None:
    """Measure as many runs of a plan as there is time for."""
    clock.begin()

    def next_one(done: int, total: int, run: str) -> None:
        progress(done, total, f"{plan.name} {run}")
        if done < total and not clock.goes_on():
            raise _TimeIsUp

    if clock.goes_on():
        measure(plan, data=images, out=out, progress=next_one)


def _runs_there(folder: Path) -> int:
    """Return how many runs a folder holds, after joining them into one table."""
    if any((folder / PARTS).glob("*.parquet")):
        collect(folder, [])
    return len(finished(folder, ()))


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Give up what is under way when the time is over; on systems and in threads with alarms."""

    def ring(*_: object) -> None:
        raise _TimeIsUp

    alarmed = hasattr(signal, "SIGALRM") and current_thread() is main_thread()
    before = signal.signal(signal.SIGALRM, ring) if alarmed else None
    if alarmed:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TimeIsUp:
        pass
    finally:
        if alarmed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)
