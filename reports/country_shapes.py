"""Countries on a map: their outlines, a projection, and shades by value.

Shapes are Natural Earth's, simplified (``templates/country_shapes.json``); borders are no opinion.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.domain.levers import Floats
from sim.figure_style import QUIET

RISING = LinearSegmentedColormap.from_list("rising", ["#e4eff7", "#0072b2", "#00314d"])
BOTH_WAYS = LinearSegmentedColormap.from_list("both ways", ["#d55e00", "#f4f2ef", "#0072b2"])
UNKNOWN = "#f1f1ee"
"""Shade of a country without a value."""
CLASSES = 6
"""Shades of a map, at most."""
DOT = 2.0
"""Degrees across below which a country is drawn as a dot, too."""
ENCLAVE = 40.0
"""Square degrees, of the box around it, below which a part is drawn above larger ones."""
CELLS = 450
"""Cells of the grid of outlines in the width of a page: little more than a point each."""
ISLAND = 4
"""Cells across from which on a part of a country is drawn beside its largest."""
WIDEST = 0.6
"""Part of the world's width from which on all of it is shown."""
_A = (1.340264, -0.081106, 0.000893, 0.003796)


def equal_earth(degrees: Floats) -> Floats:
    """Return longitudes and latitudes on the Equal Earth projection, shape (n, 2).

    Equal areas on the globe are equal on the page (Savric, Patterson and Jenny 2019,
    doi:10.1080/13658816.2018.1504949). The unit is the radius of the globe.

    >>> equal_earth(np.array([[180.0, 0.0]])).round(3).tolist()
    [[2.707, 0.0]]
    """
    longitude, latitude = np.radians(degrees).T
    theta = np.arcsin(np.sqrt(3.0) / 2.0 * np.sin(latitude))
    squared = theta**2
    slope = sum((2 * k + 1) * a * squared**k for k, a in zip((0, 1, 3, 4), _A, strict=True))
    height = sum(a * squared**k for k, a in zip((0, 1, 3, 4), _A, strict=True))
    x = 2.0 * np.sqrt(3.0) * longitude * np.cos(theta) / (3.0 * slope)
    return np.stack([x, theta * height], axis=1)


@cache
def shapes() -> dict[str, tuple[Floats, ...]]:
    """Return the outlines of every country, in degrees, by ISO code; ``-`` begins other places."""
    text = files("reports").joinpath("templates", "country_shapes.json").read_text("utf-8")
    return {
        code: tuple(np.reshape(ring, (-1, 2)).astype(float) for ring in rings)
        for code, rings in json.loads(text)["shapes"].items()
    }


def window(codes: Sequence[str]) -> tuple[float, float, float, float]:
    """Return the part of the page on which countries lie: left, right, bottom and top.

    Where they lie far apart, it is all of the world.
    """
    everywhere = _ends(list(shapes()))
    near = _ends([code for code in codes if code in shapes()])
    if near[1] - near[0] > WIDEST * (everywhere[1] - everywhere[0]):
        return everywhere
    pad = 0.03 * max(near[1] - near[0], near[3] - near[2])
    return near[0] - pad, near[1] + pad, near[2] - pad, near[3] + pad


def _ends(codes: Sequence[str]) -> tuple[float, float, float, float]:
    rings = np.concatenate([equal_earth(ring) for code in codes for ring in shapes()[code][:3]])
    (left, bottom), (right, top) = rings.min(axis=0), rings.max(axis=0)
    return float(left), float(right), float(bottom), float(top)


def shade(
    figure: Figure,
    axes: Axes,
    values: Mapping[str, float],
    *,
    words: Callable[[float], str],
    ends: Sequence[float] = (),
    cells: int = CELLS,
) -> None:
    """Draw every country in the shade of its value, and below what the shades mean.

    Parameters
    ----------
    axes : with the limits of the part that is shown.
    values : by ISO code; countries without one, or with NaN, are pale.
    words : puts an end of a class into words.
    ends : of the classes, rising; ``class_ends`` when not given.
    cells : of the grid of outlines in the width of the map.
    """
    given = {code: value for code, value in values.items() if np.isfinite(value)}
    between = list(ends) or class_ends(list(given.values()))
    shades = BOTH_WAYS if between[0] < 0.0 else RISING
    norm = BoundaryNorm(between, shades.N)
    _draw(axes, {code: shades(norm(value)) for code, value in given.items()}, cells=cells)
    key = ScalarMappable(norm, shades)
    bar = figure.colorbar(
        key, ax=axes, orientation="horizontal", fraction=0.04, pad=0.02, aspect=40
    )
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    bar.ax.tick_params(labelsize=8, length=0)
    bar.outline.set_visible(False)


def class_ends(values: Sequence[float]) -> list[float]:
    """Return ends of classes that hold about as many values each, or that lie alike around 0.

    >>> class_ends([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 9.0])
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 9.0]
    >>> class_ends([-0.01, 0.1])
    [-0.1, -0.05, 0.0, 0.05, 0.1]
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low < 0.0 or not high > low:
        most = max(-low, high, 1e-9)
        ends = MaxNLocator(CLASSES - 2).tick_values(-most if low < 0.0 else 0.0, most)
        return [round(float(end), 12) for end in ends]
    parts = np.quantile(values, np.linspace(0.0, 1.0, CLASSES + 1))
    step = 10.0 ** (np.floor(np.log10(np.maximum(parts, 1e-12))) - 1.0)
    rounded = np.round(parts / step) * step
    rounded[0], rounded[-1] = np.floor(low / step[0]) * step[0], np.ceil(high / step[-1]) * step[-1]
    return sorted({float(f"{end:.12g}") for end in rounded})


def _is_seen(ring: Floats, axes: Axes) -> bool:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, high = ring.min(axis=0), ring.max(axis=0)
    return bool(low[0] < right and high[0] > left and low[1] < top and high[1] > bottom)


def _draw(axes: Axes, colours: Mapping[str, Any], *, cells: int) -> None:
    """Draw all countries, the small above the large, as one outline a shade and layer.

    Outlines are taken to a grid too fine to be seen, the same for both sides of a border; one
    path for many countries is a tenth of many paths in bytes.
    """
    step = (axes.get_xlim()[1] - axes.get_xlim()[0]) / cells
    layers: dict[tuple[bool, Any], list[Outline]] = {}
    for code, rings in shapes().items():
        for at, ring in enumerate(rings):
            outline = _on_grid(equal_earth(ring), step)
            large = at == 0 or np.ptp(outline, axis=0).max() > ISLAND * step
            if large and len(outline) > 2 and _is_seen(outline, axes):
                small = float(np.ptp(ring, axis=0).prod()) < ENCLAVE
                key = (small, colours.get(code, UNKNOWN))
                layers.setdefault(key, []).append(Outline(outline, closed=True))
    for (_, colour), outlines in sorted(layers.items(), key=lambda pair: pair[0][0]):
        whole = Outline.make_compound_path(*outlines)
        axes.add_patch(PathPatch(whole, facecolor=colour, edgecolor="white", linewidth=0.35))
    for colour in dict.fromkeys(colours.values()):
        dots = [
            equal_earth(shapes()[code][0]).mean(axis=0)
            for code, own in colours.items()
            if own == colour and code in shapes() and np.ptp(shapes()[code][0], axis=0).max() < DOT
        ]
        if dots:
            axes.plot(*np.transpose(dots), "o", markersize=3.2, color=colour,
                      markeredgecolor=QUIET, markeredgewidth=0.4)  # fmt: skip
    axes.set_aspect("equal")
    axes.axis("off")


def _on_grid(ring: Floats, step: float) -> Floats:
    """Return an outline at points of a grid, without those that fall together."""
    points = np.round(ring / step) * step
    moved = np.append(True, np.abs(np.diff(points, axis=0)).sum(axis=1) > 0.5 * step)
    return np.asarray(points[moved])
