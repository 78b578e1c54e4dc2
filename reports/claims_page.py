"""The claims of the review in words."""

from collections.abc import Hashable, Mapping
from math import isnan
from typing import Any

from reports import words
from sim.answers.intervals import NO_INTERVAL
from sim.studies.answer_folder import Tables


def claims_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of claims."""
    rows = tables["claims"].to_dict("records")
    counts = tables["claims"]["verdict"].value_counts()
    return {
        "rows": [{**row, "words": effect_words(row)} for row in rows],
        "counts": ", ".join(f"{count} {verdict}" for verdict, count in counts.items()),
    }


def claim_words(row: Mapping[Hashable, Any]) -> str:
    """Return what a claim was held against and what came of it."""
    note = f" {str(row['note'])[:1].upper()}{str(row['note'])[1:]}." if row["note"] else ""
    compared = f"{str(row['compared'])[:1].upper()}{str(row['compared'])[1:]}"
    return f"{compared}: {effect_words(row)}.{note}"


def effect_words(row: Mapping[Hashable, Any]) -> str:
    """Return an effect with its interval; words where there is none."""
    effect, low, high = (float(row[name]) for name in ("effect", "low", "high"))
    if isnan(effect):
        return "not tested"
    if str(row["unit"]) == "objective" or str(row["unit"]).startswith("share"):
        unit = "" if row["unit"] == "objective" else f" ({row['unit']})"
        found = f"{words.points(effect)} points{unit}"
        return f"{found}, {words.interval(low, high)}"
    known = f"{low:+z.3g} to {high:+z.3g}" if not isnan(low) else NO_INTERVAL
    return f"{effect:+z.3g} {row['unit']}, {known}"
