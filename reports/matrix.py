"""The recommendation matrix in words and as a figure, beside the review's ratings."""

from collections.abc import Hashable, Mapping
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from reports import words
from reports.figures import shaded_cells
from reports.language import gettext as _
from reports.language import numeral
from reports.numerals import drawn
from sim.figure_style import QUIET, ink_on, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.recommendation import ASPECTS

RATINGS = ((3.25, "highest"), (2.75, "high"), (2.25, "high or medium"), (1.75, "medium"),
           (1.25, "low or medium"), (0.0, "low"))  # fmt: skip
"""Words of the review's ratings, from a number on."""
LONGEST_VALUE = 16
"""Characters of a value that a cell of the figure holds at the usual size."""


def matrix(tables: Tables) -> dict[str, Any]:
    """Return what the page says of the matrix."""
    return {
        "rows": matrix_rows(tables["matrix"]),
        "aspects": ASPECTS,
        "agreements": tables["agreements"],
        "money": tables["money"],
        "sentences": matrix_sentences(tables),
        "figure": matrix_figure(tables["matrix"]),
    }


def matrix_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stage: every aspect in words, and what the review says in brackets.

    An aspect that the review does not assess has no brackets.
    """
    said = table.assign(said=[_said(row) for row in table.to_dict("records")])
    wide = said.pivot_table(
        index="stage", columns="aspect", values="said", aggfunc="first", sort=False
    )
    return wide[list(ASPECTS)].reset_index()


def matrix_sentences(tables: Tables) -> list[str]:
    """Return how far the matrix agrees with the review, and what pays for what."""
    said = [
        (
            _("{aspect}: no rank correlation, as too few stages have a value or all are the same.")
            if isnan(correlation)
            else _("{aspect}: rank correlation {correlation} ({low} to {high}; {stages} stages).")
        ).format(
            aspect=_(aspect).capitalize(),
            correlation=numeral(f"{correlation:+z.2f}"),
            low=numeral(f"{low:+z.2f}"),
            high=numeral(f"{high:+z.2f}"),
            stages=stages,
        )
        for aspect, correlation, low, high, stages in tables["agreements"].itertuples(index=False)
    ]
    return [
        *said,
        _(
            "The review's ratings are our reading of the caption of its Figure 3, in part "
            "inferred; the intervals are over stages."
        ),
    ]


def rating_words(rating: float) -> str:
    """Return a rating of the review in words.

    >>> rating_words(3.5), rating_words(1.0), rating_words(float("nan"))
    ('highest', 'low', 'not assessed')
    """
    if isnan(rating):
        return _("not assessed")
    return next(_(text) for least, text in RATINGS if rating >= least)


@styled
def matrix_figure(table: pd.DataFrame) -> str:
    """Draw the matrix: shades by value within each aspect, the review's ratings below each.

    Parameters
    ----------
    table : ``Recommendation.table``.
    """
    stages, aspects = list(dict.fromkeys(table["stage"])), list(ASPECTS)
    wide = table.pivot_table(
        index="stage", columns="aspect", values="value", sort=False, dropna=False
    )
    size = wide.loc[stages, aspects].abs().to_numpy(float)
    top = np.nanmax(np.where(np.isnan(size), 0.0, size), axis=0)
    share = np.divide(size, top, out=np.zeros_like(size), where=top > 0.0)
    figure, (axes,) = panel(height=0.9 + 0.42 * len(stages))
    shades = LinearSegmentedColormap.from_list("matrix", ["#f5f9fc", "#0072b2"])
    shaded_cells(axes, np.nan_to_num(share), shades, top=1.0)
    axes.set_xticks(range(len(aspects)), [_(aspect).capitalize() for aspect in aspects])
    axes.set_yticks(range(len(stages)), list(map(_, stages)))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row in table.to_dict("records"):
        at = stages.index(row["stage"]), aspects.index(row["aspect"])
        if row["basis"] == "not assessed":
            axes.text(at[1], at[0], _value(row), ha="center", va="center", color=QUIET)
            continue
        shade = ink_on(shades(float(np.nan_to_num(share[at]))))
        said = _value(row)
        axes.text(
            at[1], at[0] - 0.16, said, ha="center", va="center", color=shade,
            fontsize=8 if len(said) > LONGEST_VALUE else None,
        )  # fmt: skip
        axes.text(
            at[1], at[0] + 0.22, _("review: {rating}").format(rating=rating_words(row["review"])),
            ha="center", va="center", color=shade, fontsize=7.5,
        )  # fmt: skip
    return drawn(figure, name="matrix")


def _said(row: Mapping[Hashable, Any]) -> str:
    rating = float(row["review"])
    return _value(row) if isnan(rating) else f"{_value(row)} ({rating_words(rating)})"


def _value(row: Mapping[Hashable, Any]) -> str:
    value = float(row["value"])
    if row["basis"] == "not assessed":
        return _("not assessed")
    if isnan(value):
        return _("not bought")
    if row["unit"] == "GPU-hours" and value > 0.0:
        return _("{hours} h, {energy} kWh").format(
            hours=words.number(value), energy=words.number(float(row["energy_kwh"]))
        )
    if row["unit"] == "US dollars":
        return words.dollars(value)
    return words.points(value) if row["unit"] == "objective" else words.number(value)
