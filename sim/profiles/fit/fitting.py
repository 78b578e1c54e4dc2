"""Which law the measured runs follow, and how sure each of its constants is."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.atomic import replace_file
from sim.errors import ProfileError, listed
from sim.learning.response import FROZEN_BEYOND, SCHEMA
from sim.learning.scaling import effective
from sim.profiles.described import read_described
from sim.profiles.fit.contrasts import effects, table_of
from sim.profiles.fit.factors import factors, mitigated
from sim.profiles.fit.floors import Floorless, without_floors
from sim.profiles.fit.forms import (
    LAW,
    LIMIT_RANGE,
    RIVALS,
    SATURATING,
    Form,
    Target,
    fit_form,
    law_parameters,
)
from sim.profiles.fit.over_tasks import over_tasks
from sim.profiles.fit.resampling import Grid, mean, noise_of, resampled
from sim.profiles.metering.energy import energy_by_setting, energy_per_image
from sim.profiles.metering.load import require_one_version
from sim.profiles.metering.published import recipes
from sim.profiles.runs import ABOUT, RUNS, read_runs, require_some
from sim.profiles.treatment import FACTORS, alike, treated
from sim.streams import stream

Floats = NDArray[np.float64]

COMPARED_DRAWS = 100
"""Most draws in which the forms are compared again, and floors with none."""
SCORED = ("run_id", "seed", "estimable", "auc", "auc_variance", "sensitivity", "specificity")
"""Columns of the runs, besides counts, treatments and costs, that are fitted."""
FEWEST_DRAWS = 100
"""Draws of a task with which an interval of 95% can be told."""
VERSIONS = ("python", "torch", "numpy", "codecarbon")
"""Columns of the runs; empty where runs of somebody else's do not say it."""
SHARED = ("offset", "power", "kappa", "limit")
"""Constants that the groups share, in the order of the law's vector."""
IDENTIFIED_WIDTH = 0.8
"""Width of kappa's 95% interval from which on it is not identified."""


def fit(folder: str | Path, *, draws: int = 400) -> dict[str, Any]:
    """Fit the measured runs in ``folder``, write ``fit.json`` there and return its content.

    Sensitivity at the common threshold and AUC are fitted alike. Each draw fits the law to what
    the runs could have shown with other test cases, studies and seeds; see ``resampling.Noise``.

    Parameters
    ----------
    draws : bootstrap draws, each one answer that the simulation may use; of several tasks each has
        its share, and at least ``FEWEST_DRAWS``.
    """
    folder = Path(folder)
    runs, about = _read(folder)
    plan = about["plan"]
    finished = runs[runs["error"].isna()]
    require_one_version(finished)
    energy = energy_per_image(finished, about["encoder"])
    first = finished.iloc[0]
    shared = {
        "schema": SCHEMA,
        "data": str(first["data"]),
        **{key: plan[key] for key in ("name", "task", "modality", "citation", "group_attribute")},
        **{key: plan[key] for key in ("specificity", "folds", "left_out")},
        "model": plan["model"],
        "encoder": about["encoder"],
        "seeds": int(finished["seed"].nunique()),
        "runs": int(finished["run_id"].nunique()),
        "failed_runs": int(runs.loc[runs["error"].notna(), "run_id"].nunique()),
        "energy": energy,
        "recipes": recipes(energy),
        "settings": energy_by_setting(finished),
        "hardware": str(first["hardware"]),
        "versions": {k: str(first[k]) for k in VERSIONS if first[k]},
    }
    if plan["tasks"]:
        share = max(draws // len(about["tasks"]), min(draws, FEWEST_DRAWS))
        of_task = {
            name: _fit_task(
                finished[finished["task"] == name],
                plan | {k: v for k, v in plan["tasks"][name].items() if v is not None} | one,
                draws=share,
            )
            for name, one in about["tasks"].items()
        }
        result = shared | over_tasks(of_task) | {"tasks": of_task}
    else:
        result = shared | _fit_task(finished, plan | about, draws=draws)
    text = _compact(json.dumps(_rounded(result), indent=1)) + "\n"
    replace_file(folder / "fit.json", lambda there: there.write(text.encode()))
    return result


def _fit_task(runs: pd.DataFrame, about: Mapping[str, Any], *, draws: int) -> dict[str, Any]:
    """Return what is fitted to the finished runs of one task.

    Parameters
    ----------
    about : its plan, its cases, and what is known of them.
    """
    streams = {
        name: [stream(d, "profile fit", about["name"], name) for d in range(draws)]
        for name in ("sensitivity", "auc")
    }
    grids = {name: _grid(runs, about, name) for name in streams}
    fits = {name: _fit_grid(grids[name], rngs) for name, rngs in streams.items()}
    found = effects(runs, fits["auc"], about["groups"])
    return {
        **{key: about[key] for key in ("task", "prevalence", "groups", "not_estimable")},
        **{key: about[key] for key in ("cases", "left_out_images", "repeated_images", "baseline")},
        "gap_estimable": len(about["groups"]) > 1,
        "all_data": _with_all_data(grids),
        "fits": fits,
        "treatments": table_of(found),
        "factors": factors(found, runs),
        "mitigated": mitigated(found),
        "pairs": alike(runs),
    }


def _read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    about = read_described(folder / ABOUT)
    runs = read_runs(folder / RUNS)
    require_some(folder)
    tasks = list(about["tasks"].values()) if about["plan"]["tasks"] else []
    groups = {group for one in (about["plan"], *tasks) for group in one["groups"]}
    wanted = [
        *SCORED,
        *(["task"] if tasks else []),
        *FACTORS,
        *(f"n_{group}" for group in sorted(groups)),
    ]
    if missing := [name for name in wanted if name not in runs]:
        raise ProfileError(f"{folder / RUNS}: no column {listed(missing)}.")
    scored = runs.loc[runs["estimable"] == True, "group"]  # noqa: E712
    if unnamed := sorted(set(map(str, scored)) - groups):
        raise ProfileError(
            f"{folder / RUNS}: scores {listed(unnamed)}, which groups in {ABOUT} do not name."
        )
    return runs, about


def _with_all_data(grids: Mapping[str, Grid]) -> dict[str, float]:
    """Return mean scores over groups with the most studies of all, and the end of AUC's interval.

    Its standard error is that of the test cases of all folds.
    """
    most = int(np.argmax(grids["auc"].own.sum(axis=1)))
    reached = {name: float(1 - np.nanmean(grid.error[:, most])) for name, grid in grids.items()}
    grid = grids["auc"]
    variance = np.mean(grid.test_sd**2, axis=0) / len(np.unique(grid.fold))
    sd = float(np.sqrt(variance.sum())) / len(variance)
    return reached | {"auc_low": reached["auc"] - 1.96 * sd}


def _grid(runs: pd.DataFrame, plan: Mapping[str, Any], measure_of: str) -> Grid:
    rows = runs[~treated(runs) & (runs["estimable"] == True)]  # noqa: E712
    names = [f"n_{group}" for group in plan["groups"]]
    cells = rows[names].drop_duplicates().sort_values(names)
    seeds = sorted(rows["seed"].unique())
    shape = (len(seeds), len(cells), len(names))
    error, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for g, group in enumerate(plan["groups"]):
        of_group = rows[rows["group"] == group].set_index(["seed", *names])
        index = [(seed, *cell) for seed in seeds for cell in cells.itertuples(index=False)]
        found = of_group.reindex(pd.MultiIndex.from_tuples(index))
        value = found[measure_of].to_numpy(float)
        spread = (
            found["auc_variance"].to_numpy(float)
            if measure_of == "auc"
            else value * (1 - value) / found["test_positives"].to_numpy(float)
        )
        error[:, :, g] = (1 - value).reshape(shape[:2])
        variance[:, :, g] = spread.reshape(shape[:2])
    own = cells.to_numpy(float)
    return Grid(
        groups=tuple(plan["groups"]),
        own=own,
        other=own.sum(axis=1, keepdims=True) - own,
        error=error,
        test_sd=np.sqrt(np.nanmean(variance, axis=1)),
        fold=np.unique(np.array(seeds) % plan["folds"], return_inverse=True)[1],
        chance=plan["specificity"] if measure_of == "sensitivity" else 0.5,
    )


def _fit_grid(grid: Grid, streams: list[np.random.Generator]) -> dict[str, Any]:
    """Return estimate, draws, intervals, range and the comparison of forms of one measure."""
    groups = len(grid.groups)
    observed, noise = mean(grid.error), noise_of(grid)
    best = fit_form(LAW, grid.target(observed))
    samples = [resampled(grid, noise, rng) for rng in streams]
    vectors = [fit_form(LAW, grid.target(sample), near=best) for sample in samples]
    drawn = [law_parameters(vector, groups, grid.chance) for vector in vectors]
    by_group = {key: np.array([d[key] for d in drawn]) for key in ("floor", "scale")}
    draws = {key: values.mean(axis=1) for key, values in by_group.items()}
    draws |= {key: np.array([float(d[key]) for d in drawn]) for key in SHARED}
    if groups == 1:  # nobody else's studies were tried: anything from none to all is possible
        draws["kappa"] = np.array([rng.uniform() for rng in streams])
        draws["limit"] = np.full(len(streams), LIMIT_RANGE[1])
    deviations = [sample - observed for sample in samples[:COMPARED_DRAWS]]
    floorless = without_floors(grid, observed, best, deviations)
    interval = _intervals(draws, floorless)
    estimate = law_parameters(_middle(grid, vectors), groups, grid.chance)
    counted = effective(grid.own, grid.other, estimate["kappa"], estimate["limit"])
    return {
        "chance": grid.chance,
        "kappa_identified": interval["kappa"][1] - interval["kappa"][0] < IDENTIFIED_WIDTH,
        "floor_identified": not floorless.is_open,
        "floor_p_value": floorless.p_value,
        "estimate": {key: np.asarray(value).tolist() for key, value in estimate.items()},
        "mean": {key: float(values.mean()) for key, values in draws.items()},
        "interval": interval,
        "share_of_draws_at_bound": _at_bound(vectors, groups),
        "kappa_by_group": _kappa_by_group(grid, observed),
        "measured_max": {
            "own": float(grid.own.max()),
            "other": float(grid.other.max()),
            "effective": float(counted.max()),
        },
        "comparison": _comparison(grid, observed, samples[:COMPARED_DRAWS]),
        "draws": {key: values.tolist() for key, values in draws.items()},
        "draws_by_group": {
            key: dict(zip(grid.groups, values.T.tolist(), strict=True))
            for key, values in by_group.items()
        },
    }


def _intervals(draws: Mapping[str, Floats], floorless: Floorless) -> dict[str, list[float]]:
    """Return 95% intervals: quantiles of draws, and what no floor would say where it may be so."""
    interval = {key: np.quantile(v, (0.025, 0.975)).tolist() for key, v in draws.items()}
    if floorless.is_open:
        interval["floor"][0] = 0.0
        lowest = float(np.quantile(floorless.power, 0.025))
        interval["power"][0] = min(interval["power"][0], lowest)
    return interval


def _middle(grid: Grid, vectors: list[Floats]) -> Floats:
    """Return the law nearest to the mean error of all draws over the measured range.

    Least squares often stops in a corner of what is allowed, which draws can leave to one side
    only: it is then the edge of what the data support. The mean of draws (bagging, Breiman 1996,
    doi:10.1007/BF00058655) has no such edge; docs/profiles.md says how near each is to the truth.
    """
    own, other = (
        np.repeat(counts.reshape(-1, 1), len(grid.groups), axis=1)
        for counts in np.meshgrid(_spread(grid.own.max()), _spread(grid.other.max()))
    )
    error = np.mean([LAW.predict(v, own, other, grid.chance) for v in vectors], axis=0)
    return fit_form(LAW, replace(grid, own=own, other=other).target(error))


def _spread(most: float, points: int = 9) -> Floats:
    """Return counts from none to the most, evenly spread in log(1 + n)."""
    return np.expm1(np.linspace(0, np.log1p(most), points))


def _at_bound(vectors: list[Floats], groups: int) -> dict[str, float]:
    """Return how often the fit stops at a bound of a shared parameter: not identified there."""
    low, high, _ = LAW.bounds(groups)
    slack = 1e-3 * (high - low)
    stuck = np.array([(v <= low + slack) | (v >= high - slack) for v in vectors]).mean(axis=0)
    return dict(zip(SHARED, stuck[2 * groups :].tolist(), strict=True))


def _kappa_by_group(grid: Grid, observed: Floats) -> dict[str, float]:
    """Return kappa when each group is fitted alone: how far sharing it is a simplification."""
    whole = grid.target(observed)
    result = {}
    for g, group in enumerate(grid.groups if len(grid.groups) > 1 else ()):
        own, other, error, weight = (
            array[:, [g]] for array in (whole.own, whole.other, whole.error, whole.weight)
        )
        alone = Target(own, other, error, weight, grid.chance)
        result[group] = float(law_parameters(fit_form(LAW, alone), 1, grid.chance)["kappa"])
    return result


def _comparison(grid: Grid, observed: Floats, samples: list[Floats]) -> dict[str, Any]:
    """Return how far each form, fitted without the largest counts, misses them.

    All forms are judged on cells with own data, as one of them needs it; ``all`` adds the cells
    without. ``beyond`` is what each form, fitted to all cells, has for the error at the edge.
    """
    # without other groups, own, total and both laws are one
    forms = (LAW, *(form for form in RIVALS if len(grid.groups) > 1 or form.name == SATURATING))
    fitted = {form.name: fit_form(form, grid.target(_small(grid, observed))) for form in forms}
    point = {form.name: _miss(form, fitted[form.name], grid, observed) for form in forms}
    winners = []
    for sample in samples:
        target = grid.target(_small(grid, sample))
        refitted = {form.name: fit_form(form, target, near=fitted[form.name]) for form in forms}
        misses = {f.name: _miss(f, refitted[f.name], grid, sample)["with_own"] for f in forms}
        winners.append(min(misses, key=misses.__getitem__))
    best = min(point, key=lambda name: point[name]["with_own"])
    return {
        "held_out": f"cells with {grid.own.max():g} studies of a group",
        "rmse": point,
        "best": best,
        "law_is_best": best == LAW.name,
        "share_of_draws_best": {name: winners.count(name) / len(winners) for name in point},
        "beyond": {form.name: _beyond(form, grid, observed) for form in forms},
    }


def _largest(grid: Grid) -> NDArray[np.bool_]:
    return np.asarray((grid.own == grid.own.max()).any(axis=1))


def _small(grid: Grid, error: Floats) -> Floats:
    """Return the errors without the cells that hold the largest count of a group."""
    return np.where(_largest(grid)[:, None], np.nan, error)


def _miss(form: Form, vector: Floats, grid: Grid, error: Floats) -> dict[str, float]:
    predicted = form.predict(vector, grid.own, grid.other, grid.chance)
    held = _largest(grid)
    squared = ((predicted - error) ** 2)[held]
    result = {"with_own": float(np.sqrt(np.nanmean(squared[grid.own[held] > 0])))}
    if not form.needs_own:
        result["all"] = float(np.sqrt(np.nanmean(squared)))
    return result


def _beyond(form: Form, grid: Grid, observed: Floats) -> float:
    """Return the mean group's error with all groups at ``FROZEN_BEYOND`` times the most studies."""
    vector = fit_form(form, grid.target(observed))
    own = np.full((1, len(grid.groups)), FROZEN_BEYOND * grid.own.max())
    return float(form.predict(vector, own, (len(grid.groups) - 1) * own, grid.chance).mean())


def _rounded(value: Any) -> Any:
    """Return the value with six significant digits, far below any interval shown."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _compact(text: str) -> str:
    """Put each array of numbers on one line."""
    return re.sub(r"\[[\d\s,.eE+-]+\]", lambda found: re.sub(r"\s+", "", found[0]), text)
