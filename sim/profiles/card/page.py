"""One self-contained page that says what a profile measured, on what, and how far to trust it."""

import json
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from numpy.typing import NDArray

from sim.atomic import replace_file
from sim.errors import LONGEST_NAME, ProfileError, cut, nearest
from sim.learning.response import FACTORS, FROZEN_BEYOND
from sim.learning.scaling import effective, power_law
from sim.profiles.card.figures import curves, gaps, kappas, residuals, untreated
from sim.profiles.card.panels import panels
from sim.profiles.card.several import task_constants, task_curves
from sim.profiles.fit.contrasts import quantiles
from sim.profiles.fit.factors import FEWEST_SEEDS
from sim.profiles.importing.own_runs import FIT, IMPORTED
from sim.profiles.metering.published import contents, recipes
from sim.profiles.runs import RUNS, read_runs
from sim.profiles.treatment import FACTORS as TREATED

OWN, OTHERS = (100, 300, 1_000, 3_000), (0, 1_000, 10_000)
"""Own and other studies at which the gain of twice the own ones is shown."""
UNREADABLE: tuple[type[Exception], ...] = (
    *(KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError),
    *(UndefinedError, RecursionError),
)
"""What a page ends with when its numbers are not those that a fit writes."""
TEMPLATE, TASKS_TEMPLATE = "card.html.jinja", "tasks.html.jinja"
CONSTANTS = (
    ("kappa", "kappa: worth of another group's first study"),
    ("limit", "m: worth of all studies of others at most, own studies"),
    ("floor", "d: floor of the error"),
    ("scale", "a: scale"),
    ("power", "p: exponent"),
    ("offset", "n₀: offset, studies"),
)
SHOWN = (
    "auc",
    "auc_low",
    "auc_high",
    "sensitivity",
    "specificity",
    "calibration_error",
    "test_positives",
    "test_negatives",
)
MEANINGS = {
    "noise_exponent": "b in worth = (1 - 2 noise)^b; the model takes 2",
    "double_reading_gain": "worth of adjudicated labels, against one reading of the same cases",
    "uncurated_quality": "worth of a set with copies, blanks and wrong labels, against a clean one",
    "synthetic_worth": "worth of a synthetic study, against a real one; below 0 they harm",
    "synthetic_limit": "synthetic studies per real one that count, if they are worth anything",
    "synthetic_without_own": "change of AUC, group without real studies, others' made into more",
    "pretraining_efficiency": "M after the longest pre-training",
    "pretraining_per_decade": "ratio of M per tenfold compute",
    "pretraining_own_share": "ratio of M, all unlabelled images one's own against none",
    "mitigation_sensitivity_gain": "change of sensitivity, group with fewest studies, all methods",
    "mitigation_gap_change": "change of the gap in sensitivity, all methods",
    "local_threshold_gain": "change of sensitivity with a threshold of its own, same group",
}
"""What each factor is, in words; ``sim.learning.response.FACTORS`` has the same keys."""


MITIGATED = (
    ("gap_sensitivity", "the gap in sensitivity"),
    ("fewest_sensitivity", "sensitivity, group with fewest studies"),
    ("most_sensitivity", "sensitivity, group with most studies"),
    ("auc", "AUC, mean of groups"),
    ("specificity", "specificity, mean of groups"),
)


def write_card(
    folder: str | Path, *, task: str | None = None, out: str | Path | None = None
) -> Path:
    """Write the card of the runs and the fit in ``folder``, by default beside them.

    Parameters
    ----------
    task : one task of a profile of several; without it the page is of all of them.

    Returns
    -------
    The path of the page.

    Raises
    ------
    ProfileError
        When nothing is fitted there, and for a task that the profile does not have.
    """
    folder = Path(folder)
    place = folder / FIT
    try:
        fit = json.loads(place.read_text(encoding="utf-8"))
        runs = read_runs(folder / RUNS)
        if task is not None or "tasks" not in fit:
            page = _of_one(*_only(fit, runs, task))
        else:
            page = _of_tasks(fit, runs)
    except FileNotFoundError:
        raise ProfileError(f"{place}: not found. Fit first: `equiscan profile fit`.") from None
    except UNREADABLE as error:  # a file that somebody changed, or an old one
        said = cut(repr(error), LONGEST_NAME)
        raise ProfileError(
            f"{place}: cannot be read ({said}). Run `equiscan profile fit` again."
        ) from None
    path = folder / "card.html" if out is None else Path(out)
    replace_file(path, lambda there: there.write(page.encode()))
    return path


def _environment() -> Environment:
    """Return what fills in the templates, with the words that all of them use."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals |= {
        "number": _number,
        "interval": _interval,
        "span": lambda pair: f"{_number(pair[0])} to {_number(pair[1])}",
        "meanings": MEANINGS,
        "frozen_beyond": FROZEN_BEYOND,
    }
    return environment


def _only(
    fit: dict[str, Any], runs: pd.DataFrame, task: str | None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return fit and runs of one task, or of a profile of a single one."""
    if task is None:
        return fit, runs
    tasks = fit.get("tasks", {})
    if task not in tasks:
        have = ", ".join(tasks) or "only one task"
        raise ProfileError(
            f"profile '{fit['name']}' has no task '{task}'.{nearest(task, tasks)} It has {have}."
        )
    some = runs[runs["task"] == task]
    counts = {"runs": int(some["run_id"].nunique()), "name": f"{fit['name']}: {task}"}
    return {**fit, **tasks[task], **counts}, some


def _of_one(fit: dict[str, Any], runs: pd.DataFrame) -> str:
    """Return the page of one task."""
    best = _with_all_data(runs)
    several = len(fit["groups"]) > 1
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            fit=fit,
            fits=_fits(fit),
            sensitivity=fit["fits"]["sensitivity"],
            auc=fit["fits"]["auc"],
            draws=len(fit["fits"]["auc"]["draws"]["kappa"]),
            constants=[one for one in CONSTANTS if several or one[0] not in ("kappa", "limit")],
            best=best,
            weak=[g for g in fit["groups"] if _is_weak(g, best, fit)],
            local_gap=_local_gap(runs) if fit["gap_estimable"] else None,
            factors=[(name, fit["factors"].get(name)) for name in FACTORS],
            words=_words,
            attribute=fit["group_attribute"].replace("_", " "),
            several=several,
            imported=fit["model"] == IMPORTED,
            most=int(untreated(runs)["n_total"].max()),
            rivals=[
                (name, one) for name, one in _fits(fit) if not one["comparison"]["law_is_best"]
            ],
            fewest_seeds=FEWEST_SEEDS,
            mitigated=MITIGATED,
            mitigated_seeds=fit["factors"].get("mitigation_gap_change", {"seeds": 0})["seeds"],
            levelled_down=_is_levelled_down(fit["mitigated"]),
            recipes=recipes(fit["energy"]),
            contents=contents(),
            known=lambda value: "not read" if value is None else _number(value),
            curves=curves(runs, fit),
            gaps=gaps(runs, fit) if several else "",
            kappas=kappas(fit) if several else "",
            residuals=residuals(runs, fit),
            panels=panels(fit),
        )
    )


def _of_tasks(fit: dict[str, Any], runs: pd.DataFrame) -> str:
    """Return the page of several tasks together."""
    sensitivity = fit["fits"]["sensitivity"]
    return (
        _environment()
        .get_template(TASKS_TEMPLATE)
        .render(
            fit=fit,
            sensitivity=sensitivity,
            several=any(len(one["groups"]) > 1 for one in fit["tasks"].values()),
            left_out=[name.replace("_", " ") for name in fit["tasks"] if name not in fit["pooled"]],
            attribute=fit["group_attribute"].replace("_", " "),
            factors=[(name, fit["factors"].get(name)) for name in FACTORS],
            doubled=doubled(sensitivity),
            edge=FROZEN_BEYOND * sensitivity["measured_max"]["effective"],
            curves=task_curves(runs, fit),
            constants=task_constants(fit),
        )
    )


def doubled(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return by how much sensitivity grows when own studies double, by own and other studies."""
    draws = {key: np.asarray(values)[:, None] for key, values in one["draws"].items()}

    def error(own: float, other: float) -> NDArray[np.float64]:
        studies = effective(own, other, draws["kappa"], draws["limit"])
        constants = {key: draws[key] for key in ("floor", "scale", "power", "offset")}
        return power_law(studies, **constants)[:, 0]

    gains = {own: [quantiles(error(own, n) - error(2 * own, n)) for n in OTHERS] for own in OWN}
    return {"others": OTHERS, "rows": [{"own": own, "gains": of} for own, of in gains.items()]}


def _fits(fit: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, fit["fits"][name]) for name in ("sensitivity", "auc")]


def _with_all_data(runs: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return each group's mean scores with the most studies in all, and its test cases."""
    clean = untreated(runs)
    full = clean[clean["n_total"] == clean["n_total"].max()]
    return {
        str(group): {name: float(some[name].mean()) for name in SHOWN}
        for group, some in full.groupby("group")
    }


def _is_weak(group: str, best: dict[str, dict[str, float]], fit: dict[str, Any]) -> bool:
    """Whether images do not clearly beat guessing: DeLong's interval reaches the baseline."""
    return group in best and best[group]["auc_low"] <= float(fit["baseline"]["within"][group])


def _words(record: dict[str, Any]) -> str:
    """Return a treatment in words, from the levels that are off their controls."""
    changed = {name: record[name] for name in TREATED if name in record}
    return ", ".join(
        f"{name.replace('_', ' ')} {value:g}" if isinstance(value, int | float) else str(value)
        for name, value in changed.items()
    )


def _local_gap(runs: pd.DataFrame) -> dict[str, float]:
    """Return the mean gap in sensitivity at one threshold and at each group's own."""
    clean = untreated(runs)
    own = clean.groupby("run_id")["local_sensitivity"].agg(lambda s: s.max() - s.min())
    return {"common": float(clean["gap_sensitivity"].mean()), "own": float(own.mean())}


def _is_levelled_down(mitigated: dict[str, Any]) -> bool:
    """Whether the gap closes, and more by one group's loss than by the other's gain."""
    if not mitigated or mitigated["gap_sensitivity"]["value"] >= 0:
        return False
    gain, loss = (mitigated[f"{of}_sensitivity"]["value"] for of in ("fewest", "most"))
    return bool(-loss > max(gain, 0.0))


def _interval(one: dict[str, Any], seeds: int) -> str:
    """Return the interval in words, or how few seeds there are for one."""
    if seeds < FEWEST_SEEDS:
        return f"{seeds} seed" if seeds == 1 else f"{seeds} seeds"
    return f"{_number(one['low'])} to {_number(one['high'])}"


def _number(value: float) -> str:
    """Return three significant digits, without an exponent where that is readable."""
    if isnan(value):
        return "not told"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 or value == 0 else f"{value:.2e}"
