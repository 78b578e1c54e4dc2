"""The claims of the review in words."""

from collections.abc import Hashable, Mapping
from math import isnan
from typing import Any

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from reports.retelling import claim_told
from sim.answers.intervals import NO_INTERVAL
from sim.studies.answer_folder import Tables


def claims_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of claims."""
    rows = tables["claims"].to_dict("records")
    counts = tables["claims"]["verdict"].value_counts()
    return {
        "rows": [{**row, "words": effect_words(row)} for row in rows],
        "counts": ", ".join(f"{count} {_(str(verdict))}" for verdict, count in counts.items()),
    }


def claim_words(row: Mapping[Hashable, Any]) -> str:
    """Return what a claim was held against and what came of it."""
    note = f" {words.capitalised(claim_told(str(row['note'])))}." if row["note"] else ""
    compared = words.capitalised(claim_told(str(row["compared"])))
    return f"{compared}: {effect_words(row)}.{note}"


def effect_words(row: Mapping[Hashable, Any]) -> str:
    """Return an effect with its interval; words where there is none."""
    effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
    if isnan(effect):
        return _("not tested")
    if str(row["unit"]) == "objective" or str(row["unit"]).startswith("share"):
        unit = "" if row["unit"] == "objective" else f" ({_(str(row['unit']))})"
        found = words.in_points(effect)
        return f"{found}{unit}, {words.interval(low, high)}"
    ends = [numeral(f"{end:+z.3g}") for end in (low, high)]
    known = _(NO_INTERVAL) if isnan(low) else words.between(*ends)
    return f"{numeral(f'{effect:+z.3g}')} {_(str(row['unit']))}, {known}"
