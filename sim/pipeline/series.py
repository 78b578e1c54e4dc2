"""The weekly series of one station, by region or by cell."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.account import COUNTED, Account
from sim.pipeline.kernels.counts import Counts, kernel
from sim.pipeline.state import Rows


@kernel
def add_up(values: Floats, out: NDArray[np.float32]) -> None:
    """Add up over modalities and groups: from (r, m, g) to ``out``, shape (r,)."""
    regions, modalities, groups = values.shape
    for r in range(regions):
        total = 0.0
        for m in range(modalities):
            for g in range(groups):
                total += values[r, m, g]
        out[r] = total


@kernel
def write_sums(
    out: Counts, entered: Counts, done: Counts, left: Counts, rejected: Counts, waiting: Counts
) -> None:
    """Write the counts of a week by region: ``out``, shape (5, r).

    Each has shape (r, m, g) or is empty; all are laid out alike, row by row.
    """
    for field, values in enumerate((entered, done, left, rejected, waiting)):
        regions, modalities, groups = values.shape
        # one row of cells per region is added up with vector instructions
        cells = values.reshape(regions, modalities * groups)
        for r in range(regions):
            total = 0
            for cell in range(modalities * groups):
                total += cells[r, cell]
            out[field, r] = total


NOTHING: Counts = np.zeros((0, 0, 0), dtype=np.int64)


def _as_kernel(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as kernels are compiled for.

    A station of one's own may account for slices, or for what must not be written to.
    """
    return values if values.flags.carray else values.copy(order="C")


class Counting(Protocol):
    """What a series needs to know of a station, ours or another."""

    name: str
    unit: str
    capacity_unit: str


@dataclass(frozen=True, slots=True)
class Series:
    """What passed one station, week by week.

    Cell axes are (r,) or (r, m, g), by the detail that was asked for. Counts need 64 bits: over the
    years, backlogs of large regions pass two thousand million studies.
    """

    name: str
    unit: str
    capacity_unit: str
    counts: NDArray[np.int64]
    """Shape (w, 5, *cell), in the order of ``COUNTED``."""
    queue: NDArray[np.float32]
    """Mean number waiting during the week, shape (w, *cell)."""
    use: NDArray[np.float32]
    """Capacity used and capacity there was, shape (w, 2, r)."""
    start: NDArray[np.int64]
    """Waiting on the first day, of shape cell."""

    @classmethod
    def of(cls, station: Counting, world: World, *, weeks: int, by_cell: bool) -> "Series":
        """Return an empty series of a station."""
        cell = world.shape if by_cell else world.shape[:1]
        return cls(
            name=station.name,
            unit=station.unit,
            capacity_unit=station.capacity_unit,
            counts=np.zeros((weeks, len(COUNTED), *cell), dtype=np.int64),
            queue=np.zeros((weeks, *cell), dtype=np.float32),
            use=np.full((weeks, 2, world.shape[0]), np.nan, dtype=np.float32),
            start=np.zeros(cell, dtype=np.int64),
        )

    def of_rows(self, rows: Rows) -> "Series":
        """Return the series of some regions."""
        return replace(
            self,
            counts=self.counts[:, :, rows],
            queue=self.queue[:, rows],
            use=self.use[:, :, rows],
            start=self.start[rows],
        )

    def begin(self, account: Account) -> None:
        """Write down who waits before the first week."""
        if account.waiting is not None:
            waiting = account.waiting
            self.start[...] = waiting if self._by_cell else waiting.sum(axis=(1, 2))

    def write(self, week: int, account: Account) -> None:
        """Write the account of one week."""
        counts = [NOTHING if count is None else _as_kernel(count) for count in account.counts()]
        if self._by_cell:
            for field, count in enumerate(counts):
                if count.size:
                    self.counts[week, field] = count
        else:
            write_sums(self.counts[week], *counts)
        if account.queue is not None and self._by_cell:
            self.queue[week] = account.queue
        elif account.queue is not None:
            add_up(_as_kernel(account.queue), self.queue[week])
        elif account.waiting is not None:
            now = self.counts[week, COUNTED.index("waiting")]
            before = self.counts[week - 1, COUNTED.index("waiting")] if week else self.start
            self.queue[week] = (before + now) / 2.0
        if account.capacity is not None:
            self.use[week, 0] = self._done(week) if account.busy is None else account.busy
            self.use[week, 1] = account.capacity

    def _done(self, week: int) -> Counts:
        """Return what was done in a week, by region."""
        done = self.counts[week, COUNTED.index("done")]
        return np.asarray(done.sum(axis=(1, 2)) if self._by_cell else done)

    @property
    def _by_cell(self) -> bool:
        return self.queue.ndim > 2

    def table(self, world: World) -> pd.DataFrame:
        """Return the series as a tidy table; units are in ``table.attrs["units"]``.

        Columns: week, station, region (modality and group by cell); entered, done, left, rejected
        and waiting at the end of the week; queue, the mean number waiting; wait_weeks, by Little's
        law queue / (done + left); and by region busy, capacity and utilisation = busy / capacity.
        """
        axes = {"region": world.regions, "modality": world.modalities, "group": world.groups}
        names = list(axes)[: self.queue.ndim - 1]
        weeks = range(len(self.queue))
        index = pd.MultiIndex.from_product(
            [weeks, *(axes[name] for name in names)], names=["week", *names]
        )
        columns = {name: self.counts[:, i].ravel() for i, name in enumerate(COUNTED)}
        table = pd.DataFrame(columns, index=index).reset_index()
        table.insert(1, "station", self.name)
        table["queue"] = self.queue.ravel()
        gone = (table["done"] + table["left"]).to_numpy(dtype=float)
        table["wait_weeks"] = table["queue"] / np.where(gone > 0, gone, np.nan)
        if len(names) == 1:
            table["busy"], table["capacity"] = self.use[:, 0].ravel(), self.use[:, 1].ravel()
            known = table["capacity"].where(table["capacity"] > 0)
            table["utilisation"] = table["busy"] / known
        counted = dict.fromkeys((*COUNTED, "queue"), self.unit)
        share = {"busy": self.capacity_unit, "capacity": self.capacity_unit, "utilisation": "share"}
        table.attrs["units"] = {"week": "weeks", **counted, "wait_weeks": "weeks", **share}
        return table
