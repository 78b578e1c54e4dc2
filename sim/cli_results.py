# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on finished runs: report, tables, comparison."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_answer import answered, say_where
from sim.cli_data import data
from sim.cli_options import Language, RunFolder, Workers, overwrite_option, place_option
from sim.errors import RunFolderError, SimError
from sim.fault import concerns
from sim.terminal import example

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.result import StudyResult


def report(
    folder: RunFolder,
    pdf: Annotated[Path | None, place_option("FILE", "Write it as a PDF instead.")] = None,
    overwrite: Annotated[bool, overwrite_option("Replace a PDF there is.")] = False,
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
    overwrite: Annotated[bool, overwrite_option("Replace it.")] = False,
) -> None:
    """Draw where the public data sets come from, by country and modality."""
    from reports.data_sets import write_data_sets

    terminal.say(f"Map: {write_data_sets(file, overwrite=overwrite)}")


def export(
    folder: RunFolder,
    xlsx: Annotated[Path | None, place_option("FILE", "Excel workbook.")] = None,
    csv: Annotated[Path | None, place_option("DIR", "Folder of CSV files.")] = None,
    overwrite: Annotated[bool, overwrite_option("Replace what is there.")] = False,
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
    out: Annotated[Path | None, place_option("FILE", "Write it as a page too.")] = None,
    overwrite: Annotated[bool, overwrite_option("Replace a page there is.")] = False,
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


def _say_why(folders: tuple[Path, Path], first: "StudyResult", workers: int | None) -> None:
    """Print what of the difference between two plans comes from which change."""
    from reports.gain import difference_rows, difference_sentence
    from sim.studies.difference import difference_table
    from sim.studies.result import load

    before, after = folders
    second = load(after)
    tables = answered(
        after,
        "difference",
        lambda _design, answering, _result: {
            "difference": difference_table(first, second, answering).assign(against=str(before))
        },
        settings={"first": first.provenance.number},
        workers=workers,
    )
    terminal.print_table(difference_rows(tables["difference"]), title="Why the plans differ")
    terminal.bullets([difference_sentence(tables["difference"])])
    say_where(after)
