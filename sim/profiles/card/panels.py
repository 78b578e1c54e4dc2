"""One small picture per factor: what each treatment was worth, with intervals over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figure_style import HUES, INK, QUIET, panel, styled, svg
from sim.learning.law import effective_studies
from sim.profiles.fit.factors import FEWEST_SEEDS
from sim.profiles.treatment import CONTROL

Records = Sequence[Mapping[str, Any]]

WORTH = "worth, multiple of the untreated studies"
MULTIPLES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100)
"""Ticks of a logarithmic axis of worths."""
METHODS = {
    "reweighted": "reweighted loss",
    "balanced": "balanced batches",
    "group_dro": "group DRO",
}
READINGS = {
    "single": "one reading",
    "consensus": "two, if they agree",
    "adjudicated": "adjudicated",
}


class Panel(NamedTuple):
    """A small figure."""

    name: str
    title: str
    picture: str
    """SVG."""


@styled
def panels(fit: Mapping[str, Any]) -> list[Panel]:
    """Return the picture of each factor that the runs vary.

    Treatments with too few seeds for an interval are left to the table, unless all are such: then
    they are points.
    """
    enough = [r for r in fit["treatments"] if r["seeds"] >= FEWEST_SEEDS]
    points = [_without_intervals(r) for r in fit["treatments"]]
    fit = {**fit, "treatments": enough or points}
    drawn = (
        ("noise", "Wrong labels and second readings", _noise, _only(fit, "noise", "reading")),
        ("curation", "Copies, blanks and mixes", _curation, _uncurated(fit)),
        ("synthetic", "Synthetic studies", _synthetic, _only(fit, "synthetic")),
        ("pretraining", "Pre-training without labels", _pretraining, _pretrained(fit)),
        ("mitigation", "Mitigation at unequal counts", _mitigation, _only(fit, "mitigation")),
        ("settings", "Energy by size, numbers and batch", _settings, fit["settings"]),
    )
    return [
        Panel(name, title, svg(draw(chosen, fit), name=name))
        for name, title, draw, chosen in drawn
        if chosen
    ]


def _without_intervals(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with every interval shrunk to its value."""
    shrunk = {
        name: dict.fromkeys(one, one["value"])
        for name, one in record.items()
        if isinstance(one, Mapping) and "value" in one
    }
    return {**record, **shrunk}


def _levels(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in CONTROL.model_dump() if name in record}


def _only(fit: Mapping[str, Any], *names: str) -> Records:
    return [r for r in fit["treatments"] if set(_levels(r)) and set(_levels(r)) <= set(names)]


def _uncurated(fit: Mapping[str, Any]) -> Records:
    corruptions = {"duplicates", "corrupted", "noise"}
    rows = [r for r in fit["treatments"] if set(_levels(r)) <= corruptions and r["worth"]]
    return [r for r in rows if "duplicates" in r or "corrupted" in r]


def _pretrained(fit: Mapping[str, Any]) -> Records:
    return [r for r in _only(fit, "pretraining_steps", "pretraining_own") if r["worth"]]


def _noise(rows: Records, fit: Mapping[str, Any]) -> Figure:
    figure, axes = _figure(WORTH, "share of wrong labels in one reading")
    line = np.linspace(0, max(r["noise"] for r in rows), 50)
    axes.plot(line, (1 - 2 * line) ** 2, color=QUIET, linestyle="--", label="assumed: exponent 2")
    exponent = fit["factors"].get("noise_exponent")
    if exponent:
        low, high = ((1 - 2 * line) ** exponent[end] for end in ("high", "low"))
        axes.fill_between(line, low, high, color=HUES[0], alpha=0.15, linewidth=0)
    largest = max(max(r["counts"]) for r in rows)
    for (reading, words), hue, shift in zip(
        READINGS.items(), HUES, (0.0, -0.004, 0.004), strict=False
    ):
        some = [
            r
            for r in rows
            if r.get("reading", "single") == reading and max(r["counts"]) == largest and r["worth"]
        ]
        _points(axes, [r["noise"] + shift for r in some], [r["worth"] for r in some], hue, words)
    axes.set_ylim(0, None)
    axes.legend(fontsize=8)
    return figure


def _curation(rows: Records, fit: Mapping[str, Any]) -> Figure:
    del fit
    figure, axes = _figure("", "worth")
    short = {"duplicates": "copies", "corrupted": "blank", "noise": "wrong"}
    names = [
        " + ".join(f"{100 * value:.0f}% {short[name]}" for name, value in _levels(r).items())
        for r in rows
    ]
    places = np.arange(len(rows))[::-1]
    _points(axes, places, [r["worth"] for r in rows], HUES[0], "measured", sideways=True)
    axes.plot([r["assumed"] for r in rows], places, "x", color=INK, markersize=5, label="assumed")
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xlim(0, None)
    axes.axvline(1, color=QUIET, linewidth=0.8, linestyle=":")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.4, 1.17), ncols=2)
    return figure


def _synthetic(rows: Records, fit: Mapping[str, Any]) -> Figure:
    figure, axes = _figure(WORTH, "synthetic studies per real one")
    some = [r for r in rows if r["worth"]]
    _points(axes, [r["synthetic"] for r in some], [r["worth"] for r in some], HUES[0], "measured")
    worth, limit = (fit["factors"].get(f"synthetic_{name}") for name in ("worth", "limit"))
    if worth and limit and some:
        line = np.linspace(0, max(r["synthetic"] for r in some), 50)
        fitted = [
            effective_studies(1.0, line, worth=w, limit=m)
            for w, m in zip(worth["draws"], limit["draws"], strict=True)
        ]
        low, middle, high = np.quantile(fitted, (0.025, 0.5, 0.975), axis=0)
        axes.fill_between(line, low, high, color=HUES[0], alpha=0.15, linewidth=0)
        axes.plot(line, middle, color=HUES[0], linewidth=1.2, label="fitted worth and limit")
    axes.axhline(1, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, None)
    axes.legend(fontsize=8, loc="lower right")
    return figure


def _pretraining(rows: Records, fit: Mapping[str, Any]) -> Figure:
    del fit
    figure, axes = _figure("M, " + WORTH.split(", ")[1], "self-supervised steps")
    counts = sorted({tuple(r["counts"]) for r in rows})
    for count, hue, shift in zip(counts, HUES, (0.94, 1.0, 1.06, 1.12), strict=False):
        some = [r for r in rows if tuple(r["counts"]) == count and "pretraining_own" not in r]
        steps = [shift * r["pretraining_steps"] for r in some]
        _points(axes, steps, [r["worth"] for r in some], hue, f"{count[0]} labels each")
        for share, marker in ((0.0, "v"), (1.0, "^")):
            ends = [
                r for r in rows if tuple(r["counts"]) == count and r.get("pretraining_own") == share
            ]
            words = f"same, first group's share {share:g}"
            steps = [1.25 * shift * r["pretraining_steps"] for r in ends]
            _points(axes, steps, [r["worth"] for r in ends], hue, words, marker=marker)
    axes.axhline(1, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log")
    steps = sorted({r["pretraining_steps"] for r in rows})
    axes.set_xticks(steps, [f"{n:g}" for n in steps])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.4)  # room for the legend
    worths = [w for w in MULTIPLES if low <= w <= high]
    axes.set_yticks(worths, [f"{w:g}" for w in worths])
    axes.minorticks_off()
    axes.legend(fontsize=7.5, loc="upper left", ncols=2)
    return figure


def _mitigation(rows: Records, fit: Mapping[str, Any]) -> Figure:
    del fit
    figure, axes = _figure("", "change of sensitivity")
    counts = sorted({tuple(r["counts"]) for r in rows})
    names: list[tuple[float, str]] = []
    place = 0.0
    tried = {r["mitigation"] for r in rows}
    for method, words in ((one, METHODS[one]) for one in METHODS if one in tried):
        for count in counts:
            some = [r for r in rows if r["mitigation"] == method and tuple(r["counts"]) == count]
            first = not names
            for key, hue, shift, label in (
                ("fewest_sensitivity_change", HUES[0], 0.22, "group with fewest studies"),
                ("most_sensitivity_change", HUES[2], 0.0, "with most"),
                ("gap_sensitivity_change", HUES[1], -0.22, "gap"),
            ):
                named = label if first else ""
                told = [r[key] for r in some if r[key]]  # one group has no gap
                _points(axes, [place + shift] * len(told), told, hue, named, sideways=True)
            names.append((place, f"{words}, {'/'.join(map(str, count))}"))
            place -= 1.0
    axes.set_yticks([at for at, _ in names], [name for _, name in names], fontsize=8)
    axes.axvline(0, color=QUIET, linewidth=0.8, linestyle=":")
    axes.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.35, 1.17), ncols=3)
    return figure


def _settings(rows: Records, fit: Mapping[str, Any]) -> Figure:
    del fit
    figure, axes = _figure("", "joules per image and training pass")
    names = [_setting(r) for r in rows]
    places = np.arange(len(rows))[::-1]
    joules = [r["joules_per_training_sample"] for r in rows]
    _points(axes, places, joules, HUES[2], "", sideways=True)
    for place, row in zip(places, rows, strict=True):
        used = row["utilisation"]["value"]
        at = row["joules_per_training_sample"]["high"]
        axes.annotate(
            f"{100 * used:.0f}% of peak",
            (at, place),
            xytext=(5, -3),
            textcoords="offset points",
            fontsize=7.5,
            color=QUIET,
        )
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xlim(0, 1.3 * max(j["high"] for j in joules))
    return figure


def _setting(row: Mapping[str, Any]) -> str:
    changed = [
        f"{row[name]:g} times the {name}"
        for name in ("width", "batch")
        if row[name] != getattr(CONTROL, name)
    ]
    if row["precision"] != CONTROL.precision:
        changed.append(str(row["precision"]))
    return ", ".join(changed) or "as in all other runs"


def _figure(up: str, right: str) -> tuple[Figure, Axes]:
    figure, (axes,) = panel(width=4.7, height=3.1)
    axes.set(xlabel=right, ylabel=up)
    return figure, axes


def _points(
    axes: Axes,
    at: Iterable[float],
    values: Records,
    hue: str,
    label: str,
    *,
    marker: str = "o",
    sideways: bool = False,
) -> None:
    """Draw values with their intervals, upright or sideways; nothing where there are none."""
    if not values:
        return
    middle = np.array([v["value"] for v in values])
    around = np.abs(np.array([[v["low"] for v in values], [v["high"] for v in values]]) - middle)
    look: dict[str, Any] = {
        "fmt": marker,
        "color": hue,
        "markersize": 4.5,
        "elinewidth": 1.1,
        "label": label or None,
    }
    if sideways:
        axes.errorbar(middle, list(at), xerr=around, **look)
    else:
        axes.errorbar(list(at), middle, yerr=around, **look)
