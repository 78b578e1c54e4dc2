"""Runs that differ from another in a few regions: only these are moved, the others are shared.

A purchase in one region reaches another one only through what control processes do with it: a
release that was trained on other data, a job that ends at another time. So each of these runs has
control processes of its own, which see all regions and write down everything; only its stations
stand still but for a few regions. Everywhere else its state is that of the *base* run, which is the
same to the bit as long as control processes leave there what those of the base run leave. Before
every week of the stations this is looked at, field by field. Where it does not hold, the change is
*felt* elsewhere, and the run has to be made in full.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sim.pipeline.case import Family, Places
from sim.pipeline.state import State

HANDED = (
    "active",
    "vacant",
    "units_working",
    "moved_hours",
    "power",
    "agreed",
    "documented_share",
    "review_hours",
    "generator_ready",
    "gate_open",
    "sensitivity",
    "specificity",
)
"""Fields of the state that control processes write and the weeks of stations read."""
KEPT = ("label_efficiency",)
"""Fields that control processes write for each other."""
HANDED_BACK = ("units_working", "review_hours")
"""Fields of the first kind that stations write too."""


class Changes:
    """The runs of a family that share all but a few regions with its first.

    Axes: k run, r region.
    """

    def __init__(self, whole: State, first: int, family: Family) -> None:
        """Take the rows of a family that begin at the row ``first`` of a batch's state."""
        regions = len(family.cases[0].start.world.regions)
        changed = [case.changed for case in family.cases[1:]]
        self.whole = whole
        self.base = slice(first, first + regions)
        ends = self.base.stop + np.cumsum([0, *map(len, changed)])
        self.rows = [slice(*some) for some in pairwise(ends.tolist())]
        """Rows of every run's own regions."""
        self.runs = (None, *range(len(changed)))
        """Number of every run of the family; the first, which shares none, has none."""
        self.changed = changed
        """Which regions these are."""
        self.moved = slice(self.base.stop, int(ends[-1]))
        runs = [np.full(len(some), run) for run, some in enumerate(changed)]
        self.own = np.concatenate(runs), np.concatenate(changed)
        """Run and region of every row of them all."""
        self.felt = np.zeros(len(changed), dtype=np.bool_)
        """Runs whose change was felt in shared regions: what they write is of no use."""
        self.fields = {
            name: np.repeat(getattr(whole, name)[None, self.base], len(changed), axis=0)
            for name in (*HANDED, *KEPT)
        }
        """What control processes write, by name, each of shape (k, r, ...)."""
        self.touched: set[str] = set()
        """Fields that a control process has looked up since the last week, and may have written."""

    def state(self, run: int | None) -> State:
        """Return the state that the control processes of a run see; of the base where None."""
        written = {} if run is None else {name: field[run] for name, field in self.fields.items()}
        return cast("State", _Seen(written, self.touched, partial(self._shown, run)))

    def places(self, run: int | None) -> Places:
        """Return the row of each region of a run; of the base where None."""
        places = np.arange(self.base.start, self.base.stop)
        if run is not None:
            places[self.changed[run]] = np.arange(self.rows[run].start, self.rows[run].stop)
        return places

    def _shown(self, run: int | None, name: str) -> NDArray[Any]:
        """Return a field of the state of the base, or one of a run that only stations write."""
        whole = getattr(self.whole, name)
        if run is None:
            return np.asarray(whole[self.base])
        values = whole[self.base].copy()
        values[self.changed[run]] = whole[self.rows[run]]
        return np.asarray(values)

    def hand_over(self) -> None:
        """Give stations what control processes wrote, and look where it differs from the base."""
        for name in self.touched.intersection(HANDED):
            values, whole = self.fields[name], getattr(self.whole, name)
            differs = values != whole[self.base]
            differs[self.own] = False
            if differs.any():
                self.felt |= differs.reshape(len(differs), -1).any(axis=1)
            whole[self.moved] = values[self.own]
        self.touched.clear()

    def hand_back(self) -> None:
        """Give control processes what stations wrote."""
        for name in HANDED_BACK:
            values, whole = self.fields[name], getattr(self.whole, name)
            values[...] = whole[self.base]
            values[self.own] = whole[self.moved]


class _Seen:
    """The state of one run as its control processes see it, looked up anew each time."""

    __slots__ = ("_shown", "_touched", "_written")

    def __init__(
        self,
        written: Mapping[str, NDArray[Any]],
        touched: set[str],
        shown: Callable[[str], NDArray[Any]],
    ) -> None:
        object.__setattr__(self, "_written", written)
        object.__setattr__(self, "_touched", touched)
        object.__setattr__(self, "_shown", shown)

    def __getattr__(self, name: str) -> Any:
        self._touched.add(name)
        values = self._written.get(name)
        return self._shown(name) if values is None else values

    def __setattr__(self, name: str, values: Any) -> None:
        getattr(self, name)[...] = values
