"""What a scenario itself assumes of weeks and supplies, in words, as tables."""

from collections.abc import Sequence

import pandas as pd

from reports import words
from reports.language import gettext as _
from sim.scenario.capacity_calendar import CalendarEntry
from sim.scenario.schema import Scenario
from sim.scenario.spec import Assumption
from sim.units import WEEKS_PER_YEAR


def calendar_rows(scenario: Scenario) -> pd.DataFrame:
    """Return in which weeks units or readers work less: a row an entry of the capacity calendar."""
    rows = [
        {
            _("what"): _kind_words(one),
            _("part that works"): words.percent(one.share, digits=0),
            _("weeks"): _("{first} to {last}").format(first=one.from_week, last=one.to_week)
            if (one.from_week, one.to_week) != (1, WEEKS_PER_YEAR)
            else _("all"),
            _("years"): _year_words(one),
            _("where"): _where_words(one.regions),
        }
        for one in scenario.capacity_calendar
    ]
    return pd.DataFrame(rows)


def supply_rows(scenario: Scenario) -> pd.DataFrame:
    """Return for how many exams there are supplies, and what more cost: a row an entry."""
    rows = [
        {
            _("exams of"): _(one.modality.replace("_", " ")),
            _("where"): _where_words(one.regions),
            _("supplies for, exams a year each"): _range_words(one.exams_per_year),
            _("US dollars for one more"): _range_words(one.usd_per_exam)
            if one.usd_per_exam
            else _("none can be bought"),
            _("weeks in store at most"): words.number(one.store_weeks),
            _("source"): one.exams_per_year.source,
        }
        for one in scenario.supplies
    ]
    return pd.DataFrame(rows)


def _kind_words(one: CalendarEntry) -> str:
    kind = _("imaging units") if one.of == "imaging" else _("readers")
    parts = [_(name.replace("_", " ")) for name in (*one.modalities, *one.professions)]
    return f"{kind} ({', '.join(parts)})" if parts else kind


def _year_words(one: CalendarEntry) -> str:
    if one.until is None:
        return _("every year") if one.year is None else _("from {year}").format(year=one.year)
    last = one.until - 1
    if one.year is None:
        return _("up to {year}").format(year=last)
    return str(last) if one.year == last else f"{one.year} - {last}"


def _where_words(regions: Sequence[str]) -> str:
    return ", ".join(map(words.region_words, regions)) or _("everywhere")


def _range_words(known: Assumption) -> str:
    return f"{words.number(known.value)} ({words.amounts(known.low, known.high)})"
