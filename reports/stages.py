"""What every stage is worth: words, rows and figure of the answer."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from sim.figure_style import HUES, INK, QUIET, panel, styled, svg
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
        "parts": by_part[some],
        "figure": stage_figure(table),
        "draws": int(table["draws"].iloc[0]),
    }


def stage_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return stages by their value, in words: shares of the objective as points."""
    rows = table[table["kind"] == ALL].sort_values("shapley", ascending=False)
    return pd.DataFrame(
        {
            "stage": rows["stage"],
            "Shapley": list(map(words.points, rows["shapley"])),
            "95% interval": list(map(partial(words.interval, none="-"), rows["low"], rows["high"])),
            "alone": list(map(words.points, rows["alone"])),
            "lost without": list(map(words.points, rows["without"])),
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
    more = "more" if gain > singles else "less"
    return [
        f"All stages together gain {words.points(gain)} points. Each alone, with the whole "
        f"budget, they gain {words.points(singles)} when added up: together {more} than that.",
        f"The most comes from {first['stage']}: {words.points(first['shapley'])} points "
        f"({words.interval(first['low'], first['high'])}), {first['share']:.0%} of the whole.",
        f"Surely above 0, and more than {WORTHWHILE:.1%} of the coverage that all reach: "
        f"{', '.join(sure) or 'none'}.",
        f"{int(coalitions['searched'].sum())} of {len(coalitions):,} coalitions were searched; for "
        f"{float(coalitions['settled'].mean()):.0%} no worthwhile gain is left open. Imaging units "
        "count as data creation and readers as care delivery, though each serves both.",
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
    axes.barh(y, 100.0 * rows["shapley"], color=sure, height=0.6, label="Shapley value")
    axes.hlines(y, 100.0 * rows["low"], 100.0 * rows["high"], color=INK, linewidth=1.1)
    for column, shift, mark, hue, label in (
        ("alone", -0.16, "o", HUES[0], "alone, on nothing"),
        ("without", 0.16, "D", HUES[1], "lost by the whole without it"),
    ):
        values = 100.0 * rows[column]
        axes.plot(values, y + shift, mark, color=hue, markersize=4.8, label=label)
    axes.set_yticks(y, list(rows["stage"]))
    axes.invert_yaxis()
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Gain of the objective at the same budget (points)")
    figure.legend(loc="outside upper left", ncols=3)
    return svg(figure, name="stages")
