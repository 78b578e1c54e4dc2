"""What a block of work draws from the wall, and who else drew meanwhile."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from logging import getLogger
from time import perf_counter, process_time, sleep
from typing import Protocol

from sim.profiles import power
from sim.profiles.counter import Counter, kwh_between
from sim.units import JOULES_PER_KWH

IDLE_SECONDS = 2.0
"""How long the machine is watched doing nothing."""
ENERGIES = ("cpu_kwh", "gpu_kwh", "ram_kwh", "emissions_kg")
"""Fields of a reading that add up over intervals."""


@dataclass(slots=True)
class Reading:
    """Energy, emissions and time of one block; ``nan`` until the block has ended."""

    seconds: float = float("nan")
    cpu_kwh: float = float("nan")
    gpu_kwh: float = float("nan")
    ram_kwh: float = float("nan")
    emissions_kg: float = float("nan")
    other_cores: float = float("nan")
    """Mean number of processor cores that other processes kept busy meanwhile."""
    gpu_counter_kwh: float | None = None
    """What the GPU's own counter says; ``None`` where there is none."""
    apportioned: bool = False
    """Whether other blocks ran meanwhile: the energy is then a share of what all of them drew."""

    @property
    def kwh(self) -> float:
        """Energy of the whole machine, idle included."""
        return self.cpu_kwh + self.gpu_kwh + self.ram_kwh


class BlockMeter(Protocol):
    """Something that says what a block of work drew."""

    def block(self, name: str) -> AbstractContextManager[Reading]:
        """Measure the block; the reading is complete when the block has ended."""


@dataclass(slots=True)
class Meter:
    """A codecarbon tracker for the whole machine, without network or files."""

    country: str
    counter: Counter | None = None
    """Read beside the tracker, as a check of it."""
    _tracker: object = field(init=False)
    _start: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        from codecarbon import OfflineEmissionsTracker  # noqa: PLC0415

        # The level of the tracker itself starts too late for its first two lines.
        getLogger("codecarbon").setLevel("ERROR")
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=self.country,
            output_methods=[],
            log_level="error",
            tracking_mode="machine",
            measure_power_secs=5,
            allow_multiple_runs=True,
        )

    @contextmanager
    def block(self, name: str) -> Iterator[Reading]:
        """Measure the block; the reading is complete when the block has ended."""
        reading = Reading()
        self.start(name)
        try:
            with timed(reading):
                yield reading
        finally:
            take_energy(reading, self.stop(name))

    def start(self, name: str) -> None:
        """Begin an interval; one at a time."""
        self._tracker.start_task(name)  # type: ignore[attr-defined]
        self._start = self._counted()

    def stop(self, name: str) -> Reading:
        """End the interval and return what the whole machine drew in it; time is not filled in."""
        reading = Reading(gpu_counter_kwh=kwh_between(self._start, self._counted()))
        # codecarbon logs its own failures and returns nothing: the reading then stays nan.
        used = self._tracker.stop_task(name)  # type: ignore[attr-defined]
        if used is not None:
            reading.cpu_kwh = float(used.cpu_energy)
            reading.gpu_kwh = float(used.gpu_energy)
            reading.ram_kwh = float(used.ram_energy)
            reading.emissions_kg = float(used.emissions)
        return reading

    def idle_watts(self) -> float:
        """Return the power of the machine while this process waits, by the same tracker."""
        with self.block("idle") as reading:
            sleep(IDLE_SECONDS)
        return reading.kwh * JOULES_PER_KWH / reading.seconds

    def _counted(self) -> float | None:
        return self.counter.millijoules() if self.counter else None

    def close(self) -> None:
        """Stop the tracker's thread."""
        self._tracker.stop()  # type: ignore[attr-defined]

    def sources(self) -> dict[str, str | None]:
        """Return how the power of each part of the machine is known; after the first block."""
        return power.sources_of(self._tracker._hardware)  # type: ignore[attr-defined]

    def words(self) -> str:
        """Return codecarbon's own words for it; after the first block."""
        return power.words(self._tracker._hardware)  # type: ignore[attr-defined]


@contextmanager
def timed(reading: Reading) -> Iterator[None]:
    """Fill in how long the block took, and what other processes did meanwhile."""
    start, others = perf_counter(), _busy_elsewhere()
    try:
        yield
    finally:
        reading.seconds = perf_counter() - start
        reading.other_cores = max(0.0, _busy_elsewhere() - others) / reading.seconds


def take_energy(reading: Reading, drawn: Reading) -> None:
    """Fill in a reading's energy from another's, which knows no time."""
    for name in (*ENERGIES, "gpu_counter_kwh", "apportioned"):
        setattr(reading, name, getattr(drawn, name))


def _busy_elsewhere() -> float:
    """Return processor seconds that other processes have used since the machine started."""
    import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - comes with codecarbon

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return float(sum(times) - idle - process_time())
