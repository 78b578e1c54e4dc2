"""Numbers and findings in words, rounded the same way everywhere."""

import math
from collections.abc import Callable

import pandas as pd

from reports.language import country_name, ngettext, numeral, percentage
from reports.language import gettext as _
from sim.answers.intervals import LEVEL, NO_INTERVAL
from sim.baseline import tables
from sim.domain.levers import LEVERS
from sim.planning.rules import label_of, phrase_of
from sim.studies.outcomes import OUTCOMES

USD_PER_MILLION = 1e6


def percent(share: float, *, digits: int = 1) -> str:
    """Return a share as a percentage; "not estimable" when there is no value.

    >>> percent(0.1234)
    '12.3%'
    >>> percent(float("nan"))
    'not estimable'
    """
    if math.isnan(share):
        return _("not estimable")
    return percentage(f"{100 * share:z.{digits}f}")


def points(share: float, *, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign.

    >>> points(0.0123), points(-1e-6)
    ('+1.23', '+0.00')
    """
    return _("not estimable") if math.isnan(share) else numeral(f"{100 * share:+z.{digits}f}")


def digits_for(shares: "pd.Series[float]", *, least: int = 2) -> int:
    """Return with how many digits points must be said for the largest to have three of them.

    >>> digits_for(pd.Series([0.0123, 2.6e-6])), digits_for(pd.Series([2.6e-6]))
    (2, 6)
    """
    largest = 100.0 * float(shares.abs().max()) if len(shares) else 0.0
    return least if not largest > 0.0 else max(least, 2 - math.floor(math.log10(largest)))


def in_points(share: float, *, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign and unit.

    >>> in_points(0.0123)
    '+1.23 points'
    """
    count = 0 if math.isnan(share) else int(round(abs(100.0 * share), digits))
    said = ngettext("{points} points", "{points} points", count)
    return said.format(points=points(share, digits=digits))


def interval(low: float, high: float, *, digits: int = 2, none: str = NO_INTERVAL) -> str:
    """Return an interval of shares in percentage points; ``none`` where there is none.

    >>> interval(-0.001, 0.02), interval(float("nan"), float("nan"))
    ('-0.10 to +2.00', 'no interval of fewer than 5 draws')
    """
    return _spanned(low, high, lambda end: points(end, digits=digits), none)


def span(low: float, high: float, *, digits: int = 1, none: str = NO_INTERVAL) -> str:
    """Return an interval of a share as percentages; ``none`` where there is none.

    >>> span(0.0, 0.25)
    '0.0% to 25.0%'
    """
    return _spanned(low, high, lambda end: percent(end, digits=digits), none)


def amounts(low: float, high: float, *, none: str = NO_INTERVAL) -> str:
    """Return an interval of counts or amounts; ``none`` where there is none.

    >>> amounts(24.71, 1934.2)
    '24.7 to 1,930'
    """
    return _spanned(low, high, number, none)


def between(low: str, high: str) -> str:
    """Return two ends as a range.

    >>> between("1", "2")
    '1 to 2'
    """
    return _("{low} to {high}").format(low=low, high=high)


def _spanned(low: float, high: float, said: Callable[[float], str], none: str) -> str:
    if math.isnan(low) or math.isnan(high):
        return _(none)
    return between(said(low), said(high))


def dollars(usd: float) -> str:
    """Return an amount of US dollars at three digits.

    >>> dollars(9_843_000_000), dollars(4_256_000), dollars(12_340), dollars(0)
    ('$9,840 million', '$4.26 million', '$12,300', '$0')
    """
    if abs(usd) >= USD_PER_MILLION:
        millions = usd / USD_PER_MILLION
        said = ngettext("${amount} million", "${amount} million", int(abs(millions)))
        return said.format(amount=number(millions))
    return _("${amount}").format(amount=numeral(f"{float(f'{usd:.3g}'):z,.0f}"))


def dollars_told(usd: float, low: float, high: float) -> str:
    """Return an amount of US dollars with its interval, where there is one.

    >>> dollars_told(4_256_000, 4_120_000, 4_390_000)
    '$4.26 million ($4.12 million to $4.39 million)'
    """
    if math.isnan(low) or math.isnan(high):
        return dollars(usd)
    return f"{dollars(usd)} ({between(dollars(low), dollars(high))})"


def number(value: float, *, digits: int = 3) -> str:
    """Return a count or an amount at some digits, with thousands apart.

    >>> number(1934.2), number(24.71), number(0.0), number(1.321e8, digits=4)
    ('1,930', '24.7', '0', '132,100,000')
    """
    if math.isnan(value):
        return _("not estimable")
    return numeral(f"{float(f'{value:.{digits}g}'):z,.15g}")


POWER_WORDS = {
    "measured": "power measured by the device",
    "nameplate": "power estimated from the nameplate",
    "model": "power of a part, as of memory, is a library's model of it, not measured",
    "default": "power is a library's default, not measured: an order of magnitude only",
}


def power_words(source: str) -> str:
    """Return how the watts behind an energy figure were got."""
    return _(POWER_WORDS.get(source, source))


def places(low: float, high: float) -> str:
    """Return between which places something lies; a dash where that is not known.

    >>> places(1.0, 4.0), places(float("nan"), float("nan"))
    ('1 to 4', '-')
    """
    return "-" if math.isnan(low) else between(f"{low:.0f}", f"{high:.0f}")


def enumerated(names: list[str]) -> str:
    """Return names as a list in a sentence.

    >>> enumerated(["one", "two", "three"]), enumerated(["one"])
    ('one, two and three', 'one')
    """
    *others, last = names
    return _("{others} and {last}").format(others=", ".join(others), last=last) if others else last


def capitalised(text: str) -> str:
    """Return a text with a capital first, and all else as it is.

    >>> capitalised("an AI site")
    'An AI site'
    """
    return f"{text[:1].upper()}{text[1:]}"


def label(policy: str) -> str:
    """Return how a policy is called in tables and charts."""
    return _(label_of(policy))


def phrase(policy: str) -> str:
    """Return how a policy is called in a sentence."""
    return phrase_of(policy, _)


ALL = "all"
"""What tables say in place of a region where it is none's alone."""


def region_words(region: str) -> str:
    """Return how a region is called: a country by its name, income groups as they are.

    >>> region_words("ETH"), region_words("LIC")
    ('Ethiopia', 'LIC')
    """
    if region in (ALL, "all regions"):
        return _(region)
    return country_name(region, str(tables.countries()["name"].get(region, region)))


def region_and_code(region: str) -> str:
    """Return a country's name with its code beside it; other regions by their name.

    >>> region_and_code("ETH"), region_and_code("LIC")
    ('Ethiopia (ETH)', 'LIC')
    """
    name = region_words(region)
    return name if region in (name, ALL) else f"{name} ({region})"


def cell_words(cell: str) -> str:
    """Return a region, or a region and a group apart by a comma, with the country's name.

    >>> cell_words("ETH, rural"), cell_words("rural")
    ('Ethiopia, rural', 'rural')
    """
    region, comma, group = cell.partition(", ")
    return f"{region_words(region)}{comma}{group}"


def regions_words(regions: str) -> str:
    """Return several regions, apart by commas."""
    return ", ".join(map(region_words, regions.split(", ")))


def item_words(item: str) -> str:
    """Return an item in words.

    >>> item_words("scanner.chest_xray"), item_words("site")
    ('imaging units (chest xray)', 'AI deployment sites')
    """
    lever, _dot, scope = item.partition(".")
    words = _(LEVERS[lever].words if lever in LEVERS else lever)
    if not scope:
        return words
    # a group keeps the name that the scenario gives it
    named = scope if lever == "outreach" else _(scope.replace("_", " ").replace(".", ", "))
    return f"{words} ({named.replace('_', ' ').replace('.', ', ')})"


VERDICTS = {
    "beats": "{who} beats {rival}",
    "does not beat": "{who} does not beat {rival}",
    "undecided": "{who} is not shown to beat {rival}",
}
"""How a verdict of a comparison is said."""


def verdict_words(row: pd.Series) -> str:
    """Return one comparison as a clause: who, against whom, by how much, how sure."""
    said = _(OUTCOMES.called(str(row["metric"])).label)
    claim = _(VERDICTS[str(row["verdict"])]).format(
        who=capitalised(phrase(str(row["policy"]))), rival=phrase(str(row["baseline"]))
    )
    return _(
        "{claim}: {points} of {outcome} ({interval}; better in {better} of {draws} draws)"
    ).format(
        claim=claim,
        points=in_points(row["difference"]),
        outcome=f"{said[0].lower()}{said[1:]}",
        interval=stated_interval(row["low"], row["high"]),
        better=round(row["p_positive"] * row["draws"]),
        draws=int(row["draws"]),
    )


def stated_interval(low: float, high: float) -> str:
    """Return an interval of shares in percentage points, and how sure it is.

    >>> stated_interval(-0.001, 0.02)
    '95% interval -0.10 to +2.00'
    """
    if math.isnan(low) or math.isnan(high):
        return _(NO_INTERVAL)
    return _("{level} interval {low} to {high}").format(
        level=percent(LEVEL, digits=0), low=points(low), high=points(high)
    )


def shares_of_money(spend: pd.DataFrame, *, most: int = 4) -> str:
    """Return where the money goes, largest stages first.

    Parameters
    ----------
    spend : US dollars, index region, one column per stage.
    """
    by_stage = spend.sum(axis=0).sort_values(ascending=False)
    total = float(by_stage.sum())
    if total <= 0.0:
        return _("nothing is bought")
    parts = [
        f"{_(str(stage))} {percent(value / total, digits=0)}"
        for stage, value in by_stage.head(most).items()
    ]
    rest = 1.0 - float(by_stage.head(most).sum()) / total
    if rest >= 0.005:
        parts.append(_("other stages {share}").format(share=percent(rest, digits=0)))
    return ", ".join(parts)
