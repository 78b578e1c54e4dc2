"""The assumption register: what the plan's gain rests on, how that is known, and whose it is."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.numerals import drawn
from reports.shares import bars, share_columns
from sim.figure_style import HUES, panel, styled
from sim.studies.assumptions import ELSEWHERE, ORIGIN, STATUS
from sim.studies.knowledge import UNKNOWN
from sim.studies.result import StudyResult

LONGEST_LABEL = 24
"""Characters of a line beside a figure's bars."""
TOP = 5
"""Single unknowns in the page."""


def register_section(result: StudyResult) -> dict[str, Any]:
    """Return what the page says of the assumption register."""
    table = result.assumptions()
    return {
        "sentence": register_sentence(table),
        "figure": register_figure(table),
        "status": register_rows(table, STATUS),
        "origin": register_rows(table, ORIGIN),
        "single": register_rows(table, UNKNOWN).head(TOP),
    }


def register_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return rows of one kind of the assumption register in words.

    Parameters
    ----------
    table : as from ``StudyResult.assumptions``.
    """
    rows = table[table["kind"] == kind]
    shown = {_("what"): list(map(_, rows["what"]))} | share_columns(rows)
    if kind == UNKNOWN:
        return pd.DataFrame(
            shown
            | {_("known how"): list(map(_, rows["status"])), _("source"): list(rows["source"])}
        )
    return pd.DataFrame(shown | {_("unknowns"): list(rows["unknowns"])})


def register_sentence(table: pd.DataFrame) -> str:
    """Return what the assumption register says, with what it cannot tell."""
    known = table[table["kind"] == STATUS].set_index("what")["share"]
    lent = table[(table["kind"] == ORIGIN) & (table["what"] == ELSEWHERE)]["share"].sum()
    untold = max(1.0 - float(known.sum()), 0.0)
    sure = table[table["share"] > table["chance"]]["what"]
    draws, count = int(table["draws"].iloc[0]), int((table["kind"] == UNKNOWN).sum())
    return _(
        "Of the variance of the plan's gain the regression finds {assumed} told by assumed inputs "
        "and {lent} by numbers carried over from elsewhere; {untold} told by no kind alone: joint "
        "effects, chance, and what {draws} draws cannot tell of {unknowns} unknowns. More than "
        "chance would tell: {sure}."
    ).format(
        assumed=words.percent(known.get("assumed", 0.0), digits=0),
        lent=words.percent(float(lent), digits=0),
        untold=words.percent(untold, digits=0),
        draws=draws,
        unknowns=count,
        sure=", ".join(map(_, sure)) or _("none"),
    )


@styled
def register_figure(table: pd.DataFrame) -> str:
    """Draw what share of the variance of the plan's gain rests on what kind of inputs.

    Parameters
    ----------
    table : as from ``StudyResult.assumptions``.
    """
    kinds = {
        STATUS: _("Share of the variance of the gain (%)\nby how inputs are known"),
        ORIGIN: _("Share of the variance of the gain (%)\nby whose numbers they are"),
    }
    parts = [table[table["kind"] == kind] for kind in kinds]
    figure, panels = panel(height=1.2 + 0.34 * max(map(len, parts)), columns=2)
    for axes, title, part in zip(panels, kinds.values(), parts, strict=True):
        bars(axes, part.set_index("what"), "share", 100.0)
        y = np.arange(len(part))
        axes.plot(100.0 * part["chance"], y, "|", color=HUES[1], markersize=13, mew=2)
        axes.set_yticks(y, [fill(_(what), LONGEST_LABEL) for what in part["what"]])
        axes.set_xlabel(title)
    return drawn(figure, name="register")
