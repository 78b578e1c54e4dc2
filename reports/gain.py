"""Words and figure of the plan's gain: a waterfall of purchases, and who gains."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports import words
from sim.figure_style import HUES, INK, QUIET, panel, styled, svg
from sim.studies.answer_folder import Tables
from sim.studies.attribution import PEOPLE, PURCHASES

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
        "purchases" if kind == PURCHASES else "people": rows["what"],
        "points": list(map(words.points, rows["value"])),
        "95% interval": [
            words.interval(low, high, none="-")
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
        "share": [words.percent(share, digits=0) for share in rows["share"]],
    }
    if kind == PURCHASES:
        shown["spent"] = list(map(words.dollars, rows["usd"]))
    return pd.DataFrame(shown)


def gain_sentences(table: pd.DataFrame) -> list[str]:
    """Return what the answer says, in sentences."""
    bought, people = (table[table["kind"] == kind] for kind in (PURCHASES, PEOPLE))
    first = bought.iloc[int(bought["value"].to_numpy().argmax())]
    said = [
        f"The plan gains {words.points(float(bought['value'].sum()))} points on buying nothing. "
        f"The most of it comes from {first['what']}: {words.points(first['value'])} points "
        f"({words.interval(first['low'], first['high'])}), for {words.dollars(first['usd'])}.",
        f"Without a gain of their own: "
        f"{'; '.join(bought.loc[~(bought['high'] > 0.0), 'what']) or 'none'}.",
    ]
    if bought["high"].isna().any():
        said.pop()
    if len(people):
        top = people.iloc[0]
        losing = people[people["high"] < 0.0]["what"]
        said.append(
            f"Of the gain {words.percent(top['share'], digits=0)} is that of {top['what']}; "
            f"surely losing: {'; '.join(losing) or 'nobody'}."
        )
    return said


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
            "because of": table["what"],
            "points": list(map(words.points, table["value"])),
            "95% interval": [
                words.interval(low, high, none="-")
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "share": [words.percent(share, digits=0) for share in table["share"]],
        }
    )


def difference_sentence(table: pd.DataFrame) -> str:
    """Return how far the plans of two runs are apart, and what most of it comes from."""
    if table.empty:
        return "Nothing that is simulated differs between the two runs."
    first, whole = table.iloc[0], float(table["value"].sum())
    return (
        f"The plan reaches {words.points(whole)} points more than that of "
        f"{table['against'].iloc[0]} in the same draws; most of the difference comes from "
        f"{first['what']}: {words.points(first['value'])} points "
        f"({words.interval(first['low'], first['high'])})."
    )


@styled
def difference_figure(table: pd.DataFrame) -> str:
    """Draw how the difference between two runs adds up over what they were asked differently.

    Parameters
    ----------
    table : as from ``difference_table``.
    """
    figure, (axes,) = panel(height=1.0 + 0.34 * (len(table) + 1))
    _falling(axes, table)
    axes.set_xlabel("Difference of the plan's objective (points)")
    return svg(figure, name="difference")


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
        _falling(axes, part)
        axes.set_xlabel(f"Gain (points)\nby {part['kind'].iloc[0]}")
    return svg(figure, name="gain")


def _falling(axes: Axes, part: pd.DataFrame) -> None:
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
    named = [fill(what, LONGEST_LABEL) for what in part["what"]]
    axes.set_yticks([*y, len(value)], [*named, "together"])
    axes.set_ylim(len(value) + 0.6, -0.6)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
