"""Every error this package raises on purpose, and the exit code each one ends with.

SimError
├── ScenarioError       exit 2   the scenario file cannot be used: fix the file
├── TableError          exit 2   a baseline table, or a name looked up in it, is wrong
├── ProfileError        exit 2   a measured profile is missing or cannot be measured here
├── RunFolderError      exit 2   a run's folder cannot be read, written or overwritten
├── LanguageError       exit 2   a language that there is not, or a catalogue with a fault
├── StationError        exit 2   a station of one's own cannot take its place
├── RegistryError       exit 2   a rule, outcome or objective that there is not, or a taken name
├── ExecutorError       exit 2   workers cannot be had, or are lost again and again
├── AnswerError         exit 2   an answer cannot be had from this study as it was asked for
├── CalibrationError    exit 2   calibration cannot run as it was asked to
│   └── NoMatchError    exit 3   no values within the ranges match the targets
└── PlanError           exit 3   no usable plan
    ├── InfeasibleError          the constraints exclude every plan
    └── UnsolvedError            the solver came to no end within its limits

Programming mistakes stay ``ValueError`` and ``TypeError`` and are not caught.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Self

MOST_SHOWN = 12
"""Names, or clashing constraints, that a message lists."""
LONGEST_LINE = 1_000
"""Characters of a message's line that are shown."""
LONGEST_NAME = 100
"""Characters of a name for which a likely spelling is looked for."""


class SimError(Exception):
    """Base of every error raised on purpose; ends a command with ``exit_code``."""

    exit_code = 2


class ScenarioError(SimError):
    """The scenario cannot be used; the message lists every problem with its line and key.

    What it quotes is somebody's file: no line of it is longer than ``LONGEST_LINE``.
    """

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(cut(line, LONGEST_LINE) for line in message.split("\n")))


class TableError(SimError):
    """A baseline table breaks its schema, or a name is not in it."""


class ProfileError(SimError):
    """A measured profile is missing, broken, or cannot be measured on this machine."""


class RunFolderError(SimError):
    """A run's folder is missing, incomplete, in the way, or cannot be written."""


class LanguageError(SimError):
    """A language of reports that there is not, or a catalogue of words that cannot be used."""


class StationError(SimError):
    """A station of one's own cannot take the place of a shipped one, or loses what it counts."""


class RegistryError(SimError):
    """A rule, outcome or objective that there is not, or a name of one's own that is taken."""


class ExecutorError(SimError):
    """Workers cannot be had, do not fit this installation, or are lost again and again."""


class AnswerError(SimError):
    """An answer cannot be had from this study, or on this machine, as it was asked for."""


class CalibrationError(SimError):
    """Calibration cannot run as it was asked to."""


class NoMatchError(CalibrationError):
    """No values within the ranges match the targets; the message says the nearest miss."""

    exit_code = 3

    def __init__(
        self, missed: Sequence[str], tried: Sequence[str], *, trials: int, limit: float
    ) -> None:
        self.missed, self.tried = tuple(missed), tuple(tried)
        found = "\n  ".join(missed)
        at = "\n  ".join(tried)
        super().__init__(
            f"none of {trials} trials comes within {limit:g} standard deviations (sd) of every "
            f"target. The nearest:\n  {found}\nat\n  {at}\n"
            "Let more inputs move, widen a range with its reason, or look for what the model "
            "leaves out."
        )


class PlanError(SimError):
    """A plan is missing, contradictory or not proven."""

    exit_code = 3


class InfeasibleError(PlanError):
    """No plan meets every constraint; ``conflict`` names those that clash."""

    def __init__(self, conflict: tuple[str, ...]) -> None:
        self.conflict = conflict
        super().__init__(f"no plan meets all of: {listed(conflict)}. Relax one of them.")

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...]]]:
        """Travel between processes by the conflict, not by the message made of it."""
        return type(self), (self.conflict,)


class UnsolvedError(PlanError):
    """The solver ended without a solution, though there may be one; the message says at what."""


def cut(text: str, most: int) -> str:
    """Return a text, or its beginning where it is longer than so many characters.

    >>> cut("abcdef", 3), cut("abc", 3)
    ('abc...', 'abc')
    """
    return text if len(text) <= most else f"{text[:most]}..."


def listed(names: Sequence[str], most: int = MOST_SHOWN) -> str:
    """Return names for a message: the first few, and how many more there are.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(cut(name, LONGEST_NAME) for name in names[:most]) + more


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest allowed spelling, or an empty string.

    >>> nearest("dermoscpy", ["dermoscopy", "fundus"])
    " Did you mean 'dermoscopy'?"
    >>> nearest("buget", ["budget_usd_per_year", "horizon"])
    " Did you mean 'budget_usd_per_year'?"
    >>> nearest("zzz", ["dermoscopy"])
    ''
    """
    if len(name) > LONGEST_NAME:  # no misspelt word, and slow to compare
        return ""
    names = list(allowed)
    # a long name is also recognised by how it begins
    beginnings = {long[: len(name) + 1]: long for long in reversed(names)}
    close = get_close_matches(name, names, n=1)
    close = close or [beginnings[start] for start in get_close_matches(name, beginnings, n=1)]
    return f" Did you mean '{close[0]}'?" if close else ""
