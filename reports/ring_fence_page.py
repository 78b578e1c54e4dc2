"""What more money is worth where the plan is made anew: words and figure."""

from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.numerals import drawn
from sim.figure_style import INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.ring_fence import ANYWHERE, NO_MORE, REGION, STAGE


def ring_fence_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of more money."""
    table = tables["ring_fence"]
    return {
        "rows": ring_fence_rows(table),
        "sentences": ring_fence_sentences(tables),
        "figure": ring_fence_figure(table),
        "draws": int(table["draws"].iloc[0]),
    }


def ring_fence_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the money is worth in every place, in words."""
    rows = table[table["kind"] != NO_MORE]
    digits = words.digits_for(rows["gain_per_musd"], least=3)
    single = [
        _("{where}: {what}").format(where=words.region_words(region), what=words.item_words(item))
        if item
        else _("none")
        for region, item in zip(rows["addition_region"], rows["addition_item"], strict=True)
    ]
    return pd.DataFrame(
        {
            _("kept for"): [_place(*one) for one in zip(rows["kind"], rows["what"], strict=True)],
            _("points per $ million"): [
                words.points(value, digits=digits) for value in rows["gain_per_musd"]
            ],
            _("95% interval"): [
                words.interval(low, high, digits=digits, none="-")
                for low, high in zip(rows["per_low"], rows["per_high"], strict=True)
            ],
            _("best single addition"): single,
            _("by itself"): [
                "-" if np.isnan(value) else words.points(value, digits=digits)
                for value in rows["addition_per_musd"]
            ],
        }
    )


def ring_fence_sentences(tables: Tables) -> list[str]:
    """Return where more money is worth most, and what a search alone would have changed."""
    table, missed = tables["ring_fence"], tables["ring_fence_missed"]
    sentences = {
        ANYWHERE: _(
            "With {usd} more over all years, free to go anywhere, and the plan made anew, the "
            "objective rises by {gain} ({interval})."
        ),
        REGION: _("Kept for one region, it brings most in {what}: {gain} ({interval})."),
        STAGE: _("Kept for one stage, it brings most for {what}: {gain} ({interval})."),
        NO_MORE: _(
            "As long a search with no more money changes the plan by {gain} ({interval}); gains "
            "are counted from there."
        ),
    }
    said = [
        sentence.format(
            usd=words.dollars(first["extra_usd"]),
            what=_place(kind, first["what"]),
            gain=words.in_points(first["gain"]),
            interval=words.interval(first["low"], first["high"]),
        )
        for kind, sentence in sentences.items()
        for _number, first in table[table["kind"] == kind].head(1).iterrows()
    ]
    if not len(missed):
        return said
    places = [_place(*one) for one in missed.itertuples(index=False)]
    return [*said, _("No plan was found for: {places}.").format(places=_("; ").join(places))]


@styled
def ring_fence_figure(table: pd.DataFrame) -> str:
    """Draw the value of the same money in every place, beside that of the best single addition.

    Parameters
    ----------
    table : ``RingFence.table``.
    """
    rows = table[table["kind"] != NO_MORE].reset_index(drop=True)
    figure, (axes,) = panel(height=1.3 + 0.32 * max(len(rows), 2))
    y = np.arange(len(rows))
    value, low, high = (100.0 * rows[name] for name in ("gain_per_musd", "per_low", "per_high"))
    sure = np.where(low > 0.0, "#0072b2", "#a9bccb")
    axes.barh(y, value, color=sure, height=0.62, label=_("plan made anew"))
    known = ~np.isnan(low)
    axes.hlines(y[known], low[known], high[known], color=INK, linewidth=1.1)
    axes.plot(
        100.0 * rows["addition_per_musd"], y, "D", color="#d55e00", markersize=5,
        label=_("best single addition, the plan as it was"),
    )  # fmt: skip
    axes.set_yticks(y, [_place(*one) for one in zip(rows["kind"], rows["what"], strict=True)])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Gain of the objective per further million dollars (points)"))
    figure.legend(loc="outside upper left", ncols=2)
    return drawn(figure, name="ring_fence")


def _place(kind: str, what: str) -> str:
    """Return a place in the language: a region by its code or name, as it is."""
    named = {ANYWHERE: _("anywhere"), NO_MORE: _("no more money")}
    return words.region_words(what) if kind == REGION else named.get(kind, _(what))
