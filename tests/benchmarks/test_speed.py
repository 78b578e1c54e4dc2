"""Speed as ratios measured in one run: time per exam against peers, time against size.

Nothing here fails because a machine is slow. Tables are printed; `make bench` shows them.
"""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from sim.baseline.world import World
from sim.domain.plan import empty_plan
from sim.pipeline.run import simulate
from sim.scenario.schema import Group
from sim.units import DAYS_PER_WEEK
from tests.scenarios import build_world, fixed, scenario
from tests.small_world import fixed_response, small_world
from tests.validation.patient_level import by_patients
from tests.validation.station import Means, Station, by_counts
from tests.validation.test_imaging_ciw import by_ciw

REPEATS = 5
NATIONAL = Station(19_000.0, 10.0, 30.0, facilities=2_000)
"""A large country's arrivals: seven million a year."""
REGIONAL = Station(1_900.0, 10.0, 30.0, facilities=200)
"""A region's: the largest for which Ciw, which looks at every node at every event, is practical."""
PROVINCIAL = Station(114.0, 10.0, 30.0, facilities=12)
"""A province's."""
SMALL = Station(38.0, 10.0, 30.0, facilities=4)
"""A district's: the same load on fewer units, where the peers are at their fastest."""


@dataclass(frozen=True)
class Timing:
    """How long a piece of work took, the fastest of a few repeats, and the memory it peaked at."""

    seconds: float
    peak_mb: float


def timed(work: Callable[[], object], *, repeats: int = REPEATS) -> Timing:
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return Timing(min(seconds), peak)


def show(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


@pytest.mark.slow
def test_seconds_per_exam_against_peers() -> None:
    """Each model runs as long as it takes to be timed; time per exam does not depend on that."""
    rows, ratios, fastest = [], [], {}
    for place, station, places, peers in (
        ("4 units", SMALL, 1_000, {"SimPy": (_simpy, 60), "Ciw": (_ciw, 100)}),
        ("12 units", PROVINCIAL, 300, {"SimPy": (_simpy, 20), "Ciw": (_ciw, 30)}),
        ("200 units", REGIONAL, 1, {"SimPy": (_simpy, 4), "Ciw": (_ciw, 1)}),
        ("2,000 units", NATIONAL, 1, {"SimPy": (_simpy, 1)}),
    ):
        ours, exams = _per_exam(_counts(station, 520, places), weeks=520, repeats=REPEATS)
        ours, exams = ours / places, exams * places
        rows.append((f"{place}, counts", f"{exams:,.0f}", f"{1.0 / ours:,.0f}", "1"))
        for name, (model, weeks) in peers.items():
            theirs, exams = _per_exam(model(station, weeks=weeks), weeks=weeks, repeats=1)
            ratios.append(theirs / ours)
            fastest[name] = min(theirs, fastest.get(name, theirs))
            rows.append(
                (f"{place}, {name}", f"{exams:,.0f}", f"{1.0 / theirs:,.0f}", f"{ratios[-1]:,.0f}")
            )
    # all stations of all countries, against the peers' imaging station where that is quickest
    ours, exams = _of_a_world()
    rows.append(("all stations of the world", f"{exams:,.0f}", f"{1.0 / ours:,.0f}", "1"))
    for name, theirs in fastest.items():
        rows.append((f"imaging alone, {name}", "", f"{1.0 / theirs:,.0f}", f"{theirs / ours:,.0f}"))
    show(
        "Time per simulated exam",
        ("model", "exams", "exams per second", "time per exam, ours = 1"),
        rows,
    )
    assert min(ratios) > 0.0


def _of_a_world() -> tuple[float, float]:
    """Return seconds per exam of ten years of all countries with every station, and the exams."""
    world, set_up = world_of_five_modalities(), scenario(years=10)
    plan = empty_plan("bench", world.catalogue, world.regions, years=10, start_year=2027)
    seconds = one_replication(world, years=10).seconds
    run = simulate(world, plan, fixed_response(), scenario=set_up, seed=1, replication=0)
    exams = float(run.records.cells["exams"].sum())
    return seconds / exams, exams


def _counts(station: Station, weeks: int, places: int) -> Callable[[], Means]:
    return lambda: by_counts(station, weeks=weeks, warm_up=0, replication=0, places=places)


def _simpy(station: Station, *, weeks: int) -> Callable[[], Means]:
    return lambda: by_patients(station, weeks=weeks, warm_up=0, replication=0)


def _ciw(station: Station, *, weeks: int) -> Callable[[], Means]:
    return lambda: by_ciw(station, seed=1, days=weeks * DAYS_PER_WEEK, warm_up=0)


def _per_exam(work: Callable[[], Means], *, weeks: int, repeats: int) -> tuple[float, float]:
    """Return seconds per exam, the fastest of the repeats, and how many exams that was."""
    seconds, exams = [], 1.0
    for _ in range(repeats):
        start = time.perf_counter()
        exams = work().exams_per_day * weeks * DAYS_PER_WEEK
        seconds.append(time.perf_counter() - start)
    return min(seconds) / exams, exams


def world_of_five_modalities() -> World:
    """Return all countries, with five modalities and four groups."""
    groups = {f"group{i}": Group(share=0.25, reach=fixed(0.4)) for i in range(4)}
    names = ("chest_xray", "mammography", "ct", "mri", "fundus")
    case = scenario(regions=("all",), groups=groups, modalities=dict.fromkeys(names, 0.2))
    return build_world(case)


def one_replication(world: World, *, years: int, units: float = 0.0) -> Timing:
    """Time a run from the warm-up on, under a plan that buys ``units`` of everything."""
    plan = empty_plan("bench", world.catalogue, world.regions, years=years, start_year=2027)
    plan = replace(plan, units=np.minimum(plan.units + units, world.catalogue.max_per_year))
    set_up = scenario(years=years)
    return timed(
        lambda: simulate(world, plan, fixed_response(), scenario=set_up, seed=1, replication=0),
        repeats=3,
    )


@pytest.mark.slow
def test_seconds_of_a_replication_against_its_size() -> None:
    countries = ("KEN", "UGA", "TZA", "RWA", "BDI")
    fifty = build_world(scenario(regions=("Africa",)))
    everywhere = build_world(scenario(regions=("all",)))
    five = build_world(scenario(regions=countries))
    crowded = replace(
        five,
        care=replace(
            five.care,
            population=five.care.population * 100,
            need_per_year=five.care.need_per_year * 100,
            units=five.care.units * 100,
            reader_hours_per_year=five.care.reader_hours_per_year * 100,
        ),
        data=replace(
            five.data,
            steward_studies_per_year=five.data.steward_studies_per_year * 100,
            curator_studies_per_year=five.data.curator_studies_per_year * 100,
        ),
    )
    cases = (
        ("5 countries, 2 groups, 15 years", five, 15),
        ("population x 100", crowded, 15),
        (f"{len(fifty.regions)} countries", fifty, 15),
        (f"{len(everywhere.regions)} countries", everywhere, 15),
        ("5 countries, 30 years", five, 30),
        ("5 regions, 2 groups (made up)", small_world(5, 2), 15),
        ("5 regions, 12 groups (made up)", small_world(5, 12), 15),
    )
    timings = {name: one_replication(world, years=years) for name, world, years in cases}
    full = world_of_five_modalities()
    large = f"{len(full.regions)} countries, 5 modalities, 4 groups, 10 years"
    timings[large] = one_replication(full, years=10)
    timings[f"{large}, everything bought"] = one_replication(full, years=10, units=2.0)
    base = timings[cases[0][0]].seconds
    show(
        "One replication",
        ("world", "seconds", "times the first", "peak MB"),
        [
            (name, f"{t.seconds:.3f}", f"{t.seconds / base:.2f}", f"{t.peak_mb:.1f}")
            for name, t in timings.items()
        ],
    )
