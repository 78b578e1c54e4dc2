# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line of the answers: what a finished run hangs on, and what would change them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal

if TYPE_CHECKING:
    import pandas as pd

answer = typer.Typer(help="What a finished run says beyond its plan.", no_args_is_help=True)

RunFolder = Annotated[
    Path, typer.Argument(parser=terminal.place, metavar="RUN", help="Folder of a finished run.")
]
Against = Annotated[str | None, typer.Option(metavar="POLICY", show_default="the best simple rule")]
TOP = 8
"""Single unknowns shown; `equiscan export` has the sample for all."""


@answer.command("information")
def answer_information(folder: RunFolder) -> None:
    """Say what knowing more before choosing a policy would be worth, and of what."""
    from reports.uncertainties import amount
    from sim.studies.knowledge import CHANCE, EVERYTHING, TOPIC, UNKNOWN
    from sim.studies.result import load

    result = load(folder)
    table, metric = result.value_of_information(), result.scenario.objective
    if table.empty:
        terminal.say("Too few draws to say anything, or nothing differs from draw to draw.")
        return
    shown = table[table["kind"] != UNKNOWN]
    single = table[(table["kind"] == UNKNOWN) & (table["low"] > 0.0)]
    terminal.print_table(
        _worth(shown, metric), title="What knowing it all would be worth, by topic"
    )
    if not single.empty:
        terminal.print_table(_worth(single.head(TOP), metric), title="Single unknowns, the first")
    whole = table[table["kind"] == EVERYTHING].iloc[0]
    sure = table[(table["kind"] == TOPIC) & (table["low"] > 0.0)]["what"]
    terminal.bullets(
        [
            f"Nothing that could be learned before choosing one of {len(result.policies)} policies "
            f"is worth more than {amount(whole['value'], metric)} of the objective"
            + _dollars(float(whole["usd"]))
            + ".",
            f"Worth knowing, with the whole interval above 0: {', '.join(sure) or 'nothing'}.",
            f"'{CHANCE}' counts no luck: chosen by one replication, valued by the other.",
            "Lower bounds: joint effects are not seen, and of few draws little can be learned.",
        ]
    )


@answer.command("drivers")
def answer_drivers(
    folder: RunFolder,
    method: Annotated[
        str, typer.Option(help="variance; or of SALib: delta, pawn, rbd_fast.")
    ] = "variance",
    against: Against = None,
) -> None:
    """Say what the plan's lead hangs on, and when it fails."""
    from sim.planning.rules import phrase_of
    from sim.studies.knowledge import UNKNOWN
    from sim.studies.result import load

    result = load(folder)
    table, lead = result.drivers(method, against=against), result.lead(against)
    if table.empty:
        terminal.say("The lead is the same in all draws, or they are too few to say anything.")
        return
    if method != "variance":
        shown = table.head(2 * TOP)[["parameter", "topic", "index", "low", "high"]]
        terminal.print_table(shown, title=f"{method} of the plan's lead, {len(lead)} draws")
    else:
        parts = {"by topic": table[table["kind"] != UNKNOWN]}
        parts["single unknowns"] = table[table["kind"] == UNKNOWN].head(TOP)
        for name, part in parts.items():
            rows = zip(part["what"], part["share"], part["low"], part["high"], strict=True)
            terminal.say(f"Share of the variance of the plan's lead that it tells, {name}:")
            terminal.pairs(
                {what: f"{share:.0%} ({a:.0%} to {b:.0%})" for what, share, a, b in rows}
            )
    terminal.bullets(
        [
            f"Where does {phrase_of('plan')} do worse than {phrase_of(str(lead.name))}? "
            f"{result.fails_when(against=against)}",
            f"{len(lead)} draws; in brackets 95% intervals. Of many single unknowns some are first "
            "by chance.",
        ]
    )


@answer.command("stages")
def answer_stages(
    ctx: typer.Context,
    folder: RunFolder,
    draws: Annotated[
        int | None, typer.Option(min=2, help="Judge draws.", show_default="the run's")
    ] = None,
    searches: Annotated[
        int, typer.Option(min=1, help="Coalitions whose plan is searched for.")
    ] = 32,
    runs: Annotated[int, typer.Option(min=50, help="Runs of each search.")] = 300,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="all cores")
    ] = None,
) -> None:
    """Say what every stage is worth at the same budget; goes on where it was interrupted."""
    from reports import write_report
    from reports.stages import stage_rows, stage_sentences
    from sim.studies.answer_folder import answer_about
    from sim.studies.stage_value import stage_value

    ctx.find_root().obj = folder
    with terminal.progress_bar() as progress:
        tables = answer_about(
            folder,
            "stages",
            lambda design, answering: (
                stage_value(design, answering, searches=searches, runs=runs).tables
            ),
            settings={"searches": searches, "runs": runs},
            draws=draws,
            workers=workers,
            progress=progress,
        )
    title = "Points of the objective that stages bring, with 95% intervals"
    terminal.print_table(stage_rows(tables["stage_value"]), title=title)
    terminal.bullets(stage_sentences(tables))
    terminal.say(f"\nReport: {write_report(folder)}")


def _worth(table: "pd.DataFrame", metric: str) -> "pd.DataFrame":
    """Return rows of the value of information in words."""
    from reports.uncertainties import amount

    rows = table.to_dict("records")
    return table.assign(
        unknowns=table["unknowns"].astype(str),
        worth=[amount(float(row["value"]), metric) for row in rows],
        interval=[f"{100 * row['low']:.3f} to {100 * row['high']:.3f}" for row in rows],
        share=[f"{row['share']:.0%}" for row in rows],
    )[["what", "unknowns", "worth", "interval", "share"]].rename(
        columns={"interval": "95% interval", "share": "of all"}
    )


def _dollars(usd: float) -> str:
    """Return for how much money as much could be had; nothing where that is not known."""
    from math import isnan

    from reports.words import dollars

    return "" if isnan(usd) else f": as much as {dollars(usd)} would buy"
