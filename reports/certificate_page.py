"""What of the answer is stable, in words."""

from typing import Any

import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from sim.studies.answer_folder import Tables
from sim.studies.certificate import TOP


def certificate_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of stability."""
    return {
        "stable": stable_rows(tables["stable_items"]),
        "variations": variation_rows(tables["variations"]),
        "sentences": certificate_sentences(tables),
    }


def stable_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the top additions and how they fare elsewhere, in words."""
    return pd.DataFrame(
        {
            _("where"): table["region"],
            _("what"): list(map(words.item_words, table["item"])),
            _("among the first five in"): [
                _("{part} of {whole}").format(part=round(kept * count), whole=count)
                for kept, count in zip(table["kept"], table["variations"], strict=True)
            ],
            _("place"): [
                words.between(str(best), str(worst))
                for best, worst in zip(table["best_rank"], table["worst_rank"], strict=True)
            ],
        }
    )


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
