"""What is not known: what a finished study hangs on, and what knowing more would be worth."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from reports.measuring_page import measuring_section
from reports.numerals import drawn
from reports.register_page import register_section
from reports.retelling import plan_words
from reports.shares import amount, bars, share_columns
from sim.answers.intervals import FEWEST_DRAWS
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.knowledge import CHANCE, EVERYTHING, TOPIC, UNKNOWN
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
    lead, regret = result.lead(), result.regret(further)
    # the best of a draw may be a further plan, which is not among the rows
    shown = regret[regret["plan"].isin(result.policies)]
    return {
        "rows": _by_topic(information, drivers),
        "everything": _only(information, EVERYTHING),
        "chance": _only(information, CHANCE),
        "single": information[(information["kind"] == UNKNOWN) & (information["value"] > 0.0)].head(
            TOP
        ),
        "regret": regret_rows(shown, result.scenario.objective),
        "regret_figure": regret_figure(shown),
        "register": register_section(result),
        "measuring": measuring_section(result, further),
        "usd_per_point": result.usd_per_point(),
        "driver_sentence": driver_sentence(drivers),
        "change_sentence": change_sentence(drivers, lead),
        "rival": words.phrase(str(lead.name)),
        "failures": int((lead < 0.0).sum()),
        "draws": len(lead),
        "plans": len(regret),
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


def driver_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return what the plan's lead hangs on in words, of one kind.

    Parameters
    ----------
    table : as from ``StudyResult.drivers``, by shares of variance.
    """
    rows = table[table["kind"] == kind]
    return pd.DataFrame(
        {_("what"): list(map(_, rows["what"]))}
        | share_columns(rows)
        | {_("unknowns"): list(rows["unknowns"])}
    )


def change_sentence(drivers: pd.DataFrame, lead: pd.Series) -> str:
    """Return in how many draws the plan loses its lead, and what that hangs on, for a decision.

    Parameters
    ----------
    lead : of the plan over a rival, by draw, with the rival's name.
    """
    return _(
        "What would change this answer: the plan does worse than {rival} in {failures} of {draws} "
        "draws. Above chance, its lead hangs on: {named}."
    ).format(
        rival=words.phrase(str(lead.name)),
        failures=int((lead < 0.0).sum()),
        draws=len(lead),
        named=", ".join(above_chance(drivers)) or _("none"),
    )


def above_chance(table: pd.DataFrame) -> list[str]:
    """Return which influences on the plan's lead are above what chance comes to, in words."""
    sure = table[table["share"] > table["chance"]]
    return [
        (_("{what} (topic)") if kind == TOPIC else _("{what} (single unknown)")).format(
            what=_(what)
        )
        for kind, what in zip(sure["kind"], sure["what"], strict=True)
    ]


def driver_sentence(table: pd.DataFrame) -> str:
    """Return which influences on the plan's lead are above chance, and how that is known."""
    return _(
        "Above chance, at one in twenty: {named}. What chance comes to is known from leads "
        "that are shuffled over the draws; of single unknowns by the best of them all."
    ).format(named=", ".join(above_chance(table)) or _("none"))


def sobol_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return Sobol indices in words.

    Parameters
    ----------
    table : ``Sobol.table``.
    """
    shown: dict[str, Any] = {
        _("what"): list(map(_, table["what"])),
        _("unknowns"): list(table["unknowns"]),
    }
    for column, title in (
        ("first", _("by itself (95% interval)")),
        ("total", _("with others (95% interval)")),
    ):
        ends = table[[column, f"{column}_low", f"{column}_high"]].to_numpy(float)
        said = ([numeral(f"{end:z.2f}") for end in row] for row in ends)
        shown[title] = [f"{value} ({words.between(low, high)})" for value, low, high in said]
    return pd.DataFrame(shown)


def sobol_sentence(table: pd.DataFrame) -> str:
    """Return what topics make of the variance of the plan's lead, as far as the runs tell."""
    sure = table.loc[table["total_low"] > 0.0, "what"]
    joint = max(1.0 - float(table["first"].clip(lower=0.0).sum()), 0.0)
    return _(
        "In {runs} runs of a Saltelli design the plan's lead surely hangs on {sure}; {joint} of "
        "its variance is in joint effects, or cannot be told."
    ).format(
        runs=numeral(f"{int(table['runs'].iloc[0]):,}"),
        sure=words.enumerated(list(map(_, sure))) if len(sure) else _("nothing"),
        joint=words.percent(joint, digits=0),
    )


def sobol_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of Sobol indices."""
    table = tables["sobol"]
    return {
        "rows": sobol_rows(table),
        "sentence": sobol_sentence(table),
        "figure": sobol_figure(table),
    }


@styled
def sobol_figure(table: pd.DataFrame) -> str:
    """Draw the first and the total index of every topic.

    Parameters
    ----------
    table : ``Sobol.table``.
    """
    figure, (axes,) = panel(height=1.1 + 0.34 * len(table))
    y = np.arange(len(table))
    for column, shift, hue, label in (
        ("first", -0.17, "#0072b2", _("by itself")),
        ("total", 0.17, "#a9bccb", _("with all that it makes together with others")),
    ):
        axes.barh(y + shift, table[column], color=hue, height=0.32, label=label)
        axes.hlines(
            y + shift, table[f"{column}_low"], table[f"{column}_high"], color=INK, linewidth=1.1
        )
    axes.set_yticks(y, list(map(_, table["what"])))
    axes.invert_yaxis()
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Share of the variance of the plan's lead"))
    figure.legend(loc="outside upper left", ncols=2)
    return drawn(figure, name="sobol")


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
    bars(left, worth, "value", 100.0)
    left.set_xlabel(_("Worth of knowing it before choosing\n(points of the objective)"))
    bars(right, share, "share", 100.0)
    right.set_xlabel(_("Share of the variance of the plan's lead\nthat it tells by itself (%)"))
    left.xaxis.set_major_locator(MaxNLocator(4))  # small numbers are long
    right.set_yticklabels([])
    return drawn(figure, name="unknowns")


@styled
def regret_figure(table: pd.DataFrame) -> str:
    """Draw how far policies are behind the best of each draw, and in how many they are the best.

    Parameters
    ----------
    table : as from ``StudyResult.regret``.
    """
    rows = table.set_index("plan")
    figure, (left, right) = panel(height=1.2 + 0.3 * len(rows), columns=2)
    bars(left, rows.rename(index=plan_words), "regret", 100.0)
    left.plot(100.0 * rows["largest"], np.arange(len(rows)), "|", color=HUES[1], markersize=13,
              mew=2)  # fmt: skip
    left.set_xlim(right=max(105.0 * float(rows["largest"].max()), 0.1))
    left.set_xlabel(_("Behind the best of each draw\n(points; mean, and the largest)"))
    y = np.arange(len(rows))
    for column, hue, label in (
        ("near", "#a9bccb", _("within 1% of the best")),
        ("best", "#0072b2", _("the best")),
    ):
        right.barh(y, 100.0 * rows[column], color=hue, height=0.62, label=label)
    right.set_yticks(y, [])
    right.set_ylim(len(rows) - 0.4, -0.6)
    right.set_xlim(0.0, 100.0)
    right.grid(visible=False, axis="y")
    right.set_xlabel(_("Share of draws (%)"))
    figure.legend(loc="outside upper right", ncols=2)
    return drawn(figure, name="regret")


def _by_topic(information: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Return value and share of every topic, with their intervals."""
    worth = information[information["kind"] == TOPIC]
    told = drivers[drivers["kind"] == TOPIC]
    return worth.merge(
        told, on=["kind", "what", "topic", "unknowns", "draws"], suffixes=("", "_told")
    )


def _only(table: pd.DataFrame, kind: str) -> dict[str, Any] | None:
    rows = table[table["kind"] == kind].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None
