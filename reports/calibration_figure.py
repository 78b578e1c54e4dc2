"""Figures of a calibration: targets, and the baseline before and after."""

from pathlib import Path

import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter
from ruamel.yaml import YAML

from reports.policies import colour
from sim.figure_style import INK, QUIET, panel, styled, svg

SHOWN = (0.1, 5.0)
"""Range of the axis, as a multiple of the figure; what lies beyond is drawn at its end."""
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ROWS = (("before", "baseline", -0.16), ("after", "plan", 0.16))
"""Column of the table, colour, and place within a target's row."""


def overlay_targets(overlay: str | Path) -> pd.DataFrame:
    """Return the targets that an overlay keeps, as from ``Calibration.targets``."""
    text = Path(overlay).read_text(encoding="utf-8")
    return pd.DataFrame(YAML(typ="safe", pure=True).load(text)["calibration"]["targets"])


@styled
def match(targets: pd.DataFrame) -> str:
    """Draw every target as a multiple of its figure: band published, whiskers simulated.

    Parameters
    ----------
    targets : columns target, value, low, high, and before, after with their _low and _high.
    """
    figure, (axes,) = panel(height=0.9 + 0.5 * len(targets))
    for row, (_, target) in enumerate(targets.iterrows()):
        low, high = target["low"] / target["value"], target["high"] / target["value"]
        axes.fill_betweenx([row - 0.4, row + 0.4], low, high, color="#e3e8ee", linewidth=0)
        for name, shade, shift in ROWS:
            columns = [f"{name}_low", name, f"{name}_high"]
            ratios = (target[columns].astype(float) / target["value"]).clip(*SHOWN)
            ink, label = colour(shade), name if row == 0 else None
            axes.plot(ratios.iloc[[0, 2]], [row + shift] * 2, linewidth=2.0, color=ink)
            axes.plot(ratios.iloc[1], row + shift, "o", markersize=6, color=ink, label=label)
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xlim(*SHOWN)
    axes.set_xticks(TICKS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Baseline, as a multiple of the published figure (band: its own range)")
    names = [f"{t.target}\n{t.value:g}" for t in targets.itertuples()]
    axes.set_yticks(range(len(targets)), names)
    axes.tick_params(axis="y", length=0, colors=QUIET)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.legend(loc="upper left")
    return svg(figure, name="match")
