"""What a run keeps in arrays: the state, which lasts, and the flows of a week.

Stations declare both in their own files, one ``Array`` each. Runs can branch at the policy date
because the state is all that they branch from; runs of many plans are moved side by side, their
states stacked along the region axis.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.pipeline.kernels.counts import Counts
from sim.units import DAYS_PER_WEEK

Rows = slice | NDArray[np.intp]
"""Where the regions of one run are among those of many."""


AXES = {
    "r": "region",
    "m": "modality",
    "g": "group",
    "p": "profession",
    "i": "item of the catalogue",
    "d": "day of the week",
}
"""What axes of arrays stand for."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array that a station declares, among its ``states`` or its ``flows``."""

    name: str
    """One of its own among those of all stations: an attribute of ``state`` or ``flows``."""
    axes: str
    """Letters of ``AXES`` with spaces between, such as ``r m g``; a state begins with ``r``."""
    meaning: str
    dtype: type = int
    """``int`` for counts, which are whole numbers, ``float`` or ``bool``."""
    begins: float | Callable[[World], NDArray[Any]] = 0
    """Value at the beginning of the warm-up, or a function that returns it for a world."""
    yearly: bool = False
    """Whether annual accounts add it up, as they do some of the flows of cells that are counts."""

    def of(self, world: World) -> NDArray[Any]:
        """Return the array as it begins."""
        items = len(world.catalogue.items)
        lengths = *world.shape, len(world.professions), items, DAYS_PER_WEEK
        sizes = dict(zip(AXES, lengths, strict=True))
        value = self.begins(world) if callable(self.begins) else self.begins
        return np.full([sizes[axis] for axis in self.axes.split()], value, dtype=self.dtype)


class _Arrays:
    """Arrays by name: attributes, of which there are no others."""

    __slots__ = ()

    def __new__(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        kind: Any = cls
        self: Self = object.__new__(_with_attributes(kind, tuple(arrays)))
        for name, array in arrays.items():
            object.__setattr__(self, name, array)
        return self

    def __reduce__(self) -> tuple[type, tuple[dict[str, NDArray[Any]]]]:
        return type(self).__bases__[0], ({name: getattr(self, name) for name in self},)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(cast("tuple[str, ...]", self.__slots__))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> NDArray[Any]: ...
        def __setattr__(self, name: str, values: NDArray[Any]) -> None: ...


@cache
def _with_attributes(cls: Any, names: tuple[str, ...]) -> Any:
    """Return a class with these attributes and no others, which are as quick as any."""
    return type(cls.__name__, (cls,), {"__slots__": names, "__module__": cls.__module__})


class State(_Arrays):
    """Queues, stocks and capacities at one moment: the ``states`` of all stations.

    The part of a study already worked on is in an array named ``*_begun``.
    """

    __slots__ = ()

    @classmethod
    def today(cls, world: World, declared: Iterable[Array]) -> "State":
        """Return the state with empty queues, today's units and no release."""
        return cls({array.name: array.of(world) for array in declared})

    @classmethod
    def stacked(cls, states: Sequence["State"]) -> "State":
        """Return an independent copy of states, one after the other along the region axis."""
        return cls({name: np.concatenate([getattr(s, name) for s in states]) for name in states[0]})

    def of(self, rows: Rows) -> "State":
        """Return some regions of the state: what is written there is written here."""
        return cast("State", _Rows(self, rows))


class _Rows:
    """Regions of a state, looked up anew each time: a station may put new arrays into the state."""

    __slots__ = ("_rows", "_whole")

    def __init__(self, whole: State, rows: Rows) -> None:
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_rows", rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)[self._rows]

    def __setattr__(self, name: str, values: Any) -> None:
        getattr(self._whole, name)[self._rows] = values


class Flows(_Arrays):
    """What happens in one week: the ``flows`` of all stations, written anew from week to week."""

    __slots__ = ("counted", "counts", "yearly")

    counted: tuple[str, ...]
    """Names of the flows of cells that are whole numbers, in the order of ``counts``."""
    counts: Counts
    """All of these, shape (count, r, m, g): each of them is a part of it."""
    yearly: tuple[str, ...]
    """The first of ``counted``: those that annual accounts add up."""

    @classmethod
    def of(cls, world: World, declared: Iterable[Array]) -> "Flows":
        """Return empty flows for a world."""
        arrays = tuple(declared)
        counts = [one for one in arrays if one.axes == "r m g" and one.dtype is int]
        yearly = tuple(one.name for one in counts if one.yearly)
        counted = (*yearly, *(one.name for one in counts if not one.yearly))
        others = {one.name: one.of(world) for one in arrays if one not in counts}
        return cls._of(others, counted, yearly, np.zeros((len(counts), *world.shape), np.int64))

    @classmethod
    def _of(
        cls,
        others: Mapping[str, NDArray[Any]],
        counted: tuple[str, ...],
        yearly: tuple[str, ...],
        counts: Counts,
    ) -> "Flows":
        flows = cls({**others, **dict(zip(counted, counts, strict=True))})
        for name, value in (("counted", counted), ("yearly", yearly), ("counts", counts)):
            object.__setattr__(flows, name, value)
        return flows

    def with_counts(self, counts: Counts) -> "Flows":
        """Return the same week with other counts, shape (count, r, m, g)."""
        others = {name: getattr(self, name) for name in self if name not in self.counted}
        return Flows._of(others, self.counted, self.yearly, counts)

    def __setattr__(self, name: str, values: NDArray[Any]) -> None:
        raise AttributeError(f"flows are written into: flows.{name}[...] = ..., not replaced.")
