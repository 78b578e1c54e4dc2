"""The figures of a profile's card, each as SVG."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.figure_style import HUES, INK, QUIET, panel, styled, svg
from sim.learning.scaling import effective, power_law
from sim.profiles.treatment import treated

Floats = NDArray[np.float64]

LABELS = {"sensitivity": "Sensitivity", "auc": "AUC"}
SHADES = ("#b9c6cd", "#86b3c4", "#4b94b0", "#1f6f94", "#0b3f66")
"""From no data of the other group to most."""
DASHES = ("-", ":", "--", "-.")


@styled
def curves(runs: pd.DataFrame, fit: Mapping[str, Any]) -> str:
    """Return score against own studies, one line per count of other studies, with points.

    Points are means over seeds with the range of the seeds; lines and bands are the median and
    the 95% interval of the law's draws for that group.
    """
    clean = untreated(runs)
    figure = Figure(figsize=(9.6, 7.2))
    grid = figure.subplots(2, len(fit["groups"]), sharex=True, sharey="row", squeeze=False)
    for row, measure_of in zip(grid, LABELS, strict=True):
        for axes, group in zip(row, fit["groups"], strict=True):
            _curves_of(axes, clean[clean["group"] == group], fit["fits"][measure_of], group)
            axes.set_title(f"{LABELS[measure_of]}, tested on {group}")
    for axes in grid[-1]:
        axes.set_xlabel("training studies of the tested group itself")
    for axes, measure_of in zip(grid[:, 0], LABELS, strict=True):
        axes.set_ylabel(LABELS[measure_of])
    if len(fit["groups"]) > 1:
        title = "studies of the other group" if len(fit["groups"]) == 2 else "other studies"
        grid[-1, -1].legend(title=title, fontsize=8.5, loc="lower right", ncols=2)
    return svg(figure, name="curves")


@styled
def gaps(runs: pd.DataFrame, fit: Mapping[str, Any]) -> str:
    """Return the difference of two groups' scores against the first one's share of training."""
    first, second = fit["groups"][:2]
    clean = untreated(runs)
    names = [f"n_{first}", f"n_{second}"]
    figure, both = panel(width=9.6, height=3.6, columns=2)
    for axes, measure_of in zip(both, LABELS, strict=True):
        table = clean.pivot_table(index=["seed", *names], columns="group", values=measure_of)
        gap = (table[first] - table[second]).groupby(names).agg(["mean", "sem"]).reset_index()
        total = gap[names].sum(axis=1)
        share = gap[names[0]] / total
        axes.axhline(0, color=QUIET, linewidth=0.8)
        axes.errorbar(share, gap["mean"], gap["sem"].fillna(0.0), fmt="none", ecolor=QUIET)
        axes.scatter(share, gap["mean"], s=8 + total / 12, color=SHADES[3], alpha=0.8)
        axes.set_title(f"{LABELS[measure_of]} of {first} minus {second}")
        axes.set_xlabel(f"share of training studies from {first}")
    return svg(figure, name="gaps")


@styled
def kappas(fit: Mapping[str, Any]) -> str:
    """Return histograms of kappa's draws on its whole range."""
    figure, both = panel(width=9.6, height=2.4, columns=2)
    for axes, measure_of in zip(both, LABELS, strict=True):
        one = fit["fits"][measure_of]
        axes.hist(one["draws"]["kappa"], np.linspace(0, 1, 41).tolist(), color=SHADES[2])
        for (group, value), dash in zip(one["kappa_by_group"].items(), DASHES, strict=False):
            axes.axvline(value, color=INK, linewidth=1.2, linestyle=dash, label=f"{group} alone")
        if one["kappa_by_group"]:
            axes.legend(fontsize=8.5, loc="upper right")
        axes.set(xlim=(0, 1), yticks=[], title=f"kappa, from {LABELS[measure_of]}")
    return svg(figure, name="kappas")


@styled
def residuals(runs: pd.DataFrame, fit: Mapping[str, Any]) -> str:
    """Return measured minus fitted mean score of every cell, against its effective studies."""
    clean = untreated(runs)
    names = [f"n_{group}" for group in fit["groups"]]
    figure = Figure(figsize=(9.6, 3.0))
    for axes, measure_of in zip(figure.subplots(1, 2, sharey=True), LABELS, strict=True):
        law = fit["fits"][measure_of]["estimate"]
        axes.axhline(0, color=QUIET, linewidth=0.8)
        for g, (group, colour) in enumerate(zip(fit["groups"], HUES, strict=False)):
            rows = clean[clean["group"] == group]
            mean = rows.groupby([*names, "n_own", "n_other"])[measure_of].mean().reset_index()
            studies = effective(mean["n_own"], mean["n_other"], law["kappa"], law["limit"])
            fitted = power_law(
                studies,
                floor=law["floor"][g],
                scale=law["scale"][g],
                power=law["power"],
                offset=law["offset"],
            )
            off = mean[measure_of] - (1 - fitted)
            axes.scatter(studies, off, s=18, color=colour, alpha=0.85, label=group)
        axes.set_xscale("log")
        ticks = [n for n in (10, 30, 100, 300, 1_000, 3_000, 10_000) if n < 2 * studies.max()]
        axes.set_xticks(ticks, [f"{n:g}" for n in ticks])
        axes.minorticks_off()
        axes.set_title(f"{LABELS[measure_of]}, measured minus fitted")
        several = len(fit["groups"]) > 1
        axes.set_xlabel(
            "effective studies: own ones and the worth of others" if several else "studies"
        )
    axes.legend(fontsize=8.5)
    return svg(figure, name="residuals")


def _curves_of(axes: Axes, rows: pd.DataFrame, one: Mapping[str, Any], group: str) -> None:
    measure_of = "auc" if one["chance"] == 0.5 else "sensitivity"
    line = np.concatenate([[0.0], np.geomspace(1, one["measured_max"]["own"], 80)])
    counts = sorted(rows["n_other"].unique())
    for count, shade in zip(counts, _shades(len(counts)), strict=True):
        some = rows[rows["n_other"] == count].groupby("n_own")[measure_of]
        low, middle, high = _band(one, group, line, float(count))
        if count in (counts[0], counts[-1]):  # bands of all counts would hide each other
            axes.fill_between(line, low, high, color=shade, alpha=0.2, linewidth=0)
        axes.plot(line, middle, color=shade, linewidth=1.4, label=f"{count:g}")
        mean = some.mean()
        around = np.abs(np.stack([some.min(), some.max()]) - mean.to_numpy())
        axes.errorbar(mean.index, mean, around, fmt="o", color=shade, markersize=4, elinewidth=0.7)
    axes.axhline(1 - one["chance"], color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_xscale("symlog", linthresh=60, linscale=0.6)
    ticks = sorted({0, *rows["n_own"].unique()})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _band(one: Mapping[str, Any], group: str, own: Floats, other: float) -> Floats:
    """Return the 2.5%, 50% and 97.5% quantiles of the score over draws, shape (3, points)."""
    draws, by_group = one["draws"], one["draws_by_group"]
    columns = zip(
        by_group["floor"][group],
        by_group["scale"][group],
        *(draws[key] for key in ("power", "kappa", "limit", "offset")),
        strict=True,
    )
    scores = [
        1 - power_law(effective(own, other, k, m), floor=f, scale=s, power=p, offset=o)
        for f, s, p, k, m, o in columns
    ]
    return np.quantile(scores, (0.025, 0.5, 0.975), axis=0)


def _shades(count: int) -> list[str]:
    if count == 1:
        return [SHADES[3]]
    return [SHADES[round(i)] for i in np.linspace(0, len(SHADES) - 1, count)]


def untreated(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the scored rows of finished runs without any treatment."""
    scored = runs["error"].isna() & (runs["estimable"] == True)  # noqa: E712
    return runs[scored & ~treated(runs)]
