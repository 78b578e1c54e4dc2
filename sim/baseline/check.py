"""What the tables stand on: how old every number is, and need held against published disease."""

import re

import numpy as np
import pandas as pd

from sim.baseline import tables

PER_1000 = ("need_per_1000", "indication_share", "prevalence")
"""Their product is how many of 1000 people have the condition and are in need of an exam."""


def numbers() -> pd.DataFrame:
    """Return every number of the tables, the oldest and most influential first.

    By year; of one year by ``people``, the share of the world's people that the number speaks for:
    of its country, its income group, or all; of as many by range, relative to the value. Numbers
    whose year nobody states come last. Columns: table, name, people, those of a ``Datum``, and
    ``checked``, the day on which the source was last opened again; empty where it was not.
    """
    rows = pd.concat([_numbers(name) for name in tables.KEYS], ignore_index=True)
    years = rows["year"].map(_oldest)
    width = (rows["high"] - rows["low"]) / rows["value"].abs().replace(0.0, np.nan)
    order = pd.DataFrame({"year": years, "people": -rows["people"], "width": -width})
    ordered = rows.loc[order.sort_values(["year", "people", "width"], kind="stable").index]
    return ordered.assign(
        checked=ordered["source"].map(tables.opened_sources()["checked"]).fillna("")
    )


def by_source() -> pd.DataFrame:
    """Return every source that numbers were read in, those not opened again first, by numbers.

    Assumptions and definitions have none. Columns: ``source``, ``numbers`` (how many rest on it),
    ``checked``, ``text`` and ``seen`` as in ``tables.opened_sources``, empty where it was not.
    """
    rows = numbers()
    read = rows[(rows["status"] != "assumed") & (rows["source"] != "definition")]
    counts = read.groupby("source").size().rename("numbers").reset_index()
    found = counts.join(tables.opened_sources(), on="source").fillna("")
    by_age = found.assign(opened=found["checked"] != "", fewer=-found["numbers"])
    return found.loc[by_age.sort_values(["opened", "fewer", "source"]).index]


def burden() -> pd.DataFrame:
    """Return need times indication times prevalence beside what was published of the disease.

    One row for every row of ``burden.csv``, by modality and income group; "*" is the world, at
    the populations of its groups. ``agrees`` says whether the product lies from low to high.
    """
    beside = tables.table("burden").reset_index()
    beside["product"] = list(map(_product, beside["modality"], beside["income_group"]))
    return beside.assign(agrees=beside["product"].between(beside["low"], beside["high"]))


def _product(modality: str, group: str) -> float:
    if group != tables.ANY:
        return float(np.prod([tables.modality(modality, name, group).value for name in PER_1000]))
    shares = _people_by_group()
    return float((shares * [_product(modality, str(each)) for each in shares.index]).sum())


def _people() -> "pd.Series[float]":
    """Return every country's share of the people of all."""
    people = tables.table("country_values")["value"].xs("population", level="variable")
    return people / people.sum()


def _people_by_group() -> "pd.Series[float]":
    return _people().groupby(tables.countries()["income_group"]).sum()


def _numbers(name: str) -> pd.DataFrame:
    table = tables.table(name)
    keys = table.index.to_frame(index=False)
    parts = keys["dataset"].to_frame() if "dataset" in keys else keys
    dotted = parts.apply(lambda key: ".".join(part for part in key if part != tables.ANY), axis=1)
    of = pd.DataFrame({"table": name, "name": dotted, "people": _share(keys)})
    return of.join(table.reset_index(drop=True))


def _share(keys: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of the world's people that each row speaks for."""
    if "iso3" in keys and "variable" in keys:  # a data set speaks for whoever trains on it
        return keys["iso3"].map(_people())
    if "income_group" in keys:
        return keys["income_group"].map(_people_by_group()).fillna(1.0)
    return pd.Series(1.0, index=keys.index)


def _oldest(year: str) -> float:
    """Return the first year of "2002 to 2007"; infinity where none is stated."""
    found = re.search(r"\d{4}", year)
    return float(found.group()) if found else np.inf
