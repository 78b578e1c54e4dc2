"""The assumption register: what a gain rests on, by how its inputs are known and where from.

As what a lead hangs on, it is told by a regression on the draws: nothing is simulated for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from sim.answers.intervals import FEWEST_DRAWS
from sim.answers.sensitivity import explained
from sim.streams import stream
from sim.studies.knowledge import UNKNOWN, Unknowns, told_by_chance_in_twenty

STATUS, ORIGIN = "status", "origin"
"""Kinds of rows beside single unknowns: how inputs are known, and whose numbers they are."""
PRICES = "prices"
"""Topic of what is taken as planned, so that it moves no coverage."""
WEAKEST_FIRST = ("assumed", "imputed", "calibrated", "published", "measured")
"""An unknown of several inputs is as good as the weakest."""
OWN, ALIKE, ELSEWHERE = "own country", "income group, or all alike", "carried over from elsewhere"
"""Whose numbers inputs are: a country's or the scenario's own; one for all countries of an income
group, or for all; and imputed from other countries, or measured on images of other places."""
REGISTER_COLUMNS = ("kind", "what", "status", "origin", "unknowns", "share", "low", "high",
                    "chance", "source", "draws")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """What one unknown rests on."""

    status: str
    origin: str
    source: str


def register_table(
    gain: pd.Series, unknowns: Unknowns, bases: Mapping[str, Basis], *, seed: int
) -> pd.DataFrame:
    """Return what share of the variance of a gain rests on what kind of inputs.

    Parameters
    ----------
    gain : by draw.
    bases : of every unknown, by its name.
    seed : of the bootstrap.

    Returns
    -------
    kind, what, status and origin (of single unknowns), unknowns (their number), share (of the
    variance that they tell of draws not seen, 0 to 1) with its 95% interval, chance (what they tell
    by chance in one case of twenty; of single unknowns the best of them), source and draws. What
    no kind tells is in joint effects, in chance, and in what few draws cannot tell.
    """
    if len(gain) < FEWEST_DRAWS or not unknowns.topics:
        return pd.DataFrame(columns=list(REGISTER_COLUMNS))
    moving = [name for name, topic in unknowns.topics.items() if topic != PRICES]
    groups: list[tuple[str, str, Basis, list[str]]] = []
    for kind, order in ((STATUS, WEAKEST_FIRST), (ORIGIN, (OWN, ALIKE, ELSEWHERE))):
        for what in order:
            names = [name for name in moving if getattr(bases[name], kind) == what]
            groups.append((kind, what, Basis("", "", ""), names))
    groups += [(UNKNOWN, name, bases[name], [name]) for name in moving]
    groups = [group for group in groups if group[-1]]
    rows, y = [], gain.to_numpy(float)
    drawn = [unknowns.drawn[names].to_numpy(float) for *_, names in groups]
    kinds = [kind for kind, *_ in groups]
    chances = told_by_chance_in_twenty(
        list(zip(kinds, drawn, strict=True)), y, seed=seed, about="register"
    )
    for (kind, what, basis, names), x, chance in zip(groups, drawn, chances, strict=True):
        share = explained(x, y, stream(seed, "register", kind, what))
        rows.append((kind, what, basis.status, basis.origin, len(names), *share, chance,
                     basis.source, len(gain)))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(REGISTER_COLUMNS))
    single = table["kind"] == UNKNOWN
    ordered = table[single].sort_values("share", ascending=False, kind="stable")
    return pd.concat([table[~single], ordered], ignore_index=True)


def bases_of(
    sample: pd.DataFrame, inputs: pd.DataFrame, *, places: Collection[str], level: Basis
) -> dict[str, Basis]:
    """Return what every unknown rests on, by the names of its inputs.

    Parameters
    ----------
    sample, inputs : of ``StudyResult``.
    places : codes of regions and countries whose own numbers may be there.
    level : of the level of error, which is no row of ``inputs``.
    """
    known = inputs.drop_duplicates("name").set_index("name")
    found: dict[str, list[tuple[str, Basis]]] = {}
    for row in sample.drop_duplicates("parameter").itertuples():
        name = str(row.parameter)
        found.setdefault(str(row.unknown), []).append((name, _basis(name, known, places, level)))
    return {
        name: min(some, key=lambda one: WEAKEST_FIRST.index(one[1].status))[1]
        for some in found.values()
        for name, _ in some
    }


def _basis(name: str, known: pd.DataFrame, places: Collection[str], level: Basis) -> Basis:
    if name == "level":
        return level
    if name not in known.index:  # the constants of the profile's law
        return Basis("measured", ELSEWHERE, "the profile's training runs")
    status, source = str(known.loc[name, "status"]), str(known.loc[name, "source"])
    if status in ("imputed", "measured"):
        return Basis(status, ELSEWHERE, source)
    first = name.split(".", maxsplit=1)[0]
    return Basis(status, OWN if first in places or first == "groups" else ALIKE, source)
