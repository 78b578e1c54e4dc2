"""Words and figure of the plan's gain: a waterfall of purchases, and who gains."""

from collections.abc import Callable
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports import words
from reports.language import gettext as _
from reports.numerals import drawn
from sim.domain.levers import Stage
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.attribution import PEOPLE, PURCHASES
from sim.studies.difference import THE_PLAN

CELLS = 12
"""Most regions and groups of the figure and the page; the table has all."""
LONGEST_LABEL = 27
"""Characters of a line beside the figure's bars."""


def gain_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of the gain."""
    table = tables["gain"]
    return {
        "purchases": gain_rows(table, PURCHASES),
        "people": gain_rows(table, PEOPLE).head(CELLS),
        "sentences": gain_sentences(table),
        "figure": waterfall(table),
        "draws": int(table["draws"].iloc[0]),
    }


def gain_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the parts of the gain in words, of one kind."""
    rows = table[table["kind"] == kind]
    shown = {
        _("purchases") if kind == PURCHASES else _("people"): list(map(part_words, rows["what"])),
        _("points"): list(map(words.points, rows["value"])),
        _("95% interval"): [
            words.interval(low, high, none="-")
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
        _("share"): [words.percent(share, digits=0) for share in rows["share"]],
    }
    if kind == PURCHASES:
        shown[_("spent")] = list(map(words.dollars, rows["usd"]))
    return pd.DataFrame(shown)


def gain_sentences(table: pd.DataFrame) -> list[str]:
    """Return what the answer says, in sentences."""
    bought, people = (table[table["kind"] == kind] for kind in (PURCHASES, PEOPLE))
    first = bought.iloc[int(bought["value"].to_numpy().argmax())]
    said = [
        _(
            "The plan gains {gain} on buying nothing. The most of it comes from {part}: "
            "{points} ({interval}), for {usd}."
        ).format(
            gain=words.in_points(float(bought["value"].sum())),
            part=part_words(first["what"]),
            points=words.in_points(first["value"]),
            interval=words.interval(first["low"], first["high"]),
            usd=words.dollars(first["usd"]),
        ),
        _("Without a gain of their own: {parts}.").format(
            parts=_listed(bought.loc[~(bought["high"] > 0.0), "what"]) or _("none")
        ),
    ]
    if bought["high"].isna().any():
        said.pop()
    if len(people):
        top = people.iloc[0]
        losing = people[people["high"] < 0.0]["what"]
        said.append(
            _("Of the gain {share} is that of {who}; surely losing: {losing}.").format(
                share=words.percent(top["share"], digits=0),
                who=part_words(top["what"]),
                losing=_listed(losing) or _("nobody"),
            )
        )
    return said


def part_words(part: str) -> str:
    """Return a part of the gain in the language: stages, or people."""
    parts = part.split(", ")
    return (
        ", ".join(map(_, parts)) if set(parts) <= set(map(str, Stage)) else words.cell_words(part)
    )


def _listed(parts: pd.Series) -> str:
    return _("; ").join(map(part_words, parts))


def difference_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of why the plan differs from that of another run."""
    table = tables["difference"]
    return {
        "rows": difference_rows(table),
        "sentence": difference_sentence(table),
        "figure": difference_figure(table) if len(table) else "",
        "draws": int(table["draws"].iloc[0]) if len(table) else 0,
    }


def difference_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of a difference between two runs in words.

    Parameters
    ----------
    table : as from ``difference_table``.
    """
    return pd.DataFrame(
        {
            _("because of"): list(map(cause_words, table["what"])),
            _("points"): list(map(words.points, table["value"])),
            _("95% interval"): [
                words.interval(low, high, none="-")
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            _("share"): [words.percent(share, digits=0) for share in table["share"]],
        }
    )


def difference_sentence(table: pd.DataFrame) -> str:
    """Return how far the plans of two runs are apart, and what most of it comes from."""
    if table.empty:
        return _("Nothing that is simulated differs between the two runs.")
    first = table.iloc[0]
    return _(
        "The plan reaches {whole} more than that of {other} in the same draws; most of the "
        "difference comes from {cause}: {points} ({interval})."
    ).format(
        whole=words.in_points(float(table["value"].sum())),
        other=table["against"].iloc[0],
        cause=cause_words(first["what"]),
        points=words.in_points(first["value"]),
        interval=words.interval(first["low"], first["high"]),
    )


def cause_words(cause: str) -> str:
    """Return a part of a difference in the language: the plan, or a setting, whose name stays."""
    return _(cause) if cause == THE_PLAN else cause


@styled
def difference_figure(table: pd.DataFrame) -> str:
    """Draw how the difference between two runs adds up over what they were asked differently.

    Parameters
    ----------
    table : as from ``difference_table``.
    """
    figure, (axes,) = panel(height=1.0 + 0.34 * (len(table) + 1))
    _falling(axes, table, cause_words)
    axes.set_xlabel(_("Difference of the plan's objective (points)"))
    return drawn(figure, name="difference")


@styled
def waterfall(table: pd.DataFrame) -> str:
    """Draw how the gain adds up over purchases, and over people.

    Parameters
    ----------
    table : ``Attribution.table``.
    """
    kinds = [kind for kind in (PURCHASES, PEOPLE) if (table["kind"] == kind).any()]
    parts = [table[table["kind"] == kind].head(CELLS) for kind in kinds]
    tall = max(map(len, parts)) + 1
    figure, panels = panel(height=0.9 + 0.3 * tall, columns=len(kinds))
    for axes, part in zip(panels, parts, strict=True):
        _falling(axes, part, part_words)
        by = part["kind"].iloc[0] == PURCHASES
        axes.set_xlabel(_("Gain (points)\nby purchases") if by else _("Gain (points)\nby people"))
    return drawn(figure, name="gain")


def _falling(axes: Axes, part: pd.DataFrame, said: Callable[[str], str]) -> None:
    """Draw values one after the other, each from where the last ended, and their sum."""
    value = 100.0 * part["value"].to_numpy(float)
    start = np.concatenate([[0.0], value.cumsum()[:-1]])
    y = np.arange(len(value))
    hues = np.where(value >= 0.0, "#0072b2", HUES[1])
    axes.barh(y, value, left=start, color=hues, height=0.62)
    axes.hlines(
        y, start + 100.0 * part["low"], start + 100.0 * part["high"], color=INK, linewidth=1.0
    )
    axes.barh(len(value), value.sum(), color=QUIET, height=0.62)
    named = [fill(said(what), LONGEST_LABEL) for what in part["what"]]
    axes.set_yticks([*y, len(value)], [*named, _("together")])
    axes.set_ylim(len(value) + 0.6, -0.6)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
