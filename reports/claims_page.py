"""The claims of the review in words."""

from collections.abc import Hashable, Mapping
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from reports.numerals import drawn
from reports.retelling import claim_told
from sim.answers.intervals import NO_INTERVAL
from sim.figure_style import HUES, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.claims import PER_MILLION

VERDICT_HUES = {"confirmed": "#0072b2", "refuted": HUES[1], "undecided": "#8a99a6"}


def claims_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of claims."""
    rows = tables["claims"].to_dict("records")
    counts = tables["claims"]["verdict"].value_counts()
    return {
        "rows": [{**row, "words": effect_words(row)} for row in rows],
        "figure": claims_figure(tables["claims"]),
        "counts": ", ".join(f"{count} {_(str(verdict))}" for verdict, count in counts.items()),
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
        axes.plot(scaled[y, 0], y, "o", color=hue, markersize=5.5, label=_(verdict))
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [f"{row.claim}" for row in rows.itertuples()])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1.08, 1.08)
    axes.set_xticks([-1, 0, 1], [_("against the claim"), "0", _("for the claim")])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Effect and 95% interval, each as a part of its own largest end"))
    figure.legend(loc="outside upper left", ncols=3)
    return drawn(figure, name="claims")


def claim_words(row: Mapping[Hashable, Any]) -> str:
    """Return what a claim was held against and what came of it."""
    note = f" {words.capitalised(claim_told(str(row['note'])))}." if row["note"] else ""
    compared = words.capitalised(claim_told(str(row["compared"])))
    return f"{compared}: {effect_words(row)}.{note}"


def effect_words(row: Mapping[Hashable, Any]) -> str:
    """Return an effect with its interval; words where there is none."""
    effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
    if isnan(effect):
        return _("not tested")
    unit = str(row["unit"])
    if unit == "objective" or unit.startswith("share"):
        of = "" if unit == "objective" else f" ({_(unit)})"
        return f"{words.in_points(effect)}{of}, {words.interval(low, high)}"
    if unit == PER_MILLION:
        effect, low, high = (100.0 * end for end in (effect, low, high))
        unit = _("points per million dollars")
    ends = [numeral(f"{end:+z.3g}") for end in (low, high)]
    known = _(NO_INTERVAL) if isnan(low) else words.between(*ends)
    return f"{numeral(f'{effect:+z.3g}')} {_(unit)}, {known}"
