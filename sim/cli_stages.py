# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands on what every stage is worth, and what rests on that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim import terminal
from sim.cli_answer import answered, say_where
from sim.cli_options import Draws, RunFolder, Workers
from sim.errors import AnswerError

if TYPE_CHECKING:
    from sim.studies.answer_folder import Tables
    from sim.studies.answering import Answering
    from sim.studies.batch import Design
    from sim.studies.result import StudyResult
    from sim.studies.stage_value import StageValue


def stages(
    folder: RunFolder,
    draws: Draws = None,
    searches: Annotated[
        int, typer.Option(min=1, help="Coalitions whose plan is searched for.")
    ] = 32,
    runs: Annotated[int, typer.Option(min=50, help="Runs of each search.")] = 300,
    workers: Workers = None,
) -> None:
    """Say what every stage is worth at the same budget; goes on where it was interrupted."""
    from reports.stages import stage_rows, stage_sentences
    from sim.studies.answer_folder import policies_of
    from sim.studies.stage_value import stage_value

    def make(design: "Design", answering: "Answering", result: "StudyResult") -> "Tables":
        made = policies_of(result, design)
        known = [plan for policy, plan in made.items() if policy != "baseline"]
        return stage_value(design, answering, known=known, searches=searches, runs=runs).tables

    settings = {"searches": searches, "runs": runs}
    tables = answered(folder, "stages", make, settings=settings, draws=draws, workers=workers)
    title = "Points of the objective that stages bring, with 95% intervals"
    terminal.print_table(stage_rows(tables["stage_value"]), title=title)
    terminal.bullets(stage_sentences(tables))
    say_where(folder)


def matrix(folder: RunFolder, workers: Workers = None) -> None:
    """Say what every stage needs and brings, beside the ratings of the review."""
    from reports.matrix import matrix_rows, matrix_sentences
    from sim.studies.recommendation import recommendation

    value = _stage_value(folder)
    tables = answered(
        folder,
        "matrix",
        lambda design, answering, _: recommendation(design, answering, value).tables,
        settings={"stages": value.fingerprint},
        workers=workers,
    )
    terminal.print_table(
        matrix_rows(tables["matrix"]), title="Computed, and what the review says (in brackets)"
    )
    terminal.bullets(matrix_sentences(tables))
    say_where(folder)


def claims(folder: RunFolder, workers: Workers = None) -> None:
    """Hold the claims of the review against a run: confirmed, refuted, undecided or not tested."""
    from reports.claims_page import claim_words
    from sim.studies.claim_evidence import Evidence
    from sim.studies.claims import claims_table

    value = _stage_value(folder)
    tables = answered(
        folder,
        "claims",
        lambda design, answering, _: {"claims": claims_table(Evidence(design, answering, value))},
        settings={"stages": value.fingerprint},
        draws=len(value.reached()[0]),
        workers=workers,
    )
    terminal.bullets(
        f"{row['claim']}: {row['verdict'].upper()}. {row['says']} {claim_words(row)}"
        for row in tables["claims"].to_dict("records")
    )
    say_where(folder)


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
