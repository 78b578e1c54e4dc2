"""What is not known: what a finished study hangs on, and what knowing more would be worth."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports import words
from reports.language import gettext as _
from reports.numerals import drawn
from reports.retelling import plan_words
from sim.answers.intervals import FEWEST_DRAWS
from sim.figure_style import INK, QUIET, panel, styled
from sim.studies.assumptions import ELSEWHERE, ORIGIN, STATUS
from sim.studies.knowledge import CHANCE, EVERYTHING, TOPIC, UNKNOWN
from sim.studies.outcomes import OUTCOMES
from sim.studies.result import StudyResult

TOP = 5
"""Single unknowns in the page."""


def unknowns(result: StudyResult, further: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return what the page says of what is not known; nothing where it cannot be told.

    That is of one policy, of too few draws, and where nothing differs from draw to draw.

    Parameters
    ----------
    further : plans that could be chosen besides; see ``StudyResult.value_of_information``.
    """
    draws = result.scenario.uncertainty.draws
    if len(result.policies) < 2 or draws < FEWEST_DRAWS or result.unknowns.drawn.empty:
        return {}
    information, drivers = result.value_of_information(further), result.drivers()
    lead = result.lead()
    return {
        "rows": _by_topic(information, drivers),
        "everything": _only(information, EVERYTHING),
        "chance": _only(information, CHANCE),
        "single": information[(information["kind"] == UNKNOWN) & (information["value"] > 0.0)].head(
            TOP
        ),
        "regret": regret_rows(_of_policies(result, further), result.scenario.objective),
        "register": _register(result),
        "usd_per_point": result.usd_per_point(),
        "rival": words.phrase(str(lead.name)),
        "failures": int((lead < 0.0).sum()),
        "draws": len(lead),
        "plans": len(result.policies) + (0 if further is None else further["plan"].nunique()),
        "figure": information_figure(information, drivers),
    }


def regret_rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return regrets in words.

    Parameters
    ----------
    table : as from ``StudyResult.regret``.
    """
    return pd.DataFrame(
        {
            _("plan"): list(map(plan_words, table["plan"])),
            _("mean regret"): [
                amount(value, metric).removeprefix("+") for value in table["regret"]
            ],
            _("largest"): [amount(value, metric).removeprefix("+") for value in table["largest"]],
            _("best in"): [words.percent(share, digits=0) for share in table["best"]],
            _("within 1% in"): [words.percent(share, digits=0) for share in table["near"]],
        }
    )


def register_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return rows of one kind of the assumption register in words.

    Parameters
    ----------
    table : as from ``StudyResult.assumptions``.
    """
    rows = table[table["kind"] == kind]
    shown = {
        _("what"): list(map(_, rows["what"])),
        _("share"): [words.percent(share, digits=0) for share in rows["share"]],
        _("95% interval"): [
            words.span(low, high, digits=0)
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
    }
    shown[_("by chance")] = [
        _("up to {share}").format(share=words.percent(one, digits=0)) for one in rows["chance"]
    ]
    if kind == UNKNOWN:
        return pd.DataFrame(
            shown
            | {_("known how"): list(map(_, rows["status"])), _("source"): list(rows["source"])}
        )
    return pd.DataFrame(shown | {_("unknowns"): list(rows["unknowns"])})


def register_sentence(table: pd.DataFrame) -> str:
    """Return what the assumption register says, with what it cannot tell."""
    known = table[table["kind"] == STATUS].set_index("what")["share"]
    lent = table[(table["kind"] == ORIGIN) & (table["what"] == ELSEWHERE)]["share"].sum()
    untold = max(1.0 - float(known.sum()), 0.0)
    sure = table[(table["kind"] != ORIGIN) & (table["share"] > table["chance"])]["what"]
    draws, count = int(table["draws"].iloc[0]), int((table["kind"] == UNKNOWN).sum())
    return _(
        "Of the variance of the plan's gain the regression finds {assumed} told by assumed inputs "
        "and {lent} by numbers carried over from elsewhere; {untold} told by no kind alone: joint "
        "effects, chance, and what {draws} draws cannot tell of {unknowns} unknowns. More than "
        "chance would tell: {sure}."
    ).format(
        assumed=words.percent(known.get("assumed", 0.0), digits=0),
        lent=words.percent(float(lent), digits=0),
        untold=words.percent(untold, digits=0),
        draws=draws,
        unknowns=count,
        sure=", ".join(map(_, sure)) or _("none"),
    )


def amount(value: float, metric: str) -> str:
    """Return a gain in a measure, with its unit: shares in points."""
    unit = OUTCOMES.called(metric).unit
    if unit.startswith("share"):
        return words.in_points(value, digits=3)
    return f"{words.number(value)} {_(unit)}"


@styled
def information_figure(information: pd.DataFrame, drivers: pd.DataFrame) -> str:
    """Draw by topic what knowing it is worth, and how much of the plan's lead hangs on it.

    Parameters
    ----------
    information, drivers : see ``sim.studies.knowledge``.
    """
    worth = information[information["kind"].isin([EVERYTHING, TOPIC])].set_index("what")
    share = drivers[drivers["kind"] == TOPIC].set_index("what").reindex(worth.index)
    figure, (left, right) = panel(height=1.1 + 0.26 * len(worth), columns=2)
    _bars(left, worth, "value", 100.0)
    left.set_xlabel(_("Worth of knowing it before choosing\n(points of the objective)"))
    _bars(right, share, "share", 100.0)
    right.set_xlabel(_("Share of the variance of the plan's lead\nthat it tells by itself (%)"))
    left.xaxis.set_major_locator(MaxNLocator(4))  # small numbers are long
    right.set_yticklabels([])
    return drawn(figure, name="unknowns")


def _bars(axes: Axes, table: pd.DataFrame, column: str, scale: float) -> None:
    y = np.arange(len(table))
    low, high = scale * table["low"].to_numpy(float), scale * table["high"].to_numpy(float)
    colours = np.where(low > 0.0, "#0072b2", "#a9bccb")
    axes.barh(y, scale * table[column].to_numpy(float), color=colours, height=0.62)
    axes.hlines(y, low, high, color=INK, linewidth=1.1)
    axes.set_yticks(y, list(map(_, table.index)))
    axes.set_xlim(left=0.0)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")


def _register(result: StudyResult) -> dict[str, Any]:
    """Return what the page says of the assumption register."""
    table = result.assumptions()
    return {
        "sentence": register_sentence(table),
        "status": register_rows(table, STATUS),
        "origin": register_rows(table, ORIGIN),
        "single": register_rows(table, UNKNOWN).head(TOP),
    }


def _by_topic(information: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Return value and share of every topic, with their intervals."""
    worth = information[information["kind"] == TOPIC]
    told = drivers[drivers["kind"] == TOPIC]
    return worth.merge(
        told, on=["kind", "what", "topic", "unknowns", "draws"], suffixes=("", "_told")
    )


def _of_policies(result: StudyResult, further: pd.DataFrame | None) -> pd.DataFrame:
    """Return the regrets of the policies; the best of a draw may be a further plan."""
    table = result.regret(further)
    return table[table["plan"].isin(result.policies)]


def _only(table: pd.DataFrame, kind: str) -> dict[str, Any] | None:
    rows = table[table["kind"] == kind].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None
