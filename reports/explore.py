"""One offline page to explore a sweep: sliders move between points that were simulated."""

import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from reports.language import ENGLISH, numeral, speaking
from reports.language import gettext as _
from reports.policy import page_template
from reports.words import dollars, item_words, percent, region_words
from sim.answers.intervals import FEWEST_DRAWS
from sim.atomic import replace_file, require_place
from sim.errors import RunFolderError
from sim.figure_style import GRID, INK, QUIET
from sim.scenario.schema import Scenario
from sim.studies.answer_folder import Tables
from sim.studies.judging import ALL, GROUP

AXES = ("budget_usd_per_year", "aversion", "ai_share")
"""What the sliders move."""
MOST_PLACES = 24
"""Regions of the page; the tables have all."""
MOST_ITEMS = 12
"""Purchases of a point that are shown, the dearest first."""


def write_explorer(
    found: Tables, scenario: Scenario, file: Path, script: str, *, language: str = ENGLISH
) -> Path:
    """Write the page of a sweep, and return its path; see ``explorer``."""
    require_place(file)
    page = explorer(found, scenario, script, language=language)
    replace_file(file, lambda there: there.write(page.encode()))
    return file


def explorer(found: Tables, scenario: Scenario, script: str, *, language: str = ENGLISH) -> str:
    """Return the page of a sweep, which needs nothing else and asks for nothing.

    Parameters
    ----------
    found : ``sim.studies.sweep.Sweep.tables``.
    script : ``plotly_script``.
    language : of its words and numbers, see ``reports.language``.
    """
    with speaking(language) as spoken:
        return page_template("explore.html.j2").render(
            language=spoken.code,
            scenario=scenario,
            draws=int(found["sweep"]["draws"].iloc[0]),
            fewest=FEWEST_DRAWS,
            data=for_script(content_of(found, scenario)),
            plotly=script,
        )


def content_of(found: Tables, scenario: Scenario) -> dict[str, Any]:
    """Return what the page shows, by the place of each point on the three axes."""
    sweep, money = found["sweep"], found["sweep_money"]
    axes = {name: sorted(sweep[name].unique().tolist()) for name in AXES}
    bought = dict(list(money.groupby(list(AXES))))
    points = {}
    for at, part in sweep.groupby(list(AXES)):
        place = "-".join(str(axes[name].index(value)) for name, value in zip(AXES, at, strict=True))
        points[place] = {
            "who": [_person(row) for row in part.to_dict("records")][: MOST_PLACES + 1],
            "money": _purchases(bought.get(at)),
        }
    own = (scenario.budget_usd_per_year, scenario.equity.aversion, 1.0)
    start = [_nearest(axes[name], value) for name, value in zip(AXES, own, strict=True)]
    return {
        "axes": axes,
        "said": [
            list(map(said, axes[name]))
            for name, said in zip(AXES, (dollars, _aversion, _ai_share), strict=True)
        ],
        "words": _words(),
        "points": points,
        "start": start,
        "colours": [INK, QUIET, GRID],
        "signs": numeral(".,"),
    }


def _words() -> dict[str, str]:
    """Return what the page says of a point; braces hold what it puts in."""
    return {
        "answer": _(
            "Equally distributed coverage {value}, {gain} points{interval} more than with nothing "
            "bought."
        ),
        "interval": _("{low} to {high}"),
        "percent": _("{number}%"),
        "planned": _("with this plan"),
        "nothing": _("nothing bought"),
        "million": _("{number} million"),
        "budgets": _("million US dollars a year"),
    }


def _aversion(aversion: float) -> str:
    return _("0: all count alike") if aversion == 0.0 else numeral(f"{aversion:g}")


def _ai_share(share: float) -> str:
    if share >= 1.0:
        return _("no limit")
    return _("{share} of spending").format(share=percent(share, digits=0))


def for_script(content: object) -> str:
    """Return JSON that ends no script and opens no tag, whatever it holds.

    >>> print(for_script({"name": "</b>"}).replace(chr(92), "|"))
    {"name":"|u003c/b|u003e"}
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _person(row: dict[Any, Any]) -> dict[str, object]:
    """Return what is said of some people; no interval of too few draws, and none beyond a share."""
    sure = row["draws"] >= FEWEST_DRAWS

    def interval(low: str, high: str, least: float) -> list[float] | None:
        return [max(float(row[low]), least), min(float(row[high]), 1.0)] if sure else None

    who = str(row["who"])
    named = {ALL: _("All, equally distributed"), GROUP: _("Group: {group}").format(group=who)}
    return {
        # what draws the figure takes some tags in a text for its own
        "name": escape(named.get(row["kind"], region_words(who)), quote=False),
        "value": float(row["value"]),
        "range": interval("low", "high", 0.0),
        "gain": float(row["gain"]),
        "gained": interval("gain_low", "gain_high", -1.0),
    }


def _purchases(part: pd.DataFrame | None) -> list[dict[str, object]]:
    if part is None:
        return []
    sums = part.groupby("item")["capex_usd"].sum().nlargest(MOST_ITEMS)
    return [
        {"name": escape(item_words(str(item)), quote=False), "usd": float(usd)}
        for item, usd in sums.items()
    ]


def _nearest(values: list[float], wanted: float) -> int:
    """Return the place of the value that is nearest to what is wanted."""
    return min(range(len(values)), key=lambda place: abs(values[place] - wanted))


def plotly_script() -> str:
    """Return the JavaScript that draws the page.

    Raises ``RunFolderError`` where plotly is missing, of the extra ``explore``.
    """
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise RunFolderError(
            "a page to explore needs plotly: pip install 'equiscan[explore]'."
        ) from None
    return str(get_plotlyjs())
