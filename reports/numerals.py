"""Figures in the language of the report: how numbers stand beside their axes."""

from collections.abc import Sequence
from itertools import product

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, PercentFormatter, ScalarFormatter

from reports.language import numeral, percentage
from sim.figure_style import svg


class Numerals(Formatter):
    """What another formatter writes as in English, as the language writes it."""

    def __init__(self, english: Formatter) -> None:
        self.english = english

    def set_axis(self, axis: Axis | None) -> None:  # type: ignore[override]
        """Let both know the axis."""
        super().set_axis(axis)
        self.english.set_axis(axis)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the numbers of all ticks."""
        return list(map(_in_language, self.english.format_ticks(list(values))))

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the number of one tick."""
        return _in_language(self.english(x, pos))


def drawn(figure: Figure, *, name: str) -> str:
    """Return a figure as SVG, with numbers as the language writes them; see ``svg``."""
    for axes, side in product(figure.axes, ("xaxis", "yaxis")):
        axis: Axis = getattr(axes, side)
        written = axis.get_major_formatter()
        if isinstance(written, ScalarFormatter | PercentFormatter):
            axis.set_major_formatter(Numerals(written))
    return svg(figure, name=name)


def _in_language(number: str) -> str:
    return percentage(number[:-1]) if number.endswith("%") else numeral(number)
