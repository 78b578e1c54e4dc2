"""Words and figure of the plan's gain: a waterfall of purchases, and who gains."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

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
        axes.set_xlabel(f"Gain (points)\nby {part['kind'].iloc[0]}")
    return svg(figure, name="gain")
