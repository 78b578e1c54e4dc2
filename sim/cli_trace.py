# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on what happened in one run of a finished study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_options import RunFolder, overwrite_option, place_option
from sim.errors import AnswerError, RunFolderError, nearest

if TYPE_CHECKING:
    import pandas as pd

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


def replay(
    folder: RunFolder,
    policy: Annotated[str, typer.Option(help="Policy of the run.")] = "plan",
    draw: Annotated[int, typer.Option(min=0, help="Its draw.")] = 0,
    replication: Annotated[int, typer.Option(min=0, help="Its replication.")] = 0,
    csv: Annotated[Path | None, place_option("DIR", "Write all that happened in it.")] = None,
    people: Annotated[
        Path | None, place_option("FILE", "Write a log by person: .csv or .parquet.")
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option("--region", help="Whose people; again for each.", show_default="all"),
    ] = None,
    modalities: Annotated[
        list[str] | None,
        typer.Option("--modality", help="For which exams; again for each.", show_default="all"),
    ] = None,
    overwrite: Annotated[bool, overwrite_option("Replace what is there.")] = False,
) -> None:
    """Simulate one run again, hold it against what was kept, and write what happened in it."""
    from reports.export import (
        DICTIONARY,
        data_dictionary,
        require_table_place,
        write_csv,
        write_table,
    )
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
