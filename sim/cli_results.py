# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on finished runs: report, tables, comparison, other questions, what happened."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_answer import RunFolder, Workers, answered
from sim.cli_data import data
from sim.errors import RunFolderError, SimError, nearest
from sim.fault import concerns
from sim.terminal import example

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.result import StudyResult

Language = Annotated[
    str,
    typer.Option(metavar="CODE|FILE", help="en, fr, or a catalogue of your own: FILE.po."),
]
"""The language of what is written."""
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


def report(
    folder: RunFolder,
    pdf: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="FILE", help="Write it as a PDF instead."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a PDF there is.")] = False,
    language: Language = "en",
) -> None:
    """Write the report of a finished run again, or as a PDF with all tables and sources."""
    from reports import write_report

    if pdf is None:
        terminal.say(f"Report: {write_report(folder, language)}")
        return
    from reports.pdf import write_pdf

    terminal.say(f"PDF: {write_pdf(folder, pdf, overwrite=overwrite, language=language)}")


def translation(
    file: Annotated[
        Path, typer.Argument(parser=terminal.place, metavar="FILE.po", help="Catalogue to write.")
    ],
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of a new catalogue: es, pt, ar, sw.")
    ] = "",
) -> None:
    """Write all words of reports for translators, or bring a catalogue up to date."""
    from reports.messages import write_catalogue

    count, done = write_catalogue(file, language)
    terminal.say(f"{file}: {done} of {count} texts are translated; the others are said in English.")
    terminal.say(f"  equiscan report runs/kenya --language {file}")


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


def export(
    folder: RunFolder,
    xlsx: Annotated[
        Path | None, typer.Option(parser=terminal.place, metavar="FILE", help="Excel workbook.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="DIR", help="Folder of CSV files."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    language: Language = "en",
) -> None:
    """Write all tables of a run for Excel, R or others, with what every column means."""
    from reports.export import export_csv, export_xlsx

    if xlsx is None and csv is None:
        raise typer.BadParameter("say what to write: --xlsx FILE or --csv DIR.")
    if xlsx is not None:
        written = export_xlsx(folder, xlsx, overwrite=overwrite, language=language)
        terminal.say(f"Workbook: {written}")
    if csv is not None:
        written = export_csv(folder, csv, overwrite=overwrite, language=language)
        terminal.say(f"Tables: {written}")


def _outcomes_shown(outcomes: "pd.DataFrame") -> "pd.DataFrame":
    """Return outcomes of two runs as their page says them; as numbers where a program reads."""
    import pandas as pd

    from reports.comparison_page import outcome_rows

    if terminal.manner.as_json:
        shown = outcomes.assign(
            outcome=outcomes["metric"] + ", " + outcomes["unit"],
            interval=terminal.intervals(outcomes, "low", "high"),
        )[["policy", "outcome", "first", "second", "difference", "interval"]]
    else:
        said = outcome_rows(outcomes).items()
        shown = pd.DataFrame([{"outcome": label, **row} for label, rows in said for row in rows])
    return shown.rename(columns={"interval": "95% interval"})


def runs(
    folder: Annotated[
        Path, typer.Argument(parser=terminal.place, metavar="[DIR]", help="Where runs lie.")
    ] = Path("runs"),
) -> None:
    """List the finished runs in a folder."""
    import pandas as pd

    from reports.comparison_page import in_unit
    from reports.words import label
    from sim.studies.manifest import MANIFEST
    from sim.studies.outcomes import OUTCOMES
    from sim.studies.result import load

    if not folder.is_dir():
        raise RunFolderError(f"there is no folder '{folder}'.")
    rows = []
    for place in sorted(path.parent for path in folder.glob(f"*/{MANIFEST}")):
        row = {"run": place.name, "title": "", "draws": "", "best": "", "its value": ""}
        try:
            found = load(place)
        except SimError as error:
            rows.append(row | {"title": f"cannot be read: {error}"})
            continue
        best = found.values(found.scenario.objective).sort_values("value").iloc[-1]
        row |= {"title": found.scenario.title, "draws": str(found.scenario.uncertainty.draws)}
        said, _changed = in_unit(OUTCOMES.called(found.scenario.objective).unit)
        row |= {"best": label(best["policy"]), "its value": said(best["value"])}
        rows.append(row)
    if not rows:
        raise RunFolderError(f"no finished run lies in '{folder}'.")
    terminal.print_table(pd.DataFrame(rows))


def compare(
    ctx: typer.Context,
    first: RunFolder,
    others: Annotated[
        list[Path], typer.Argument(parser=terminal.place, metavar="RUN...", help="Further runs.")
    ],
    why: Annotated[
        bool, typer.Option("--why", help="Simulate which change makes how much of the difference.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="FILE", help="Write it as a page too."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a page there is.")
    ] = False,
    language: Language = "en",
    workers: Workers = None,
) -> None:
    """Say what runs were asked differently than the first, and what came out differently."""
    from sim.answers.intervals import NO_INTERVAL
    from sim.studies.result import load
    from sim.studies.run_comparison import compare_runs

    of = load(first)
    for other in others:
        found = compare_runs(of, load(concerns(other, ctx)))
        terminal.say(f"{other} against {first}")
        if found.changes.empty and found.origins.empty:
            terminal.say("Scenarios and code are the same.")
        for title, table in (("Scenario", found.changes), ("Code and data", found.origins)):
            if not table.empty:
                terminal.print_table(table, title=f"{title}: what differs")
        how = "draw by draw" if found.paired else "as independent runs: seed, code or data differ"
        terminal.print_table(_outcomes_shown(found.outcomes), title=f"Compared {how}")
        if found.outcomes["low"].isna().any():
            terminal.say(f"-: {NO_INTERVAL}.")
        if why:
            _say_why((first, other), of, workers)
    if out is not None:
        from reports.comparison_page import write_comparison

        page = write_comparison(first, others, out, overwrite=overwrite, language=language)
        terminal.say(f"Page: {page}")


def explore(
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
    language: Language = "en",
) -> None:
    """Search for plans at other budgets, aversions and shares of AI; write a page with sliders."""
    from reports.explore import plotly_script, write_explorer
    from sim.studies.answer_folder import FOLDER
    from sim.studies.result import load
    from sim.studies.sweep import AI_SHARES, AVERSIONS, BUDGETS, number_of, points_of, sweep

    script, scenario = plotly_script(), load(folder).scenario
    points = points_of(
        scenario,
        budgets=budgets or BUDGETS,
        aversions=aversions or AVERSIONS,
        ai_shares=ai_shares or AI_SHARES,
        runs=runs,
    )
    tables = answered(
        folder,
        "explore",
        lambda design, answering: sweep(design, answering, points).tables,
        settings={"runs": runs, "points": number_of(points)},
        draws=draws,
        workers=workers,
    )
    place = out or folder / FOLDER / "explore.html"
    page = write_explorer(tables, scenario, place, script, language=language)
    terminal.say(f"{len(points)} plans. Page: {page}")


def replay(
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy of the run.")] = "plan",
    draw: Annotated[int, typer.Option(min=0, help="Its draw.")] = 0,
    replication: Annotated[int, typer.Option(min=0, help="Its replication.")] = 0,
    csv: Annotated[
        Path | None,
        typer.Option(parser=terminal.place, metavar="DIR", help="Write all that happened in it."),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(
            parser=terminal.place,
            metavar="FILE",
            help="Write a log by person: .csv or .parquet.",
        ),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option("--region", help="Whose people; again for each.", show_default="all"),
    ] = None,
    modalities: Annotated[
        list[str] | None,
        typer.Option("--modality", help="For which exams; again for each.", show_default="all"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Simulate one run again, hold it against what was kept, and write what happened in it."""
    from reports.export import (
        DICTIONARY,
        data_dictionary,
        require_table_place,
        write_csv,
        write_table,
    )
    from sim.errors import AnswerError
    from sim.studies.replay import replay

    if people is not None:
        require_table_place(people, overwrite=overwrite)
    elif regions or modalities:
        raise typer.BadParameter("--region and --modality choose whose log --people FILE writes.")
    found = replay(folder, policy, draw=draw, replication=replication)
    title = f"{policy}, draw {draw}, replication {replication}"
    terminal.print_table(_replayed(found.outcomes), title=title)
    if csv is not None:
        tables = {DICTIONARY: data_dictionary(found.tables)} | found.tables
        terminal.say(f"Tables: {write_csv(tables, csv, overwrite=overwrite)}")
    if people is not None:
        log = found.people(regions=regions or (), modalities=modalities or ())
        terminal.say(f"{len(log):,} people: {write_table(log, people, overwrite=overwrite)}")
    if not found.same:
        raise AnswerError(
            "the run is not the one that was kept: other versions of libraries, or another machine?"
        )
    terminal.say("The same as kept, to the last bit.")


def _replayed(outcomes: "pd.DataFrame") -> "pd.DataFrame":
    """Return outcomes of a run that was simulated again as pages say them; numbers for programs."""
    from reports.comparison_page import in_unit
    from sim.studies.outcomes import OUTCOMES

    if terminal.manner.as_json:
        return outcomes
    said = [in_unit(unit)[0] for unit in outcomes["unit"]]
    return outcomes.assign(
        outcome=[OUTCOMES.called(name).label for name in outcomes["outcome"]],
        **{
            column: [words(value) for words, value in zip(said, outcomes[column], strict=True)]
            for column in ("kept", "replayed")
        },
    ).drop(columns="unit")


def trace(
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy whose run is shown.")] = "plan",
    table: Annotated[
        str, typer.Option(metavar="TABLE", help="events, jobs, releases or audits.")
    ] = "events",
) -> None:
    """Print what happened in one run: commissionings, jobs, releases, audits, outages."""
    from sim.studies.manifest import Finished

    found = Finished.at(folder)
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


def _say_why(folders: tuple[Path, Path], first: "StudyResult", workers: int | None) -> None:
    """Print what of the difference between two plans comes from which change."""
    from reports import write_report
    from reports.gain import difference_rows, difference_sentence
    from sim.studies.difference import difference_table
    from sim.studies.result import load

    before, after = folders
    second = load(after)
    tables = answered(
        after,
        "difference",
        lambda _, answering: {
            "difference": difference_table(first, second, answering).assign(against=str(before))
        },
        settings={"first": first.provenance.number},
        workers=workers,
    )
    terminal.print_table(difference_rows(tables["difference"]), title="Why the plans differ")
    terminal.bullets([difference_sentence(tables["difference"])])
    terminal.say(f"\nReport: {write_report(after)}")
