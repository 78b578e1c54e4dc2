"""Check the names in a scenario against those that there are, and write regions by their codes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

from sim.domain.bounds import Bounds
from sim.errors import LONGEST_NAME, ScenarioError, cut, nearest
from sim.scenario.problems import Problem, unknown
from sim.scenario.schema import Scenario
from sim.scenario.tree import Node

NAMED = {
    "policy_steps.*.regions.*": "regions",
    "levers.*.regions.*": "regions",
    "capacity_calendar.*.regions.*": "regions",
    "capacity_calendar.*.modalities.*": "modalities",
    "capacity_calendar.*.professions.*": "professions",
    "supplies.*.modality": "modalities",
    "supplies.*.regions.*": "regions",
    "tele_reading.*.by": "regions",
    "tele_reading.*.serves.*": "regions",
    "backlog.*.*": "cells",
    "treasury.spending.*.regions.*": "areas",
    "treasury.spending.*.groups.*": "groups",
    "treasury.outcomes.*": "outcomes",
}
"""What is named where, by dotted path: ``*`` is any key, or any place in a list."""
PLACES = frozenset(
    tuple(path.removesuffix(".*").split("."))
    for path, kind in {"regions.*": "regions", **NAMED}.items()
    if kind in ("regions", "areas")
)
"""Where regions are named: there, the name of a country stands for its code."""
ROUTES = frozenset(place[:end] for place in PLACES for end in range(1, len(place) + 1))
ROUTES |= {("overrides",)}


@dataclass(frozen=True, slots=True)
class Names:
    """Names that only the tables and the profiles know; a scenario may use no others."""

    regions: Mapping[str, str]
    """What ``regions`` may hold, with the name in words: KEN, Kenya."""
    profiles: Mapping[str, str]
    """Profiles that come with the package, with the modality that each was measured on."""
    overrides: Callable[[Scenario], Mapping[str, Bounds]]
    """Dotted names of the baseline values that a scenario may replace, and their bounds."""
    places: Callable[[Scenario], Collection[str]]
    """Regions that the scenario is about, by code: countries, or groups of them."""
    areas: Callable[[Scenario], Collection[str]]
    """The same, and the groups of countries that any of them belongs to."""
    professions: Callable[[Scenario], Collection[str]]
    """Professions that read the scenario's modalities."""
    outcomes: Collection[str]
    """What may be limited as simulated."""
    choices: Mapping[str, Mapping[str, str]]
    """What fields by dotted key may hold, with the meaning of each name in a few words or none."""


ALLOWED: Mapping[str, Callable[[Scenario, Names], Collection[str]]] = {
    "regions": lambda scenario, names: names.places(scenario),
    "areas": lambda scenario, names: names.areas(scenario),
    "modalities": lambda scenario, _: scenario.modalities,
    "professions": lambda scenario, names: names.professions(scenario),
    "groups": lambda scenario, _: scenario.groups,
    "outcomes": lambda _, names: names.outcomes,
    "cells": lambda scenario, names: [
        f"{region}.{modality}"
        for region in names.places(scenario)
        for modality in scenario.modalities
    ],
}
"""What each kind of ``NAMED`` may be called in a scenario."""


def with_codes(tree: Node, names: Names) -> Node:
    """Return a tree with codes for the names of countries, wherever regions are named."""
    return _coded(tree, _spellings(names.regions))


def tree_problems(tree: Node, names: Names) -> list[Problem]:
    """Return regions, profiles and choices that there are not."""
    return [
        *_region_problems(tree, names),
        *_profile_problems(tree, names),
        *_choice_problems(tree, names),
    ]


def scenario_problems(scenario: Scenario, tree: Node, names: Names) -> list[Problem]:
    """Return what a scenario, valid by itself, names that it has not, or may not use."""
    return [
        *_override_problems(scenario, tree, names),
        *_named_problems(scenario, tree, names),
        *_transport_problems(scenario, tree, names),
    ]


def _spellings(regions: Mapping[str, str]) -> dict[str, str]:
    """Return the code of every region by code and by name, whatever the case."""
    spelt = {words.casefold(): code for code, words in regions.items()}
    return spelt | {code.casefold(): code for code in regions}


def _coded(node: Node, codes: Mapping[str, str], path: tuple[str, ...] = ()) -> Node:
    """Return a tree with codes for the names of countries, wherever regions are named.

    Parameters
    ----------
    path : keys that lead to the node, ``*`` for what is a list's or of one's own naming.
    """

    def code_of(value: object) -> Any:
        return codes.get(value.casefold(), value) if isinstance(value, str) else value

    stated, value = path in PLACES, node.value
    if isinstance(value, dict):
        entries: dict[str, Node] = {}
        for key, below in value.items():
            name = str(code_of(key)) if stated else key
            name = _coded_name(key, codes) if path == ("overrides",) else name
            if name in entries:
                first = entries[name].place
                raise ScenarioError(f"{below.place}: '{key}' is already given at {first}.")
            at = (*path, key if (*path, key) in ROUTES else "*")
            entries[name] = _coded(below, codes, at)
        return Node(node.place, entries)
    if isinstance(value, list):
        at = path if stated else (*path, "*")
        return Node(node.place, [_coded(below, codes, at) for below in value])
    return Node(node.place, code_of(value)) if stated else node


def _coded_name(name: str, codes: Mapping[str, str]) -> str:
    """Return the dotted name of a baseline value with a code for the name of its country.

    >>> _coded_name("St. Lucia.population", {"st. lucia": "LCA"})
    'LCA.population'
    """
    dots = [at for at, sign in enumerate(name) if sign == "."]
    found = ((at, codes.get(name[:at].casefold())) for at in dots)
    return next((f"{code}{name[at:]}" for at, code in found if code), name)


def _region_problems(tree: Node, names: Names) -> Iterator[Problem]:
    regions = tree.descend(("regions",))[0].value
    if not isinstance(regions, list):
        return
    for at, node in enumerate(regions):
        if isinstance(node.value, str) and node.value not in names.regions:
            reason = f"unknown region '{cut(node.value, LONGEST_NAME)}'."
            hint = partial(_region_hint, node.value, names.regions)
            yield Problem(node.place, f"regions.{at}", reason, hint)


def _region_hint(name: str, regions: Mapping[str, str]) -> str:
    """Return which region a name or a code is nearest to, and what is allowed."""
    spelt = _spellings(regions)
    close = [] if len(name) > LONGEST_NAME else get_close_matches(name.casefold(), spelt, n=1)
    hint = f" Did you mean '{spelt[close[0]]}'?" if close else ""
    return f"{hint} Allowed: an ISO 3166 alpha-3 code, LIC, LMC, UMC, HIC, a UN subregion, or all."


def _profile_problems(tree: Node, names: Names) -> Iterator[Problem]:
    node, path = tree.descend(("profile",))
    shipped = isinstance(node.value, str) and "/" not in node.value
    if path and shipped and node.value not in names.profiles:
        reason = f"no such profile. {unknown(str(node.value), names.profiles)}"
        yield Problem(node.place, "profile", f"{reason} A folder is written './{node.value}'.")


def _choice_problems(tree: Node, names: Names) -> Iterator[Problem]:
    for key, known in names.choices.items():
        keys = tuple(key.split("."))
        node, path = tree.descend(keys)
        if path != keys:
            continue
        entries = enumerate(node.value) if isinstance(node.value, list) else [("", node)]
        for at, one in entries:
            if isinstance(one.value, str) and one.value not in known:
                reason = f"found '{cut(one.value, LONGEST_NAME)}'. "
                hint = partial(unknown, one.value, known)
                yield Problem(one.place, f"{key}.{at}".rstrip("."), reason, hint)


def _override_problems(scenario: Scenario, tree: Node, names: Names) -> Iterator[Problem]:
    """Yield overrides of what there is not, and values beyond their bounds."""
    known = names.overrides(scenario) if scenario.overrides else {}
    for name, given in scenario.overrides.items():
        if name not in known:
            place = tree.descend(("overrides", name))[0].place
            hint = partial(nearest, name, known)
            reason = "no such baseline value in this scenario."
            yield Problem(place, f"overrides.{name}", reason, hint)
            continue
        for field in ("value", "low", "high", "sample"):
            value = getattr(given, field)
            values = value if isinstance(value, tuple) else () if value is None else (value,)
            if wrong := known[name].broken_by(*values):
                place = tree.descend(("overrides", name, field))[0].place
                yield Problem(place, f"overrides.{name}.{field}", f"{wrong}.")
        if given.unit and given.unit.casefold() != (unit := known[name].unit).casefold():
            place = tree.descend(("overrides", name, "unit"))[0].place
            reason = f"found '{given.unit}'; the table has '{unit}': convert the number."
            yield Problem(place, f"overrides.{name}.unit", reason)


def _named_problems(scenario: Scenario, tree: Node, names: Names) -> Iterator[Problem]:
    """Yield regions, groups, queues and outcomes of steps and limits that the scenario lacks."""
    for route, kind in NAMED.items():
        if not (stated := list(_stated(scenario, route.split(".")))):
            continue
        allowed = ALLOWED[kind](scenario, names)
        for path, name in stated:
            if name not in allowed:
                reason = f"'{cut(name, LONGEST_NAME)}' is not in this scenario. "
                hint = partial(unknown, name, allowed)
                yield Problem(tree.descend(path)[0].place, ".".join(map(str, path)), reason, hint)


def _stated(part: Any, route: Sequence[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the names that stand at a route of ``NAMED``, with the path to each."""
    if not route:
        yield (), part
        return
    entries: Iterable[tuple[str | int, Any]]
    if route[0] != "*":
        entries = [(route[0], getattr(part, route[0]))]
    elif isinstance(part, Mapping):
        # at the end of a route the keys themselves are the names
        entries = part.items() if route[1:] else zip(part, part, strict=True)
    else:
        entries = enumerate(part)
    for key, below in entries:
        for path, name in _stated(below, route[1:]):
            yield (key, *path), name


def _transport_problems(scenario: Scenario, tree: Node, names: Names) -> Iterator[Problem]:
    measured = names.profiles.get(scenario.profile)
    if measured is None or set(scenario.modalities) == {measured} or scenario.response.transport:
        return
    reason = f"required, as profile '{scenario.profile}' was measured on {measured}: say why it \
may be used for {', '.join(scenario.modalities)}."
    yield Problem(tree.descend(("response",))[0].place, "response.transport", reason)
