"""What a run says country by country, as maps."""

import re
from collections.abc import Callable
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from reports.country_shapes import CELLS, shade, window
from reports.language import gettext as _
from reports.language import numeral, percentage
from reports.words import label
from sim.figure_style import panel, styled, svg
from sim.studies.comparison import last_years
from sim.studies.result import StudyResult

LETTERS = 84
"""Letters of a title in the width of a page."""
FEWEST = 8
"""Countries from which on a map says more than a table."""
OUTLINE = re.compile(r' d="([^"]*)"')


def country_values(result: StudyResult, policy: str) -> pd.DataFrame:
    """Return what a policy brings every country, means over draws; countries are rows.

    ``covered``: effective coverage of the last years, share of need, by people. ``spent``: US
    dollars per person over all years. ``gained``: coverage less that of buying nothing; absent
    where that was not simulated.
    """
    cells = last_years(result.cells)
    covered = cells.assign(covered=cells["ec"] * cells["population"])
    sums = covered.groupby(["policy", "region"], sort=False)[["covered", "population"]].sum()
    mean = (sums["covered"] / sums["population"]).unstack("policy")  # noqa: PD010
    ledger = result.ledger
    paid = ledger[(ledger["policy"] == policy) & (ledger["account"] == "spend_usd")]
    people = result.cells.query("policy == @policy").groupby(["region", "draw", "year"])
    persons = people["population"].sum().groupby("region").mean()
    draws = result.scenario.uncertainty.draws
    spent = paid.groupby("region")["value"].sum().reindex(mean.index).fillna(0.0) / draws
    table = pd.DataFrame({"covered": mean[policy], "spent": spent / persons})
    if "baseline" in mean and policy != "baseline":
        table["gained"] = mean[policy] - mean["baseline"]
    return table


def is_mapped(result: StudyResult) -> bool:
    """Return whether a run has enough countries for a map."""
    return result.scenario.by == "country" and result.cells["region"].nunique() >= FEWEST


@styled
def map_of_run(result: StudyResult, policy: str) -> str:
    """Draw coverage, spending and gain of a policy by country, as SVG."""
    map_drawn = svg(drawn_run(result, policy), name="map")
    return OUTLINE.sub(lambda found: f' d="{_shorter(found[1])}"', map_drawn)


def _shorter(outline: str) -> str:
    """Return an outline in tenths of a point, every point as its step from the one before.

    An outline with curves stays as it is.

    >>> _shorter("M 1.23 2.0 L 3.456 4.0 L 3.0 3.5 z")
    'M1.2 2l2.3 2-.5-.5z'
    """
    words = outline.split()
    if set(filter(str.isalpha, words)) - set("MLz"):
        return outline
    said, before = "", (0, 0)
    for place, word in enumerate(words):
        if word == "z":
            said += "z"
        elif word in "ML":
            x, y = (round(10.0 * float(number)) for number in words[place + 1 : place + 3])
            if word == "M":
                said += f"M{_tenths(x)}{_tenths(y, after=True)}l"
            else:
                first, second = x - before[0], y - before[1]
                said += f"{_tenths(first, after=said[-1] != 'l')}{_tenths(second, after=True)}"
            before = x, y
    return said.replace("lz", "z").removesuffix("l")


def _tenths(count: int, *, after: bool = False) -> str:
    """Return tenths as a number, with what parts it from a number before it.

    >>> _tenths(5), _tenths(-5, after=True), _tenths(20, after=True)
    ('.5', '-.5', ' 2')
    """
    whole, rest = divmod(abs(count), 10)
    text = f"{whole or ('' if rest else 0)}{f'.{rest}' if rest else ''}"
    return f"-{text}" if count < 0 else f" {text}" if after else text


@styled
def drawn_run(result: StudyResult, policy: str) -> Figure:
    """Return maps of the columns of ``country_values``, one beside or below another."""
    table = country_values(result, policy)
    named: dict[str, tuple[str, Callable[[float], str]]] = {
        "covered": (_("Effective coverage: {policy}").format(policy=label(policy)), _percent),
        "spent": (_("Spent per person in all years (US dollars)"), _amount),
        "gained": (_("Gained on buying nothing (points of need)"), _points),
    }
    left, right, bottom, top = window(list(table.index))
    tall = (top - bottom) / (right - left)
    across = len(table.columns) if tall > 0.8 else 1
    down = len(table.columns) // across
    height = down * (7.4 / across * tall + 0.5)
    figure, all_axes = panel(height=height, rows=down, columns=across)
    for axes, column in zip(all_axes, table.columns, strict=True):
        title, words = named[column]
        axes.set(xlim=(left, right), ylim=(bottom, top))
        shade(figure, axes, dict(table[column]), words=words, cells=CELLS // across)
        axes.set_title(_folded(title, across), fontsize=9.5 if across == 1 else 8.5)
    return figure


def _percent(value: float) -> str:
    return percentage(f"{100.0 * value:.3g}")


def _points(value: float) -> str:
    return numeral(f"{100.0 * value:.3g}")


def _amount(value: float) -> str:
    return numeral(f"{value:,.3g}")


def _folded(title: str, across: int) -> str:
    """Return a title in lines that fit its part of the width."""
    if across == 1:
        return title
    lines = fill(title, LETTERS // across, max_lines=2, placeholder=" ...")
    return lines if "\n" in lines else f"{lines}\n"
