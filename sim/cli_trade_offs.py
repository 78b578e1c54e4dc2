# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Command line of the answers that look for other plans than the plan of a run."""

from typing import Annotated

import typer

from sim import terminal
from sim.cli_answer import Draws, RunFolder, Workers, answer, answered
from sim.terminal import example

__all__ = ["answer"]  # with the commands of both files


@answer.command("frontier", epilog=example("answer frontier runs/kenya"))
def answer_frontier(
    folder: RunFolder,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search for a point.")] = 200,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say what the objective costs in mean coverage, worst cell, gap, money and emissions."""
    from reports import write_report
    from reports.trade_offs import frontier_rows, frontier_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.frontier import frontier
    from sim.studies.result import load

    result = load(folder)
    tables = answered(
        folder,
        "frontier",
        lambda design, answering: (
            frontier(design, answering, policies_of(result, design), runs=runs).tables
        ),
        settings={"runs": runs},
        draws=draws,
        workers=workers,
    )
    for axis in tables["frontier"]["axis"].unique():
        terminal.print_table(frontier_rows(tables["frontier"], axis))
    terminal.bullets(frontier_sentences(tables))
    terminal.say(f"\nReport: {write_report(folder)}")


@answer.command("ring-fence", epilog=example("answer ring-fence runs/kenya"))
def answer_ring_fence(
    folder: RunFolder,
    top: Annotated[int, typer.Option(min=1, help="Regions, and stages, to look at.")] = 5,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search for each plan.")] = 600,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say what more money is worth, kept for a region or a stage, the plan made anew."""
    from reports import write_report
    from reports.ring_fence_page import ring_fence_rows, ring_fence_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.result import load
    from sim.studies.ring_fence import ring_fence

    result = load(folder)
    tables = answered(
        folder,
        "ring_fence",
        lambda design, answering: (
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
    terminal.say(f"\nReport: {write_report(folder)}")


@answer.command("gain", epilog=example("answer gain runs/kenya"))
def answer_gain(folder: RunFolder, draws: Draws = None, workers: Workers = None) -> None:
    """Say which purchases the plan's gain comes from, and whose it is."""
    from reports import write_report
    from reports.gain import gain_rows, gain_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.attribution import PEOPLE, PURCHASES, attribution
    from sim.studies.result import load

    result = load(folder)
    tables = answered(
        folder,
        "gain",
        lambda design, answering: (
            attribution(design, answering, policies_of(result, design)["plan"]).tables
        ),
        settings={},
        draws=draws,
        workers=workers,
    )
    for kind in (PURCHASES, PEOPLE):
        terminal.print_table(gain_rows(tables["gain"], kind).head(10))
    terminal.bullets(gain_sentences(tables["gain"]))
    terminal.say(f"\nReport: {write_report(folder)}")


@answer.command("certificate", epilog=example("answer certificate runs/kenya"))
def answer_certificate(folder: RunFolder, draws: Draws = None, workers: Workers = None) -> None:
    """Say whether the top additions and the best policy are the same where things are otherwise."""
    from reports import write_report
    from reports.certificate_page import certificate_sentences, stable_rows, variation_rows
    from sim.studies.answer_folder import policies_of
    from sim.studies.certificate import certificate
    from sim.studies.result import load

    result = load(folder)
    tables = answered(
        folder,
        "certificate",
        lambda design, answering: (
            certificate(design, answering, policies_of(result, design), result.marginal()).tables
        ),
        settings={},
        draws=draws,
        workers=workers,
    )
    terminal.print_table(stable_rows(tables["stable_items"]), title="The best additions")
    terminal.print_table(variation_rows(tables["variations"]))
    terminal.bullets(certificate_sentences(tables))
    terminal.say(f"\nReport: {write_report(folder)}")


@answer.command("alternatives", epilog=example("answer alternatives runs/kenya"))
def answer_alternatives(
    folder: RunFolder,
    runs: Annotated[int, typer.Option(min=50, help="Runs of the search within each part.")] = 500,
    draws: Draws = None,
    workers: Workers = None,
) -> None:
    """Say how different plans can be that are nearly as good, and what all of them share."""
    from reports import write_report
    from reports.trade_offs import alternative_rows, alternative_sentences, shared_rows
    from sim.studies.alternatives import alternatives
    from sim.studies.answer_folder import policies_of
    from sim.studies.result import load

    result = load(folder)
    tables = answered(
        folder,
        "alternatives",
        lambda design, answering: (
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
    terminal.say(f"\nReport: {write_report(folder)}")
