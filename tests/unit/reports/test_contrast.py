"""Text of pages and figures can be read by those who see less: WCAG 2.2, level AA."""

import re
from importlib.resources import files

import numpy as np
import pytest
from matplotlib.colors import LinearSegmentedColormap

from sim.figure_style import INK, LEGIBLE, QUIET, contrast, ink_on

STYLE = (files("reports") / "templates" / "page.css.j2").read_text("utf-8")
NAMED = dict(re.findall(r"--(\w+):(#\w+)", STYLE))
BOX = re.search(r"\.answer \{[^}]*background:(#\w+)", STYLE)
TAGS = re.findall(r"\.tag[.\w]* \{[^}]*background:(#\w+)", STYLE)


@pytest.mark.parametrize("colour", ["ink", "quiet", "blue"])
def test_words_of_the_page_stand_out(colour: str) -> None:
    assert BOX is not None
    for ground in (NAMED["paper"], NAMED["wash"], NAMED["amber"], BOX[1]):
        assert contrast(NAMED[colour], ground) >= LEGIBLE, ground


def test_words_of_tags_stand_out() -> None:
    assert len(TAGS) == 6
    assert min(contrast(NAMED["ink"], ground) for ground in TAGS) >= LEGIBLE


def test_words_of_figures_stand_out_on_any_shade() -> None:
    assert min(contrast(ink, "white") for ink in (INK, QUIET)) >= LEGIBLE
    shades = LinearSegmentedColormap.from_list("money", ["#f5f9fc", "#0072b2"])
    for part in np.linspace(0.0, 1.0, 101):
        assert contrast(ink_on(shades(part)), shades(part)) >= LEGIBLE
