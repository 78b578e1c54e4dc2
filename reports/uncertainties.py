"""What is not known: what a finished study hangs on, and what knowing more would be worth."""

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports import words
from reports.language import gettext as _
from reports.language import numeral
from reports.numerals import drawn
from reports.retelling import plan_words
from sim.answers.intervals import FEWEST_DRAWS
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.assumptions import ELSEWHERE, ORIGIN, STATUS
from sim.studies.knowledge import CHANCE, EVERYTHING, TOPIC, UNKNOWN
from sim.studies.measuring import EVERYWHERE
from sim.studies.outcomes import OUTCOMES
from sim.studies.result import StudyResult

MOST_MEASUREMENTS = 12
"""Measurements of the figure and the page."""
LONGEST_LABEL = 24
"""Characters of a line beside a figure's bars."""
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
        "register": _register(result),
        "measuring": _measuring(result, further),
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
        | _shares(rows)
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


def measuring_rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return measurements in words.

    Parameters
    ----------
    table : as from ``StudyResult.measurements``.
    """
    return pd.DataFrame(
        {
            _("measurement"): [
                f"{_(what)}, {where}" if where != EVERYWHERE else _(what)
                for what, where in zip(table["what"], table["where"], strict=True)
            ],
            _("worth"): [amount(value, metric).removeprefix("+") for value in table["value"]],
            _("95% interval"): [
                words.interval(low, high, digits=3, none="-")
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            _("as much as"): [
                _("not known") if np.isnan(usd) else words.dollars(usd)
                for usd in table["worth_usd"]
            ],
            _("cost (assumed)"): [_cost(row) for _index, row in table.iterrows()],
        }
    )


def measuring_sentence(table: pd.DataFrame) -> str:
    """Return what to measure first, or that nothing is shown to pay."""
    paying = table[table["pays"]]
    if paying.empty:
        return _(
            "Measure first: none of these is shown to pay before choosing among these plans; "
            "with few draws hardly any can be."
        )
    first = paying.iloc[0]
    where = str(first["where"])
    return _(
        "Measure first: {what}, {where}. It is worth as much as {worth} would buy, and costs "
        "{cost} (assumed)."
    ).format(
        what=_(str(first["what"])),
        where=_(where) if where == EVERYWHERE else where,
        worth=words.dollars(first["worth_usd"]),
        cost=_cost(first),
    )


def _cost(measurement: pd.Series) -> str:
    """Return the range of what a measurement costs."""
    low, high = measurement["cost_low_usd"], measurement["cost_high_usd"]
    return _("{low} to {high}").format(low=words.dollars(low), high=words.dollars(high))


@styled
def measuring_figure(table: pd.DataFrame) -> str:
    """Draw what measurements are worth before choosing, the best bargains.

    Parameters
    ----------
    table : as from ``StudyResult.measurements``.
    """
    rows = table.head(MOST_MEASUREMENTS)
    named = measuring_rows(rows, "ede")[_("measurement")]
    figure, (axes,) = panel(height=1.1 + 0.28 * len(rows))
    _bars(axes, rows.set_index(named), "value", 100.0)
    axes.set_xlabel(_("Worth of measuring it before choosing (points of the objective)"))
    return drawn(figure, name="measuring")


def register_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return rows of one kind of the assumption register in words.

    Parameters
    ----------
    table : as from ``StudyResult.assumptions``.
    """
    rows = table[table["kind"] == kind]
    shown = {_("what"): list(map(_, rows["what"]))} | _shares(rows)
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
    sure = table[table["share"] > table["chance"]]["what"]
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


@styled
def register_figure(table: pd.DataFrame) -> str:
    """Draw what share of the variance of the plan's gain rests on what kind of inputs.

    Parameters
    ----------
    table : as from ``StudyResult.assumptions``.
    """
    kinds = {
        STATUS: _("Share of the variance of the gain (%)\nby how inputs are known"),
        ORIGIN: _("Share of the variance of the gain (%)\nby whose numbers they are"),
    }
    parts = [table[table["kind"] == kind] for kind in kinds]
    figure, panels = panel(height=1.2 + 0.34 * max(map(len, parts)), columns=2)
    for axes, title, part in zip(panels, kinds.values(), parts, strict=True):
        _bars(axes, part.set_index("what"), "share", 100.0)
        y = np.arange(len(part))
        axes.plot(100.0 * part["chance"], y, "|", color=HUES[1], markersize=13, mew=2)
        axes.set_yticks(y, [fill(_(what), LONGEST_LABEL) for what in part["what"]])
        axes.set_xlabel(title)
    return drawn(figure, name="register")


@styled
def regret_figure(table: pd.DataFrame) -> str:
    """Draw how far policies are behind the best of each draw, and in how many they are the best.

    Parameters
    ----------
    table : as from ``StudyResult.regret``.
    """
    rows = table.set_index("plan")
    figure, (left, right) = panel(height=1.2 + 0.3 * len(rows), columns=2)
    _bars(left, rows.rename(index=plan_words), "regret", 100.0)
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


def _shares(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return shares of variance in words, with their intervals and what chance tells."""
    return {
        _("share"): [words.percent(share, digits=0) for share in rows["share"]],
        _("95% interval"): [
            words.span(low, high, digits=0)
            for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
        _("by chance"): [
            _("up to {share}").format(share=words.percent(one, digits=0)) for one in rows["chance"]
        ],
    }


def _measuring(result: StudyResult, further: pd.DataFrame | None) -> dict[str, Any]:
    """Return what the page says of measurements; nothing where none fits what is not known."""
    table = result.measurements(further)
    if table.empty:
        return {}
    return {
        "sentence": measuring_sentence(table),
        "rows": measuring_rows(table.head(MOST_MEASUREMENTS), result.scenario.objective),
        "figure": measuring_figure(table),
    }


def _register(result: StudyResult) -> dict[str, Any]:
    """Return what the page says of the assumption register."""
    table = result.assumptions()
    return {
        "sentence": register_sentence(table),
        "figure": register_figure(table),
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


def _only(table: pd.DataFrame, kind: str) -> dict[str, Any] | None:
    rows = table[table["kind"] == kind].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None
