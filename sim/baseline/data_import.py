"""Exports of sites of statistics, written as an overlay for scenarios to name."""

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from sim.atomic import replace_file, require_free
from sim.baseline import tables
from sim.domain.bounds import Bounds
from sim.errors import LONGEST_LINE, MOST_SHOWN, ScenarioError, cut, nearest
from sim.scenario.text_table import text_rows

SITES = {
    "worldbank": "World Bank",
    "who": "World Health Organization, Global Health Observatory",
    "oecd": "OECD",
    "owid": "Our World in Data",
}
OWID_COLUMNS = {"entity": "Entity", "code": "Code", "year": "Year", "owid_region": "owid_region"}
TABLE = "country_values"
LONGEST_SOURCE = 500
"""Characters of an override's source."""
OLD_CODES = {"ROM": "ROU", "ZAR": "COD", "TMP": "TLS", "WBG": "PSE", "XKV": "XKX"}
OLD_CODES |= {"OWID_KOS": "XKX"}
"""Codes that sites write or wrote, and those of the tables."""
COLUMNS = ("iso3", "year", "value", "low", "high", "indicator", "unit")
_PER_MILLION = {"per million": 1.0, "per 1 000 000": 1.0, "per 100 000": 10.0, "per 10 000": 100.0}
_PER_MILLION |= {"per 1 000": 1_000.0, "per thousand": 1_000.0}
MOST_BYTES = 200_000_000
"""Largest export that is read; the largest of these sites are a tenth of it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an overlay was made of."""

    rows: pd.DataFrame
    """By country: year, value, low and high in the table's unit, indicator and unit of the file."""
    times: float
    """What the file's values were multiplied by."""
    missing: tuple[str, ...]
    """Countries of the tables, or of those asked for, for which the file has no value."""
    unmatched: tuple[str, ...]
    """Codes of the file that are no country of the tables: aggregates and others."""


def import_overlay(
    site: str,
    path: str | Path,
    variable: str,
    out: str | Path,
    *,
    countries: Collection[str] = (),
    where: Mapping[str, str] | None = None,
    times: float | None = None,
    overwrite: bool = False,
) -> Imported:
    """Write an overlay that sets a variable to the latest values of an export.

    Parameters
    ----------
    site, path, where : see ``read_export``.
    variable : of the table of countries, see ``equiscan data variables``.
    out : file to write.
    countries : codes of those that are wanted, such as a scenario's; all when not given.
    times : what values are multiplied by; when not given, as the file words its unit.
    overwrite : whether a file in ``out`` may be replaced.

    Raises
    ------
    ScenarioError
        For an export that cannot be read or leaves open what is meant, a variable that there is
        not, and values that it cannot have.
    """
    bounds = _bounds_of(variable)
    if site not in SITES:
        raise ScenarioError(
            f"no source '{site}'.{nearest(site, SITES)} There are {', '.join(SITES)}."
        )
    out = Path(out)
    require_free(out, overwrite=overwrite, error=ScenarioError)
    known = set(tables.countries().index)
    if strange := sorted(set(countries) - known):
        raise ScenarioError(f"no country '{strange[0]}'.{nearest(strange[0], known)}")
    found = read_export(site, path, where)
    rows = latest(found, set(countries) or known)
    if rows.empty:
        raise ScenarioError(f"{path}: none of the countries has a value.")
    factor = times if times is not None else factor_of(rows["unit"].iloc[0], bounds)
    rows = rows.assign(**{name: rows[name] * factor for name in ("value", "low", "high")})
    _check(rows, bounds, path)
    overrides = {
        f"{code}.{variable}": _override(row, site, Path(path).name) for code, row in rows.iterrows()
    }
    stream = io.StringIO()
    YAML().dump({"overrides": overrides}, stream)
    text = f"# {variable}, {bounds.unit}; written by `equiscan data import`\n{stream.getvalue()}"
    replace_file(out, lambda there: there.write(text.encode()))
    return Imported(
        rows=rows,
        times=factor,
        missing=tuple(sorted((set(countries) or known) - set(rows.index))),
        unmatched=tuple(sorted(set(found["iso3"]) - known)),
    )


def _bounds_of(variable: str) -> Bounds:
    of_countries = {name: one for (of, name), one in tables.variables().items() if of == TABLE}
    if variable not in of_countries:
        raise ScenarioError(
            f"no variable '{variable}' of countries.{nearest(variable, of_countries)} There are "
            f"{', '.join(of_countries)}."
        )
    return of_countries[variable]


def _check(rows: pd.DataFrame, bounds: Bounds, path: str | Path) -> None:
    wrong = {code: bounds.broken_by(value) for code, value in rows["value"].items()}
    said = [f"  {code}: {text}" for code, text in wrong.items() if text]
    if said:
        raise ScenarioError("\n".join([f"{path}: values that cannot be:", *said[:MOST_SHOWN]]))


def _override(row: "pd.Series[Any]", site: str, file: str) -> dict[str, object]:
    """Return an override; a range where the file has one that holds the value."""
    # twelve digits: a percentage over 100 has no more of its own
    low, value, high = (float(f"{row[name]:.12g}") for name in ("low", "value", "high"))
    ranged = {"low": low, "high": high} if low <= value <= high and low < high else {}
    source = f"{SITES[site]}: {row['indicator']}, {row['year']}; {file}"
    return {"value": value, **ranged, "status": "published", "source": source[:LONGEST_SOURCE]}


def read_export(
    site: str, path: str | Path, where: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return the values of an export: columns ``COLUMNS``, rows with a value only.

    Parameters
    ----------
    site : ``worldbank``: CSV with a column a year, or JSON of the API (v2). ``who``: CSV of the
        Global Health Observatory. ``oecd``: SDMX-CSV. ``owid``: CSV of Our World in Data.
    where : values that columns of the file must have, such as ``{"Dim1": "Both sexes"}``.

    Raises
    ------
    ScenarioError
        For a file that cannot be read, is none of that site's, or has several values of one country
        and year.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ScenarioError(f"{path}: larger than {MOST_BYTES:,} bytes.")
        found = _READERS[site](path, dict(where or {}))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise ScenarioError(
            f"{path}: not an export of '{site}' as that site writes them "
            f"({type(error).__name__}: {cut(str(error), LONGEST_LINE)})."
        ) from None
    found["iso3"] = found["iso3"].replace(OLD_CODES)
    for name in ("value", "low", "high"):
        found[name] = pd.to_numeric(found[name], errors="coerce")
    found["year"] = found["year"].astype(str).str.slice(0, 4)
    found = found.dropna(subset=["value"])
    if found.empty:
        raise ScenarioError(f"{path}: no country has a value.")
    return found[list(COLUMNS)].reset_index(drop=True)


def latest(found: pd.DataFrame, known: set[str]) -> pd.DataFrame:
    """Return the last year's row of every known country, by code.

    Raises ``ScenarioError`` where a country has several values in that year.
    """
    rows = found[found["iso3"].isin(known)]
    rows = rows[rows["year"] == rows.groupby("iso3")["year"].transform("max")]
    if rows["iso3"].duplicated().any():
        code = rows.loc[rows["iso3"].duplicated(), "iso3"].iloc[0]
        some = rows[rows["iso3"] == code]
        raise ScenarioError(
            f"{len(some)} values of {code} in {some['year'].iloc[0]}: name those that are meant "
            "with --where COLUMN=VALUE, such as --where 'Dim1=Both sexes'."
        )
    return rows.set_index("iso3").sort_index()


def factor_of(unit: str, bounds: Bounds) -> float:
    """Return what values in a unit, as a site words it, are multiplied by for a table's unit.

    Raises ``ScenarioError`` where the words do not say it.

    >>> factor_of("Urban population (% of total population)", Bounds(0.0, 1.0, "share"))
    0.01
    >>> factor_of("Units per 100,000 inhabitants", Bounds(0.0, 1e4, "units per million people"))
    10.0
    """
    said = unit.casefold().replace(",", " ").replace("\u202f", " ").replace("\xa0", " ")
    if bounds.is_share and ("%" in said or "percent" in said):
        return 0.01
    if "per million" in bounds.unit:
        # the longest first: "per 1 000" begins "per 1 000 000" too
        for words in sorted(_PER_MILLION, key=len, reverse=True):
            if words in said or words.replace(" ", "") in said.replace(" ", ""):
                return _PER_MILLION[words]
    if bounds.unit == "persons" and not any(
        w in said for w in ("%", "per ", "thousand", "million")
    ):
        return 1.0
    if bounds.unit.startswith("US dollars") and "us$" in said and "ppp" not in said:
        return 1.0
    raise ScenarioError(
        f"the file says '{unit}', and the table holds {bounds.unit}: say with --times what its "
        "values are to be multiplied by."
    )


def _worldbank(path: Path, where: dict[str, str]) -> pd.DataFrame:
    if path.suffix.casefold() == ".json":
        pages = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = [_of_api(row) for row in pages[1]]
        return _kept(pd.DataFrame(rows, columns=[*COLUMNS, "indicator_code"]), where)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    head = next(i for i, line in enumerate(lines[:10]) if "Country Code" in line)
    wide = _kept(_csv(path, skip=head), where)
    years = [name for name in wide.columns if name.isdigit() and len(name) == 4]
    long = wide.melt(["Country Code", "Indicator Name"], years, "year", "value")
    return long.rename(columns={"Country Code": "iso3", "Indicator Name": "indicator"}).assign(
        low=None, high=None, unit=lambda rows: rows["indicator"]
    )


def _of_api(row: dict[str, Any]) -> tuple[Any, ...]:
    name, code = row["indicator"]["value"], row["indicator"]["id"]
    unit = row.get("unit") or name
    return row["countryiso3code"], row["date"], row["value"], None, None, name, unit, code


def _who(path: Path, where: dict[str, str]) -> pd.DataFrame:
    table = _kept(_csv(path), where)
    value = "FactValueNumeric"
    names = ["SpatialDimValueCode", "Period", value, f"{value}Low", f"{value}High", "Indicator"]
    if names[0] not in table:  # not of the site but of its data service
        names = ["SpatialDim", "TimeDim", "NumericValue", "Low", "High", "IndicatorCode"]
    found = table[names].set_axis(COLUMNS[:6], axis=1)
    return found.assign(unit=found["indicator"])


def _oecd(path: Path, where: dict[str, str]) -> pd.DataFrame:
    table = _kept(_csv(path), where)
    raised = pd.to_numeric(table.get("UNIT_MULT", 0), errors="coerce")
    value = pd.to_numeric(table["OBS_VALUE"], errors="coerce") * 10.0 ** pd.Series(
        raised, index=table.index
    ).fillna(0.0)
    named = next(n for n in ("Measure", "MEASURE", "STRUCTURE_NAME", "DATAFLOW") if n in table)
    unit = table["Unit of measure"] if "Unit of measure" in table else table["UNIT_MEASURE"]
    columns = {"iso3": table["REF_AREA"], "year": table["TIME_PERIOD"], "value": value}
    return pd.DataFrame(columns | {"indicator": table[named], "unit": unit}).assign(
        low=None, high=None
    )


def _owid(path: Path, where: dict[str, str]) -> pd.DataFrame:
    table = _csv(path).rename(columns=lambda name: OWID_COLUMNS.get(name.casefold(), name))
    table = _kept(table, where)
    known = {*OWID_COLUMNS.values(), *where}
    values = [name for name in table.columns if name not in known]
    if len(values) != 1:
        raise ValueError(f"one column of values is needed, and there are {', '.join(values)}")
    found = table.rename(columns={"Code": "iso3", "Year": "year", values[0]: "value"})
    found = found[found["iso3"] != ""]  # aggregates
    return found.assign(low=None, high=None, indicator=values[0], unit=values[0])


def _csv(path: Path, *, skip: int = 0) -> pd.DataFrame:
    """Return a CSV file as text: a code NA is a country, not an empty cell."""
    try:
        return pd.DataFrame([row for _, row in text_rows(path, skip=skip)])
    except ScenarioError as error:  # perhaps another site's file, with lines before its heading
        raise ValueError(str(error)) from None


def _kept(table: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    """Return the rows in which columns have the asked values."""
    for name, value in where.items():
        if name not in table:
            raise ScenarioError(
                f"no column '{name}' to choose rows by.{nearest(name, table.columns)} There are "
                f"{', '.join(map(str, table.columns))}."
            )
        if value not in set(table[name]):
            some = ", ".join(sorted(set(table[name]))[:8])
            raise ScenarioError(f"no '{value}' in '{name}'; it holds {some}.")
        table = table[table[name] == value]
    return table


_READERS: Mapping[str, Callable[[Path, dict[str, str]], pd.DataFrame]] = {
    "worldbank": _worldbank,
    "who": _who,
    "oecd": _oecd,
    "owid": _owid,
}
