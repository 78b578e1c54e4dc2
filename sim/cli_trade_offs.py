# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands that look for other plans than the plan of a run."""

from pathlib import Path
from typing import Annotated

import typer

from sim import terminal
from sim.cli_answer import answered, say_where
from sim.cli_options import Draws, Language, RunFolder, Workers, place_option


def frontier(
    folder: RunFolder,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search for a point.")] = 200,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say what the objective costs in mean coverage, worst cell, gap, money and emissions."""
    from reports.trade_offs import frontier_rows, frontier_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.frontier import frontier

    tables = answered(
        folder,
        "frontier",
        lambda design, answering, result: (
            frontier(design, answering, policies_of(result, design), runs=runs).tables
        ),
        settings={"runs": runs},
        draws=draws,
        workers=workers,
    )
    for axis in tables["frontier"]["axis"].unique():
        terminal.print_table(frontier_rows(tables["frontier"], axis))
    terminal.bullets(frontier_sentences(tables))
    say_where(folder)


def ring_fence(
    folder: RunFolder,
    top: Annotated[int, typer.Option(min=1, help="Regions, and stages, to look at.")] = 5,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search for each plan.")] = 600,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say what more money is worth, kept for a region or a stage, the plan made anew."""
    from reports.ring_fence_page import ring_fence_rows, ring_fence_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.ring_fence import ring_fence

    tables = answered(
        folder,
        "ring_fence",
        lambda design, answering, result: (
            ring_fence(
                design,
                answering,
                policies_of(result, design)["plan"],
                result.marginal(),
                top=top,
                runs=runs,
            ).tables
        ),
        settings={"top": top, "runs": runs},
        draws=draws,
        workers=workers,
    )
    terminal.print_table(
        ring_fence_rows(tables["ring_fence"]), title="What more money is worth, the plan made anew"
    )
    terminal.bullets(ring_fence_sentences(tables))
    say_where(folder)


def gain(folder: RunFolder, draws: Draws = None, workers: Workers = None) -> None:
    """Say which purchases the plan's gain comes from, and whose it is."""
    from reports.gain import gain_rows, gain_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.attribution import PEOPLE, PURCHASES, attribution

    tables = answered(
        folder,
        "gain",
        lambda design, answering, result: (
            attribution(design, answering, policies_of(result, design)["plan"]).tables
        ),
        settings={},
        draws=draws,
        workers=workers,
    )
    for kind in (PURCHASES, PEOPLE):
        terminal.print_table(gain_rows(tables["gain"], kind).head(10))
    terminal.bullets(gain_sentences(tables["gain"]))
    say_where(folder)


def certificate(folder: RunFolder, draws: Draws = None, workers: Workers = None) -> None:
    """Say whether the top additions and the best policy are the same where things are otherwise."""
    from reports.certificate_page import certificate_sentences, stable_rows, variation_rows
    from sim.studies.answer_folder import policies_of
    from sim.studies.certificate import certificate

    tables = answered(
        folder,
        "certificate",
        lambda design, answering, result: (
            certificate(design, answering, policies_of(result, design), result.marginal()).tables
        ),
        settings={},
        draws=draws,
        workers=workers,
    )
    terminal.print_table(stable_rows(tables["stable_items"]), title="The best additions")
    terminal.print_table(variation_rows(tables["variations"]))
    terminal.bullets(certificate_sentences(tables))
    say_where(folder)


def alternatives(
    folder: RunFolder,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search within each part.")] = 500,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say how different plans can be that are nearly as good, and what all of them share."""
    from reports.trade_offs import alternative_rows, alternative_sentences, shared_rows
    from sim.studies.alternatives import alternatives
    from sim.studies.answer_folder import policies_of

    tables = answered(
        folder,
        "alternatives",
        lambda design, answering, result: (
            alternatives(design, answering, policies_of(result, design), runs=runs).tables
        ),
        settings={"runs": runs},
        draws=draws,
        workers=workers,
    )
    terminal.print_table(
        alternative_rows(tables["alternatives"]),
        title="The most different plans that were found to be nearly as good",
    )
    terminal.print_table(
        shared_rows(tables["shared_money"]).head(10), title="What all of them spend at least"
    )
    terminal.bullets(alternative_sentences(tables))
    say_where(folder)


def explore(
    folder: RunFolder,
    out: Annotated[
        Path | None, place_option("FILE", "Page to write.", "RUN/answers/explore.html")
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
    workers: Workers = None,
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
        lambda design, answering, _: sweep(design, answering, points).tables,
        settings={"runs": runs, "points": number_of(points)},
        draws=draws,
        workers=workers,
    )
    place = out or folder / FOLDER / "explore.html"
    page = write_explorer(tables, scenario, place, script, language=language)
    terminal.say(f"{len(points)} plans. Page: {page}")
