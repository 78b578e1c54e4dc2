"""Who drew what, when several runs share a machine that has one meter."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sim.profiles.meter import ENERGIES, Meter, Reading


@dataclass(slots=True)
class Ledger:
    """Splits what the machine draws, equally over the blocks that run at that moment.

    A block begins or ends: that closes an interval, whose energy is read and split, and opens the
    next one. What all blocks got is therefore what was metered while any of them ran. Equal
    shares, as workers have equal threads and no meter tells their parts of a processor, memory or
    GPU apart; idle power, which nobody causes, is shared alike.
    """

    meter: Meter
    _open: dict[int, Reading] = field(default_factory=dict)
    _intervals: "count[int]" = field(default_factory=count)
    _current: str = ""

    def start(self, who: int) -> None:
        """Begin a block of a worker, which has one at a time."""
        self._settle()
        counted = 0.0 if self.meter.counter else None
        nothing: dict[str, Any] = dict.fromkeys(ENERGIES, 0.0)
        self._open[who] = Reading(**nothing, gpu_counter_kwh=counted)
        for reading in self._open.values():
            reading.apportioned |= len(self._open) > 1
        self._begin()

    def stop(self, who: int) -> Reading:
        """End the block of a worker and return its share; time is not filled in."""
        self._settle()
        reading = self._open.pop(who)
        self._begin()
        return reading

    def _begin(self) -> None:
        """Open an interval, unless nobody works: what is drawn then is no run's."""
        if self._open:
            self._current = f"interval {next(self._intervals)}"
            self.meter.start(self._current)

    def _settle(self) -> None:
        """Close the interval and give each block that ran in it its share."""
        if not self._open:
            return
        drawn, sharers = self.meter.stop(self._current), len(self._open)
        for reading in self._open.values():
            for name in ENERGIES:
                share = getattr(drawn, name) / sharers
                setattr(reading, name, getattr(reading, name) + share)
            if reading.gpu_counter_kwh is not None and drawn.gpu_counter_kwh is not None:
                reading.gpu_counter_kwh += drawn.gpu_counter_kwh / sharers
            else:
                reading.gpu_counter_kwh = None
