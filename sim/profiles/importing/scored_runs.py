"""Scores by run and group from the records of a log, with every problem of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

from pydantic import ValidationError

from sim.errors import listed, nearest
from sim.profiles.importing.description import (
    GROUP,
    IMAGES,
    KNOWN_BY_SOME,
    NEEDED,
    NUMBERS,
    OF_GROUPS,
    OF_RUN_BY_SOME,
    Description,
)
from sim.profiles.importing.logs import LogRecord, quoted
from sim.profiles.treatment import CONTROL, FACTORS, Treatment
from sim.scenario.problems import Problem
from sim.scenario.tree import Place

WHOLE = ("seed", "own", "test_positives", "test_negatives", "samples_trained", *IMAGES)
FEWEST_COUNTS = 3
"""Different counts of own studies above 0 that a law needs of each group."""


@dataclass(slots=True)
class ScoredRun:
    """One run: where it stands, what all its groups share, and the scores of each."""

    name: str
    place: Place
    shared: dict[str, float] = field(default_factory=dict)
    treatment: Treatment = CONTROL
    by_group: dict[str, dict[str, float]] = field(default_factory=dict)

    def counts(self, groups: Iterable[str]) -> tuple[int, ...]:
        """Return the training studies of each group."""
        return tuple(int(self.by_group[group]["own"]) for group in groups)


@dataclass(slots=True)
class LogReader:
    """Reads records as the description says, and gathers what is wrong with them."""

    asked: Description
    needed: tuple[str, ...]
    """Columns of the whole run that must be there, besides ``NEEDED``."""
    problems: list[Problem] = field(default_factory=list)

    def runs(self, entries: Sequence[LogRecord]) -> list[ScoredRun]:
        """Return the runs of a log, in its order."""
        found: dict[str, ScoredRun] = {}
        for entry in entries:
            name = self._text(entry, "run", "run_id")
            if name:
                run = found.setdefault(name, ScoredRun(name, entry.place))
                self._add(run, entry)
        return list(found.values())

    def _add(self, run: ScoredRun, entry: LogRecord) -> None:
        names = [n for n in (*NEEDED, *self.needed, *OF_RUN_BY_SOME) if n not in OF_GROUPS]
        shared = {name: self._number(entry, name) for name in names}
        treatment = self._treatment(entry)
        if not run.by_group:
            run.shared, run.treatment = shared, treatment
        other = [n for n in shared if not isnan(shared[n]) and run.shared[n] != shared[n]]
        if other or run.treatment != treatment:
            text = f"differs from the row of the same run on line {run.place.line}."
            self.problems.append(Problem(entry.place, [*other, "treatment"][0], text))
        for group in self._groups(entry):
            if group in run.by_group:
                text = f"group '{group}' of run {quoted(run.name)} is given twice."
                self.problems.append(Problem(entry.place, "group", text))
            of_group = (*OF_GROUPS, *KNOWN_BY_SOME)
            run.by_group[group] = {name: self._number(entry, name, group) for name in of_group}

    def _groups(self, entry: LogRecord) -> list[str]:
        """Return the groups that a record has scores of: all where columns are named by group."""
        groups, others = list(self.asked.groups), self.asked.not_estimable
        if any(GROUP in name for name in self.asked.columns.values()):
            return groups
        group = self._text(entry, "group")
        if group and group not in groups and group not in others:
            text = f"no group {quoted(group)} in profile.yaml.{nearest(group, groups)}"
            self.problems.append(Problem(entry.place, "group", f"{text} It has {listed(groups)}."))
        return [group] if group in groups else []

    def _treatment(self, entry: LogRecord) -> Treatment:
        given = {name: entry.find(self._called(name)) for name in FACTORS}
        try:
            return Treatment.model_validate({name: text for name, text in given.items() if text})
        except ValidationError as error:
            for one in error.errors(include_url=False):
                column = self._called(str(one["loc"][0])) if one["loc"] else "treatment"
                self.problems.append(Problem(entry.place, column, f"{one['msg']}."))
            return CONTROL

    def _called(self, name: str, group: str = "") -> str:
        return self.asked.columns.get(name, name).replace(GROUP, group)

    def _text(self, entry: LogRecord, name: str, otherwise: str = "") -> str:
        column = self._called(name)
        text = entry.find(column)
        if text is None and name not in self.asked.columns:
            text = entry.find(otherwise)
        if not text:
            self._say_missing(entry, column, is_there=text is not None)
        return text or ""

    def _say_missing(self, entry: LogRecord, column: str, *, is_there: bool) -> None:
        if is_there:
            self.problems.append(Problem(entry.place, column, "found nothing; required."))
            return
        # of a table it is told once, of its first line
        place = entry.place._replace(line=min(entry.place.line, 1))
        have = sorted(entry.values)
        text = (
            f"required, but no such column.{nearest(column, have)} It holds: {listed(have, 40)}. "
            "Where it is called otherwise, say so under 'columns' in profile.yaml."
        )
        self.problems.append(Problem(place, column, text))

    def _number(self, entry: LogRecord, name: str, group: str = "") -> float:
        """Return the number in a column; ``nan``, and a problem of it, where it has none."""
        column = self._called(name, group)
        text = entry.find(column)
        if not text:
            if name not in KNOWN_BY_SOME | OF_RUN_BY_SOME:
                self._say_missing(entry, column, is_there=text is not None)
            return float("nan")
        if wrong := _wrong(name, text):
            self.problems.append(Problem(entry.place, column, wrong))
            return float("nan")
        return float(text)


def _wrong(name: str, text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        point = " Write a decimal point." if "," in text else ""
        return f"found {quoted(text)}; must be a number.{point}"
    if wrong := NUMBERS[name].broken_by(value):
        return f"{wrong}."
    if name in WHOLE and not value.is_integer():
        return f"found {text}; must be a whole number."
    return ""


def design_problems(
    runs: Sequence[ScoredRun], groups: Sequence[str], path: str
) -> Iterator[Problem]:
    """Yield what keeps runs from saying how scores grow with studies, each with its line."""
    whole = [run for run in runs if set(run.by_group) == set(groups)]
    for run in runs:
        if missing := [group for group in groups if group not in run.by_group]:
            text = f"run {quoted(run.name)} has no row of {listed(missing)}."
            yield Problem(run.place, "group", text)
    yield from _pair_problems(whole, groups)
    plain = [run for run in whole if run.treatment == CONTROL]
    for at, group in enumerate(groups):
        counts = sorted({run.counts(groups)[at] for run in plain} - {0})
        if len(counts) < FEWEST_COUNTS:
            had = listed(list(map(str, counts))) or "no"
            text = (
                f"group '{group}' was trained with {had} studies only; a law takes at least "
                f"{FEWEST_COUNTS} different numbers above 0."
            )
            yield Problem(Place(path, 0), "own", text)


def _pair_problems(runs: Sequence[ScoredRun], groups: Sequence[str]) -> Iterator[Problem]:
    known: dict[tuple[object, ...], str] = {}
    for run in runs:
        counts = run.counts(groups)
        if not any(counts):
            yield Problem(run.place, "own", "no studies of any group: that is no training.")
        key = (run.shared["seed"], counts, run.treatment)
        if key in known:
            text = f"same counts, treatment and seed as run {quoted(known[key])}."
            yield Problem(run.place, "seed", f"{text} Give repetitions seeds of their own.")
        known[key] = run.name
    for run in runs:
        control = (run.shared["seed"], run.counts(groups), CONTROL)
        if control not in known:
            text = "treated, and there is no untreated run of the same seed and counts beside it."
            yield Problem(run.place, "treatment", text)


def shared_by_group(run: ScoredRun, groups: Sequence[str]) -> Mapping[str, int]:
    """Return the columns that say how many studies each group had."""
    return {f"n_{group}": n for group, n in zip(groups, run.counts(groups), strict=True)}
