"""codecarbon's table ``emissions.csv``, of versions 2 and 3: what each run drew."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import isnan
from pathlib import Path

from sim.baseline import tables
from sim.domain.bounds import Bounds
from sim.errors import listed, nearest
from sim.profiles.importing.description import RUN, Description
from sim.profiles.importing.logs import LogRecord, entries_of, quoted
from sim.scenario.problems import Problem, stop_if
from sim.scenario.tree import Place

ENERGIES = {
    "duration": Bounds(1e-6, 1e9, "s"),
    "emissions": Bounds(0, 1e12, "kg"),
    "cpu_energy": Bounds(0, 1e9, "kWh"),
    "gpu_energy": Bounds(0, 1e9, "kWh"),
    "ram_energy": Bounds(0, 1e9, "kWh"),
}
WORLD_MEAN = 0.475
"""kg per kWh that codecarbon takes, with one line in its log, where it does not know the grid."""
ALIKE = 1e-4
"""Relative difference below which an intensity is that mean."""
ONCE = ("codecarbon_version", "tracking_mode", "country_iso_code", "cpu_model", "gpu_model")
"""What all rows must agree on: joules by two rules, or of two machines, are no one table."""


@dataclass(frozen=True, slots=True)
class TrackedBlock:
    """What one block of work drew."""

    place: Place
    text: Mapping[str, str]
    numbers: Mapping[str, float]

    def costs(self, prefix: str, intensity: float | None) -> dict[str, float]:
        """Return seconds, kWh by part and emissions in kg, as columns of the runs.

        Not the load: what newer versions write of it is no mean of it
        (``findings/codecarbon_load_is_mean_of_zeros.sh``).
        """
        parts = {f"{part}_kwh": self.numbers[f"{part}_energy"] for part in ("cpu", "gpu", "ram")}
        kg = self.numbers["emissions"] if intensity is None else intensity * sum(parts.values())
        named = {"seconds": self.numbers["duration"], **parts, "emissions_kg": kg}
        return {f"{prefix}{name}": value for name, value in named.items()}


@dataclass(slots=True)
class EmissionsLog:
    """The rows that the description names, by what their column of projects says."""

    path: Path
    rows: dict[str, TrackedBlock] = field(default_factory=dict)

    def of(self, pattern: str, run: str) -> TrackedBlock | None:
        """Return the row of a run, ``None`` without one."""
        return self.rows.get(pattern.replace(RUN, run))

    @property
    def first(self) -> Mapping[str, str]:
        """The texts that all rows have in common, and those of the first."""
        return next(iter(self.rows.values())).text


def read_emissions(path: Path, asked: Description, runs: Iterable[str]) -> EmissionsLog:
    """Return the rows of codecarbon's table that are of the runs, checked.

    Raises
    ------
    ScenarioError
        With every problem: columns and runs that are missing, numbers that cannot be, several
        trackers of one project, several versions, machines or grids, a grid that codecarbon did
        not know, and a PUE other than 1, which is in all energies.
    """
    entries = entries_of(path)
    patterns = [asked.emissions_of.training, asked.emissions_of.inference]
    wanted = {p.replace(RUN, run) for p in patterns if p is not None for run in runs}
    problems: list[Problem] = []
    log = EmissionsLog(path)
    column = asked.emissions_of.column
    missing = [name for name in (column, *ENERGIES) if name not in entries[0].values]
    if missing:
        head = Place(str(path), 1)
        stop_if([Problem(head, name, _missing(name, entries[0])) for name in missing], file=head[0])
    tracker: dict[str, str] = {}
    for entry in entries:
        name = entry.values[column].strip()
        if name not in wanted:
            continue
        own = entry.values.get("run_id", "")
        if tracker.setdefault(name, own) != own:
            problems.append(Problem(entry.place, column, _several(name)))
        problems += _wrong(entry)
        log.rows[name] = _drawn(entry)  # a tracker that flushes writes a row each time: all so far
    absent = sorted(wanted - set(log.rows))
    if absent:
        there = listed(sorted({e.values[column].strip() for e in entries}), 5)
        text = f"no row for {listed(absent, 5)}. It holds {there}."
        problems.append(Problem(Place(str(path), 0), column, text))
    problems += _differing(log)
    problems += _grids(log, asked)
    stop_if(problems, file=str(path))
    return log


def _missing(name: str, entry: LogRecord) -> str:
    close = nearest(name, entry.values)
    return f"required, but no such column.{close} It holds: {listed(sorted(entry.values), 40)}."


def _several(name: str) -> str:
    return (
        f"{quoted(name)} has rows of several trackers (run_id). Give each block of "
        "work a project name of its own, or remove the rows that do not count."
    )


def _wrong(entry: LogRecord) -> Iterator[Problem]:
    for name, bounds in ENERGIES.items():
        value = _number(entry.values[name])
        if wrong := bounds.broken_by(value):
            found = quoted(entry.values[name])
            text = f"found {found}; must be a number." if isnan(value) else wrong
            yield Problem(entry.place, name, text)
    pue = entry.values.get("pue", "").strip()
    if pue and _number(pue) != 1.0:
        text = f"found {quoted(pue)}: the energies hold what cools the building; must be 1."
        yield Problem(entry.place, "pue", text)


def _drawn(entry: LogRecord) -> TrackedBlock:
    numbers = {name: _number(entry.values[name]) for name in ENERGIES}
    return TrackedBlock(entry.place, {k: v.strip() for k, v in entry.values.items()}, numbers)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _differing(log: EmissionsLog) -> Iterator[Problem]:
    """Yield the first row that differs from the one before in what all must share."""
    rows = list(log.rows.values())
    for name in ONCE:
        for before, row in pairwise(rows):
            was, now = before.text.get(name, ""), row.text.get(name, "")
            if was != now:
                why = {
                    "codecarbon_version": "rules for power differ between versions",
                    "tracking_mode": "one draws for the process, the other for the machine",
                }.get(name, "an image costs something else there")
                text = f"found {quoted(now)}, and {quoted(was)} before: {why}."
                yield Problem(row.place, name, text)
                break


def _grids(log: EmissionsLog, asked: Description) -> Iterator[Problem]:
    """Yield the first row whose grid nobody knows, unless the description states an intensity."""
    if asked.kg_co2e_per_kwh is not None:
        return
    for row in log.rows.values():
        code = row.text.get("country_iso_code", "")
        kwh = sum(row.numbers[f"{part}_energy"] for part in ("cpu", "gpu", "ram"))
        took_mean = kwh > 0 and abs(row.numbers["emissions"] / kwh / WORLD_MEAN - 1) < ALIKE
        if code not in tables.countries().index or took_mean:
            how = f" and took the mean of the world, {WORLD_MEAN} kg/kWh" if took_mean else ""
            text = (
                f"found {quoted(code)}: codecarbon knew no grid of that{how}. State 'country' "
                "and 'kg_co2e_per_kwh' in profile.yaml."
            )
            yield Problem(row.place, "country_iso_code", text)
            return
