"""Numbers and findings in words, rounded the same way everywhere."""

import math
from collections.abc import Callable

import pandas as pd

from sim.answers.intervals import NO_INTERVAL, interval_words
from sim.domain.levers import LEVERS
from sim.planning.rules import phrase_of
from sim.studies.outcomes import OUTCOMES

USD_PER_MILLION = 1e6


def percent(share: float, *, digits: int = 1) -> str:
    """Return a share as a percentage; "not estimable" when there is no value.

    >>> percent(0.1234)
    '12.3%'
    >>> percent(float("nan"))
    'not estimable'
    """
    return "not estimable" if math.isnan(share) else f"{100 * share:z.{digits}f}%"


def points(share: float, *, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign.

    >>> points(0.0123), points(-1e-6)
    ('+1.23', '+0.00')
    """
    return "not estimable" if math.isnan(share) else f"{100 * share:+z.{digits}f}"


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


def _spanned(low: float, high: float, said: Callable[[float], str], none: str) -> str:
    return none if math.isnan(low) or math.isnan(high) else f"{said(low)} to {said(high)}"


def dollars(usd: float) -> str:
    """Return an amount of US dollars at three digits.

    >>> dollars(4_256_000), dollars(12_340), dollars(0)
    ('$4.26 million', '$12,300', '$0')
    """
    if abs(usd) >= USD_PER_MILLION:
        return f"${usd / USD_PER_MILLION:,.3g} million"
    return f"${float(f'{usd:.3g}'):z,.0f}"


def number(value: float) -> str:
    """Return a count or an amount at three digits, with thousands apart.

    >>> number(1934.2), number(24.71), number(0.0)
    ('1,930', '24.7', '0')
    """
    return "not estimable" if math.isnan(value) else f"{float(f'{value:.3g}'):z,.15g}"


POWER_WORDS = {
    "measured": "power measured by the device",
    "nameplate": "power estimated from the nameplate",
    "model": "power of a part, as of memory, is a library's model of it, not measured",
    "default": "power is a library's default, not measured: an order of magnitude only",
}


def power_words(source: str) -> str:
    """Return how the watts behind an energy figure were got."""
    return POWER_WORDS.get(source, source)


def places(low: float, high: float) -> str:
    """Return between which places something lies; a dash where that is not known.

    >>> places(1.0, 4.0), places(float("nan"), float("nan"))
    ('1 to 4', '-')
    """
    return "-" if math.isnan(low) else f"{low:.0f} to {high:.0f}"


def enumerated(names: list[str]) -> str:
    """Return names as a list in a sentence.

    >>> enumerated(["one", "two", "three"]), enumerated(["one"])
    ('one, two and three', 'one')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def item_words(item: str) -> str:
    """Return an item in words.

    >>> item_words("scanner.chest_xray"), item_words("site")
    ('imaging units (chest xray)', 'AI deployment sites')
    """
    lever, _, scope = item.partition(".")
    words = LEVERS[lever].words if lever in LEVERS else lever
    return f"{words} ({scope.replace('_', ' ').replace('.', ', ')})" if scope else words


def verdict_words(row: pd.Series) -> str:
    """Return one comparison as a clause: who, against whom, by how much, how sure."""
    label = OUTCOMES.called(str(row["metric"])).label
    claim = {
        "beats": "beats",
        "does not beat": "does not beat",
        "undecided": "is not shown to beat",
    }[str(row["verdict"])]
    who = phrase_of(str(row["policy"]))
    return (
        f"{who[0].upper()}{who[1:]} {claim} {phrase_of(str(row['baseline']))}: "
        f"{points(row['difference'])} points of {label[0].lower()}{label[1:]} "
        f"({interval_words(100.0 * row['low'], 100.0 * row['high'], form='+z.2f')}; better in "
        f"{round(row['p_positive'] * row['draws'])} of {int(row['draws'])} draws)"
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
        return "nothing is bought"
    parts = [f"{stage} {value / total:.0%}" for stage, value in by_stage.head(most).items()]
    rest = 1.0 - float(by_stage.head(most).sum()) / total
    return ", ".join(parts) + (f", other stages {rest:.0%}" if rest >= 0.005 else "")
