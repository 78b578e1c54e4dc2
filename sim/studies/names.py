"""Names that scenarios may use: of tables, profiles, stations, policies and objectives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.baseline import tables
from sim.baseline.inputs import replaceable
from sim.baseline.members import members, region_names
from sim.baseline.pool import READER_OF
from sim.domain.bounds import SHARE, Bounds
from sim.learning.response import available, load_profile
from sim.pipeline.parts import Stations, classes
from sim.pipeline.stations.order import STATIONS
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import policies
from sim.scenario.file_schema import schema_of
from sim.scenario.files import read_scenario
from sim.scenario.name_checks import Names
from sim.scenario.schema import Scenario
from sim.studies.outcomes import OUTCOMES


def load_scenario(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    allow_outside: bool = False,
    stations: Stations = STATIONS,
) -> Scenario:
    """Return the scenario in a file, every name in it checked against tables and profiles.

    Its profile is read too, so that a corrupted one is known before anything is simulated.

    Parameters
    ----------
    path : YAML file.
    overrides : changes such as ``budget_usd_per_year=5e6``, applied last.
    allow_outside : whether a profile's folder and a file of numbers may lie outside the file's.
    stations : of the runs, where some are one's own; see ``with_stations``.
    """
    names = known_names(stations)
    scenario = read_scenario(path, overrides=overrides, names=names, allow_outside=allow_outside)
    load_profile(scenario.profile)
    return scenario


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors."""
    return schema_of(known_names())


def known_names(stations: Stations = STATIONS) -> Names:
    """Return all names that a scenario may use."""
    words = tables.countries()["name"]
    return Names(
        regions={name: str(words.get(name, name)) for name in sorted(region_names())},
        profiles={name: load_profile(name).modality for name in available()},
        overrides=replaceable_in,
        places=lambda scenario: members(scenario).regions,
        areas=areas_of,
        professions=lambda scenario: {READER_OF[m]: "" for m in scenario.modalities},
        outcomes=tuple(OUTCOMES),
        choices={
            "weekly.stations": dict.fromkeys(classes(stations), ""),
            "objective": {name: OUTCOMES[name].label for name in OBJECTIVES},
            "policies": policies(),
        },
    )


def areas_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the regions of a scenario, and every group of countries that any of them is in."""
    who, known = members(scenario), tables.countries()
    columns = known.loc[list(who.countries), ["income_group", "un_subregion", "continent"]]
    return tuple(dict.fromkeys([*who.regions, *who.countries, *columns.to_numpy().ravel()]))


def replaceable_in(scenario: Scenario) -> dict[str, Bounds]:
    """Return the baseline values that a scenario may replace: dotted names, and their bounds."""
    who = members(scenario)
    groups = dict(zip(who.countries, who.income_groups, strict=True))
    reach = {
        f"groups.{name}.reach": SHARE
        for name, group in scenario.groups.items()
        if not isinstance(group.reach, str)
    }
    return replaceable(groups, tuple(scenario.modalities)) | reach
