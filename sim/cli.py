# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line: parse, call, print. Every expected error ends as clear text and an exit code."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from sim import terminal
from sim.errors import RunFolderError, SimError

if TYPE_CHECKING:
    import pandas as pd

    from sim.study.result import StudyResult

TOP = 8
"""Additions shown after a run; the report has them all."""
INTERRUPTED = 130


class Commands(TyperGroup):
    """The only place where errors become text: no traceback for what a user can put right."""

    def invoke(self, ctx: Any) -> object:
        """Run a command; ``SimError`` ends with its exit code, other failed files with 2."""
        try:
            return super().invoke(ctx)
        except SimError as error:
            _stop(f"error: {error}", error.exit_code)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"'{error.filename}': " if error.filename else ""
            _stop(f"error: {where}{error.strerror or error}.", SimError.exit_code)
        except KeyboardInterrupt:
            _stop(
                "interrupted; finished replications are kept, run again with the same --out to "
                "resume",
                INTERRUPTED,
            )


app = typer.Typer(
    cls=Commands,
    help="Find where the next dollar makes medical imaging AI fairer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="What the baseline tables say.", no_args_is_help=True)
profile = typer.Typer(
    help="Measured profiles: how data becomes accuracy, by group.", no_args_is_help=True
)
app.add_typer(data, name="data")
app.add_typer(profile, name="profile")

ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario, a YAML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated."),
]
Outside = Annotated[
    bool, typer.Option("--allow-outside", help="Allow a profile outside the scenario's folder.")
]


@app.command()
def validate(file: ScenarioFile, changes: Changes = None, allow_outside: Outside = False) -> None:
    """Check a scenario: say what is wrong, on which line, and what is allowed."""
    from sim.baseline.build import members
    from sim.study.names import load_scenario

    scenario = load_scenario(file, overrides=changes or (), allow_outside=allow_outside)
    horizon, uncertainty = scenario.horizon, scenario.uncertainty
    who = members(scenario)
    shown = ", ".join(who.regions[:TOP]) + (", ..." if len(who.regions) > TOP else "")
    typer.echo(f"{file} is valid.")
    terminal.pairs(
        {
            "title": scenario.title,
            "regions": f"{len(who.regions)} ({shown}) of {len(who.countries)} countries",
            "groups": ", ".join(scenario.groups),
            "modalities": ", ".join(scenario.modalities),
            "years": f"{horizon.start_year}, {horizon.decide_years} decided, "
            f"{horizon.score_years} scored",
            "budget": f"USD {scenario.budget_usd_per_year:,.0f} a year",
            "policies": ", ".join(scenario.policies),
            "runs": f"{uncertainty.draws} x {uncertainty.replications} of every policy "
            "(draws x replications)",
        }
    )


@app.command()
def schema(
    fields: Annotated[bool, typer.Option("--fields", help="As a table for people.")] = False,
) -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    import json

    from sim.scenario.fields import field_table
    from sim.scenario.files import scenario_schema

    typer.echo(
        field_table() if fields else json.dumps(scenario_schema(), indent=2) + "\n",
        nl=False,
    )


@app.command()
def run(
    file: ScenarioFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", show_default="runs/<FILE>")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished run in --out.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores")
    ] = None,
    changes: Changes = None,
    allow_outside: Outside = False,
) -> None:
    """Make the plans, simulate them, compare them, and write the report."""
    from reports import write_report
    from sim.study.execution import execute
    from sim.study.names import load_scenario

    scenario = load_scenario(file, overrides=changes or (), allow_outside=allow_outside)
    folder = out or Path("runs") / file.stem
    with terminal.progress_bar() as progress:
        result = execute(scenario, folder, workers=workers, overwrite=overwrite, progress=progress)
    _recommend(result)
    typer.echo(f"\nReport: {write_report(folder)}")


@app.command()
def report(folder: RunFolder) -> None:
    """Write the report of a finished run again."""
    from reports import write_report

    typer.echo(f"Report: {write_report(folder)}")


@app.command()
def trace(
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy whose events are shown.")] = "plan",
) -> None:
    """Print the event log: commissionings, trainings, audits, releases."""
    from sim.study.folder import read_table

    events = read_table(folder, "events")
    if policy not in (known := list(events["policy"].unique())):
        raise RunFolderError(
            f"{folder}: no policy '{policy}' in this run; it has {', '.join(known)}."
        )
    terminal.table(
        events[events["policy"] == policy].drop(columns="policy"), title=f"Events, {policy}"
    )


@data.command("show")
def data_show(iso3: Annotated[str, typer.Argument(metavar="ISO3", help="Such as KEN.")]) -> None:
    """Print all that is known about a country, with ranges and sources."""
    from sim.baseline import tables

    code = iso3.upper()
    known = tables.baseline(code)
    where = tables.countries().loc[code]
    typer.echo(f"{where['name']} ({code}), {where['income_group']}, {where['un_subregion']}")
    terminal.pairs({str(name): _fact(row) for name, row in known.iterrows()})


@data.command("list")
def data_list() -> None:
    """Print the countries, their groups, and how many of their values were published."""
    from sim.baseline import tables

    own = tables.table("country_values")
    published = own[own["status"] == "published"].groupby("iso3").size()
    countries = tables.countries()[["name", "income_group", "un_subregion"]]
    terminal.table(countries.assign(published=published).fillna({"published": 0}).reset_index())


@profile.command("list")
def profile_list() -> None:
    """Print the profiles that come with the package."""
    import pandas as pd

    from sim.learning.response import available, load_profile

    rows = [load_profile(name) for name in available()]
    terminal.table(
        pd.DataFrame(
            {
                "profile": [row.name for row in rows],
                "modality": [row.modality for row in rows],
                "task": [row.task for row in rows],
                "images": [row.data for row in rows],
                "runs": [row.runs for row in rows],
            }
        )
    )


@profile.command("card")
def profile_card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Profile, or its folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
) -> None:
    """Write a profile's card: what was measured, how, and what it does not say."""
    from sim.learning.response import profile_folder
    from sim.profiles.card import write_card

    place = out or Path(f"{Path(name).name}_card.html")
    typer.echo(f"Card: {write_card(profile_folder(name), out=place)}")


@profile.command("measure")
def profile_measure(
    plan: Annotated[Path, typer.Option(help="Measurement plan, a YAML file.")],
    out: Annotated[Path, typer.Option(help="Folder for the runs.")],
    images: Annotated[Path | None, typer.Option("--data", help="Images, an npz file.")] = None,
) -> None:
    """Train and test on the grid of a plan; an interrupted grid goes on where it stopped."""
    from sim.profiles.design import MeasurementPlan
    from sim.profiles.grid import measure

    with terminal.progress_bar() as progress:
        folder = measure(
            MeasurementPlan.load(plan),
            data=images,
            out=out,
            progress=progress and (lambda done, total, run: progress(run, done, total)),
        )
    typer.echo(f"Runs: {folder}. Next: equiscan profile fit {folder}")


@profile.command("fit")
def profile_fit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of measured runs.")],
) -> None:
    """Fit the law that turns data into error to measured runs."""
    from sim.profiles.fitting import fit

    fit(folder)
    typer.echo(f"Fitted: {folder / 'fit.json'}")


def main() -> None:
    """Run the command line."""
    app(prog_name="equiscan")


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _recommend(result: "StudyResult") -> None:
    """Print where a little more money helps most, and what the study found."""
    top = result.marginal().head(TOP)
    if not top.empty:
        gains = 100.0 * top[["ede_gain_per_musd", "low", "high"]].to_numpy()
        shown = top[["region", "stage", "item"]].assign(
            gain=[f"{gain:+.2f}" for gain, _, _ in gains],
            interval=[
                "too few draws" if isnan(low) else f"{low:+.2f} to {high:+.2f}"
                for _, low, high in gains
            ],
        )
        title = "Points of equally distributed coverage per further million dollars"
        terminal.table(shown.rename(columns={"interval": "95% interval"}), title=title)
    terminal.bullets(result.verdicts())


def _fact(row: "pd.Series[Any]") -> str:
    """Return a baseline value with its range, unit, year, status and source."""
    value, low, high = (_number(float(row[name])) for name in ("value", "low", "high"))
    interval = "" if low == high else f" ({low} to {high})"
    return f"{value}{interval} {row['unit']}; {row['status']}, {row['year']}: {row['source']}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


if __name__ == "__main__":
    main()
