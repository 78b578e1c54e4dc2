# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line of the answers: what a finished run hangs on, and what would change them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.errors import AnswerError
from sim.fault import concerns
from sim.terminal import example

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.answer_folder import Make, Tables
    from sim.studies.answering import Answering
    from sim.studies.batch import Design
    from sim.studies.stage_value import StageValue

answer = typer.Typer(help="What a finished run says beyond its plan.", no_args_is_help=True)

Workers = Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="all cores")]


def _about(ctx: typer.Context, folder: Path) -> Path:
    return concerns(folder, ctx)


RunFolder = Annotated[
    Path,
    typer.Argument(
        parser=terminal.place, callback=_about, metavar="RUN", help="Folder of a finished run."
    ),
]
Draws = Annotated[int | None, typer.Option(min=2, help="Judge draws.", show_default="the run's")]
Against = Annotated[str | None, typer.Option(metavar="POLICY", show_default="the best simple rule")]
TOP = 8
"""Single unknowns shown; `equiscan export` has the sample for all."""
AFTER_STAGES = (
    "Chosen is between the policies only; after `equiscan answer stages` also between the plans of "
    "coalitions of stages."
)


@answer.command("information", epilog=example("answer information runs/kenya"))
def answer_information(folder: RunFolder) -> None:
    """Say what knowing more before choosing a policy would be worth, and of what."""
    from reports.uncertainties import amount
    from sim.studies.answer_folder import answers_of
    from sim.studies.knowledge import EVERYTHING, TOPIC, UNKNOWN
    from sim.studies.result import load

    result = load(folder)
    kept = answers_of(folder, result)
    further = kept["stages"]["coalition_draws"] if "stages" in kept else None
    table, metric = result.value_of_information(further), result.scenario.objective
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
    plans, asked = len(result.regret(further)), int((table["kind"] == UNKNOWN).sum())
    sure = table[(table["kind"] == TOPIC) & (table["low"] > 0.0)]["what"]
    terminal.bullets(
        [
            f"Nothing that could be learned before choosing one of {plans} plans is worth more "
            f"than {amount(whole['value'], metric)} of the objective"
            + _dollars(float(whole["usd"]))
            + ".",
            f"Topics worth knowing, with the whole interval above 0: {', '.join(sure) or 'none'}.",
            *(
                [f"Single unknowns are the first of {asked}: some are first by chance."]
                if len(single)
                else []
            ),
            "Lower bounds: joint effects are not seen, and of few draws little can be learned.",
            *([AFTER_STAGES] if further is None else []),
        ]
    )


@answer.command("drivers", epilog=example("answer drivers runs/kenya"))
def answer_drivers(
    folder: RunFolder,
    method: Annotated[
        str, typer.Option(help="variance; or of SALib: delta, pawn, rbd_fast.")
    ] = "variance",
    against: Against = None,
    sobol: Annotated[
        int | None,
        typer.Option(metavar="N", help="Sobol indices of topics: so many points are simulated."),
    ] = None,
    workers: Workers = None,
) -> None:
    """Say what the plan's lead hangs on, and when it fails."""
    from reports.uncertainties import driver_rows, driver_sentence
    from sim.planning.rules import phrase_of
    from sim.studies.knowledge import TOPIC, UNKNOWN
    from sim.studies.result import load

    result = load(folder)
    if sobol is not None:
        _sobol(folder, sobol, str(result.lead(against).name), workers)
        return
    table, lead = result.drivers(method, against=against), result.lead(against)
    if table.empty or lead.nunique() < 2:
        terminal.say("The lead is the same in all draws, or they are too few to say anything.")
        return
    if method != "variance":
        shown = table.head(2 * TOP)[["parameter", "topic", "index", "low", "high", "chance"]]
        terminal.print_table(shown, title=f"{method} of the plan's lead, {len(lead)} draws")
    else:
        for kind, title in (
            (TOPIC, "Share of the variance of the plan's lead that it tells, by topic"),
            (UNKNOWN, "The same, single unknowns"),
        ):
            terminal.print_table(driver_rows(table, kind).head(TOP), title=title)
    above = table[table["index"] > table["chance"]] if method != "variance" else table
    terminal.bullets(
        [
            driver_sentence(table)
            if method == "variance"
            else f"{len(above)} of {len(table)} are above what one random column in twenty comes "
            f"to; by chance it were {len(table) / 20:.0f}.",
            f"Where does {phrase_of('plan')} do worse than {phrase_of(str(lead.name))}? "
            f"{result.fails_when(against=against)}",
            f"{len(lead)} draws.",
        ]
    )


@answer.command("assumptions", epilog=example("answer assumptions runs/kenya"))
def answer_assumptions(folder: RunFolder) -> None:
    """Say what the plan's gain rests on: measured, published, imputed or assumed, and whose."""
    from reports.uncertainties import register_rows, register_sentence
    from sim.studies.assumptions import ORIGIN, STATUS
    from sim.studies.knowledge import UNKNOWN
    from sim.studies.result import load

    table = load(folder).assumptions()
    if table.empty:
        terminal.say("Too few draws to say anything, or nothing differs from draw to draw.")
        return
    for kind, title in (
        (STATUS, "Share of the variance of the plan's gain, by how inputs are known"),
        (ORIGIN, "The same, by whose numbers they are"),
        (UNKNOWN, "Single unknowns that tell most"),
    ):
        terminal.print_table(register_rows(table, kind).head(TOP), title=title)
    terminal.bullets([register_sentence(table)])


@answer.command("regret", epilog=example("answer regret runs/kenya"))
def answer_regret(folder: RunFolder) -> None:
    """Say how far every policy is behind the best of each draw, and how often it is the best."""
    from reports.uncertainties import regret_rows
    from sim.studies.answer_folder import answers_of
    from sim.studies.result import load

    result = load(folder)
    kept = answers_of(folder, result)
    further = kept["stages"]["coalition_draws"] if "stages" in kept else None
    table = result.regret(further)
    own = table[table["plan"].isin(result.policies)]
    terminal.print_table(
        regret_rows(own, result.scenario.objective),
        title=f"Behind the best of each of {int(table['draws'].iloc[0])} draws",
    )
    terminal.bullets(
        [
            f"The best of each draw is that of {len(table)} plans"
            + ("." if further is None else ", those of coalitions of stages among them.")
        ]
    )


@answer.command(
    "measuring", epilog=example("answer measuring runs/kenya groups.rural.reach --people 400")
)
def answer_measuring(
    folder: RunFolder,
    parameter: Annotated[
        str | None,
        typer.Argument(
            help="As in groups.rural.reach.", show_default="the measurements known to us"
        ),
    ] = None,
    people: Annotated[int | None, typer.Option(min=1, help="Asked in a survey of a share.")] = None,
    error: Annotated[
        float | None, typer.Option(min=0.0, help="Else: relative standard error.")
    ] = None,
    usd: Annotated[float | None, typer.Option(min=0.0, help="What the measurement costs.")] = None,
) -> None:
    """Say what a measurement would be worth before choosing a plan, against its cost."""
    from reports.uncertainties import amount, measuring_rows, measuring_sentence
    from sim.answers.intervals import interval_words
    from sim.studies.answer_folder import answers_of
    from sim.studies.result import load

    result = load(folder)
    kept = answers_of(folder, result)
    further = kept["stages"]["coalition_draws"] if "stages" in kept else None
    if parameter is None:
        table = result.measurements(further)
        if table.empty:
            terminal.say("Too few draws to say anything, or nothing of it differs.")
            return
        shown = measuring_rows(table, result.scenario.objective)
        terminal.print_table(shown, title="What measuring would be worth before choosing")
        said = [measuring_sentence(table)]
        terminal.bullets(said if further is not None else [*said, AFTER_STAGES])
        return
    found = result.value_of_measuring(parameter, people=people, error=error, further=further)
    metric = result.scenario.objective
    how = f"{people:,} people" if people is not None else f"a standard error of {error:.0%}"
    said = [
        f"Measuring {parameter} with {how} is worth {amount(found['value'], metric)} of the "
        f"objective ({interval_words(100 * found['low'], 100 * found['high'], form='z.3f')}; "
        f"{found['share']:.0%} of knowing everything; {found['draws']:.0f} draws)"
        + _dollars(found["usd"])
        + "."
    ]
    if usd is not None and found["usd"] == found["usd"]:
        more = found["usd"] > usd
        said.append(f"At ${usd:,.0f} it {'pays' if more else 'does not pay'}, by this estimate.")
    terminal.bullets(said if further is not None else [*said, AFTER_STAGES])


@answer.command("stages", epilog=example("answer stages runs/kenya"))
def answer_stages(
    folder: RunFolder,
    draws: Draws = None,
    searches: Annotated[
        int, typer.Option(min=1, help="Coalitions whose plan is searched for.")
    ] = 32,
    runs: Annotated[int, typer.Option(min=50, help="Runs of each search.")] = 300,
    workers: Workers = None,
) -> None:
    """Say what every stage is worth at the same budget; goes on where it was interrupted."""
    from reports import write_report
    from reports.stages import stage_rows, stage_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.result import load
    from sim.studies.stage_value import stage_value

    result = load(folder)

    def make(design: "Design", answering: "Answering") -> "Tables":
        made = policies_of(result, design)
        known = [plan for policy, plan in made.items() if policy != "baseline"]
        return stage_value(design, answering, known=known, searches=searches, runs=runs).tables

    tables = answered(
        folder,
        "stages",
        make,
        settings={"searches": searches, "runs": runs},
        draws=draws,
        workers=workers,
    )
    title = "Points of the objective that stages bring, with 95% intervals"
    terminal.print_table(stage_rows(tables["stage_value"]), title=title)
    terminal.bullets(stage_sentences(tables))
    terminal.say(f"\nReport: {write_report(folder)}")


@answer.command("matrix", epilog=example("answer matrix runs/kenya"))
def answer_matrix(
    folder: RunFolder,
    workers: Workers = None,
) -> None:
    """Say what every stage needs and brings, beside the ratings of the review."""
    from reports import write_report
    from reports.matrix import matrix_rows, matrix_sentences
    from sim.studies.recommendation import recommendation

    value = _stage_value(folder)
    tables = answered(
        folder,
        "matrix",
        lambda design, answering: recommendation(design, answering, value).tables,
        settings={"stages": value.fingerprint},
        workers=workers,
    )
    terminal.print_table(
        matrix_rows(tables["matrix"]), title="Computed, and what the review says (in brackets)"
    )
    terminal.bullets(matrix_sentences(tables))
    terminal.say(f"\nReport: {write_report(folder)}")


def claims(
    folder: RunFolder,
    workers: Workers = None,
) -> None:
    """Hold the claims of the review against a run: confirmed, refuted, undecided or not tested."""
    from reports import write_report
    from reports.claims_page import claim_words
    from sim.studies.claim_evidence import Evidence
    from sim.studies.claims import claims_table

    value = _stage_value(folder)
    tables = answered(
        folder,
        "claims",
        lambda design, answering: {"claims": claims_table(Evidence(design, answering, value))},
        settings={"stages": value.fingerprint},
        draws=len(value.reached()[0]),
        workers=workers,
    )
    terminal.bullets(
        f"{row['claim']}: {row['verdict'].upper()}. {row['says']} {claim_words(row)}"
        for row in tables["claims"].to_dict("records")
    )
    terminal.say(f"\nReport: {write_report(folder)}")


def answered(
    folder: Path,
    question: str,
    make: "Make",
    *,
    settings: Mapping[str, int],
    draws: int | None = None,
    workers: int | None = None,
) -> "Tables":
    """Return the tables of an answer about a run, with progress; see ``answer_about``."""
    from sim.studies.answer_folder import answer_about

    with terminal.progress_bar() as progress:
        return answer_about(
            folder, question, make, settings=settings, draws=draws, workers=workers,
            progress=progress,
        )  # fmt: skip


def _sobol(folder: Path, points: int, rival: str, workers: int | None) -> None:
    """Print Sobol indices of the plan's lead over a policy."""
    from reports import write_report
    from reports.uncertainties import sobol_rows, sobol_sentence
    from sim.planning.rules import phrase_of
    from sim.studies.answer_folder import policies_of
    from sim.studies.result import load
    from sim.studies.sobol import sobol

    result = load(folder)

    def make(design: "Design", answering: "Answering") -> "Tables":
        plans = policies_of(result, design)
        return sobol(design, answering, plans["plan"], plans[rival], points=points).tables

    tables = answered(
        folder,
        "sobol",
        make,
        settings={"points": points, "against": result.policies.index(rival)},
        workers=workers,
    )
    title = f"Sobol indices of the plan's lead over {phrase_of(rival)}"
    terminal.print_table(sobol_rows(tables["sobol"]), title=title)
    terminal.bullets([sobol_sentence(tables["sobol"])])
    terminal.say(f"\nReport: {write_report(folder)}")


def _stage_value(folder: Path) -> "StageValue":
    """Return what stages are worth in a run; ``AnswerError`` where that was not asked yet."""
    from sim.studies.answer_folder import answers_of
    from sim.studies.result import load
    from sim.studies.stage_value import stage_value_of

    kept = answers_of(folder, load(folder))
    if "stages" not in kept:
        raise AnswerError(
            f"this rests on what stages are worth: equiscan answer stages {folder} comes first."
        )
    return stage_value_of(kept["stages"])


def _worth(table: "pd.DataFrame", metric: str) -> "pd.DataFrame":
    """Return rows of the value of information in words."""
    from reports.uncertainties import amount
    from reports.words import interval

    rows = table.to_dict("records")
    return table.assign(
        unknowns=table["unknowns"].astype(str),
        worth=[amount(float(row["value"]), metric) for row in rows],
        interval=[interval(row["low"], row["high"], digits=3, none="-") for row in rows],
        share=[f"{row['share']:.0%}" for row in rows],
    )[["what", "unknowns", "worth", "interval", "share"]].rename(
        columns={"interval": "95% interval", "share": "of all"}
    )


def _dollars(usd: float) -> str:
    """Return for how much money as much could be had; nothing where that is not known."""
    from math import isnan

    from reports.words import dollars

    return "" if isnan(usd) else f": as much as {dollars(usd)} would buy"
