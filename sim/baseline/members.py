"""Countries of a scenario, and the regions that they form."""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np

from sim.baseline import tables
from sim.domain.levers import Floats
from sim.errors import ScenarioError, TableError, nearest
from sim.scenario.schema import Scenario

INCOME_GROUPS = {
    "LIC": "Low income",
    "LMC": "Lower middle income",
    "UMC": "Upper middle income",
    "HIC": "High income",
}


@dataclass(frozen=True, slots=True)
class Members:
    """Which countries make up which region."""

    countries: tuple[str, ...]
    income_groups: tuple[str, ...]
    regions: tuple[str, ...]
    names: tuple[str, ...]
    belongs: Floats
    """1 where a country is in a region, shape (region, country)."""


def members(scenario: Scenario) -> Members:
    """Resolve the scenario's regions to countries; ``ScenarioError`` for an unknown one."""
    known = tables.countries()
    chosen: dict[str, None] = {}
    for entry in scenario.regions:
        chosen |= dict.fromkeys(countries_of(entry))
    countries = tuple(sorted(chosen))
    groups = tuple(str(known.loc[iso3, "income_group"]) for iso3 in countries)
    if scenario.by == "country":
        names = tuple(str(known.loc[iso3, "name"]) for iso3 in countries)
        return Members(countries, groups, countries, names, np.eye(len(countries)))
    regions = tuple(group for group in INCOME_GROUPS if group in groups)
    belongs = np.array([[float(group == region) for group in groups] for region in regions])
    return Members(countries, groups, regions, tuple(INCOME_GROUPS[r] for r in regions), belongs)


def region_names() -> set[str]:
    """Return every name that ``regions`` of a scenario may hold."""
    known = tables.countries()
    return {"all", *INCOME_GROUPS, *known.index, *known["un_subregion"], *known["continent"]}


def place_named(text: str) -> str:
    """Return the code of a country or group of countries by code or name, whatever the case.

    Raises ``TableError`` with the nearest spelling where there is none.
    """
    names = tables.countries()["name"]
    spelt = {str(name).casefold(): str(code) for code, name in names.items()}
    spelt |= {code.casefold(): code for code in region_names()}
    if (found := spelt.get(text.casefold())) is not None:
        return found
    close = get_close_matches(text.casefold(), spelt, n=1)
    hint = f" Did you mean '{spelt[close[0]]}'?" if close else ""
    raise TableError(f"no country or group of countries is called '{text}'.{hint}")


@cache
def countries_of(entry: str) -> tuple[str, ...]:
    """Return the countries of an entry of ``regions``; ``ScenarioError`` for an unknown one."""
    known = tables.countries()
    # economies without an income group or a population have no prices and no need in the tables
    usable = known[known["income_group"].isin(list(INCOME_GROUPS))]
    if entry == "all":
        peopled = tables.table("country_values").xs("population", level="variable").index
        return tuple(iso3 for iso3 in usable.index if iso3 in peopled)
    for column in ("income_group", "un_subregion", "continent"):
        found = usable.index[usable[column] == entry]
        if len(found):
            return tuple(found)
    if entry in usable.index:
        return (entry,)
    raise ScenarioError(f"regions: unknown region '{entry}'.{nearest(entry, region_names())}")
