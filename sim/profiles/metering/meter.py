"""What a block of work draws from the wall, and who else drew meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import getLogger
from math import nan
from time import perf_counter, process_time, sleep
from typing import Any
from unittest.mock import patch

import psutil  # type: ignore[import-untyped] # comes with codecarbon
from codecarbon import OfflineEmissionsTracker, emissions_tracker
from codecarbon.input import DataSource

from sim.errors import ProfileError, nearest
from sim.profiles.metering import power
from sim.profiles.metering.energy import ALONE
from sim.profiles.metering.gpu_counter import EnergyCounter, kwh_between
from sim.profiles.metering.register import Register
from sim.profiles.metering.sharing import Share, watched
from sim.units import JOULES_PER_KWH

IDLE_SECONDS = 2.0
"""How long the machine is watched doing nothing."""
ENERGIES = ("cpu_kwh", "gpu_kwh", "ram_kwh", "emissions_kg", "gpu_counter_kwh")
"""Fields of a reading that add up over intervals."""


@dataclass(slots=True)
class Reading:
    """Energy, emissions and time of one block; ``nan`` until the block has ended."""

    seconds: float = nan
    cpu_kwh: float = nan
    gpu_kwh: float = nan
    ram_kwh: float = nan
    emissions_kg: float = nan
    other_cores: float = nan
    """Mean number of processor cores that other processes kept busy meanwhile."""
    gpu_counter_kwh: float = nan
    """What the GPU's own counter says; ``nan`` where there is none."""
    cpu_load: float = nan
    """Mean share of the machine's processor cores that were busy, 0 to 1."""
    apportioned: bool = False
    """Whether other blocks ran meanwhile: the energy is then a share of what all of them drew."""

    @property
    def kwh(self) -> float:
        """Energy of the whole machine, idle included."""
        return self.cpu_kwh + self.gpu_kwh + self.ram_kwh


@dataclass(slots=True)
class Meter:
    """A codecarbon tracker for the whole machine, without network, files or settings of the user.

    Raises ``ProfileError`` for a country whose grid codecarbon does not know: it would take the
    mean of the world.
    """

    country: str
    counter: EnergyCounter | None = None
    """Read beside the tracker, as a check of it."""
    register: Register = field(default_factory=Register)
    """Blocks that share the machine."""
    _tracker: Any = field(init=False)
    _start: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # The level of the tracker itself starts too late for its first two lines.
        getLogger("codecarbon").setLevel("ERROR")
        grids = DataSource().get_global_energy_mix_data()  # type: ignore[no-untyped-call]
        if self.country not in grids:
            raise ProfileError(
                f"country '{self.country}': codecarbon knows no electricity grid of that ISO 3166 "
                f"alpha-3 code.{nearest(self.country, grids)}"
            )
        # settings for the user's other projects, in files and variables, would change watts
        with patch.object(emissions_tracker, "get_hierarchical_config", dict):
            self._tracker = OfflineEmissionsTracker(
                country_iso_code=self.country,
                output_methods=[],
                log_level="error",
                tracking_mode="machine",
                measure_power_secs=5,
                allow_multiple_runs=True,
            )

    @contextmanager
    def block(self) -> Iterator[Reading]:
        """Measure a block of work; the reading is complete when the block has ended."""
        reading, share = Reading(), Share(self, self.register)
        try:
            with self.register.entered(), watched(share), _timed(reading):
                yield reading
        finally:
            reading.apportioned = share.apportioned
            for name, amount in share.drawn.items():
                setattr(reading, name, amount)

    def start(self) -> None:
        """Begin an interval; one at a time."""
        self._tracker.start_task()
        self._start = self._counted()

    def stop(self) -> dict[str, float]:
        """End the interval and return what the whole machine drew in it, by field of a reading."""
        counted = kwh_between(self._start, self._counted())
        used = self._tracker.stop_task()
        if used is None:  # codecarbon logs its own failures and returns nothing
            return dict.fromkeys(ENERGIES, nan)
        return {
            "cpu_kwh": float(used.cpu_energy),
            "gpu_kwh": float(used.gpu_energy),
            "ram_kwh": float(used.ram_energy),
            "emissions_kg": float(used.emissions),
            "gpu_counter_kwh": counted,
        }

    def idle_watts(self) -> float:
        """Return the power of the idle machine by the same tracker; nan where it is not idle."""
        with self.block() as reading:
            sleep(IDLE_SECONDS)
        busy = reading.apportioned or reading.other_cores > ALONE
        return nan if busy else reading.kwh * JOULES_PER_KWH / reading.seconds

    def _counted(self) -> float | None:
        return self.counter.millijoules() if self.counter else None

    def sources(self) -> dict[str, str | None]:
        """Return how the power of each part of the machine is known; after the first block."""
        return power.sources_of(self._tracker._hardware)

    def words(self) -> str:
        """Return codecarbon's own words for it; after the first block."""
        return power.words(self._tracker._hardware)


@contextmanager
def _timed(reading: Reading) -> Iterator[None]:
    """Fill in how long the block took, how busy the machine was, and others on it meanwhile."""
    start, (busy, passed), own = perf_counter(), _processor_seconds(), process_time()
    try:
        yield
    finally:
        reading.seconds = perf_counter() - start
        busy_now, passed_now = _processor_seconds()
        used, spent = max(0.0, busy_now - busy), passed_now - passed
        reading.other_cores = max(0.0, used - (process_time() - own)) / reading.seconds
        reading.cpu_load = min(used / spent, 1.0) if spent > 0 else nan


def _processor_seconds() -> tuple[float, float]:
    """Return the seconds since the machine started: of its busy cores, and of all of them."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    passed = float(sum(times))
    return passed - idle, passed
