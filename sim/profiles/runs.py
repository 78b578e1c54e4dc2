"""The folder of a measurement: what it is of, and one table of a row per run and group."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from sim.atomic import replace_file
from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Cases
from sim.profiles.metering.energy import is_apportioned
from sim.profiles.training.without_images import no_image_baseline

RUNS, ABOUT, PARTS = "runs.parquet", "measurement.json", "parts"
UNFINISHED = "unfinished"
"""Part of the names of files that are not whole yet: the next attempt replaces them."""
GROWING = ("seeds", "contrasts", "device")
"""Fields of a plan that may change: finished runs stay valid, each says what it ran on."""
UNSAID = {"empty_labels": "negative"}
"""What was done before a plan could say it, where that is not the field's default."""


Tasks = Mapping[str, tuple[MeasurementPlan, Cases]]
"""Plan and cases of each task, under no name of the only one."""


def open_folder(folder: Path, plan: MeasurementPlan, tasks: Tasks) -> None:
    """Describe the measurement in its folder; refuse a folder that holds another one.

    Only ``GROWING`` fields may differ, and what empty labels are where there are none.
    """
    path = folder / ABOUT
    about = _about(plan, tasks)
    if path.exists():
        before, sha256 = _described(path)
        free: tuple[str, ...] = GROWING
        if "refused" in (before["empty_labels"], plan.empty_labels):  # the data have none
            free = (*GROWING, "empty_labels")
        _check_same(folder, before | {name: about["plan"][name] for name in free}, about["plan"])
        if sha256 != about["data_sha256"]:
            raise ProfileError(f"{folder} holds runs on other data. Choose a new folder.")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    text = json.dumps(about, indent=1) + "\n"
    replace_file(path, lambda there: there.write(text.encode()), by=UNFINISHED)


def _check_same(folder: Path, held: dict[str, Any], asked: dict[str, Any]) -> None:
    other = [
        f"{name} is {held[name]} there and {asked[name]} now"
        for name in asked
        if held[name] != asked[name]
    ]
    if other:
        raise ProfileError(f"{folder} holds another plan: {'; '.join(other)}. Choose a new folder.")


def _described(path: Path) -> tuple[dict[str, Any], str]:
    """Return the plan that a folder holds, with fields that are newer, and its data's checksum.

    Raises ``ProfileError`` when the file is cut short or describes no measurement.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        plan = MeasurementPlan.model_validate(UNSAID | about["plan"])
        return json.loads(plan.model_dump_json()), str(about["data_sha256"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise ProfileError(
            f"{path} does not describe a measurement ({type(error).__name__}): it is cut short, or "
            "another program's. Choose a new folder, or put the file back: without it nobody knows "
            "which plan made the runs beside it."
        ) from None


def _about(plan: MeasurementPlan, tasks: Tasks) -> dict[str, Any]:
    of_task = {name: _about_task(own, cases) for name, (own, cases) in tasks.items()}
    for name, about in of_task.items() if plan.tasks else ():
        own = tasks[name][0]
        about |= {"groups": own.groups, "not_estimable": own.not_estimable}
    cases = next(iter(tasks.values()))[1]
    # of one task, groups with too few cases are known; of several, each has its own
    whole = plan if plan.tasks else tasks[""][0]
    return {
        "plan": json.loads(whole.model_dump_json()),
        "data_sha256": cases.sha256,
        "encoder": cases.encoder and cases.encoder.model_dump(),
        **({"tasks": of_task} if plan.tasks else of_task[""]),
    }


def _about_task(plan: MeasurementPlan, cases: Cases) -> dict[str, Any]:
    def counts(pair: tuple[int, int]) -> dict[str, int]:
        return {"positives": pair[0], "negatives": pair[1]}

    return {
        "cases": {g: counts(cases.count(g)) for g in (*plan.groups, *plan.not_estimable)},
        "left_out_images": {group: counts(pair) for group, pair in cases.left_out.items()},
        "repeated_images": cases.repeated,
        "baseline": no_image_baseline(cases, plan),
    }


def finished(folder: Path, alone: Collection[str]) -> set[str]:
    """Return the runs that need not be made again; some count only when they were made alone."""
    done: set[str] = set()
    for table in map(read_runs, _files(folder)):
        shared = is_apportioned(table) & table["run_id"].isin(alone)
        done |= set(table.loc[table["error"].isna() & ~shared, "run_id"].astype(str))
    return done


def read_runs(path: Path) -> pd.DataFrame:
    """Return a table of runs; raise ``ProfileError`` for a file that is none."""
    try:
        runs = pd.read_parquet(path)
    except FileNotFoundError:
        raise ProfileError(
            f"{path}: not found. Measure first: `equiscan profile measure`."
        ) from None
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path} is not a table of runs ({error}). Delete it.") from None
    if not {"run_id", "group", "error"} <= set(runs):
        raise ProfileError(f"{path} is not a table of runs: no run_id, group or error. Delete it.")
    return runs


def _files(folder: Path) -> list[Path]:
    return [p for p in (folder / RUNS, *sorted((folder / PARTS).glob("*.parquet"))) if p.exists()]


def collect(folder: Path, order: list[str]) -> None:
    """Join all runs into one table, in the plan's order, and remove the parts.

    Runs that a plan no longer names stay, after those that it names: they were measured.
    """
    files = _files(folder)
    table = pd.concat(map(read_runs, files), ignore_index=True)
    latest = table.drop_duplicates(["run_id", "group"], keep="last")
    rank = latest["run_id"].map({run: i for i, run in enumerate(order)})
    order_of = rank.fillna(len(order)).sort_values(kind="stable")
    write_runs(latest.loc[order_of.index], folder / RUNS)
    for path in (folder / PARTS).iterdir():  # and what an interruption left half written
        path.unlink()
    (folder / PARTS).rmdir()


def require_some(folder: Path) -> None:
    """Raise ``ProfileError`` where every run failed: there is nothing to fit."""
    errors = read_runs(folder / RUNS)["error"]
    if errors.notna().all():
        raise ProfileError(f"{folder}: every run failed, first with: {errors.iloc[0]}")


def write_runs(table: pd.DataFrame, path: Path) -> None:
    """Write a table of runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda there: table.to_parquet(there, index=False), by=UNFINISHED)
