"""The claims of the review in words."""

from collections.abc import Hashable, Mapping
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from sim.answers.intervals import NO_INTERVAL
from sim.figure_style import HUES, QUIET, panel, styled, svg
from sim.studies.answer_folder import Tables

VERDICT_HUES = {"confirmed": "#0072b2", "refuted": HUES[1], "undecided": "#8a99a6"}


def claims_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of claims."""
    rows = tables["claims"].to_dict("records")
    counts = tables["claims"]["verdict"].value_counts()
    return {
        "rows": [{**row, "words": effect_words(row)} for row in rows],
        "figure": claims_figure(tables["claims"]),
        "counts": ", ".join(f"{count} {verdict}" for verdict, count in counts.items()),
    }


@styled
def claims_figure(table: pd.DataFrame) -> str:
    """Draw the effect of every claim that was tested with its interval, each in its own scale.

    Parameters
    ----------
    table : as from ``claims_table``.
    """
    rows = table[table["effect"].notna()].reset_index(drop=True)
    figure, (axes,) = panel(height=1.2 + 0.27 * len(rows))
    ends = rows[["effect", "low", "high"]].to_numpy(float)
    size = np.nanmax(np.abs(ends), axis=1, initial=0.0)
    scaled = ends / np.where(size > 0.0, size, 1.0)[:, None]
    for verdict, hue in VERDICT_HUES.items():
        y = np.flatnonzero(rows["verdict"] == verdict)
        axes.hlines(y, scaled[y, 1], scaled[y, 2], color=hue, linewidth=2)
        axes.plot(scaled[y, 0], y, "o", color=hue, markersize=5.5, label=verdict)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [f"{row.claim}" for row in rows.itertuples()])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1.08, 1.08)
    axes.set_xticks([-1, 0, 1], ["against the claim", "0", "for the claim"])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Effect and 95% interval, each as a part of its own largest end")
    figure.legend(loc="outside upper left", ncols=3)
    return svg(figure, name="claims")


def claim_words(row: Mapping[Hashable, Any]) -> str:
    """Return what a claim was held against and what came of it."""
    note = f" {str(row['note'])[:1].upper()}{str(row['note'])[1:]}." if row["note"] else ""
    compared = f"{str(row['compared'])[:1].upper()}{str(row['compared'])[1:]}"
    return f"{compared}: {effect_words(row)}.{note}"


def effect_words(row: Mapping[Hashable, Any]) -> str:
    """Return an effect with its interval; words where there is none."""
    effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
    if isnan(effect):
        return "not tested"
    if str(row["unit"]) == "objective" or str(row["unit"]).startswith("share"):
        unit = "" if row["unit"] == "objective" else f" ({row['unit']})"
        found = f"{words.points(effect)} points{unit}"
        return f"{found}, {words.interval(low, high)}"
    known = f"{low:+z.3g} to {high:+z.3g}" if not isnan(low) else NO_INTERVAL
    return f"{effect:+z.3g} {row['unit']}, {known}"
