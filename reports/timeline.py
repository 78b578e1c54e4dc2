"""The timeline of one run: events, queues and use of capacity."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from reports.language import gettext as _
from reports.language import numeral
from reports.numerals import drawn
from sim.domain.levers import LEVERS, Floats
from sim.figure_style import HUES, INK, QUIET, panel, styled
from sim.units import WEEKS_PER_YEAR

BUSY_STATIONS = ("imaging", "reading", "documentation", "curation", "annotation", "deployment")
"""Stations whose use of capacity is drawn."""
ROW = 0.8
"""Height of a row that is filled by the bars of its regions."""
MOST_LINES = 40
"""Regions that have a line each; of more, a row shows in what share of them it goes on."""
LASTS = {"gate opened": "AI reads"}
"""Events that begin something which goes on to the end of the run, and what it is called."""
LOSSES = ("posts vacant", "power lost", "cluster down", "carbon cap")


@styled
def timeline(
    events: pd.DataFrame, stations: Mapping[str, pd.DataFrame], *, start_year: int, years: int
) -> str:
    """Draw one run: a Gantt chart of its events, queues, and how busy the stations were.

    Parameters
    ----------
    events : the fields of ``sim.pipeline.facts.Event``, of one run; weeks since the start.
    stations : weekly series of the same run by station, see ``sim.pipeline.series.Series.table``.
    years : years that were simulated.
    """
    rows = _rows(events)
    figure, (above, middle, below) = panel(
        height=4.4 + 0.24 * len(rows),
        rows=3,
        ratios=(max(0.24 * len(rows), 0.6), 1.7, 1.5),
    )
    _gantt(above, rows, start_year=start_year, years=years)
    _queues(middle, stations, start_year=start_year)
    _use(below, stations, start_year=start_year)
    for axes in (above, middle, below):
        axes.set_xlim(start_year, start_year + years)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda year, _at: f"{year:.0f}"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(axis="x", labelsize=8)
    return drawn(figure, name="timeline")


def _rows(events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the events of every row of the chart, in order: purchases, releases, losses."""
    kinds = list(dict.fromkeys(events["kind"]))
    rows: dict[str, pd.DataFrame] = {}
    bought = events[events["kind"] == "commissioned"]
    levers = pd.Series(
        [str(detail).split()[-1].partition(".")[0] for detail in bought["detail"]],
        index=bought.index,
        dtype=object,
    )
    for name, lever in LEVERS.items():
        if len(part := bought[levers == name]):
            rows[lever.words] = part
    others = [kind for kind in kinds if kind != "commissioned"]
    for kind in sorted(others, key=lambda kind: (kind in LOSSES, kinds.index(kind))):
        rows[LASTS.get(kind, kind)] = events[events["kind"] == kind]
    return rows


def _gantt(axes: Axes, rows: Mapping[str, pd.DataFrame], *, start_year: int, years: int) -> None:
    end = start_year + years
    for place, (name, part) in enumerate(rows.items()):
        losses = name in LOSSES
        shade = HUES[1] if losses else HUES[0 if name in LASTS.values() else 2]
        regions = sorted(set(part["region"]))
        weeks = part[["from_week", "week", "to_week"]].to_numpy(dtype=float).T
        begin, felt, until = start_year + weeks / WEEKS_PER_YEAR
        until = np.full_like(felt, end) if name in LASTS.values() else np.maximum(until, felt)
        if len(regions) > MOST_LINES:
            line = np.searchsorted(regions, part["region"].to_numpy(dtype=str))
            at, share = _going_on(line, begin, until, start_year=start_year, end=end)
            low = place + ROW / 2
            axes.fill_between(at, low, low - ROW * share, color=shade, step="post", linewidth=0)
            continue
        height = ROW / len(regions)
        for number, region in enumerate(regions):
            low, own = place - ROW / 2 + height * number, (part["region"] == region).to_numpy()
            bars = list(zip(begin[own], (until - begin)[own], strict=True))
            axes.broken_barh(bars, (low, 0.9 * height), color=shade, alpha=0.45, linewidth=0)
            axes.vlines(felt[own], low, low + 0.9 * height, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), list(map(_, rows)), fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_title(_("Purchases and events"))


def _going_on(
    line: NDArray[np.intp], begin: Floats, until: Floats, *, start_year: int, end: int
) -> tuple[Floats, Floats]:
    """Return quarters, and the share of regions in which something goes on in each.

    Parameters
    ----------
    line : number of the region of every event.
    begin, until : years of every event.
    """
    quarters = 4 * (end - start_year)
    active = np.zeros((int(line.max()) + 1, quarters + 1), dtype=bool)
    first, last = (np.clip(4.0 * (at - start_year), 0, quarters) for at in (begin, until))
    for region, low, high in zip(line, first.astype(int), last.astype(int), strict=True):
        active[region, low : high + 1] = True
    return start_year + np.arange(quarters + 1) / 4.0, active.mean(axis=0)


def _queues(axes: Axes, stations: Mapping[str, pd.DataFrame], *, start_year: int) -> None:
    position = 0
    for name, table in stations.items():
        waiting = table.groupby("week")["waiting"].sum()
        if waiting.max() > 0:
            axes.plot(
                start_year + waiting.index / WEEKS_PER_YEAR, waiting, label=_(name),
                color=HUES[position % len(HUES)], linewidth=1.3,
            )  # fmt: skip
            position += 1
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: numeral(f"{value:,.0f}")))
    _titled(axes, _("Waiting at the stations (exams, studies)"))


def _use(axes: Axes, stations: Mapping[str, pd.DataFrame], *, start_year: int) -> None:
    for position, name in enumerate(BUSY_STATIONS):
        if name not in stations or "busy" not in stations[name]:
            continue
        table = stations[name]
        quarter = table["week"] // (WEEKS_PER_YEAR // 4)
        sums = table.groupby(quarter)[["busy", "capacity"]].sum()
        there = sums[sums["capacity"] > 0]
        axes.plot(
            start_year + (there.index + 0.5) / 4.0, there["busy"] / there["capacity"],
            label=_(name), color=HUES[position], linewidth=1.3,
        )  # fmt: skip
    axes.axhline(1.0, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_ylim(0.0, 1.08)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _titled(axes, _("Share of capacity in use, all regions, by quarter"))


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(f"{title}\n\n")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 0.97), fontsize=7.5, ncols=6,
            columnspacing=1.0, handlelength=1.2,
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, _("not recorded"), transform=axes.transAxes, ha="center", color=QUIET)
