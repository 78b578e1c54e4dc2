"""Read a scenario file and return a ``Scenario``, or report every problem at once."""

import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from sim.domain.bounds import Bounds
from sim.errors import LONGEST_NAME, ScenarioError, cut, nearest
from sim.scenario.own_numbers import nearest_file, read_numbers
from sim.scenario.problems import Problem, model_name, schema_problems, stop_if, unknown
from sim.scenario.schema import Scenario
from sim.scenario.spec import Override
from sim.scenario.tree import Budget, Node, Place, merge, parse_tree, read_tree

LONGEST_PATH = 200
FIT = "fit.json"
"""File of a profile's folder that says what was measured."""
MOST_PARENTS = 8
"""Files that may extend one another in a row."""
EXTENDS = "Another scenario file in the same folder; this one says only what differs. Mappings are \
merged key by key, lists and values are replaced, a key set to null is removed."
OVERLAYS = (
    "Files of overrides in the same folder, as `equiscan calibrate` writes them, or CSV files \
as for `overrides`; later ones win over earlier ones, and this file's own overrides over all."
)
CHECKSUMS = "SHA-256 of files in the same folder, by name, such as those of `overlays`: where the \
bytes of one are others, the scenario is refused."
NUMBERS_FILE = "Or the name of a CSV file of one's own numbers, in the scenario's folder, with the \
columns region, variable, value, low, high, unit, year, source, status and distribution."
TABLE = ".csv"
"""How the name of a file of numbers ends."""
PLACES = (
    ("regions",),
    ("levers", "*", "regions"),
    ("policy_steps", "*", "regions"),
    ("capacity_calendar", "*", "regions"),
    ("treasury", "spending", "*", "regions"),
    ("supplies", "*", "regions"),
    ("tele_reading", "*", "by"),
    ("tele_reading", "*", "serves"),
)
"""Where regions are named: there, the name of a country stands for its code."""
ROUTES = frozenset(place[:end] for place in PLACES for end in range(1, len(place) + 1))
ROUTES |= {("overrides",)}
OF_FILES = ("extends", "overlays", "checksums")
"""Keys of a file that say which files it rests on."""
OVERLAY_KEYS = ("overrides", "calibration")
"""What an overlay holds: overrides, and how they came about, which is for people to read."""


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


def read_scenario(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    names: Names | None = None,
    allow_outside: bool = False,
    resolved: bool = False,
) -> Scenario:
    """Return the scenario in a file, or raise one ``ScenarioError`` with every problem in it.

    Parameters
    ----------
    path : YAML file; its parents by ``extends`` lie in the same folder.
    overrides : changes such as ``budget_usd_per_year=5e6``, applied last; keys are dotted, values
        are YAML.
    names : names to check regions, profile and overridden values against; not checked when None.
    allow_outside : whether a profile's folder and a file of numbers may lie outside the file's.
    resolved : whether the file is what ``resolved_yaml`` gave, which is longer than what it was
        made from.

    Notes
    -----
    A ``profile`` with a slash is a folder, relative to the file; it is returned absolute.
    """
    file = Path(path)
    budget = Budget.resolved() if resolved else Budget()
    tree = _family(file, budget, allow_outside=allow_outside)
    for text in overrides:
        given = _with_numbers(_override(text), file, budget, allow_outside=allow_outside)
        tree = merge(tree, given)
    if names is not None:
        tree = _with_codes(tree, _spellings(names.regions))
    problems = [
        *_region_problems(tree, names),
        *_profile_problems(tree, names),
        *_choice_problems(tree, names),
        *_folder_problems(tree, file, allow_outside=allow_outside),
    ]
    try:
        scenario = Scenario.model_validate_json(json.dumps(tree.plain()), strict=True)
    except ValidationError as error:
        schema = Scenario.model_json_schema()
        schema["properties"] = {key: {} for key in OF_FILES} | schema["properties"]
        problems += schema_problems(error, tree, schema)
        stop_if(problems, file=str(file))
        raise  # not reached: a validation error holds at least one problem
    if names is not None and not problems:
        problems = [
            *_override_problems(scenario, tree, names),
            *_place_problems(scenario, tree, names),
            *_transport(scenario, tree, names),
        ]
    stop_if(problems, file=str(file))
    if "/" in scenario.profile:
        folder = (file.parent / scenario.profile).resolve()
        return scenario.model_copy(update={"profile": folder.as_posix()})
    return scenario


def schema_of(names: Names) -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors and for the table of fields."""
    schema = Scenario.model_json_schema()
    for key, known in names.choices.items():
        _allow_only(schema, key.split("."), known)
    required = schema.pop("required")
    extends = {"type": "string", "description": EXTENDS}
    overlays = {"type": "array", "items": {"type": "string"}, "description": OVERLAYS}
    own = schema["properties"].pop("overrides")
    checksums = {
        "type": "object",
        "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "description": CHECKSUMS,
    }
    first = {"extends": extends, "overlays": overlays, "checksums": checksums}
    described = f"{own.pop('description')} {NUMBERS_FILE}"
    numbers = {"type": "string", "maxLength": LONGEST_PATH}
    stated = {"anyOf": [own, numbers], "default": own.pop("default"), "description": described}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "properties": {**first, **schema["properties"], "overrides": stated},
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }


def _allow_only(schema: dict[str, Any], keys: Sequence[str], known: Mapping[str, str]) -> None:
    """Write into the schema of a field which names it may hold, and what they mean."""
    part = schema
    for key in keys[:-1]:
        part = schema["$defs"][model_name(part["properties"][key])]
    field = part["properties"][keys[-1]]
    (field["items"] if field["type"] == "array" else field)["enum"] = list(known)
    meant = "; ".join(f"``{name}``: {about}" for name, about in known.items() if about)
    if meant:
        field["description"] = f"{field['description']} {meant}."


def resolved_yaml(scenario: Scenario) -> str:
    """Return the whole scenario as YAML: parents merged, overrides applied, defaults written."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(scenario.model_dump(mode="json", exclude_none=True), stream)
    return stream.getvalue()


def scenario_hash(scenario: Scenario) -> str:
    """Return the SHA-256 of what a scenario says, however its file is laid out.

    Order counts inside ``groups`` and other mappings, as it is the order of the axes. Of a profile
    folder only the name counts, so that a project can be moved.
    """
    said = scenario.model_dump(mode="json") | {"profile": Path(scenario.profile).name}
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sources(path: str | Path) -> set[Path]:
    """Return the files that a scenario is made of; ``ScenarioError`` where one cannot be read."""
    budget = Budget()
    _family(Path(path), budget, allow_outside=True)
    return budget.files


def _family(file: Path, budget: Budget, *, allow_outside: bool) -> Node:
    """Return a file's tree merged over its overlays, and those over the files that it extends."""
    trees: list[Node] = []
    seen: set[Path] = set()
    while True:
        tree = read_tree(file, budget)
        seen.add(file.resolve())
        if not isinstance(tree.value, dict):
            raise ScenarioError(f"{tree.place}: a scenario is a mapping of keys to values.")
        stop_if(_changed_files(file, tree.value.get("checksums")), file=str(file))
        tree = _with_numbers(tree, file, budget, allow_outside=allow_outside)
        entries = dict(tree.value) if isinstance(tree.value, dict) else {}
        parent = entries.pop("extends", None)
        named = entries.pop("overlays", None)
        entries.pop("checksums", None)
        overlays = _overlays(file, named, entries.get("overrides"), budget)
        trees += [Node(tree.place, entries), *overlays]
        if parent is None:
            break
        file = beside(file, parent, key="extends")
        if file.resolve() in seen or len(seen) > MOST_PARENTS:
            chain = f"extends itself, or more than {MOST_PARENTS} files in a row"
            raise ScenarioError(f"{parent.place}: extends: '{parent.value}' {chain}.")
    merged = trees.pop()
    while trees:
        merged = merge(merged, trees.pop())
    return merged


def _changed_files(file: Path, stated: Node | None) -> Iterator[Problem]:
    """Yield which files are no longer what a scenario rests on."""
    if stated is None or stated.value is None:
        return
    if not isinstance(stated.value, dict):
        raise ScenarioError(f"{stated.place}: checksums: must give SHA-256 by name of file.")
    for name, node in stated.value.items():
        there = beside(file, Node(node.place, name), key="checksums")
        with there.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if str(node.value).casefold() != found:
            text = f"'{cut(str(node.value), LONGEST_NAME)}' is stated, and the file has {found}. \
Look at what changed in it; where that is meant, state the new one."
            yield Problem(node.place, f"checksums.{name}", text)


def _overlays(file: Path, named: Node | None, own: Node | None, budget: Budget) -> Iterator[Node]:
    """Yield the overrides of a file's overlays as trees, the last of them first.

    An override is taken whole from the last that gives it: a value of one and the sample of
    another would contradict each other.
    """
    if named is None or named.value is None:
        return
    if not isinstance(named.value, list):
        raise ScenarioError(f"{named.place}: overlays: must be a list of file names.")
    taken = set(own.value) if own is not None and isinstance(own.value, dict) else set()
    for entry in reversed(named.value):
        overrides = _overlay(beside(file, entry, key="overlays"), budget)
        kept = {name: node for name, node in overrides.items() if name not in taken}
        taken |= set(kept)
        yield Node(entry.place, {"overrides": Node(entry.place, kept)})


def _with_numbers(tree: Node, file: Path, budget: Budget, *, allow_outside: bool) -> Node:
    """Return the tree of a file with the rows of the CSV file that its overrides may name."""
    named = tree.value.get("overrides") if isinstance(tree.value, dict) else None
    if named is None or not isinstance(named.value, str) or not isinstance(tree.value, dict):
        return tree
    there, reason = file.parent / named.value, ""
    if there.suffix.casefold() != TABLE or not 0 < len(named.value) < LONGEST_PATH:
        reason = f"found {cut(named.value, LONGEST_NAME)!r}; must be a mapping, or the name of a \
CSV file in the scenario's folder."
    elif not (allow_outside or there.resolve().is_relative_to(file.parent.resolve())):
        reason = f"'{named.value}' leads out of the scenario's folder; copy it there, or allow it."
    elif not there.is_file():
        reason = f"there is no file '{named.value}' in '{file.parent}'."
        reason += nearest_file(named.value, file.parent)
    stop_if([Problem(named.place, "overrides", reason)] if reason else (), file=str(file))
    rows = Node(named.place, read_numbers(there, budget))
    return Node(tree.place, {**tree.value, "overrides": rows})


def _overlay(file: Path, budget: Budget) -> dict[str, Node]:
    """Return the overrides of an overlay, by name."""
    if file.suffix.casefold() == TABLE:
        return read_numbers(file, budget)
    tree = read_tree(file, budget)
    entries = tree.value if isinstance(tree.value, dict) else {}
    for key, node in entries.items():
        if key not in OVERLAY_KEYS:
            reason = f"unknown key in an overlay. {unknown(key, OVERLAY_KEYS)}"
            raise ScenarioError(f"{node.place}: {key}: {reason}")
    overrides = entries.get("overrides")
    if overrides is None or not isinstance(overrides.value, dict):
        raise ScenarioError(f"{tree.place}: an overlay is a mapping that holds 'overrides'.")
    return overrides.value


def beside(file: Path, named: Node, *, key: str) -> Path:
    """Return the file of that name in the same folder."""
    name = named.value
    if not isinstance(name, str) or Path(name).name != name or not 0 < len(name) < LONGEST_PATH:
        reason = f"found {name!r}; must be the name of a file in the same folder"
        raise ScenarioError(f"{named.place}: {key}: {reason}.")
    there = file.parent / name
    if not there.is_file():
        kinds = [TABLE, ".yaml"] if name.endswith(TABLE) else [".yaml", TABLE]
        beside = [
            other.name
            for kind in kinds
            for other in file.parent.glob(f"*{kind}")
            if other.name != file.name
        ]
        reason = f"there is no file '{name}' in '{file.parent}'.{nearest(name, beside)}"
        raise ScenarioError(f"{named.place}: {key}: {reason}")
    if there.resolve().parent != file.parent.resolve():
        raise ScenarioError(f"{named.place}: {key}: '{name}' leads out of the folder.")
    return there


def _override(text: str) -> Node:
    """Return one ``dotted.key=value`` as a tree of its own."""
    place = Place(f"--set {cut(text, LONGEST_NAME)}", 0)
    dotted, equals, value = text.partition("=")
    if not equals or not all(dotted.split(".")) or not value.strip():
        raise ScenarioError(f"{place}: write KEY=VALUE, such as budget_usd_per_year=5e6.")
    node = Node(place, parse_tree(value, file=place.file, numbered=False).value)
    for key in reversed(_keys(dotted.strip())):
        node = Node(place, {key: node})
    return node


def _keys(dotted: str) -> list[str]:
    """Split a dotted key; names of baseline values under ``overrides`` hold dots themselves."""
    top, _, name = dotted.partition(".")
    if top != "overrides" or not name:
        return dotted.split(".")
    head, _, last = name.rpartition(".")
    return [top, head, last] if head and last in Override.model_fields else [top, name]


def _spellings(regions: Mapping[str, str]) -> dict[str, str]:
    """Return the code of every region by code and by name, whatever the case."""
    spelt = {words.casefold(): code for code, words in regions.items()}
    return spelt | {code.casefold(): code for code in regions}


def _with_codes(node: Node, codes: Mapping[str, str], path: tuple[str, ...] = ()) -> Node:
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
            entries[name] = _with_codes(below, codes, at)
        return Node(node.place, entries)
    if isinstance(value, list):
        at = path if stated else (*path, "*")
        return Node(node.place, [_with_codes(below, codes, at) for below in value])
    return Node(node.place, code_of(value)) if stated else node


def _coded_name(name: str, codes: Mapping[str, str]) -> str:
    """Return the dotted name of a baseline value with a code for the name of its country.

    >>> _coded_name("St. Lucia.population", {"st. lucia": "LCA"})
    'LCA.population'
    """
    dots = [at for at, sign in enumerate(name) if sign == "."]
    found = ((at, codes.get(name[:at].casefold())) for at in dots)
    return next((f"{code}{name[at:]}" for at, code in found if code), name)


def _region_problems(tree: Node, names: Names | None) -> Iterator[Problem]:
    regions = tree.descend(("regions",))[0].value
    if names is None or not isinstance(regions, list):
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


def _profile_problems(tree: Node, names: Names | None) -> Iterator[Problem]:
    node, path = tree.descend(("profile",))
    shipped = isinstance(node.value, str) and "/" not in node.value
    if path and shipped and names is not None and node.value not in names.profiles:
        reason = f"no such profile. {unknown(str(node.value), names.profiles)}"
        yield Problem(node.place, "profile", f"{reason} A folder is written './{node.value}'.")


def _choice_problems(tree: Node, names: Names | None) -> Iterator[Problem]:
    for key, known in names.choices.items() if names else ():
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


def _folder_problems(tree: Node, file: Path, *, allow_outside: bool) -> Iterator[Problem]:
    node, path = tree.descend(("profile",))
    name = node.value
    if not (path and isinstance(name, str) and "/" in name):
        return
    folder, home = file.parent / name, file.parent.resolve()
    if len(name) > LONGEST_PATH:
        return  # the schema says so
    if not folder.is_dir():
        yield Problem(node.place, "profile", f"there is no folder '{name}'.")
    elif not allow_outside and not all(
        place.resolve().is_relative_to(home) for place in (folder, folder / FIT)
    ):
        reason = f"'{name}' leads out of the scenario's folder; copy it there, or allow it."
        yield Problem(node.place, "profile", reason)


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


def _place_problems(scenario: Scenario, tree: Node, names: Names) -> Iterator[Problem]:
    """Yield regions, groups, queues and outcomes of steps and limits that the scenario lacks."""
    treasury = scenario.treasury
    calendar = scenario.capacity_calendar
    stated = (
        scenario.policy_steps, calendar, scenario.backlog, scenario.levers, scenario.tele_reading,
        scenario.supplies,
    )  # fmt: skip
    regions = names.places(scenario) if any(stated) else ()
    areas = names.areas(scenario) if treasury.spending else ()
    cells = [f"{region}.{modality}" for region in regions for modality in scenario.modalities]
    named: list[tuple[tuple[str | int, ...], str, Collection[str]]] = [
        (("policy_steps", number, "regions", place), region, regions)
        for number, step in enumerate(scenario.policy_steps)
        for place, region in enumerate(step.regions)
    ]
    named += [
        (("levers", lever, "regions", region), region, regions)
        for lever, bounds in scenario.levers.items()
        for region in bounds.regions
    ]
    for number, entry in enumerate(calendar):
        for field, known in (
            ("regions", regions),
            ("modalities", scenario.modalities),
            ("professions", names.professions(scenario)),
        ):
            named += [
                (("capacity_calendar", number, field, place), name, known)
                for place, name in enumerate(getattr(entry, field))
            ]
    for number, supply in enumerate(scenario.supplies):
        named.append((("supplies", number, "modality"), supply.modality, scenario.modalities))
        named += [
            (("supplies", number, "regions", place), region, regions)
            for place, region in enumerate(supply.regions)
        ]
    for number, one in enumerate(scenario.tele_reading):
        named.append((("tele_reading", number, "by"), one.by, regions))
        named += [
            (("tele_reading", number, "serves", place), region, regions)
            for place, region in enumerate(one.serves)
        ]
    named += [
        (("backlog", station, cell), cell, cells)
        for station, queues in scenario.backlog.items()
        for cell in queues
    ]
    for number, limit in enumerate(treasury.spending):
        at = ("treasury", "spending", number)
        named += [((*at, "regions", n), name, areas) for n, name in enumerate(limit.regions)]
        named += [
            ((*at, "groups", n), name, scenario.groups) for n, name in enumerate(limit.groups)
        ]
    named += [(("treasury", "outcomes", name), name, names.outcomes) for name in treasury.outcomes]
    for path, name, allowed in named:
        if name not in allowed:
            reason = f"'{cut(name, LONGEST_NAME)}' is not in this scenario. "
            hint = partial(unknown, name, allowed)
            yield Problem(tree.descend(path)[0].place, ".".join(map(str, path)), reason, hint)


def _transport(scenario: Scenario, tree: Node, names: Names) -> Iterator[Problem]:
    measured = names.profiles.get(scenario.profile)
    if measured is None or set(scenario.modalities) == {measured} or scenario.response.transport:
        return
    reason = f"required, as profile '{scenario.profile}' was measured on {measured}: say why it \
may be used for {', '.join(scenario.modalities)}."
    yield Problem(tree.descend(("response",))[0].place, "response.transport", reason)
