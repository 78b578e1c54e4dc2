"""Gains and shares with their intervals: in words, as columns of a table, and as bars."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports import words
from reports.language import gettext as _
from sim.figure_style import INK, QUIET
from sim.studies.outcomes import OUTCOMES


def amount(value: float, metric: str) -> str:
    """Return a gain in a measure, with its unit: shares in points."""
    unit = OUTCOMES.called(metric).unit
    if unit.startswith("share"):
        return words.in_points(value, digits=3)
    return f"{words.number(value)} {_(unit)}"


def share_columns(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return shares of variance in words, with their intervals and what chance tells."""
    return {
        _("share"): [words.percent(share, digits=0) for share in rows["share"]],
        _("95% interval"): [
            words.span(low, high, digits=0)
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
        _("by chance"): [
            _("up to {share}").format(share=words.percent(one, digits=0)) for one in rows["chance"]
        ],
    }


def bars(axes: Axes, table: pd.DataFrame, column: str, scale: float) -> None:
    """Draw a column of a table with low and high, a bar a row; dark where low is above 0."""
    y = np.arange(len(table))
    low, high = scale * table["low"].to_numpy(float), scale * table["high"].to_numpy(float)
    colours = np.where(low > 0.0, "#0072b2", "#a9bccb")
    axes.barh(y, scale * table[column].to_numpy(float), color=colours, height=0.62)
    axes.hlines(y, low, high, color=INK, linewidth=1.1)
    axes.set_yticks(y, list(map(_, table.index)))
    axes.set_xlim(left=0.0)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
