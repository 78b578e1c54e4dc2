"""Figures of the policy report, each from one table, as SVG."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from reports.language import gettext as _
from reports.language import numeral, pgettext
from reports.numerals import drawn
from reports.policies import colour
from reports.retelling import plan_words
from reports.words import item_words, label, region_words
from sim.answers.intervals import BAND, FEWEST_DRAWS
from sim.domain.levers import Floats
from sim.figure_style import HUES, INK, QUIET, ink_on, panel, styled
from sim.studies.plans import climbs_of

USD_PER_MILLION = 1e6
WIDEST = 2.5
"""How far a ranking shows intervals, as a multiple of its largest bar."""


@styled
def equity_over_time(yearly: pd.DataFrame) -> str:
    """Draw equity by year, a line for the mean over draws and a band for their spread.

    Parameters
    ----------
    yearly : columns policy, draw, year, ede (share of need).
    """
    figure, (axes,) = panel(height=3.3)
    banded = ("baseline", "plan") if yearly["draw"].nunique() >= FEWEST_DRAWS else ()
    for position, (policy, part) in enumerate(yearly.groupby("policy", sort=False)):
        by_year = part.groupby("year")["ede"]
        low, mean, high = by_year.quantile(BAND[0]), by_year.mean(), by_year.quantile(BAND[1])
        shade = colour(str(policy), position)
        if policy in banded:  # more bands than two hide each other
            axes.fill_between(mean.index, low, high, color=shade, alpha=0.15, linewidth=0)
        axes.plot(mean.index, mean, color=shade, linewidth=2.2, label=label(str(policy)))
    axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel(_("Equally distributed coverage\n(% of need)"))
    axes.legend(loc="upper left", ncols=3)
    axes.margins(x=0.01)
    _whole_years(axes)
    return drawn(figure, name="equity")


def shaded_cells(
    axes: Axes, values: Floats, shades: LinearSegmentedColormap, *, top: float
) -> None:
    """Draw a table of shades, the first row on top, as vectors.

    An image within a figure does not come out of every maker of pages.

    Parameters
    ----------
    values : from 0 to ``top``, shape (row, column).
    """
    rows, columns = (np.arange(size + 1) - 0.5 for size in values.shape)
    axes.pcolormesh(columns, rows, values, cmap=shades, vmin=0.0, vmax=top)
    axes.invert_yaxis()


@styled
def money(spend: pd.DataFrame) -> str:
    """Draw spend by region and stage as a heat map with the numbers in it.

    Parameters
    ----------
    spend : US dollars, index region, one column per stage, totals not included.
    """
    figure, (axes,) = panel(height=1.3 + 0.34 * min(len(spend), 24))
    shown = spend.loc[spend.sum(axis=1).nlargest(24).index.sort_values()] / USD_PER_MILLION
    shades = LinearSegmentedColormap.from_list("money", ["#f5f9fc", "#0072b2"])
    top = max(float(shown.to_numpy().max()), 1e-9)
    shaded_cells(axes, shown.to_numpy(), shades, top=top)
    names = [_narrow(str(stage)) for stage in shown.columns]
    axes.set_xticks(range(shown.shape[1]), names, fontsize=8)
    axes.set_yticks(range(shown.shape[0]), list(map(region_words, shown.index)))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, column), value in np.ndenumerate(shown.to_numpy()):
        text = "·" if value < 0.005 else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
        text = numeral(text)
        axes.text(
            column, row, text, ha="center", va="center",
            color=ink_on(shades(value / top)),
        )  # fmt: skip
    return drawn(figure, name="money")


def _narrow(stage: str) -> str:
    """Return a stage in lines of some nine letters."""
    if (said := pgettext("narrow", stage)) != stage:
        return said
    return (
        re.sub(r"(?<=[a-z])(mentation|ration|gation|uation|ment|nance)$", r"-\n\1", _(stage))
        .replace("pre-", "pre-\n")
        .replace("fine-", "fine-\n")
        .replace(" ", "\n")
    )


@styled
def coverage_by_cell(cells: pd.DataFrame, policies: tuple[str, ...]) -> str:
    """Draw effective coverage of every cell, one mark per policy with its spread over draws.

    Parameters
    ----------
    cells : policy, draw, region, group, ec (share of need), population; one row per draw.
    """
    order = _worst_first(cells, policies[0])
    figure, (axes,) = panel(height=1.1 + 0.27 * len(order))
    rows = {cell: place for place, cell in enumerate(order)}
    for position, policy in enumerate(policies):
        chosen = cells[cells["policy"] == policy].set_index(["region", "group"])
        part = chosen[chosen.index.isin(order)].groupby(level=[0, 1])["ec"]
        low, mean, high = part.quantile(BAND[0]), part.mean(), part.quantile(BAND[1])
        y = np.array([rows[cell] for cell in mean.index]) + 0.18 * (position - len(policies) / 2)
        shade = colour(policy, position)
        if cells["draw"].nunique() >= FEWEST_DRAWS:
            axes.hlines(y, low, high, color=shade, alpha=0.45, linewidth=2.4)
        axes.plot(mean, y, "o", color=shade, markersize=5.5, label=label(policy))
    axes.set_yticks(
        range(len(order)), [f"{region_words(region)}, {group}" for region, group in order]
    )
    axes.set_ylim(len(order) - 0.4, -0.7)
    axes.set_xlim(left=0.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(_("Effective coverage (% of need)"))
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=len(policies))
    return drawn(figure, name="coverage")


@styled
def marginal(table: pd.DataFrame) -> str:
    """Draw the gain in equity per further million dollars, by region and lever, with intervals.

    Parameters
    ----------
    table : region, item, ede_gain_per_musd, low and high (share of need per million US dollars), a
        bar a row.
    """
    figure, (axes,) = panel(height=0.9 + 0.27 * max(len(table), 2))
    y = np.arange(len(table))
    value, low, high = (table[name] * 100.0 for name in ("ede_gain_per_musd", "low", "high"))
    sure = np.where(low > 0, "#0072b2", "#a9bccb")
    axes.barh(y, value, color=sure, height=0.62)
    known = ~np.isnan(low)
    axes.hlines(y[known], low[known], high[known], color=INK, linewidth=1.1)
    if known.any():
        # one wide interval would make all bars short: it is cut, and an arrow says so
        most = WIDEST * float(np.abs(value).max())
        axes.set_xlim(max(axes.get_xlim()[0], -most), min(axes.get_xlim()[1], most))
        for ends, beyond, marker in ((low, low < -most, "<"), (high, high > most, ">")):
            axes.plot(
                np.clip(ends[beyond], -most, most), y[beyond], marker,
                color=INK, markersize=5, clip_on=False, linestyle="",
            )  # fmt: skip
    axes.set_yticks(
        y,
        [
            _("{where}: {what}").format(
                where=region_words(str(row.region)), what=item_words(str(row.item))
            )
            for row in table.itertuples()
        ],
    )
    axes.invert_yaxis()
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("Gain in equally distributed coverage\nper further million dollars (points)"))
    return drawn(figure, name="marginal")


@styled
def search(history: pd.DataFrame) -> str:
    """Draw how far the climbs of a search came: gain on the proposals that they began from.

    Parameters
    ----------
    history : rows of ``HISTORY`` (sim.studies.plans).
    """
    figure, (axes,) = panel(height=2.6)
    climbs = climbs_of(history)
    for (name, steps), shade in zip(climbs.items(), HUES, strict=False):
        gain, runs = 100.0 * steps["gain"].astype(float), steps["runs"].astype(float)
        kept = steps["kept"].to_numpy(dtype=bool)
        whole = gain.where(kept, 0.0).cumsum()
        low, high = (100.0 * steps[end].astype(float) - gain for end in ("low", "high"))
        axes.step(runs, whole, where="post", color=shade, linewidth=2.0, label=plan_words(name))
        ends = (whole + low)[kept], (whole + high)[kept]
        axes.vlines(runs[kept], *ends, color=shade, linewidth=1.2)
        axes.plot(runs[~kept], whole[~kept], "x", color=shade, markersize=5)
    if len(climbs) > 1:
        figure.legend(loc="outside upper left", ncols=len(climbs), fontsize=8)
    axes.set_xlabel(_("Runs, of one plan in one search draw"))
    axes.set_ylabel(_("Gain so far (points)"))
    axes.axhline(0.0, color=QUIET, linewidth=0.9)
    return drawn(figure, name="search")


@styled
def cascade(cells: pd.DataFrame, policies: tuple[str, ...]) -> str:
    """Draw how much of the need is left after each step of care, by policy.

    Parameters
    ----------
    cells : policy and counts per year: need, arrived, exams, read_by_ai, read_by_human, found
        and missed.
    """
    figure, (axes,) = panel(height=3.0)
    steps = ("needed", "came", "examined", "read", "found")
    width = 0.8 / len(policies)
    for position, policy in enumerate(policies):
        total = cells[cells["policy"] == policy].sum(numeric_only=True)
        read = total["read_by_ai"] + total["read_by_human"]
        sick = total["found"] + total["missed"]
        left = [total["need"], total["arrived"], total["exams"], read]
        shares = [count / total["need"] for count in left] + [total["found"] / sick]
        x = np.arange(len(steps)) + (position - (len(policies) - 1) / 2) * width
        bars = axes.bar(
            x, shares, width * 0.92, color=colour(policy, position), label=label(policy)
        )
        # all of the need is 100% by definition, and four times that would overlap
        above = ["", *(f"{100.0 * share:.0f}" for share in shares[1:])]
        axes.bar_label(bars, above, fontsize=7.5, color=INK)
    labels = (
        _("Exams needed"),
        _("People came"),
        _("Examined"),
        _("Read in time"),
        _("Disease found\n(of all)"),
    )
    axes.set_xticks(range(len(steps)), labels)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0.0, 1.08)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper right")
    return drawn(figure, name="cascade")


@styled
def energy(ledger: pd.DataFrame, policies: tuple[str, ...]) -> str:
    """Draw energy and emissions by use and policy, totals over the scored years.

    Parameters
    ----------
    ledger : policy, account, item, value; means over experiments.
    """
    figure, (left, right) = panel(height=2.6, columns=2)
    for axes, account, unit, scale in (
        (left, "energy_kwh", _("Energy (MWh)"), 1e-3),
        (right, "emissions_t_co2e", _("Emissions (t CO2e)"), 1.0),
    ):
        part = ledger[ledger["account"] == account]
        table = part.groupby(["policy", "item"])["value"].sum().unstack("item") * scale  # noqa: PD010
        start = np.zeros(len(policies))
        for position, use in enumerate(table.columns):
            values = table[use].reindex(list(policies)).fillna(0.0).to_numpy()
            axes.barh(
                list(map(label, policies)), values, left=start,
                color=HUES[position], label=_(str(use)), height=0.6,
            )  # fmt: skip
            start += values
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
    right.set_yticks([])
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=8)
    return drawn(figure, name="energy")


def _worst_first(cells: pd.DataFrame, policy: str, *, most: int = 24) -> list[tuple[str, str]]:
    """Return the cells of lowest coverage under a policy, worst first."""
    part = cells[cells["policy"] == policy].groupby(["region", "group"])["ec"].mean()
    return [(str(region), str(group)) for region, group in part.nsmallest(most).index]


def _whole_years(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda year, _at: f"{year:.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
