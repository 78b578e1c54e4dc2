"""Where the public data sets come from, as a figure."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.country_shapes import shade, shapes, window
from sim.atomic import replace_file, require_free
from sim.baseline import tables
from sim.errors import RunFolderError, nearest
from sim.figure_style import HUES, panel, styled
from sim.scenario.new import WORDS

SEVERAL, NOT_STATED = "several countries", "not stated"
ENDS = (1, 2, 3, 5, 10, 20)
"""Classes of numbers of data sets."""
FORMATS: Mapping[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {},
    "pdf": {"CreationDate": None},
}
"""How a figure may be written, and what is left out of each: when it was."""


def data_sets_by_country() -> pd.DataFrame:
    """Return how many public data sets come from each country, by modality.

    Rows are ISO codes, then ``SEVERAL`` and ``NOT_STATED``; columns modalities. Sets that hold the
    images of another are left out; numbers of images, patients and scans do not add up, those of
    sets do.
    """
    known = tables.datasets().query("counted == 'yes'")
    origin = known["iso3"].mask(known["iso3"].str.contains("|", regex=False), SEVERAL)
    counts = pd.crosstab(origin.replace("", NOT_STATED), known["modality"])
    last = [name for name in (SEVERAL, NOT_STATED) if name in counts.index]
    order = counts.drop(index=last).sum(axis=1).sort_values(ascending=False, kind="stable").index
    return counts.loc[[*order, *last]]


@styled
def drawn_data_sets() -> Figure:
    """Return where public data sets come from: a map, and bars by modality below it.

    What Figure 2 of the review shows (doi:10.1145/3793542), from the table of data sets.
    """
    counts = data_sets_by_country()
    apart = counts.index.isin((SEVERAL, NOT_STATED))
    bars = 0.6 + 0.21 * len(counts)
    ratios = (3.7, bars)
    figure, (above, below) = panel(height=sum(ratios), rows=2, ratios=ratios)
    left, right, bottom, top = window(list(shapes()))
    above.set(xlim=(left, right), ylim=(bottom, top))
    single = counts[~apart].sum(axis=1)
    shade(figure, above, dict(single), words="{:.0f}".format, ends=ENDS)
    sets = int(counts.to_numpy().sum())
    above.set_title(f"Public data sets of one country each ({sets} sets in all)")
    start = np.zeros(len(counts))
    names = tables.countries()["name"]
    rows = np.arange(len(counts)) + 0.6 * apart
    for hue, modality in zip(HUES, counts.columns, strict=False):
        values = counts[modality].to_numpy(dtype=float)
        label = WORDS.get(str(modality), str(modality))
        below.barh(rows, values, left=start, height=0.72, color=hue, label=label)
        start += values
    below.set_yticks(rows, [str(names.get(code, code)) for code in counts.index], fontsize=8)
    below.set_ylim(rows[-1] + 0.6, -0.6)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set_xlabel("Data sets")
    below.grid(visible=False, axis="y")
    below.legend(loc="center right", fontsize=8)
    return figure


@styled
def write_data_sets(file: Path, *, overwrite: bool = False) -> Path:
    """Write the figure of the public data sets, and return its path.

    Raises ``RunFolderError`` where the file exists, or its ending is none of ``FORMATS``.
    """
    kind = file.suffix.casefold().removeprefix(".")
    if kind not in FORMATS:
        raise RunFolderError(
            f"{file}: a figure is written as {', '.join(FORMATS)}.{nearest(kind, FORMATS)}"
        )
    require_free(file, overwrite=overwrite)
    figure, content = drawn_data_sets(), BytesIO()
    figure.savefig(content, format=kind, dpi=200, metadata=FORMATS[kind])
    replace_file(file, lambda there: there.write(content.getvalue()))
    return file
