"""The figures of a card of several tasks, each as SVG."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figure_style import INK, QUIET, styled, svg
from sim.learning.scaling import effective, power_law
from sim.profiles.card.figures import LABELS, SHADES, untreated

NAMES = {"kappa": "kappa", "floor": "floor", "power": "exponent"}


@styled
def task_curves(runs: pd.DataFrame, fit: Mapping[str, Any]) -> str:
    """Return scores against own studies, a column for each task, without and with most others."""
    clean, tasks = untreated(runs), fit["tasks"]
    figure = Figure(figsize=(max(9.6, 2.0 * len(tasks)), 4.6))
    grid = figure.subplots(2, len(tasks), sharex=True, sharey="row", squeeze=False)
    for row, measure_of in zip(grid, LABELS, strict=True):
        for axes, (name, one) in zip(row, tasks.items(), strict=True):
            _curves_of(axes, clean[clean["task"] == name], one["fits"][measure_of], measure_of)
            if measure_of == "sensitivity":
                axes.set_title(name.replace("_", " "))
        row[0].set_ylabel(LABELS[measure_of])
    grid[-1][len(tasks) // 2].set_xlabel("training studies of the tested group itself")
    return svg(figure, name="tasks")


def _curves_of(axes: Axes, rows: pd.DataFrame, one: Mapping[str, Any], measure_of: str) -> None:
    law = one["estimate"]
    line = np.concatenate([[0.0], np.geomspace(1, one["measured_max"]["own"], 60)])
    others = sorted(rows["n_other"].unique())
    for count, shade in zip({others[0], others[-1]}, (SHADES[1], SHADES[4]), strict=False):
        mean = rows[rows["n_other"] == count].groupby("n_own")[measure_of].mean()
        axes.plot(mean.index, mean, "o", color=shade, markersize=3.5)
        studies = effective(line, count, law["kappa"], law["limit"])
        shared = {"power": law["power"], "offset": law["offset"]}
        of_group = [
            1 - power_law(studies, floor=floor, scale=scale, **shared)
            for floor, scale in zip(law["floor"], law["scale"], strict=True)
        ]
        axes.plot(line, np.mean(of_group, axis=0), color=shade, linewidth=1.4)
    axes.axhline(1 - one["chance"], color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_xscale("symlog", linthresh=60, linscale=0.6)
    ticks = [n for n in (0, 60, 250, 1000) if n <= max(line)]
    axes.set_xticks(ticks, [f"{n:g}" for n in ticks])
    axes.minorticks_off()


@styled
def task_constants(fit: Mapping[str, Any]) -> str:
    """Return each task's constants of sensitivity with their intervals, and those over tasks."""
    tasks, together = fit["tasks"], fit["fits"]["sensitivity"]["over_tasks"]
    figure = Figure(figsize=(9.6, 0.9 + 0.34 * (len(tasks) + 1)))
    for axes, (key, words) in zip(
        figure.subplots(1, len(NAMES), sharey=True), NAMES.items(), strict=True
    ):
        for place, one in enumerate(tasks.values()):
            of = one["fits"]["sensitivity"]
            told = of.get(f"{key}_identified", True)
            low, high = of["interval"][key]
            axes.plot([low, high], [place, place], color=SHADES[3], linewidth=1.6)
            face = SHADES[3] if told else "white"
            axes.plot(of["mean"][key], place, "o", color=SHADES[3], markerfacecolor=face)
        over = together[key]
        axes.plot(
            [over["next_low"], over["next_high"]], 2 * [len(tasks)], color=QUIET, linewidth=0.8
        )
        axes.plot([over["low"], over["high"]], 2 * [len(tasks)], color=INK, linewidth=2.4)
        axes.plot(over["mean"], len(tasks), "D", color=INK, markersize=5)
        axes.set_title(words)
        axes.set_xlim(0, 1)
        names = [*(name.replace("_", " ") for name in tasks), "over tasks"]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
    return svg(figure, name="constants")
