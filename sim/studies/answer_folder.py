"""Answers to further questions about a finished run, each in a folder of its own within the run's.

What has finished of an answer is kept, so that the same command goes on where it was interrupted;
an answer that is there already is read, and one of another run or of other settings replaced.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from sim.domain.plan import Plan
from sim.errors import AnswerError, RunFolderError
from sim.executors.executor import executor_of
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import baseline
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.execution import Progress, with_draws
from sim.studies.manifest import ANSWERS, SUMMARY, Finished
from sim.studies.plans import plans_of
from sim.studies.provenance import provenance
from sim.studies.result import StudyResult, load
from sim.studies.stage_value import stage_value_of
from sim.studies.store import open_store

FOLDER = "answers"
"""Folder of all answers, within that of a run."""
FORM = 2
"""Form of their tables: one more with every change of columns. Answers of another form are left out
of reports, as those about another run are, and can be asked again."""
REST_ON_STAGES = ("matrix", "claims")
"""Questions that rest on what stages are worth; their setting ``stages`` says on which answer."""
Tables = dict[str, pd.DataFrame]
Make = Callable[[Design, Answering, StudyResult], Mapping[str, pd.DataFrame]]
"""How an answer about a run is found: its tables, by the names of ``ANSWERS``."""


def answer_about(
    run: Path | str,
    question: str,
    make: Make,
    *,
    settings: Mapping[str, int],
    draws: int | None = None,
    workers: int | None = None,
    progress: Progress,
) -> Tables:
    """Return the tables that answer a question about a finished run, made and kept where needed.

    Parameters
    ----------
    question : one of ``ANSWERS``.
    settings : what else the answer depends on.
    draws : on which plans are judged; those of the run when not given.

    Raises
    ------
    AnswerError
        Where the run was made by other code than this, or has stations of its own.
    """
    result = load(run)
    scenario = with_draws(result.scenario, draws or result.scenario.uncertainty.draws)
    require_same_code(result)
    given = dict(settings) | {"draws": scenario.uncertainty.draws}
    stamp = _stamp(result) | {f"setting {name}": str(value) for name, value in given.items()}
    place = Path(run) / FOLDER / question
    if (kept := _kept(place, question, stamp)) is not None:
        return kept
    design = Design(scenario, objective=OBJECTIVES.called(scenario.objective))
    with (
        open_store(place, stamp, overwrite=True) as store,
        executor_of(workers=workers) as executor,
    ):
        tables = dict(make(design, Answering(executor, store, progress), result))
        for name in ANSWERS[question]:
            store.write_table(name, tables[name])
        store.write_json(SUMMARY, {"question": question, "stamp": stamp, "settings": given})
        store.finish()
    return tables


def answers_of(run: Path | str, result: StudyResult) -> dict[str, Tables]:
    """Return all answers that are kept in the folder of a run and belong to it, by question.

    Those that rest on what stages are worth belong to it where they rest on the answer there is.
    """
    stamp = _stamp(result)
    found: dict[str, Tables] = {}
    for question in ANSWERS:  # stages first
        known = stamp
        if question in REST_ON_STAGES:
            if "stages" not in found:
                continue
            known = stamp | {"setting stages": str(stage_value_of(found["stages"]).fingerprint)}
        tables = _kept(Path(run) / FOLDER / question, question, known)
        if tables is not None:
            found[question] = tables
    return found


def policies_of(result: StudyResult, design: Design) -> dict[str, Plan]:
    """Return the plans of a run by policy, buying nothing among them.

    Raises ``AnswerError`` where the run made no plan.
    """
    if "plan" not in result.policies:
        raise AnswerError(
            f"this run compares {', '.join(result.policies)} and makes no plan: add plan to its "
            "policies."
        )
    blank = baseline(design.sampler(design.scenario, None, "search").world, design.scenario)
    bought = result.plans.rename(columns={"policy": "plan"})
    return {"baseline": blank} | plans_of(bought, result.policies, blank)


def _kept(place: Path, question: str, stamp: Mapping[str, str]) -> Tables | None:
    """Return the tables of a finished answer; None where there is none of this stamp."""
    try:
        found = Finished.at(place)
        written = dict(found.json(SUMMARY)["stamp"])  # type: ignore[call-overload]
        if {name: written.get(name) for name in stamp} != dict(stamp):
            return None
        return {name: found.table(name) for name in ANSWERS[question]}
    except (RunFolderError, KeyError, TypeError, ValueError):
        return None


def _stamp(result: StudyResult) -> dict[str, str]:
    about = {f"run {name}": value for name, value in result.provenance.stamp().items()}
    return about | {"form": str(FORM)}


def require_same_code(result: StudyResult) -> None:
    """Raise ``AnswerError`` where an answer would be of other code than the run."""
    made, now = result.provenance, provenance(result.scenario)
    if made.stations or made.own_code:
        raise AnswerError(
            "this run has stations, rules or outcomes of one's own: ask from Python, as by "
            "sim.study(...).stage_value()."
        )
    for what, one, other in (
        ("code", made.code_sha256, now.code_sha256),
        ("tables", made.tables_sha256, now.tables_sha256),
        ("profile", made.fit_sha256, now.fit_sha256),
    ):
        if one != other:
            raise AnswerError(
                f"the {what} has changed since this run was made, so that an answer would not be "
                "about it. Run it again, with --overwrite."
            )
