"""What figures say is what they were given."""

import re
import warnings
from html import unescape

import matplotlib as mpl
import pytest

from sim.figure_style import panel, styled, svg


@styled
def labelled(name: str) -> str:
    figure, (axes,) = panel()
    axes.set_title(name)
    axes.set_yticks([0], [name])
    axes.plot([0, 1], label=f"of {name}")
    axes.legend()
    return svg(figure, name="figure")


@pytest.mark.parametrize("name", ["usd_$2_to_$10", "$2-$10 a day", "ገጠር", "城市", "<b>&", "a^b_c"])
def test_a_name_is_shown_as_written_in_any_script(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = labelled(name)
    shown = [unescape(words) for words in re.findall(r"<text[^>]*>([^<]*)</text>", text)]
    assert shown.count(name) == 2
    assert f"of {name}" in shown


def test_settings_of_the_user_for_figures_change_nothing() -> None:
    plain = labelled("a name")
    theirs = {"axes.facecolor": "black", "lines.linewidth": 9.0, "svg.fonttype": "path"}
    with mpl.rc_context({**theirs, "text.usetex": True, "figure.dpi": 30, "font.size": 30}):
        assert labelled("a name") == plain
        assert mpl.rcParams["lines.linewidth"] == 9.0  # which is put back
