# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line: parse, call, print. Every expected error ends as clear text and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from sim import terminal
from sim.cli_answer import Workers, claims
from sim.cli_data import data
from sim.cli_files import new, runs
from sim.cli_machine import doctor
from sim.cli_profile import profile
from sim.cli_trade_offs import answer
from sim.errors import RunFolderError, SimError, nearest
from sim.terminal import example

if TYPE_CHECKING:
    import pandas as pd

    from sim.calibration.summary import Calibration
    from sim.studies.result import StudyResult

ANYWHERE = frozenset({"--json", "-q", "--quiet", "-v", "--verbose"})
"""Options of every command, which may stand before its name or after."""
TOP = 8
"""Additions shown after a run; the report has them all."""
INTERRUPTED = 130
USAGE: type[Exception] = typer.BadParameter.__mro__[2]
"""What a wrong use of the command line raises, whether typer brings its own click or not."""
TRACED = {
    "events": {"week": "week", "kind": "kind", "region": "region", "detail": "detail"},
    "jobs": {"kind": "kind", "cluster": "cluster", "start_week": "start", "end_week": "end",
             "gpu_hours": "GPU-h", "interruptions": "stops", "emissions_t_co2e": "t CO2e",
             "outcome": "outcome"},
    "releases": {"release": "no.", "live_week": "live", "studies": "studies", "region": "region",
                 "modality": "modality", "group": "group", "sensitivity": "sensitivity"},
    "audits": {"week": "week", "region": "region", "modality": "modality", "group": "group",
               "positives": "cases",
               "lower_benefit": "lower", "needed_benefit": "needed",
               "power": "power", "passed": "passed"},
}  # fmt: skip
"""Columns of every table that ``trace`` prints, and their headings."""


class Commands(TyperGroup):
    """The only place where errors become text: no traceback for what a user can put right."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the options that every command has wherever they stand."""
        end = args.index("--") if "--" in args else len(args)
        first = [word for word in args[:end] if word in ANYWHERE]
        rest = [word for word in args[:end] if word not in ANYWHERE]
        return super().parse_args(ctx, [*first, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> object:
        """Run a command; ``SimError`` ends with its exit code, other failed files with 2.

        What nobody expected ends with 1, and is written down; see ``sim.fault``.
        """
        try:
            found = super().invoke(ctx)
        except SimError as error:
            _stop(f"error: {error}", error.exit_code)
        except (BrokenPipeError, typer.Exit, typer.Abort, USAGE):
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
        except Exception as error:
            from sim.fault import said_of

            _stop(f"error: {said_of(error, ctx.obj)}", 1)
        terminal.close()
        return found


app = typer.Typer(
    cls=Commands,
    help="Find where the next dollar makes medical imaging AI fairer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich takes longer than all the rest of --help
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"equiscan {version('equiscan')}")
        raise typer.Exit


@app.callback()
def equiscan(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no prose.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line for everything that begins.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, at the end.")] = False,
) -> None:
    """Set how every command speaks."""
    del version
    if quiet and verbose:
        raise typer.BadParameter("either --quiet or --verbose.")
    terminal.speak(quiet=quiet, verbose=verbose, as_json=as_json)


app.command(epilog=example("new kenya.yaml --regions Kenya --modality ct"))(new)
app.command(epilog=example("runs"))(runs)
app.command(epilog=example("doctor --json"))(doctor)
app.add_typer(answer, name="answer")
app.add_typer(data, name="data")
app.command("claims", epilog=example("claims runs/east_africa"))(claims)
app.add_typer(profile, name="profile")

ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario, a YAML file.")]
RunFolder = Annotated[
    Path, typer.Argument(parser=terminal.place, metavar="RUN", help="Folder of a finished run.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated."),
]
Outside = Annotated[
    bool, typer.Option("--allow-outside", help="Allow files outside the scenario's folder.")
]


@app.command(epilog=example("validate kenya.yaml --set budget_usd_per_year=2e6"))
def validate(file: ScenarioFile, changes: Overrides = None, allow_outside: Outside = False) -> None:
    """Check a scenario: say what is wrong, on which line, and what is allowed."""
    from sim.baseline.members import members
    from sim.studies.names import load_scenario

    scenario = load_scenario(file, overrides=changes or (), allow_outside=allow_outside)
    horizon, uncertainty = scenario.horizon, scenario.uncertainty
    who = members(scenario)
    shown = ", ".join(who.regions[:TOP]) + (", ..." if len(who.regions) > TOP else "")
    terminal.say(f"{file} is valid.")
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


@app.command(epilog=example("schema > schema.json"))
def schema(
    fields: Annotated[bool, typer.Option("--fields", help="As a table for people.")] = False,
) -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    import json

    from sim.scenario.fields import field_table
    from sim.studies.names import known_names, scenario_schema

    typer.echo(
        field_table(known_names()) if fields else json.dumps(scenario_schema(), indent=2) + "\n",
        nl=False,
    )


@app.command(epilog=example("run kenya.yaml --out runs/kenya --dry-run"))
def run(
    ctx: typer.Context,
    file: ScenarioFile,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=terminal.place,
            metavar="DIR",
            help="Folder for the results.",
            show_default="runs/<FILE>",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished run in --out.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask: tcp://HOST:8786, or local:4 for 4 processes."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Only the K-th of N parts, on a shared folder."),
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(
            min=1e-6, metavar="WIDTH", help="Draw until the plan's lead has so narrow an interval."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many runs, how long, how large.")
    ] = False,
    changes: Overrides = None,
    allow_outside: Outside = False,
) -> None:
    """Make the plans, simulate them, compare them, and write the report."""
    from importlib.metadata import version

    from reports import write_report
    from sim.run_log import RunLog
    from sim.studies.store import Part
    from sim.studies.study import study

    asked = study(
        file,
        overrides=changes or (),
        allow_outside=allow_outside,
        workers=workers,
        cluster=cluster,
    )
    folder = _about(out or Path("runs") / file.stem, ctx)
    if dry_run:
        terminal.pairs(asked.workload().words())
        return
    with terminal.progress_bar() as progress:
        if part is not None:
            asked.run_part(folder, Part.read(part), progress=progress)
            terminal.say(f"Part {part} is done; when all are: equiscan run {file} --out {folder}")
            return
        log = RunLog(folder)
        log.take_up()
        log.add(f"equiscan {version('equiscan')} runs {file}: {asked.scenario.title}")
        with log.closing():
            following = log.following(progress)
            result = asked.run(folder, overwrite=overwrite, until=until, progress=following)
    with _else_said(
        f"The study is finished: `equiscan report {folder}` writes its report, once what follows "
        "is corrected."
    ):
        page = write_report(folder)
    with _else_said(f"Report: {page}"):
        _recommend(result)
        terminal.say(f"\nReport: {page}")


@app.command(epilog=example("calibrate ct_targets.yaml --out ct_overlay.yaml"))
def calibrate(
    file: Annotated[Path, typer.Argument(metavar="TARGETS", help="Targets, a YAML file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=terminal.place,
            metavar="FILE",
            help="Overlay to write.",
            show_default="TARGETS_overlay.yaml",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an overlay that it wrote before.")
    ] = False,
    draws: Annotated[
        int, typer.Option(min=16, max=512, help="Rows of the sample, and trials in a wave.")
    ] = 128,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed.", show_default="the scenario's")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores")
    ] = None,
) -> None:
    """Move assumed inputs until the baseline matches published figures; write an overlay."""
    from sim.calibration.calibrate import calibrate
    from sim.calibration.overlay import require_writable, write_overlay

    place = out or file.with_name(f"{file.stem}_overlay.yaml")
    require_writable(place, targets=file, overwrite=overwrite)
    try:
        with terminal.progress_bar() as progress:
            found = calibrate(file, draws=draws, seed=seed, workers=workers, progress=progress)
    except KeyboardInterrupt:
        _stop("interrupted; nothing was written", INTERRUPTED)
    _calibrated(found)
    terminal.say(f"\nOverlay: {write_overlay(found, place, overwrite=overwrite)}")


@app.command(epilog=example("report runs/kenya --pdf kenya.pdf"))
def report(
    ctx: typer.Context,
    folder: RunFolder,
    pdf: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="FILE", help="Write it as a PDF instead."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a PDF there is.")] = False,
) -> None:
    """Write the report of a finished run again, or as a PDF with all tables and sources."""
    from reports import write_report

    _about(folder, ctx)
    if pdf is None:
        terminal.say(f"Report: {write_report(folder)}")
        return
    from reports.pdf import write_pdf

    terminal.say(f"PDF: {write_pdf(folder, pdf, overwrite=overwrite)}")


@data.command("map", epilog=example("data map datasets.svg"))
def data_map(
    file: Annotated[
        Path, typer.Argument(parser=terminal.place, metavar="FILE", help="svg, png or pdf.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace it.")] = False,
) -> None:
    """Draw where the public data sets come from, by country and modality."""
    from reports.data_sets import write_data_sets

    terminal.say(f"Map: {write_data_sets(file, overwrite=overwrite)}")


@app.command(epilog=example("export runs/kenya --xlsx kenya.xlsx"))
def export(
    ctx: typer.Context,
    folder: RunFolder,
    xlsx: Annotated[
        Path | None, typer.Option(parser=terminal.place, metavar="FILE", help="Excel workbook.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="DIR", help="Folder of CSV files."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write all tables of a run for Excel, R or others, with what every column means."""
    from reports.export import export_csv, export_xlsx

    if xlsx is None and csv is None:
        raise typer.BadParameter("say what to write: --xlsx FILE or --csv DIR.")
    _about(folder, ctx)
    if xlsx is not None:
        terminal.say(f"Workbook: {export_xlsx(folder, xlsx, overwrite=overwrite)}")
    if csv is not None:
        terminal.say(f"Tables: {export_csv(folder, csv, overwrite=overwrite)}")


@app.command(epilog=example("compare runs/kenya runs/kenya_more"))
def compare(
    ctx: typer.Context,
    first: RunFolder,
    others: Annotated[
        list[Path], typer.Argument(parser=terminal.place, metavar="RUN...", help="Further runs.")
    ],
    why: Annotated[
        bool, typer.Option("--why", help="Simulate which change makes how much of the difference.")
    ] = False,
    workers: Workers = None,
) -> None:
    """Say what runs were asked differently than the first, and what came out differently."""
    from sim.answers.intervals import NO_INTERVAL
    from sim.studies.result import load
    from sim.studies.run_comparison import compare_runs

    of = load(_about(first, ctx))
    for other in others:
        found = compare_runs(of, load(_about(other, ctx)))
        terminal.say(f"{other} against {first}")
        if found.changes.empty and found.origins.empty:
            terminal.say("Scenarios and code are the same.")
        for title, table in (("Scenario", found.changes), ("Code and data", found.origins)):
            if not table.empty:
                terminal.print_table(table, title=f"{title}: what differs")
        how = "draw by draw" if found.paired else "as independent runs: seed, code or data differ"
        shown = found.outcomes.assign(
            outcome=found.outcomes["metric"] + ", " + found.outcomes["unit"],
            interval=_intervals(found.outcomes, "low", "high"),
        )[["policy", "outcome", "first", "second", "difference", "interval"]]
        terminal.print_table(
            shown.rename(columns={"interval": "95% interval"}), title=f"Compared {how}"
        )
        if found.outcomes["low"].isna().any():
            terminal.say(f"-: {NO_INTERVAL}.")
        if why:
            _say_why(of, load(other), workers)


@app.command(epilog=example("explore runs/kenya --budget 0.5 --budget 1"))
def explore(
    ctx: typer.Context,
    folder: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=terminal.place,
            metavar="FILE",
            help="Page to write.",
            show_default="RUN/answers/explore.html",
        ),
    ] = None,
    budgets: Annotated[
        list[float] | None,
        typer.Option(
            "--budget", min=0.0, help="Times the run's; again for each.", show_default="0.5, 1, 2"
        ),
    ] = None,
    aversions: Annotated[
        list[float] | None,
        typer.Option(
            "--aversion", min=0.0, max=20.0, help="Beside the run's.", show_default="0, 1, 3"
        ),
    ] = None,
    ai_shares: Annotated[
        list[float] | None,
        typer.Option(
            "--ai-share", min=0.0, max=1.0, help="Most for AI alone.", show_default="0, 0.25, 1"
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=50, help="Runs of each search.")] = 150,
    draws: Annotated[
        int | None, typer.Option(min=1, help="Judge draws.", show_default="the run's")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores")
    ] = None,
) -> None:
    """Search for plans at other budgets, aversions and shares of AI; write a page with sliders."""
    from reports.explore import plotly_script, write_explorer
    from sim.studies.answer_folder import FOLDER, answer_about
    from sim.studies.result import load
    from sim.studies.sweep import AI_SHARES, AVERSIONS, BUDGETS, number_of, points_of, sweep

    script, scenario = plotly_script(), load(_about(folder, ctx)).scenario
    points = points_of(
        scenario,
        budgets=budgets or BUDGETS,
        aversions=aversions or AVERSIONS,
        ai_shares=ai_shares or AI_SHARES,
        runs=runs,
    )
    with terminal.progress_bar() as progress:
        tables = answer_about(
            folder,
            "explore",
            lambda design, answering: sweep(design, answering, points).tables,
            settings={"runs": runs, "points": number_of(points)},
            draws=draws,
            workers=workers,
            progress=progress,
        )
    place = out or folder / FOLDER / "explore.html"
    page = write_explorer(tables, scenario, place, script)
    terminal.say(f"{len(points)} plans. Page: {page}")


@app.command(epilog=example("replay runs/kenya --policy plan --draw 3"))
def replay(
    ctx: typer.Context,
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy of the run.")] = "plan",
    draw: Annotated[int, typer.Option(min=0, help="Its draw.")] = 0,
    replication: Annotated[int, typer.Option(min=0, help="Its replication.")] = 0,
    csv: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="DIR", help="Write all that happened in it."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Simulate one run again, hold it against what was kept, and write what happened in it."""
    from reports.export import write_csv
    from sim.errors import AnswerError
    from sim.studies.replay import replay

    found = replay(_about(folder, ctx), policy, draw=draw, replication=replication)
    title = f"{policy}, draw {draw}, replication {replication}"
    terminal.print_table(found.outcomes, title=title)
    if csv is not None:
        terminal.say(f"Tables: {write_csv(found.tables, csv, overwrite=overwrite)}")
    if not found.same:
        raise AnswerError(
            "the run is not the one that was kept: other versions of libraries, or another machine?"
        )
    terminal.say("The same as kept, to the last bit.")


@app.command(epilog=example("trace runs/kenya --table jobs"))
def trace(
    ctx: typer.Context,
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy whose run is shown.")] = "plan",
    table: Annotated[
        str, typer.Option(metavar="TABLE", help="events, jobs, releases or audits.")
    ] = "events",
) -> None:
    """Print what happened in one run: commissionings, jobs, releases, audits, outages."""
    from sim.studies.manifest import Finished

    found = Finished.at(_about(folder, ctx))
    if table not in TRACED:
        raise RunFolderError(
            f"no table '{table}' to trace; there are {', '.join(TRACED)}.{nearest(table, TRACED)}"
        )
    if policy not in (known := list(found.table("optimisation")["policy"])):
        raise RunFolderError(
            f"{folder}: no policy '{policy}' in this run; it has {', '.join(known)}."
        )
    shown = found.table(table)
    shown = shown[shown["policy"] == policy][list(TRACED[table])]
    terminal.print_table(
        shown.rename(columns=TRACED[table]), title=f"{table.capitalize()}, {policy}"
    )


def main() -> None:
    """Run the command line."""
    app(prog_name="equiscan")


def _about(folder: Path, ctx: typer.Context) -> Path:
    """Say which run folder this command is about, should it end as nobody expected."""
    ctx.find_root().obj = folder
    return folder


@contextmanager
def _else_said(text: str) -> Iterator[None]:
    """Say something where what follows fails."""
    try:
        yield
    except Exception:
        terminal.say(text, error=True)
        raise


def _stop(message: str, code: int) -> NoReturn:
    terminal.say(message, error=True)
    terminal.close(error=message.removeprefix("error: "), exit_code=code)
    raise typer.Exit(code)


def _recommend(result: "StudyResult") -> None:
    """Print where a little more money helps most, and what the study found."""
    from reports.words import interval, points

    top = result.marginal().head(TOP)
    if not top.empty and not terminal.manner.quiet:
        shown = top[["region", "stage", "item"]].assign(
            gain=[points(gain) for gain in top["ede_gain_per_musd"]],
            interval=[
                interval(low, high, none="too few draws")
                for low, high in zip(top["low"], top["high"], strict=True)
            ],
        )
        title = "Points of equally distributed coverage per further million dollars"
        terminal.print_table(shown.rename(columns={"interval": "95% interval"}), title=title)
    terminal.bullets(result.verdicts())


def _say_why(first: "StudyResult", second: "StudyResult", workers: int | None) -> None:
    """Print what of the difference between two plans comes from which change."""
    import pandas as pd

    from reports.words import interval, percent, points
    from sim.studies.difference import why_different

    with terminal.progress_bar() as progress:
        table = why_different(first, second, workers=workers, progress=progress)
    shown = {
        "because of": table["what"],
        "points": list(map(points, table["value"])),
        "95% interval": [
            interval(low, high, none="-")
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
        "share": [percent(share, digits=0) for share in table["share"]],
    }
    title = f"Of the difference of {points(float(table['value'].sum()))} points between the plans"
    terminal.print_table(pd.DataFrame(shown), title=title)


def _calibrated(found: "Calibration") -> None:
    """Print what calibration made of the inputs, and how the baseline matches before and after."""
    import pandas as pd

    inputs = found.parameters()
    prior = _intervals(inputs, "prior_low", "prior_high")
    now = [terminal.compact(value) for value in inputs["value"]]
    rows = zip(prior, now, _intervals(inputs, "low", "high"), inputs["verdict"], strict=True)
    terminal.say("Inputs: range before; value and 90% interval now; what the targets say of it")
    terminal.pairs(
        {
            name: f"{before}; {value} ({interval}); {verdict}"
            for name, (before, value, interval, verdict) in zip(
                inputs["parameter"], rows, strict=True
            )
        }
    )
    targets = found.targets()
    shown = {
        name: [
            f"{terminal.compact(value)} ({interval})"
            for value, interval in zip(targets[middle], _intervals(targets, low, high), strict=True)
        ]
        for name, middle, low, high in (
            ("figure", "value", "low", "high"),
            ("before", "before", "before_low", "before_high"),
            ("after", "after", "after_low", "after_high"),
        )
    }
    terminal.print_table(
        pd.DataFrame({"target": targets["target"]} | shown),
        title="Targets; before and after with 90% intervals",
    )
    terminal.say(
        f"The sample of {len(found.points)} is worth {found.effective:.0f} independent rows; "
        f"{found.simulated} points were simulated."
    )


def _intervals(table: "pd.DataFrame", low: str, high: str) -> list[str]:
    return [
        "-" if isnan(a) else f"{terminal.compact(a)} to {terminal.compact(b)}"
        for a, b in zip(table[low], table[high], strict=True)
    ]


if __name__ == "__main__":
    main()
