"""How every figure looks, in reports and cards: colours for the colour-blind, quiet axes, SVG."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

INK, QUIET, GRID = "#1d2733", "#667585", "#e3e8ee"
HUES = (
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#e6b800",
    "#cc79a7",
    "#882255",
    "#8a94a0",
    "#332288",
)
"""Told apart by the colour-blind (Okabe and Ito, jfly.uni-koeln.de/color)."""
RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a group may be called "$2 to $10"
    "svg.fonttype": "none",  # text stays text: the reader's fonts know scripts that ours does not
}


LEGIBLE = 4.5
"""Least contrast of text (WCAG 2.2, success criterion 1.4.3, level AA)."""


def contrast(one: object, other: object) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2, relative luminance).

    >>> contrast("white", "black")
    21.0
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 4)


def ink_on(shade: object) -> str:
    """Return a colour in which text can be read on a shade: of ink, if that is enough.

    >>> ink_on("white") == INK, ink_on("#0072b2")
    (True, 'white')
    """
    return next(ink for ink in (INK, "white", "black") if contrast(ink, shade) >= LEGIBLE)


def _luminance(colour: Any) -> float:
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


LEAST_PIXELS = 11.0
"""Least height of the text of figures on a screen; pages let a figure scroll below that."""


@contextmanager
def _style() -> Iterator[None]:
    """Let our style hold, and none of the settings that the user has for figures of his own."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


styled = _style()
"""Decorator of what draws figures: the style holds within it and nowhere else."""


def panel(
    *,
    width: float = 7.4,
    height: float = 3.2,
    rows: int = 1,
    columns: int = 1,
    ratios: tuple[float, ...] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, sizes in inches, and its axes, row by row.

    ``ratios`` are the relative heights of the rows, equal when not given.
    """
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=ratios)
    return figure, list(axes.ravel())


def svg(figure: Figure, *, name: str) -> str:
    """Return a figure as an inline SVG element, the same bytes for the same figure.

    ``name`` makes the identifiers inside unique, so that several figures fit on one page.
    """
    out = StringIO()
    with _style(), mpl.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        # only widths are taken from our font, and those of other scripts are near enough
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    # matplotlib hashes positions to their last bit, which the layout does not settle the same way
    # every time: number what it names instead
    named = dict.fromkeys(re.findall(r' id="([^"]+)"', text))
    number = {old: f"{name}-{place}" for place, old in enumerate(named)}
    element = re.sub(
        r'( id="|href="#|url\(#)([^")]+)', lambda found: found[1] + number[found[2]], text
    )
    said = (
        f'role="img" aria-labelledby="{name}-caption" style="--legible:{_legible(element):.0f}px"'
    )
    return element.replace("<svg ", f"<svg {said} ", 1)


def _legible(element: str) -> float:
    """Return how many pixels wide a figure must be for its smallest text to be read."""
    across = float(re.findall(r'viewBox="0 0 ([\d.]+)', element)[0])
    sizes = list(map(float, re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*?([\d.]+)px", element)))
    return LEAST_PIXELS * across / min(sizes) if sizes else 0.0
