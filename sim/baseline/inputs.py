"""Inputs of one draw: table values with overrides, sampled from their ranges, and recorded."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial as bind
from math import inf
from typing import NamedTuple

from sim.baseline import tables
from sim.baseline.datum import Datum
from sim.domain.bounds import SHARE, Bounds
from sim.domain.distribution import Distribution
from sim.domain.levers import LeverName
from sim.scenario.schema import Scenario
from sim.scenario.spec import Assumption, Drawable, Override
from sim.streams import fraction, stratified

ANY = "*"
SHARED = ("modalities", "levers", "operations")
"""Tables whose values countries share, all of them or those of an income group."""
PUBLIC = "public_patients"
"""Variable of a public data set: how many people it has."""
UNBOUNDED = Bounds(-inf, inf, "")
ROW_OF_SAMPLES = "row of samples"
"""Uniform number that moves all inputs of which a scenario gives samples."""


class Drawn(NamedTuple):
    """The value of an input in one draw."""

    value: float
    unknown: str
    """What is not known: inputs of one unknown move together, each between its own ends."""
    moved_by: str = ""
    """Name of the uniform number that moves it, where that is not the unknown's."""


@dataclass(slots=True)
class Inputs:
    """One draw of every number that the world is built from.

    A value is sampled between its low and its high, with a uniform that belongs to its name. A
    rate that tables give by income group is one unknown, not four: its groups move together.
    Values imputed for single countries move on their own.
    """

    scenario: Scenario
    draw: int | None
    """Number of the draw; ``None`` takes every central value."""
    purpose: str
    """``judge`` or ``search``: draws for searching and for judging are different samples."""
    used: dict[str, Datum] = field(default_factory=dict)
    """Register of every value used, by dotted name."""
    drawn: dict[str, Drawn] = field(default_factory=dict)
    """Those of them that differ from draw to draw, with their values in this one."""
    shared: dict[str, float] = field(default_factory=dict)
    """Values that countries of an income group share, by dotted name, as far as asked for."""
    stated: Mapping[str, float] = field(default_factory=dict)
    """Uniform numbers, 0 to 1, that are stated instead of drawn, by name."""

    def country(self, iso3: str, variable: str) -> float:
        """Return a country's value: its own, or that of its income group where it has none."""
        name = f"{iso3}.{variable}"
        group = tables.giving_group(iso3, variable)
        if group and name not in self.scenario.overrides:
            return self.operation(variable, group)
        datum = self._overridden(name, tables.country(iso3, variable))
        own = datum.status != "assumed"
        row = ("country_values", iso3, variable)
        unknown = name if own else variable
        return self._sampled(name, datum, override=name, unknown=unknown, row=row)

    def modality(self, modality: str, variable: str, income_group: str) -> float:
        """Return a value of an examination and its clinical task."""
        row = ("modalities", modality, variable, income_group)
        found = bind(tables.modality, modality, variable, income_group)
        return self._shared(f"{modality}.{variable}", income_group, found, row)

    def lever(self, lever: LeverName, variable: str, item: str, income_group: str) -> float:
        """Return a price, delay, life or capacity."""
        found = bind(tables.lever, lever, variable, item or ANY, income_group)
        name = f"{lever}.{item}.{variable}" if item else f"{lever}.{variable}"
        return self._shared(name, income_group, found, ("levers", lever, item, variable))

    def operation(self, variable: str, income_group: str) -> float:
        """Return how services run."""
        found = bind(tables.operation, variable, income_group)
        return self._shared(variable, income_group, found, ("operations", variable))

    def gpu(self, name: str, variable: str) -> float:
        """Return a value of an accelerator."""
        found = bind(tables.gpu, name, variable)
        return self._shared(f"{name}.{variable}", ANY, found, ("gpu", name, variable))

    def patients(self, dataset: str) -> float:
        """Return how many patients a public data set has."""
        name = public_patients(dataset)
        datum = self._overridden(name, tables.patients(dataset))
        return self._sampled(name, datum, override=name, unknown=name, row=("datasets", dataset))

    def assumption(self, name: str, given: Assumption, bounds: Bounds = SHARE) -> float:
        """Return a number that the scenario itself assumes: a share, where not said otherwise."""
        unit = "" if bounds is SHARE else bounds.unit
        datum = Datum(
            given.value, given.low, given.high, unit, str(self.scenario.horizon.start_year),
            given.status, given.source, _note("scenario", given),
        )  # fmt: skip
        datum = self._overridden(name, datum)
        return self._sampled(
            name, datum, override=name, unknown=name, assumed=given.known, within=bounds
        )

    def _shared(
        self, name: str, income_group: str, found: Callable[[], Datum], row: tuple[str, ...]
    ) -> float:
        by_group = f"{name}.{income_group}"
        if by_group not in self.shared:  # else asked again for every country of the group
            overrides = self.scenario.overrides
            chosen = by_group if by_group in overrides else name
            datum = self._overridden(chosen, found())
            self.shared[by_group] = self._sampled(
                by_group, datum, override=chosen, unknown=name, row=row
            )
        return self.shared[by_group]

    def _overridden(self, name: str, datum: Datum) -> Datum:
        given = self.scenario.overrides.get(name)
        return datum if given is None else _override(datum, given)

    def _sampled(
        self,
        name: str,
        datum: Datum,
        *,
        override: str,
        unknown: str,
        row: tuple[str, ...] = (),
        assumed: Distribution | None = None,
        within: Bounds = SHARE,
    ) -> float:
        """Return a value of this draw, and note it.

        Parameters
        ----------
        override, unknown : what the scenario calls the value, and what is not known.
        row : table and key of the value, for its bounds.
        within : its bounds where it is in no table.
        assumed : how it is distributed where the scenario does not replace it; else triangular.
        """
        self.used[name] = datum
        if self.draw is None or datum.high <= datum.low:
            return datum.value
        given = self.scenario.overrides.get(override)
        if given is not None and given.sample:
            # one row for all samples of a draw: what was fitted together stays together
            part = self._fraction(self.draw, ROW_OF_SAMPLES)
            row_here = given.sample[int(part * len(given.sample))]
            self.drawn[name] = Drawn(row_here, name, moved_by=ROW_OF_SAMPLES)
        else:
            known = given.known if given else assumed
            known = known or Distribution(datum.value, datum.low, datum.high)
            bounds = (tables.bounds(*row) if row else within) or UNBOUNDED
            value = known.at(self._fraction(self.draw, unknown), bounds)
            self.drawn[name] = Drawn(value, unknown)
        return self.drawn[name].value

    def _fraction(self, draw: int, unknown: str) -> float:
        if unknown in self.stated:
            return self.stated[unknown]
        asked = self.scenario.uncertainty
        if asked.latin_hypercube and self.purpose == "judge":
            return stratified(asked.seed, draw, asked.latin_hypercube, "input", unknown)
        return fraction(asked.seed, self.purpose, draw, "input", unknown)


def _override(datum: Datum, given: Override) -> Datum:
    low = given.value if given.low is None else given.low
    high = given.value if given.high is None else given.high
    return replace(
        datum, value=given.value, low=low, high=high, year=str(given.year or ""),
        status=given.status, source=given.source, note=_note("set by the scenario", given),
    )  # fmt: skip


def _note(text: str, given: Drawable) -> str:
    """Return a note that names the distribution where it is not the usual one."""
    shape = "quantiles" if given.quantiles else given.distribution
    return text if shape == "triangular" else f"{text}; {shape}"


def replaceable(income_groups: Mapping[str, str], modalities: tuple[str, ...]) -> dict[str, Bounds]:
    """Return every dotted name that a scenario may override, with the bounds of its values.

    Parameters
    ----------
    income_groups : income group by ISO code of the scenario's countries.
    modalities : the scenario's modalities.
    """
    countries = {
        f"{iso3}.{variable}": bounds
        for iso3 in income_groups
        for (of, variable), bounds in tables.variables().items()
        if of == "country_values"
    }
    shared = {
        name: bounds
        for table in SHARED
        for key in tables.table(table).index
        if (name := _dotted(table, key, modalities)) and (bounds := tables.bounds(table, *key))
    }
    groups = dict.fromkeys(income_groups.values())
    by_group = {f"{name}.{group}": bounds for name, bounds in shared.items() for group in groups}
    public = {
        public_patients(dataset): tables.variables()["datasets", PUBLIC]
        for modality in modalities
        for dataset in tables.labelled_sets(modality)
    }
    return countries | shared | by_group | public


def public_patients(dataset: str) -> str:
    """Return what overrides call the patients of a data set.

    >>> public_patients("Mammo-Bench (collation of 6)")
    'public_patients.Mammo-Bench_collation_of_6'
    """
    one_word = re.sub(r"[^\w-]+", "_", dataset).strip("_")
    return f"{PUBLIC}.{one_word}"


def _dotted(table: str, key: tuple[str, ...], modalities: tuple[str, ...]) -> str:
    """Return what overrides call a row of a table; empty for another modality."""
    *of, variable, _ = key
    if table == "modalities" and of[0] not in modalities:
        return ""
    return ".".join([*(part for part in of if part != ANY), variable])
