"""What more of one thing costs in another, and what else is nearly as good: words and figures."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from reports import words
from reports.language import gettext as _
from reports.numerals import Numerals, drawn
from reports.retelling import asked_words, plan_words
from sim.answers.fronts import NONE, knee
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.studies.answer_folder import Tables
from sim.studies.outcomes import OUTCOMES

COLUMNS = 2
"""Axes side by side in the figure of frontiers."""
PER_MILLION = 1e-6


def frontier_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of frontiers."""
    table = tables["frontier"]
    return {
        "parts": {axis: frontier_rows(table, axis) for axis in table["axis"].unique()},
        "labels": {axis: _(OUTCOMES[axis].label) for axis in table["axis"].unique()},
        "sentences": frontier_sentences(tables),
        "figure": frontier_figure(table),
        "draws": int(table["draws"].iloc[0]),
    }


def frontier_rows(table: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Return the points of one frontier in words, the best by the objective first."""
    rows = table[(table["axis"] == axis) & (table["dominated_by"] == "")]
    shown = {
        _("plan"): list(map(plan_words, rows["plan"])),
        _("objective"): [words.percent(value, digits=2) for value in rows["objective"]],
        _head(axis): [
            # the head says millions
            words.number(_scale(axis) * value) if _dear(axis) else _value(axis, value)
            for value in rows["value"]
        ],
        _("95% interval"): [
            _ends(axis, low, high) for low, high in zip(rows["low"], rows["high"], strict=True)
        ],
    }
    return pd.DataFrame(shown)


def frontier_sentences(tables: Tables) -> list[str]:
    """Return what each frontier says: how far the plan is from its end, and what is no point."""
    table, missed = tables["frontier"], tables["frontier_missed"]["asked"]
    said = [_end_sentence(part, str(axis)) for axis, part in table.groupby("axis", sort=False)]
    if not len(missed):
        return said
    asked = _("; ").join(map(asked_words, missed))
    return [*said, _("No plan was found with: {asked}.").format(asked=asked)]


def alternatives_section(tables: Tables) -> dict[str, Any]:
    """Return what the page says of other plans that are nearly as good."""
    return {
        "rows": alternative_rows(tables["alternatives"]),
        "shared": shared_rows(tables["shared_money"]),
        "figure": alternatives_figure(tables["alternatives"]),
        "sentences": alternative_sentences(tables),
        "draws": int(tables["alternatives"]["draws"].iloc[0]),
    }


def alternative_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return alternatives in words."""
    rows = table[table["plan"] != "plan"]
    return pd.DataFrame(
        {
            _("plan"): list(map(plan_words, rows["plan"])),
            _("money moved"): [words.percent(share, digits=0) for share in rows["moved"]],
            _("objective lost"): [words.percent(share) for share in rows["lost"]],
            _("95% interval"): [
                words.span(low, high, none="-")
                for low, high in zip(rows["lost_low"], rows["lost_high"], strict=True)
            ],
            _("stays within"): [_("yes") if holds else _("no") for holds in rows["holds"]],
        }
    )


def shared_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return what all good plans spend at least, the largest first: of the widest part allowed."""
    rows = table[(table["within"] == table["within"].max()) & (table["least_usd"] > 0.0)]
    return pd.DataFrame(
        {
            _("where"): list(map(words.region_words, rows["region"])),
            _("what"): list(map(words.item_words, rows["lever"])),
            _("the plan"): list(map(words.dollars, rows["plan_usd"])),
            _("all at least"): list(map(words.dollars, rows["least_usd"])),
            _("any at most"): list(map(words.dollars, rows["most_usd"])),
        }
    )


def alternative_sentences(tables: Tables) -> list[str]:
    """Return how different plans are that are nearly as good, and how much all share."""
    table, shared = tables["alternatives"], tables["shared_money"]
    said = []
    for part, money in shared.groupby("within", sort=True):
        if int(money["plans"].max()) == 1:  # the plan itself
            said.append(
                _("Within {part} of the plan's objective no other plan was found.").format(
                    part=words.percent(float(str(part)), digits=0)
                )
            )
            continue
        held = table[(table["within"] == part) & table["holds"]]
        far = float(held["moved"].max()) if len(held) else 0.0
        common = float(money["least_usd"].sum()) / max(float(money["plan_usd"].sum()), 1.0)
        said.append(
            _(
                "Within {part} of the plan's objective, {far} of its money can go elsewhere; the "
                "{plans} plans found so share {common} of it."
            ).format(
                part=words.percent(float(str(part)), digits=0),
                far=words.percent(far, digits=0),
                plans=int(money["plans"].max()),
                common=words.percent(common, digits=0),
            )
        )
    return [*said, _("Found by search: what no plan was found without may still not be needed.")]


@styled
def frontier_figure(table: pd.DataFrame) -> str:
    """Draw the objective against every other outcome: points of the frontier, and the others.

    Parameters
    ----------
    table : ``Frontier.table``.
    """
    axes_of = list(table["axis"].unique())
    rows = -(-len(axes_of) // COLUMNS)
    figure, panels = panel(height=2.5 * rows, rows=rows, columns=COLUMNS)
    for axes, axis in zip(panels, axes_of, strict=False):
        part = table[table["axis"] == axis].sort_values("value")
        scale = _scale(axis)
        kept = part[part["dominated_by"] == ""]
        others = part[part["dominated_by"] != ""]
        axes.plot(scale * others["value"], 100 * others["objective"], "x", color=QUIET, ms=4.5)
        axes.plot(scale * kept["value"], 100 * kept["objective"], "o-", color="#0072b2", ms=5)
        plan = part[part["plan"] == "plan"]
        axes.plot(scale * plan["value"], 100 * plan["objective"], "D", color=INK, ms=6)
        axes.xaxis.set_major_locator(MaxNLocator(5))  # tons of the world are long numbers
        axes.xaxis.set_major_formatter(Numerals(StrMethodFormatter("{x:,.10g}")))
        axes.set_xlabel(f"{_(OUTCOMES[axis].label)}\n({_unit(axis)})")
        axes.set_ylabel(_("Objective (% of need)"))
    for axes in panels[len(axes_of) :]:
        axes.set_axis_off()
    return drawn(figure, name="frontier")


@styled
def alternatives_figure(table: pd.DataFrame) -> str:
    """Draw how far alternatives are from the plan against what they lose.

    Parameters
    ----------
    table : ``Alternatives.table``.
    """
    figure, (axes,) = panel(height=2.6)
    rows = table[table["plan"] != "plan"]
    for hue, (part, some) in zip(HUES, rows.groupby("within", sort=True), strict=False):
        within = _("within {share}").format(share=words.percent(float(str(part)), digits=0))
        x = 100 * some["moved"]
        axes.vlines(x, 100 * some["lost_low"], 100 * some["lost_high"], color=hue, linewidth=1.1)
        for holds, face in ((True, hue), (False, "white")):
            kept = some[some["holds"] == holds]
            axes.plot(
                100 * kept["moved"], 100 * kept["lost"], "o", color=hue, markerfacecolor=face,
                markersize=6, label=within if holds else None,
            )  # fmt: skip
        axes.axhline(100 * float(str(part)), color=hue, linewidth=0.8, linestyle=":")
    axes.plot([0], [0], "D", color=INK, markersize=6, label=_("the plan"))
    axes.set_xlabel(_("Money that goes elsewhere (% of the plan's)"))
    axes.set_ylabel(_("Objective lost (%)"))
    figure.legend(loc="outside upper left", ncols=4)
    return drawn(figure, name="alternatives")


def _end_sentence(part: pd.DataFrame, axis: str) -> str:
    kept = part[part["dominated_by"] == ""]
    plan = part[part["plan"] == "plan"].iloc[0]
    higher = OUTCOMES[axis].better == "higher"
    end = kept.iloc[int(np.argmax(kept["value"] if higher else -kept["value"]))]
    lost = float(plan["objective"] - end["objective"])
    cost = _("which costs {points} of the objective").format(
        points=words.in_points(lost).removeprefix("+")
    )
    if lost <= 0.0:
        cost = _("which costs nothing of the objective")
    beaten = ""
    if plan["dominated_by"]:
        beaten = _("; the plan is bettered in both by '{plan}'").format(
            plan=plan_words(plan["dominated_by"])
        )
    said = _(
        "{outcome}: {planned} under the plan, at best {best} ('{end}'), {cost}{beaten}. {worse} of "
        "{plans} plans are bettered by another in both."
    ).format(
        outcome=_(OUTCOMES[axis].label),
        planned=_value(axis, plan["value"]),
        best=_value(axis, end["value"]),
        end=plan_words(end["plan"]),
        cost=cost,
        beaten=beaten,
        worse=len(part) - len(kept),
        plans=len(part),
    )
    oriented = kept["value"] if higher else -kept["value"]
    bend = knee(np.column_stack([kept["objective"], oriented]))
    if bend == NONE:
        return said
    return said + _(" The frontier bends most at '{plan}': {objective} and {value}.").format(
        plan=plan_words(kept["plan"].iloc[bend]),
        objective=words.percent(float(kept["objective"].iloc[bend]), digits=2),
        value=_value(axis, float(kept["value"].iloc[bend])),
    )


def _head(axis: str) -> str:
    return f"{_(OUTCOMES[axis].label)}, {_unit(axis)}"


def _unit(axis: str) -> str:
    unit = OUTCOMES[axis].unit
    if unit == "share of need":
        return _("% of need")
    return _("million {unit}").format(unit=_(unit)) if _dear(axis) else _(unit)


def _scale(axis: str) -> float:
    if OUTCOMES[axis].unit.startswith("share"):
        return 100.0
    return PER_MILLION if _dear(axis) else 1.0


def _dear(axis: str) -> bool:
    return OUTCOMES[axis].unit == "US dollars"


def _value(axis: str, value: float) -> str:
    if OUTCOMES[axis].unit.startswith("share"):
        return words.percent(value, digits=2)
    return words.dollars(value) if _dear(axis) else f"{words.number(value)} {_unit(axis)}"


def _ends(axis: str, low: float, high: float) -> str:
    if OUTCOMES[axis].unit.startswith("share"):
        return words.span(low, high, none="-")
    return words.amounts(_scale(axis) * low, _scale(axis) * high, none="-")
