"""What of the answer is stable, in words."""

from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from reports.numerals import drawn
from sim.figure_style import INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.certificate import TOP


def certificate_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of stability."""
    return {
        "stable": stable_rows(tables["stable_items"]),
        "variations": variation_rows(tables["variations"]),
        "sentences": certificate_sentences(tables),
        "figure": certificate_figure(tables["stable_items"]) if len(tables["stable_items"]) else "",
    }


def stable_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the top additions and how they fare elsewhere, in words."""
    return pd.DataFrame(
        {
            _("where"): list(map(words.region_words, table["region"])),
            _("what"): list(map(words.item_words, table["item"])),
            _("among the first five in"): [
                _("{part} of {whole}").format(part=round(kept * count), whole=count)
                for kept, count in zip(table["kept"], table["variations"], strict=True)
            ],
            _("place as it is (95% interval)"): [
                f"{rank} ({words.places(low, high)})"
                for rank, low, high in zip(
                    table["rank"], table["rank_low"], table["rank_high"], strict=True
                )
            ],
            _("place otherwise"): [
                words.between(str(best), str(worst))
                for best, worst in zip(table["best_rank"], table["worst_rank"], strict=True)
            ],
        }
    )


@styled
def certificate_figure(table: pd.DataFrame) -> str:
    """Draw the place of the best additions: as it is, its interval, and in all variations.

    Parameters
    ----------
    table : ``Certificate.items``.
    """
    figure, (axes,) = panel(height=1.2 + 0.36 * len(table))
    y = np.arange(len(table))
    axes.hlines(
        y + 0.14, table["best_rank"], table["worst_rank"], color="#a9bccb", linewidth=5,
        label=_("in all variations"),
    )  # fmt: skip
    axes.hlines(
        y - 0.14, table["rank_low"], table["rank_high"], color=INK, linewidth=1.4,
        label=_("as it is, 95% interval over draws"),
    )  # fmt: skip
    axes.plot(table["rank"], y - 0.14, "o", color="#0072b2", markersize=5, label=_("as it is"))
    axes.axvline(TOP + 0.5, color=QUIET, linewidth=0.9, linestyle=":")
    named = zip(table["item"], table["region"], strict=True)
    axes.set_yticks(y, [_there(item, region) for item, region in named])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(left=0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Place by gain per dollar, of the additions looked at (1: the best)"))
    figure.legend(loc="outside upper left", ncols=3)
    return drawn(figure, name="certificate")


def variation_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is otherwise, and what comes out, in words."""
    return pd.DataFrame(
        {
            _("otherwise"): [
                f"{_(kind)} {numeral(str(value))}".strip()
                for kind, value in zip(table["kind"], table["value"], strict=True)
            ],
            _("of the first five"): table["shared"],
            _("first"): list(map(_addition_words, table["first"])),
            _("best policy"): list(map(words.label, table["best_policy"])),
            _("lead of the plan, points"): list(map(words.points, table["lead"])),
            _("95% interval"): [
                words.interval(low, high, none="-")
                for low, high in zip(table["lead_low"], table["lead_high"], strict=True)
            ],
        }
    )


def _addition_words(addition: str) -> str:
    """Return an addition, as ``item in region``, in words."""
    item, _in, region = addition.rpartition(" in ")
    return _there(item, region) if region else "-"


def _there(item: str, region: str) -> str:
    return _("{what} in {where}").format(
        what=words.item_words(item), where=words.region_words(region)
    )


def certificate_sentences(tables: Tables) -> list[str]:
    """Return how stable the additions and the best policy are."""
    items, table = tables["stable_items"], tables["variations"]
    others = table[table["kind"] != "as it is"]
    always = items[items["kept"] == 1.0]
    said = ", ".join(_there(str(row.item), str(row.region)) for row in always.itertuples())
    best = str(table["best_policy"].iloc[0])
    same = int((others["best_policy"] == best).sum())
    return [
        _(
            "Of the {top} best additions {kept} stay among the first five in all {count} "
            "variations{said}."
        ).format(
            top=min(TOP, len(items)),
            kept=len(always) or _("none"),
            count=len(others),
            said=f": {said}" if said else "",
        ),
        _("{best} is best as it is, and in {same} of {count} variations.").format(
            best=words.label(best), same=same, count=len(others)
        ),
    ]
