"""What every stage is worth: words, rows and figure of the answer."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.language import numeral, pgettext
from reports.numerals import drawn
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.comparison import WORTHWHILE
from sim.studies.judging import ALL, GROUP, REGION

MOST_REGIONS = 8
"""Regions of the page; the folder's table has all."""


def stages(tables: Tables) -> dict[str, Any]:
    """Return what the page says of stages."""
    table = tables["stage_value"]
    parts = table[table["kind"].isin([REGION, GROUP])]
    shown = list(dict.fromkeys(parts["who"]))
    regions = [who for who in shown if (parts["kind"][parts["who"] == who] == REGION).all()]
    some = [who for who in shown if who not in regions[MOST_REGIONS:]]
    by_part = parts.pivot_table(index="stage", columns="who", values="shapley", sort=False)
    return {
        "rows": table[table["kind"] == ALL].sort_values("shapley", ascending=False),
        "sentences": stage_sentences(tables),
        "parts": by_part[some].rename(columns=words.region_words),
        "figure": stage_figure(table),
        "draws": int(table["draws"].iloc[0]),
    }


def stage_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return stages by their value, in words: shares of the objective as points."""
    rows = table[table["kind"] == ALL].sort_values("shapley", ascending=False)
    return pd.DataFrame(
        {
            _("stage"): list(map(_, rows["stage"])),
            _("Shapley"): list(map(words.points, rows["shapley"])),
            _("95% interval"): list(
                map(partial(words.interval, none="-"), rows["low"], rows["high"])
            ),
            _("alone"): list(map(words.points, rows["alone"])),
            _("lost without"): list(map(words.points, rows["without"])),
        }
    )


def stage_sentences(tables: Tables) -> list[str]:
    """Return what the answer says, in sentences."""
    coalitions, table = tables["coalitions"], tables["stage_value"]
    rows = table[table["kind"] == ALL]
    nothing, whole = coalitions.iloc[0], coalitions.iloc[-1]
    singles = float(rows["alone"].sum())
    gain = float(whole["value"] - nothing["value"])
    first = rows.iloc[int(rows["shapley"].to_numpy().argmax())]
    worthwhile = WORTHWHILE * float(whole["value"])
    sure = rows[(rows["low"] > 0.0) & (rows["shapley"] >= worthwhile)]["stage"]
    compared = _("together as much as that")
    if words.points(gain) != words.points(singles):
        more = pgettext("gain", "more") if gain > singles else pgettext("gain", "less")
        compared = _("together {more} than that").format(more=more)
    return [
        _(
            "All stages together gain {gain}. Each alone, with the whole budget, they gain "
            "{singles} when added up: {compared}."
        ).format(gain=words.in_points(gain), singles=words.points(singles), compared=compared),
        _("The most comes from {stage}: {points} ({interval}), {share} of the whole.").format(
            stage=_(first["stage"]),
            points=words.in_points(first["shapley"]),
            interval=words.interval(first["low"], first["high"]),
            share=words.percent(first["share"], digits=0),
        ),
        _("Surely above 0, and more than {share} of the coverage that all reach: {stages}.").format(
            share=words.percent(WORTHWHILE), stages=", ".join(map(_, sure)) or _("none")
        ),
        _(
            "{searched} of {coalitions} coalitions were searched; for {settled} no worthwhile gain "
            "is left open. Imaging units count as data creation and readers as care delivery, "
            "though each serves both."
        ).format(
            searched=int(coalitions["searched"].sum()),
            coalitions=numeral(f"{len(coalitions):,}"),
            settled=words.percent(float(coalitions["settled"].mean()), digits=0),
        ),
    ]


@styled
def stage_figure(table: pd.DataFrame) -> str:
    """Draw the Shapley value of every stage, and what it gains alone and is missed by the whole.

    Parameters
    ----------
    table : ``StageValue.table``.
    """
    rows = table[table["kind"] == ALL].sort_values("shapley", ascending=False)
    figure, (axes,) = panel(height=1.2 + 0.32 * len(rows))
    y = np.arange(len(rows))
    sure = np.where(rows["low"] > 0.0, "#0072b2", "#a9bccb")
    axes.barh(y, 100.0 * rows["shapley"], color=sure, height=0.6, label=_("Shapley value"))
    axes.hlines(y, 100.0 * rows["low"], 100.0 * rows["high"], color=INK, linewidth=1.1)
    for column, shift, mark, hue, label in (
        ("alone", -0.16, "o", HUES[0], _("alone, on nothing")),
        ("without", 0.16, "D", HUES[1], _("lost by the whole without it")),
    ):
        values = 100.0 * rows[column]
        axes.plot(values, y + shift, mark, color=hue, markersize=4.8, label=label)
    axes.set_yticks(y, list(map(_, rows["stage"])))
    axes.invert_yaxis()
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Gain of the objective at the same budget (points)"))
    figure.legend(loc="outside upper left", ncols=3)
    return drawn(figure, name="stages")
