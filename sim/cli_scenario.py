# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on a scenario file: check it, run it, calibrate it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_options import Cluster, Workers, overwrite_option, place_option
from sim.fault import concerns

if TYPE_CHECKING:
    from sim.calibration.summary import Calibration
    from sim.studies.result import StudyResult
    from sim.studies.study import Study

TOP = 8
"""Additions shown after a run; the report has them all."""
ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario, a YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated."),
]
Outside = Annotated[
    bool, typer.Option("--allow-outside", help="Allow files outside the scenario's folder.")
]


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


def run(
    ctx: typer.Context,
    file: ScenarioFile,
    out: Annotated[
        Path | None, place_option("DIR", "Folder for the results.", "runs/<FILE>")
    ] = None,
    overwrite: Annotated[bool, overwrite_option("Replace a finished run in --out.")] = False,
    workers: Workers = None,
    cluster: Cluster = None,
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
    from sim.studies.store import Part
    from sim.studies.study import study

    asked = study(
        file, overrides=changes or (), allow_outside=allow_outside, workers=workers, cluster=cluster
    )
    folder = concerns(out or Path("runs") / file.stem, ctx)
    if dry_run:
        terminal.pairs(asked.workload().words())
    elif part is not None:
        with terminal.progress_bar() as progress:
            asked.run_part(folder, Part.read(part), progress=progress)
            terminal.say(f"Part {part} is done; when all are: equiscan run {file} --out {folder}")
    else:
        _run_whole(asked, file, folder, overwrite=overwrite, until=until)


def _run_whole(
    asked: "Study", file: Path, folder: Path, *, overwrite: bool, until: float | None
) -> None:
    """Run a study with a log of what it does, then write and sum up its report."""
    from importlib.metadata import version

    from reports import write_report
    from sim.run_log import RunLog

    with terminal.progress_bar() as progress:
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


def calibrate(
    file: Annotated[Path, typer.Argument(metavar="TARGETS", help="Targets, a YAML file.")],
    out: Annotated[
        Path | None, place_option("FILE", "Overlay to write.", "TARGETS_overlay.yaml")
    ] = None,
    overwrite: Annotated[
        bool, overwrite_option("Replace an overlay that it wrote before.")
    ] = False,
    draws: Annotated[
        int, typer.Option(min=16, max=512, help="Rows of the sample, and trials in a wave.")
    ] = 128,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed.", show_default="the scenario's")
    ] = None,
    workers: Workers = None,
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
        terminal.stop("interrupted; nothing was written", terminal.INTERRUPTED)
    _calibrated(found)
    terminal.say(f"\nOverlay: {write_overlay(found, place, overwrite=overwrite)}")


def _recommend(result: "StudyResult") -> None:
    """Print where a little more money helps most, and what the report begins with."""
    from reports.answer import answer_box
    from reports.headline import headline
    from reports.words import digits_for, interval, item_words, points, region_and_code

    top = result.marginal().head(TOP)
    if not top.empty and not terminal.manner.quiet:
        fine = digits_for(top["ede_gain_per_musd"])
        shown = top[["region", "stage", "item"]].assign(
            gain=[points(gain, digits=fine) for gain in top["ede_gain_per_musd"]],
            interval=[
                interval(low, high, digits=fine, none="too few draws")
                for low, high in zip(top["low"], top["high"], strict=True)
            ],
        )
        if not terminal.manner.as_json:
            shown["region"] = shown["region"].map(region_and_code)
            shown["item"] = shown["item"].map(item_words)
        title = "Points of equally distributed coverage per further million dollars"
        terminal.print_table(shown.rename(columns={"interval": "95% interval"}), title=title)
    terminal.say(headline(result))
    terminal.bullets(answer_box(result))


@contextmanager
def _else_said(text: str) -> Iterator[None]:
    """Say something where what follows fails."""
    try:
        yield
    except Exception:
        terminal.say(text, error=True)
        raise


def _calibrated(found: "Calibration") -> None:
    """Print what calibration made of the inputs, and how the baseline matches before and after."""
    import pandas as pd

    inputs = found.parameters()
    prior = terminal.intervals(inputs, "prior_low", "prior_high")
    now = [terminal.compact(value) for value in inputs["value"]]
    rows = zip(
        prior, now, terminal.intervals(inputs, "low", "high"), inputs["verdict"], strict=True
    )
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
            for value, interval in zip(
                targets[middle], terminal.intervals(targets, low, high), strict=True
            )
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
