# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on what is not known: what a run's plan hangs on, and what knowing more is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_answer import answered, say_where
from sim.cli_options import RunFolder, Workers

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.answer_folder import Tables
    from sim.studies.answering import Answering
    from sim.studies.batch import Design
    from sim.studies.result import StudyResult

Against = Annotated[str | None, typer.Option(metavar="POLICY", show_default="the best simple rule")]
TOP = 8
"""Single unknowns shown; `equiscan export` has the sample for all."""
AFTER_STAGES = (
    "Chosen is between the policies only; after `equiscan answer stages` also between the plans of "
    "coalitions of stages."
)


def information(folder: RunFolder) -> None:
    """Say what knowing more before choosing a policy would be worth, and of what."""
    from reports.shares import amount
    from sim.studies.knowledge import EVERYTHING, TOPIC, UNKNOWN

    result, further = _with_further(folder)
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


def drivers(
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
        _sobol(folder, result, sobol, str(result.lead(against).name), workers)
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


def assumptions(folder: RunFolder) -> None:
    """Say what the plan's gain rests on: measured, published, imputed or assumed, and whose."""
    from reports.register_page import register_rows, register_sentence
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


def regret(folder: RunFolder) -> None:
    """Say how far every policy is behind the best of each draw, and how often it is the best."""
    from reports.uncertainties import regret_rows

    result, further = _with_further(folder)
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


def measuring(
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
    from reports.measuring_page import measuring_rows, measuring_sentence
    from reports.shares import amount
    from sim.answers.intervals import interval_words

    result, further = _with_further(folder)
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


def _with_further(folder: Path) -> "tuple[StudyResult, pd.DataFrame | None]":
    """Return a run, and what the plans of coalitions of stages reach, where that was asked."""
    from sim.studies.answer_folder import answers_of
    from sim.studies.result import load

    result = load(folder)
    kept = answers_of(folder, result)
    return result, kept["stages"]["coalition_draws"] if "stages" in kept else None


def _sobol(
    folder: Path, result: "StudyResult", points: int, rival: str, workers: int | None
) -> None:
    """Print Sobol indices of the plan's lead over a policy."""
    from reports.uncertainties import sobol_rows, sobol_sentence
    from sim.planning.rules import phrase_of
    from sim.studies.answer_folder import policies_of
    from sim.studies.sobol import sobol

    def make(design: "Design", answering: "Answering", result: "StudyResult") -> "Tables":
        plans = policies_of(result, design)
        return sobol(design, answering, plans["plan"], plans[rival], points=points).tables

    settings = {"points": points, "against": result.policies.index(rival)}
    found = answered(folder, "sobol", make, settings=settings, workers=workers)["sobol"]
    title = f"Sobol indices of the plan's lead over {phrase_of(rival)}"
    terminal.print_table(sobol_rows(found), title=title)
    terminal.bullets([sobol_sentence(found)])
    say_where(folder)


def _worth(table: "pd.DataFrame", metric: str) -> "pd.DataFrame":
    """Return rows of the value of information in words."""
    from reports.shares import amount
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
