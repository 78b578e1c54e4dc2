"""A log by person, made from the weekly counts of a run.

Stations move whole counts of every cell (region, modality, group), and know nobody by name. The
log says who came, was examined and was read when, such that it adds up to the counts
of every cell and week. Who it is follows the discipline of the stations:

- exams go to those of the cell who came first, then people renege, each who still waits with the
  same chance (patience is exponential);
- what is read with AI is a random part of the exams of the week; of what then waits for a reader
  exams lose their use, each with the same chance, and readers take those that waited longest;
- those of a cell who came, or were examined, in the same week stand in random order.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.errors import AnswerError, nearest
from sim.pipeline.account import COUNTED
from sim.pipeline.kernels.counts import Counts
from sim.pipeline.parts import Stations
from sim.pipeline.records import Run
from sim.pipeline.stations.read_with_ai import ReadWithAi
from sim.scenario.schema import Scenario, Weekly
from sim.streams import stream

MOST_PEOPLE = 5_000_000
"""People of a log: some 150 MB of memory, and as much as a file."""
NEVER = -1
"""Week of what does not happen, or happened before the first week."""
OUTCOMES_OF_PEOPLE = (
    "read with AI",
    "read without AI",
    "lost its use",
    "reneged",
    "waits for an exam",
    "waits for a reading",
)
"""What became of a person, in the last column of the log."""


def with_people(scenario: Scenario, stations: Stations) -> tuple[Scenario, Stations]:
    """Return a scenario and stations whose runs keep what ``person_log`` needs."""
    kept = Weekly(detail="cell", stations=("imaging", "reading", ReadWithAi.name))
    scenario = scenario.model_copy(update={"weekly": kept})
    return scenario, {**stations, ReadWithAi.name: ReadWithAi}


class Line(NamedTuple):
    """When people of a line entered and left it, one after the other as they came, shape (n,)."""

    entered: Counts
    done: Counts
    """``NEVER`` for those who were not served."""
    left: Counts
    """``NEVER`` for those who stayed or were served."""


def first_come(
    here: int, entered: Counts, done: Counts, left: Counts, random: np.random.Generator,
    *, served_first: bool,
) -> Line:  # fmt: skip
    """Return when each person passes a line that serves first come, first served.

    Parameters
    ----------
    here : people who wait before the first week; they entered in week ``NEVER``.
    entered, done, left : of every week, shape (w,).
    random : says who leaves: of those who wait, each with the same chance.
    served_first : whether those who leave in a week are of those whom it does not serve; else
        those who are served are of those who do not leave.
    """
    people = np.repeat(np.arange(NEVER, len(entered)), [here, *entered])
    served, gone = np.full((2, len(people)), NEVER)
    waiting, last = np.arange(here), here
    for week in np.flatnonzero(entered + done + left).tolist():
        come, last = np.arange(last, last + entered[week]), last + int(entered[week])
        waiting = np.concatenate([waiting, come])
        if served_first:
            waiting = _taken(waiting, int(done[week]), served, week)
        if left[week]:
            some = random.choice(len(waiting), int(left[week]), replace=False, shuffle=False)
            gone[waiting[some]] = week
            waiting = np.delete(waiting, some)
        if not served_first:
            waiting = _taken(waiting, int(done[week]), served, week)
    return Line(people, served, gone)


def _taken(waiting: Counts, count: int, when: Counts, week: int) -> Counts:
    """Write down a week for the first of a line, and return the others."""
    when[waiting[:count]] = week
    return waiting[count:]


class _Weeks(NamedTuple):
    """The weekly counts of a cell: who waited before, then each of shape (w,)."""

    here: int
    entered: Counts
    done: Counts
    left: Counts

    @classmethod
    def of(cls, run: Run, station: str, cell: tuple[int, int, int]) -> "_Weeks":
        series = run.records.stations[station]
        entered, done, left = (
            series.counts[(slice(None), COUNTED.index(name), *cell)]
            for name in ("entered", "done", "left")
        )
        return cls(int(series.start[cell]), entered, done, left)

    @property
    def people(self) -> int:
        """Those who are there at any time."""
        return self.here + int(self.entered.sum())


def people_of_cell(
    imaging: _Weeks, reading: _Weeks, with_ai: Counts, random: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Return arrived_week, exam_week, end_week and outcome of each person of a cell.

    Weeks that are not known are ``NEVER``; an outcome is a place in ``OUTCOMES_OF_PEOPLE``.

    Parameters
    ----------
    with_ai : exams of each week that are read with AI, shape (w,).
    """
    came, examined, reneged = first_come(*imaging, random, served_first=True)
    known = random.permutation(np.flatnonzero(examined != NEVER))
    known = known[np.argsort(examined[known], kind="stable")]
    first = np.cumsum(imaging.done) - imaging.done
    place = np.arange(len(known)) - first[examined[known]]
    by_ai = place < with_ai[examined[known]]
    # those who were examined before the first week are people, too: behind the others in the log
    before = np.arange(len(came), len(came) + reading.here)
    queue = np.concatenate([before, known[~by_ai]])
    size = len(came) + len(before)
    _, read, stale = first_come(
        reading.here, imaging.done - with_ai, reading.done - with_ai, reading.left, random,
        served_first=False,
    )  # fmt: skip
    arrived, exam, end = np.full((3, size), NEVER)
    outcome = np.full(size, OUTCOMES_OF_PEOPLE.index("waits for an exam"))
    arrived[: len(came)], exam[: len(came)] = came, examined
    for who, week, name in (
        (np.flatnonzero(reneged != NEVER), reneged[reneged != NEVER], "reneged"),
        (known[by_ai], examined[known[by_ai]], "read with AI"),
        (queue, np.full(len(queue), NEVER), "waits for a reading"),
        (queue[read != NEVER], read[read != NEVER], "read without AI"),
        (queue[stale != NEVER], stale[stale != NEVER], "lost its use"),
    ):
        end[who], outcome[who] = week, OUTCOMES_OF_PEOPLE.index(name)
    return {"arrived_week": arrived, "exam_week": exam, "end_week": end, "outcome": outcome}


def person_log(
    run: Run,
    *,
    seed: int,
    replication: int,
    regions: Sequence[str] = (),
    modalities: Sequence[str] = (),
) -> pd.DataFrame:
    """Return everybody who waited or came in a run, one row each.

    Parameters
    ----------
    run : of a scenario and stations as ``with_people`` returns them.
    seed, replication : of the run: they name the random numbers that say who it was.
    regions, modalities : which of the run's; all when not given.

    Returns
    -------
    region, modality, group; person, a number within these; arrived_week and exam_week, empty where
    that was before the first week or never was; end_week, in which the exam was read or lost its
    use, or the person reneged, empty where the person still waits; and outcome, of
    ``OUTCOMES_OF_PEOPLE``.

    Raises
    ------
    AnswerError
        For a region or modality that there is not, for more than ``MOST_PEOPLE``, and where a
        station of one's own holds exams back between imaging and reading.
    """
    world = run.world
    chosen = (
        _places("region", regions, world.regions),
        _places("modality", modalities, world.modalities),
    )
    cells = [(r, m, g) for r in chosen[0] for m in chosen[1] for g in range(len(world.groups))]
    weeks = {
        cell: (_Weeks.of(run, "imaging", cell), _Weeks.of(run, "reading", cell)) for cell in cells
    }
    if any((imaging.done != reading.entered).any() for imaging, reading in weeks.values()):
        raise AnswerError(
            "a station between imaging and reading changes which exams come to be read: whose they "
            "are is not known."
        )
    _bounded(world, {cell: one.people + other.here for cell, (one, other) in weeks.items()})
    tables = []
    for cell, (imaging, reading) in weeks.items():
        names = [axis[k] for axis, k in zip(_axes(world).values(), cell, strict=True)]
        with_ai = _Weeks.of(run, ReadWithAi.name, cell).done
        random = stream(seed, "people", *names, replication)
        tables.append(_table(world, cell, people_of_cell(imaging, reading, with_ai, random)))
    table = pd.concat(tables, ignore_index=True)
    table.attrs["units"] = dict.fromkeys(("arrived_week", "exam_week", "end_week"), "weeks")
    return table


def _axes(world: World) -> dict[str, tuple[str, ...]]:
    return {"region": world.regions, "modality": world.modalities, "group": world.groups}


def _places(what: str, names: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return where names are among those there are; everywhere when none is given."""
    for name in names:
        if name not in known:
            raise AnswerError(
                f"no {what} '{name}' in this run; it has {', '.join(known)}.{nearest(name, known)}"
            )
    return [k for k, name in enumerate(known) if not names or name in names]


def _bounded(world: World, people: dict[tuple[int, int, int], int]) -> None:
    """Refuse more people than a log can hold, and say where most of them are."""
    if (count := sum(people.values())) <= MOST_PEOPLE:
        return
    sizes: dict[str, int] = {}
    for (r, m, _), here in people.items():
        place = f"{world.regions[r]} {world.modalities[m]}"
        sizes[place] = sizes.get(place, 0) + here
    largest = sorted(sizes, key=lambda place: -sizes[place])[:3]
    shown = ", ".join(f"{place} {sizes[place]:,}" for place in largest)
    raise AnswerError(
        f"{count:,} people are more than the {MOST_PEOPLE:,} of a log: choose regions or "
        f"modalities. Most are of {shown}."
    )


def _table(
    world: World, cell: tuple[int, int, int], found: dict[str, NDArray[np.int64]]
) -> pd.DataFrame:
    """Return the rows of one cell: names as categories and small numbers, as there are millions."""
    size = len(found["outcome"])
    columns = {
        name: pd.Categorical.from_codes(np.full(size, k), categories=pd.Index(names))
        for (name, names), k in zip(_axes(world).items(), cell, strict=True)
    }
    numbers = {"person": np.arange(1, size + 1, dtype=np.int32)}
    weeks = {
        name: pd.arrays.IntegerArray(values.astype(np.int16), values == NEVER)
        for name, values in found.items()
        if name != "outcome"
    }
    kind = pd.Categorical.from_codes(found["outcome"], categories=pd.Index(OUTCOMES_OF_PEOPLE))
    return pd.DataFrame({**columns, **numbers, **weeks, "outcome": kind})
