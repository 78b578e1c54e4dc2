"""Who drew what, when several runs share a machine whose meter reads all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Protocol

LOOK_EVERY_S = 0.1
"""Seconds between two looks at who else runs: so late it is noticed that another begins or ends."""


class BlockCount(Protocol):
    """Something that knows how many share the machine."""

    def count(self) -> int:
        """Return how many blocks run now."""


class IntervalMeter(Protocol):
    """Something that reads what the whole machine draws."""

    def start(self) -> None:
        """Begin an interval; one at a time."""

    def stop(self) -> dict[str, float]:
        """End the interval and return what was drawn in it, by quantity."""


@dataclass(slots=True)
class Share:
    """What one block is charged: an equal part of what the machine draws while it runs.

    The time of a block falls into intervals in which the same number of blocks run. Of what is
    drawn in each, every block that runs takes an equal part; each reads the same machine, so that
    the parts of all add up to what was drawn while any ran. Equal parts, as workers have equal
    threads and no meter tells their parts of a processor, memory or GPU apart; idle power, which
    nobody causes, is shared alike.
    """

    meter: IntervalMeter
    register: BlockCount
    drawn: dict[str, float] = field(default_factory=dict)
    """By quantity, so far."""
    apportioned: bool = False
    """Whether others ran meanwhile."""
    _among: int = 1

    def start(self) -> None:
        """Begin the block, which is in the register."""
        self._begin(self.register.count())

    def look(self) -> None:
        """Begin another interval if others have begun or ended."""
        now = self.register.count()
        if now != self._among:
            self.stop()
            self._begin(now)

    def stop(self) -> None:
        """End the block, or an interval of it."""
        for name, amount in self.meter.stop().items():
            self.drawn[name] = self.drawn.get(name, 0.0) + amount / self._among

    def _begin(self, among: int) -> None:
        self._among = max(among, 1)
        self.apportioned |= self._among > 1
        self.meter.start()


@contextmanager
def watched(share: Share) -> Iterator[None]:
    """Let a block be charged its share while it runs."""
    ended = Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            share.look()

    share.start()
    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        share.stop()
