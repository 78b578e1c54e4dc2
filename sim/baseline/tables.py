"""The baseline tables, read once, checked row by row, and looked up by name.

Every fact is read by one function only::

    country("KEN", "population")                 a country's value, imputed where missing
    modality("ct", "reading_minutes", "LIC")     an examination and its clinical task
    lever("scanner", "capex_usd", "ct", "LIC")   a price, a delay, a capacity
    operation("outages_per_year", "LIC")         how services and studies run
    recipe("RETFound-Green", "cost_usd")         a published foundation-model training
    gpu("H100", "tdp_w")                         an accelerator
    datasets()                                   public data sets by country
    patients("HAM10000")                         how many people one of them has
    opened_sources()                             sources that were opened again, and when

A cell "*" in a key column means every value of that column; an exact match wins over it.
``bounds`` says of every variable its unit, its meaning, and between which values it lies.
``sim/baseline/tables/README.md`` explains the columns, the status words and the licences.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from functools import cache
from importlib.resources import files

import pandas as pd
from pydantic import ValidationError

from sim.baseline.datum import Datum, Row
from sim.baseline.impute import impute
from sim.domain.bounds import Bounds
from sim.errors import TableError, nearest

KEYS: dict[str, tuple[str, ...]] = {
    "country_values": ("iso3", "variable"),
    "modalities": ("modality", "variable", "income_group"),
    "burden": ("modality", "income_group"),
    "levers": ("lever", "item", "variable", "income_group"),
    "operations": ("variable", "income_group"),
    "recipes": ("recipe", "modality", "variable"),
    "gpu": ("gpu", "variable"),
    "datasets": (
        "dataset",
        "iso3",
        "modality",
        "labels",
        "counted",
        "age",
        "sex",
        "ethnicity",
        "skin_tone",
        "licence",
    ),
}
"""Key columns of every table of values; no key may occur twice."""

UNBOUNDED = ("burden", "recipes", "datasets")
"""Tables of what was published of diseases, trainings and data sets: their rows are in many units,
and are not held to bounds."""
VARIABLE_COLUMNS = ("table", "variable", "topic", "unit", "lowest", "highest", "meaning")
SOURCE_COLUMNS = ("source", "checked", "text", "seen")
COUNTRY_COLUMNS = (
    "name", "income_group", "income_year", "wb_region", "un_subregion", "continent",
)  # fmt: skip
TASK_OF: dict[str, str] = {
    "dermoscopy": "skin cancer",
    "fundus": "diabetic retinopathy",
    "chest_xray": "tuberculosis",
    "mammography": "breast cancer",
    "ct": "intracranial haemorrhage",
    "mri": "clinically significant prostate cancer",
}
"""What an AI looks for in a modality: the task of prevalence, accuracy and public data."""
VALUE_COLUMNS = tuple(field.name for field in fields(Datum))
ANY = "*"
DAY = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


@cache
def table(name: str) -> pd.DataFrame:
    """Return one table of values, indexed by its key columns; ``TableError`` if a row is wrong."""
    rows = _rows(name)
    keys = pd.MultiIndex.from_tuples(list(rows), names=KEYS[name])
    return pd.DataFrame([asdict(datum) for datum in rows.values()], index=keys)


@cache
def countries() -> pd.DataFrame:
    """Return every economy's name, income group and regions, indexed by ISO 3166 alpha-3 code.

    ``income_year`` is the fiscal year of the World Bank's class: 2027 begins in July 2026.
    """
    rows = [cells for _, cells in _lines("countries", ("iso3", *COUNTRY_COLUMNS))]
    return pd.DataFrame(rows).set_index("iso3").sort_index()


@cache
def variables() -> dict[tuple[str, str], Bounds]:
    """Return unit, bounds and meaning of every variable, by table and name.

    A lever's capacity is in a unit of its own, so its name there is ``LEVER.capacity``.
    """
    return {
        (cells["table"], cells["variable"]): Bounds(
            float(cells["lowest"]), float(cells["highest"]), cells["unit"], cells["meaning"]
        )
        for _, cells in _lines("variables", VARIABLE_COLUMNS)
    }


@cache
def topics() -> dict[str, str]:
    """Return what every variable is about: need, reach, readers, prices and so on."""
    return {cells["variable"]: cells["topic"] for _, cells in _lines("variables", VARIABLE_COLUMNS)}


@cache
def topic_of(name: str) -> str:
    """Return what an input is about, by its dotted name; ``other`` where no table knows it.

    >>> topic_of("KEN.readers_per_million.dermatologist"), topic_of("groups.rural.reach")
    ('readers', 'reach')
    """
    known = [variable for variable in topics() if f".{variable}." in f".{name}."]
    if not known:
        return "reach" if name.startswith("groups.") else "other"
    return topics()[max(known, key=len)]


@cache
def country_variables() -> dict[str, str]:
    """Return the variables that ``country`` knows, each with its meaning."""
    return {
        variable: bounds.meaning
        for (of, variable), bounds in variables().items()
        if of == "country_values"
    }


def bounds(name: str, *key: str) -> Bounds | None:
    """Return the bounds of a table's row, by its key as in ``KEYS``; None where it has none."""
    known, columns = variables(), KEYS[name]
    if name == "datasets":
        return known[name, "public_patients"]
    variable = key[columns.index("variable")]
    if name == "levers":
        return known.get((name, f"{key[0]}.{variable}")) or known.get((name, variable))
    # a value that countries have is in ``operations`` for those without
    return known.get((name, variable)) or known.get(("country_values", variable))


@cache
def country(iso3: str, variable: str) -> Datum:
    """Return a country's value; where it has none, its income group's, else its donors'.

    The order: the country's own row, a row of ``operations`` for its income group (written where
    donors are missing or not typical), and last the median of similar countries (``impute``).
    """
    _known(iso3, countries().index, "countries.csv")
    _known(variable, country_variables(), "variables.csv")
    if own := _rows("country_values").get((iso3, variable)):
        return own
    income_group = str(countries().loc[iso3, "income_group"])
    if shared := _rows("operations").get((variable, income_group)):
        return replace(
            shared,
            status="assumed" if shared.status == "assumed" else "imputed",
            note=f"of income group {income_group}, not of the country; {shared.note}",
        )
    return impute(
        _donors(variable),
        income_group=income_group,
        un_subregion=str(countries().loc[iso3, "un_subregion"]),
        wb_region=str(countries().loc[iso3, "wb_region"]),
    )


@cache
def giving_group(iso3: str, variable: str) -> str:
    """Return the income group that gives a country its value; empty where it has one of its own."""
    group = str(countries().loc[iso3, "income_group"])
    own = (iso3, variable) in _rows("country_values")
    return "" if own or (variable, group) not in _rows("operations") else group


def modality(name: str, variable: str, income_group: str) -> Datum:
    """Return a value of an imaging modality and its clinical task."""
    return _look_up("modalities", name, variable, income_group)


def lever(name: str, variable: str, item: str, income_group: str) -> Datum:
    """Return a price, delay, life or capacity; ``item`` is a modality or a profession, or "*"."""
    return _look_up("levers", name, item, variable, income_group)


def operation(variable: str, income_group: str) -> Datum:
    """Return how services run where the income group is ``income_group``."""
    return _look_up("operations", variable, income_group)


def recipe(name: str, variable: str) -> Datum:
    """Return a published value of a foundation model's training."""
    known = {(of, what): datum for (of, _, what), datum in _rows("recipes").items()}
    _known(name, {of for of, _ in known}, "recipes.csv")
    _known(variable, {what for of, what in known if of == name}, f"recipes.csv, recipe {name}")
    return known[name, variable]


def gpu(name: str, variable: str) -> Datum:
    """Return a value of an accelerator."""
    return _look_up("gpu", name, variable)


@cache
def datasets() -> pd.DataFrame:
    """Return the public data sets, one row each.

    ``labels`` is the task that its labels serve; blank where we have not read of any. ``counted``
    is "no" where the images are already in another row; ``iso3`` is blank where the origin is not
    stated and "A|B" where there are several; the demographic columns say "yes" where the attribute
    is released and are blank where we have not read that it is, as ``licence`` is.
    """
    return table("datasets").reset_index()


@cache
def labelled_sets(modality: str) -> dict[str, tuple[str, ...]]:
    """Return countries of origin of every data set whose labels serve the task of a modality.

    Images that are in another set already are left out; an unstated origin is "".
    """
    known = datasets()
    serve = (
        (known["counted"] == "yes")
        & (known["modality"] == modality)
        & (known["labels"] == TASK_OF[modality])
    )
    rows = known.loc[serve, ["dataset", "iso3"]].itertuples(index=False)
    return {str(name): tuple(origin.split("|")) for name, origin in rows}


def patients(dataset: str) -> Datum:
    """Return how many patients a public data set has that is counted in patients."""
    known = _patients()
    _known(dataset, known, "datasets.csv")
    return known[dataset]


@cache
def _patients() -> dict[str, Datum]:
    return {key[0]: row for key, row in _rows("datasets").items() if row.unit == "patients"}


@cache
def opened_sources() -> pd.DataFrame:
    """Return the sources whose text was opened again and held against the rows, by source.

    ``checked`` is the day (ISO 8601), ``text`` what was opened, ``seen`` what was read there. What
    is not assumed rests on one of them.
    """
    named = {datum.source for name in KEYS for datum in _rows(name).values()}
    found: dict[str, dict[str, str]] = {}
    for line, cells in _lines("sources", SOURCE_COLUMNS):
        source, where = cells["source"], f"sources.csv line {line}"
        if source in found:
            raise TableError(f"{where}: '{source}' is there twice.")
        if source not in named:
            raise TableError(
                f"{where}: no table has the source '{source}'.{nearest(source, sorted(named))}"
            )
        if not DAY.fullmatch(cells["checked"]):
            raise TableError(
                f"{where}, column checked: a day such as 2026-11-30 expected, "
                f"got {cells['checked']!r}."
            )
        if empty := [column for column in ("text", "seen") if not cells[column].strip()]:
            raise TableError(f"{where}, column {empty[0]}: empty; say what was opened and read.")
        found[source] = cells
    return pd.DataFrame(list(found.values()), columns=list(SOURCE_COLUMNS)).set_index("source")


def country_table(iso3: str) -> pd.DataFrame:
    """Return everything the tables say about a country, with sources, one row per variable."""
    own = {name: country(iso3, name) for name in country_variables()}
    group = str(countries().loc[iso3, "income_group"])
    others = {name for name, _ in _rows("operations")} - set(own)
    shared = {name: operation(name, group) for name in sorted(others)}
    rows = [{"variable": name} | asdict(datum) for name, datum in (own | shared).items()]
    return pd.DataFrame(rows, columns=["variable", *VALUE_COLUMNS]).set_index("variable")


@cache
def _rows(name: str) -> dict[tuple[str, ...], Datum]:
    """Read and check one table: its values by key, in key order."""
    keys = KEYS[name]
    lines: dict[tuple[str, ...], int] = {}
    rows: dict[tuple[str, ...], Datum] = {}
    for line, cells in _lines(name, (*keys, *VALUE_COLUMNS)):
        key = tuple(cells.pop(column) for column in keys)
        if key in rows:
            where = f"{name}.csv line {line}"
            raise TableError(f"{where}: {', '.join(key)} is already on line {lines[key]}.")
        lines[key] = line
        rows[key] = Datum(**_checked(name, line, cells).model_dump())
        _bound(name, line, key, rows[key])
    return dict(sorted(rows.items()))


def _lines(name: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of every row; the header must name ``columns``."""
    text = files("sim.baseline").joinpath("tables", f"{name}.csv").read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != columns:
        wrong = f"the header is {reader.fieldnames}, expected {list(columns)}"
        raise TableError(f"{name}.csv line 1: {wrong}.")
    for cells in reader:
        if None in cells or None in cells.values():
            raise TableError(f"{name}.csv line {reader.line_num}: {len(columns)} cells expected.")
        yield reader.line_num, cells


def _checked(name: str, line: int, cells: dict[str, str]) -> Row:
    filled = cells | {edge: cells[edge] or cells["value"] for edge in ("low", "high")}
    try:
        if cells["status"] == "assumed" and not (cells["low"] and cells["high"]):
            raise TableError(
                f"{name}.csv line {line}, columns low and high: an assumed value needs both, "
                f"got {cells['low']!r} and {cells['high']!r}."
            )
        return Row.model_validate(filled)
    except ValidationError as error:
        found = "; ".join(
            f"column {'.'.join(map(str, problem['loc'])) or 'value'}: {problem['msg']}, "
            f"got {problem['input'] if problem['loc'] else cells['value']!r}"
            for problem in error.errors()
        )
        raise TableError(f"{name}.csv line {line}, {found}.") from None


def _bound(name: str, line: int, key: tuple[str, ...], datum: Datum) -> None:
    """Raise where a row breaks what ``variables.csv`` says of its variable."""
    if name in UNBOUNDED:
        return
    known = bounds(name, *key)
    if known is None:
        raise TableError(f"{name}.csv line {line}: variables.csv does not have {', '.join(key)}.")
    if datum.unit != known.unit:
        wrong = f"column unit: {datum.unit!r}, but variables.csv says {known.unit!r}"
        raise TableError(f"{name}.csv line {line}, {wrong}.")
    if wrong := known.broken_by(datum.value, datum.low, datum.high):
        raise TableError(f"{name}.csv line {line}: {wrong}.")


@cache
def _look_up(name: str, *key: str) -> Datum:
    """Find the row for ``key``; a "*" in a table's cell stands for any value, an exact one wins."""
    rows = _rows(name)
    for candidate in _widening(key):
        if candidate in rows:
            return rows[candidate]
    for part, known in zip(key, zip(*rows, strict=True), strict=True):
        if part != ANY:
            _known(part, known, f"{name}.csv")
    raise TableError(f"{name}.csv: there is no row for {', '.join(key)}. Add it with its source.")


def _widening(key: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield ``key``, then with its last parts, then others, replaced by "*"."""
    for mask in range(2 ** len(key)):
        yield tuple(ANY if mask >> (len(key) - 1 - at) & 1 else part for at, part in enumerate(key))


@cache
def _donors(variable: str) -> pd.DataFrame:
    """Countries with an observed value of their own, and where they are."""
    rows = table("country_values").xs(variable, level="variable")
    return rows[rows["status"].isin(("measured", "published"))].join(countries())


def _known(name: str, allowed: Iterable[str], where: str) -> None:
    if name not in (names := set(allowed)):
        raise TableError(f"{where}: there is no {name!r}.{nearest(name, sorted(names))}")
