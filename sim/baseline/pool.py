"""Pool the inputs of countries into the regions of a scenario."""

from collections.abc import Callable

import numpy as np

from sim.baseline.inputs import Inputs
from sim.baseline.members import Members
from sim.domain.levers import Floats
from sim.errors import ScenarioError
from sim.scenario.schema import Scenario
from sim.scenario.spec import Modality

READER_OF: dict[Modality, str] = {
    "dermoscopy": "dermatologist",
    "fundus": "ophthalmologist",
    "chest_xray": "radiologist",
    "mammography": "radiologist",
    "ct": "radiologist",
    "mri": "radiologist",
}
"""Profession that reads a modality."""
PERSONS_PER_MILLION = 1e6


class Pool:
    """Reads inputs country by country and pools them into regions.

    Counts of people and things add up over the countries of a region; rates and prices are means
    weighted by population.
    """

    def __init__(self, scenario: Scenario, inputs: Inputs, who: Members) -> None:
        self.scenario, self.inputs, self.who = scenario, inputs, who
        self.modalities = tuple(scenario.modalities)
        self.professions = tuple(dict.fromkeys(READER_OF[m] for m in self.modalities))
        self.growth = self.of_country("population_growth")
        self.people = self._people_at_start()
        self.millions = self.people / PERSONS_PER_MILLION

    def _people_at_start(self) -> Floats:
        """Return persons of every country in the first year of the horizon, shape (country,).

        A count grows from its year to the first; one that the scenario gives without is of the
        first.
        """
        counted, start = self.of_country("population"), self.scenario.horizon.start_year
        names = [f"{iso3}.population" for iso3 in self.who.countries]
        counts = [self.inputs.used[name].year for name in names]
        years = [start - int(year) if year else 0 for year in counts]
        return np.asarray(counted * (1.0 + self.growth) ** np.array(years))

    def share_of_group(self, group: str) -> Floats:
        """Return the share of a group in the people of every country, shape (country,)."""
        given = self.scenario.groups[group].share
        if not isinstance(given, str):
            return np.full(len(self.people), given)
        urban = self.of_country("urban_share")
        return urban if given == "urban_share" else 1.0 - urban

    def each(self, value: Callable[[str, str], float]) -> Floats:
        """Return a value of every country, shape (country,)."""
        pairs = zip(self.who.countries, self.who.income_groups, strict=True)
        return np.array([value(iso3, group) for iso3, group in pairs])

    def total(self, values: Floats) -> Floats:
        """Add up over the countries of each region."""
        return np.asarray(self.who.belongs @ values)

    def mean(self, values: Floats) -> Floats:
        """Average over the people of each region."""
        return np.asarray(self.total(values * self.people) / self.total(self.people))

    def per_modality(self, variable: str) -> list[Floats]:
        """Return a table value of every modality, pooled to regions, shape (m, r)."""
        return [self.mean(self.of_modality(m, variable)) for m in self.modalities]

    def of_modality(self, modality: str, variable: str) -> Floats:
        """Return a table value of one modality, by country, shape (country,)."""
        return self.each(lambda _, group: self.inputs.modality(modality, variable, group))

    def of_country(self, variable: str) -> Floats:
        """Return a country variable, shape (country,)."""
        return self.each(lambda iso3, _: self.inputs.country(iso3, variable))

    def by_modality(self, variable: str) -> Floats:
        """Return a table value that does not differ by region, shape (m,)."""
        return np.array(
            [_one_of(f"{m}.{variable}", self.of_modality(m, variable)) for m in self.modalities]
        )

    def operation(self, variable: str) -> Floats:
        """Return how services run, by country, shape (country,)."""
        return self.each(lambda _, group: self.inputs.operation(variable, group))

    def overall(self, variable: str) -> float:
        """Return how services run, where it does not differ by region."""
        return _one_of(variable, self.operation(variable))


def _one_of(name: str, values: Floats) -> float:
    """Return the one value of all countries.

    Never a mean of several, which would change with the countries that a scenario has.
    """
    if (values != values[0]).any():
        raise ScenarioError(
            f"overrides: {name} is the same in all countries, and cannot be replaced by income "
            f"group; got {values.min():g} and {values.max():g}. Replace {name} itself."
        )
    return float(values[0])
