"""What measuring something before choosing a plan would be worth, and costs."""

from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.numerals import drawn
from reports.shares import amount, bars
from sim.figure_style import panel, styled
from sim.studies.measuring import EVERYWHERE
from sim.studies.result import StudyResult

MOST_MEASUREMENTS = 12
"""Measurements of the figure and the page."""


def measuring_section(result: StudyResult, further: pd.DataFrame | None) -> dict[str, Any]:
    """Return what the page says of measurements; nothing where none fits what is not known."""
    table = result.measurements(further)
    if table.empty:
        return {}
    return {
        "sentence": measuring_sentence(table),
        "rows": measuring_rows(table.head(MOST_MEASUREMENTS), result.scenario.objective),
        "figure": measuring_figure(table),
    }


def measuring_rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return measurements in words.

    Parameters
    ----------
    table : as from ``StudyResult.measurements``.
    """
    return pd.DataFrame(
        {
            _("measurement"): [
                f"{_(what)}, {where}" if where != EVERYWHERE else _(what)
                for what, where in zip(table["what"], table["where"], strict=True)
            ],
            _("worth"): [amount(value, metric).removeprefix("+") for value in table["value"]],
            _("95% interval"): [
                words.interval(low, high, digits=3, none="-")
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            _("as much as"): [
                _("not known") if np.isnan(usd) else words.dollars(usd)
                for usd in table["worth_usd"]
            ],
            _("cost (assumed)"): [_cost(row) for _index, row in table.iterrows()],
        }
    )


def measuring_sentence(table: pd.DataFrame) -> str:
    """Return what to measure first, or that nothing is shown to pay."""
    paying = table[table["pays"]]
    if paying.empty:
        return _(
            "Measure first: none of these is shown to pay before choosing among these plans; "
            "with few draws hardly any can be."
        )
    first = paying.iloc[0]
    where = str(first["where"])
    return _(
        "Measure first: {what}, {where}. It is worth as much as {worth} would buy, and costs "
        "{cost} (assumed)."
    ).format(
        what=_(str(first["what"])),
        where=_(where) if where == EVERYWHERE else where,
        worth=words.dollars(first["worth_usd"]),
        cost=_cost(first),
    )


def _cost(measurement: pd.Series) -> str:
    """Return the range of what a measurement costs."""
    low, high = measurement["cost_low_usd"], measurement["cost_high_usd"]
    return _("{low} to {high}").format(low=words.dollars(low), high=words.dollars(high))


@styled
def measuring_figure(table: pd.DataFrame) -> str:
    """Draw what measurements are worth before choosing, the best bargains.

    Parameters
    ----------
    table : as from ``StudyResult.measurements``.
    """
    rows = table.head(MOST_MEASUREMENTS)
    named = measuring_rows(rows, "ede")[_("measurement")]
    figure, (axes,) = panel(height=1.1 + 0.28 * len(rows))
    bars(axes, rows.set_index(named), "value", 100.0)
    axes.set_xlabel(_("Worth of measuring it before choosing (points of the objective)"))
    return drawn(figure, name="measuring")
