# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line of the baseline tables: what they say, and how to bring one's own numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim import terminal
from sim.cli_options import overwrite_option, place_option
from sim.errors import MOST_SHOWN, TableError
from sim.terminal import example

if TYPE_CHECKING:
    import pandas as pd

COUNTRY_COLUMNS = ["name", "income_group", "income_year", "un_subregion"]

data = typer.Typer(help="What the baseline tables say.", no_args_is_help=True)


@data.command("show", epilog=example("data show Kenya"))
def data_show(
    place: Annotated[
        str,
        typer.Argument(metavar="PLACE", help="A country, such as KEN or Kenya, or a group: LIC."),
    ],
) -> None:
    """Print all that is known about a country, with ranges and sources; or who is in a group."""
    from sim.baseline import tables
    from sim.baseline.members import countries_of, place_named

    code = place_named(place)
    if code not in tables.countries().index:
        terminal.print_table(
            tables.countries().loc[list(countries_of(code)), COUNTRY_COLUMNS].reset_index()
        )
        return
    known = tables.country_table(code)
    where = tables.countries().loc[code]
    income = f"{where['income_group']} (fiscal year {where['income_year']})"
    terminal.say(f"{where['name']} ({code}), {income}, {where['un_subregion']}")
    terminal.pairs({str(name): _fact(row) for name, row in known.iterrows()})


@data.command("list", epilog=example("data list"))
def data_list() -> None:
    """Print the countries, their groups, and how many of their values were published."""
    from sim.baseline import tables

    own = tables.table("country_values")
    published = own[own["status"] == "published"].groupby("iso3").size()
    countries = tables.countries()[COUNTRY_COLUMNS]
    terminal.print_table(
        countries.assign(published=published).fillna({"published": 0}).reset_index()
    )


@data.command("variables", epilog=example("data variables reach"))
def data_variables(
    word: Annotated[str, typer.Argument(metavar="[WORD]", help="Only those that hold it.")] = "",
) -> None:
    """Print what the tables hold, and between which values it lies anywhere."""
    from sim.baseline import tables

    known = {
        name: f"{one.meaning}: {one.rule}"
        for (_, name), one in tables.variables().items()
        if word in f"{name} {one.unit} {one.meaning}"
    }
    if not known:
        raise TableError(f"no variable holds '{word}'.")
    terminal.pairs(known)


@data.command(
    "import",
    epilog=example("data import wb.csv --source worldbank --variable urban_share --out urban.yaml"),
)
def data_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Export, as the site gives it.")],
    site: Annotated[
        str, typer.Option("--source", metavar="SITE", help="worldbank, who, oecd or owid.")
    ],
    variable: Annotated[str, typer.Option(help="What it is: equiscan data variables.")],
    out: Annotated[Path, place_option("FILE", "Overlay to write.")],
    scenario: Annotated[
        Path | None, typer.Option(help="Scenario whose countries are wanted; else all.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Only rows that have it.")
    ] = None,
    times: Annotated[
        float | None, typer.Option(help="Multiply values by this, for the table's unit.")
    ] = None,
    overwrite: Annotated[bool, overwrite_option("Replace the file in --out.")] = False,
) -> None:
    """Make an overlay of the latest values in an export of a site of statistics."""
    from sim.baseline.data_import import import_overlay
    from sim.baseline.members import members
    from sim.studies.names import load_scenario

    chosen = [text.partition("=")[::2] for text in where or ()]
    found = import_overlay(
        site,
        file,
        variable,
        out,
        countries=members(load_scenario(scenario)).countries if scenario else (),
        where=dict(chosen),
        times=times,
        overwrite=overwrite,
    )
    rows = found.rows
    said = {
        "values": f"{len(rows)} countries, {rows['year'].min()} to {rows['year'].max()}",
        "unit": f"'{rows['unit'].iloc[0]}', times {found.times:g}",
        "without a value": _some(found.missing),
        "left out": f"{_some(found.unmatched)} (aggregates, or unknown codes)",
        "overlay": f"{out}; name it in the scenario's `overlays`",
    }
    terminal.pairs(said)


@data.command("numbers", epilog=example("data numbers kenya.yaml --out kenya.csv"))
def data_numbers(
    scenario: Annotated[Path, typer.Argument(metavar="FILE", help="Scenario, a YAML file.")],
    out: Annotated[Path, place_option("CSV", "File to write.")],
    overwrite: Annotated[bool, overwrite_option("Replace it.")] = False,
) -> None:
    """Write the numbers that a scenario uses as a CSV file, to replace some with your own."""
    from sim.studies.fill_in import write_numbers
    from sim.studies.names import load_scenario

    count = write_numbers(load_scenario(scenario), out, overwrite=overwrite)
    terminal.say(f"{out}: {count} numbers, all of the tables as yet. Take the # from a row,")
    terminal.say("put in your number, its range and source, and name the file in the scenario:")
    terminal.say(f"  overrides: {out.name}")


@data.command("check", epilog=example("data check --csv"))
def data_check(
    csv: Annotated[bool, typer.Option("--csv", help="Every number as CSV, with notes.")] = False,
) -> None:
    """Print every number, oldest and most influential first; need against disease; sources."""
    from sim.baseline import check

    numbers = check.numbers()
    if csv:
        typer.echo(numbers.to_csv(index=False), nl=False)
        return
    terminal.pairs({str(row["name"]): _fact(row) for _, row in numbers.iterrows()})
    terminal.say(
        f"\n{len(numbers):,} numbers, the oldest first; of one year, those that speak for most "
        "people,\nthen those of the widest range.\n\n"
        "Need times indication times prevalence, and what was published:"
    )
    terminal.pairs(
        {
            f"{row['modality']} {row['income_group']}": f"{row['product']:.3g} "
            f"{'lies in' if row['agrees'] else 'is beyond'} {_fact(row)}"
            for _, row in check.burden().iterrows()
        }
    )
    found = check.by_source()
    opened = found["checked"] != ""
    rest = "; the others come first." if not opened.all() else "."
    terminal.say(
        f"\nSources: of {found['numbers'].sum():,} numbers that were read somewhere, "
        f"{found.loc[opened, 'numbers'].sum():,} rest\non {opened.sum()} of {len(found)} sources "
        f"that were opened again and compared{rest}"
    )
    terminal.bullets(_opened(row) for _, row in found.iterrows())


def _some(names: Sequence[str]) -> str:
    """Return names as a list that says how many are not shown."""
    rest = len(names) - MOST_SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    return f"{', '.join(names[:MOST_SHOWN])}{more}" if names else "none"


def _opened(row: "pd.Series[Any]") -> str:
    """Return how many numbers rest on a source, and when and where it was opened again."""
    rest = f"{row['source']}: {row['numbers']} number{'s' * (row['numbers'] != 1)}; "
    if not row["checked"]:
        return f"{rest}not opened again"
    return f"{rest}opened {row['checked']}, {row['text']}: {row['seen']}"


def _fact(row: "pd.Series[Any]") -> str:
    """Return a baseline value with its range, unit, year, status and source."""
    value, low, high = (terminal.compact(float(row[name])) for name in ("value", "low", "high"))
    interval = "" if low == high else f" ({low} to {high})"
    return f"{value}{interval} {row['unit']}; {row['status']}, {row['year']}: {row['source']}"
