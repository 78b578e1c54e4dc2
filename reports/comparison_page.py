"""One page of what runs were asked differently than a first one, and what came out."""

from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports import words
from reports.language import ENGLISH, speaking
from reports.language import gettext as _
from reports.numerals import drawn
from reports.policies import colour
from reports.policy import page_template
from sim.atomic import replace_file, require_free
from sim.figure_style import QUIET, panel, styled
from sim.studies.outcomes import OUTCOMES
from sim.studies.result import load
from sim.studies.run_comparison import RunComparison, compare_runs

SHARES = ("share of need", "share of patients")
"""Units whose differences are points."""


def write_comparison(
    first: Path | str,
    others: list[Path] | list[str],
    file: Path | str,
    *,
    overwrite: bool = False,
    language: str = ENGLISH,
) -> Path:
    """Write the page of further runs against a first one, and return its path.

    Raises
    ------
    RunFolderError
        Where a run cannot be read, or a file is in the way.
    LanguageError
        For a language that there is not; see ``reports.language``.
    """
    file = Path(file)
    require_free(file, overwrite=overwrite)
    of = load(first)
    found = {str(other): compare_runs(of, load(other)) for other in others}
    page = comparison_page(str(first), found, language)
    replace_file(file, lambda there: there.write(page.encode()))
    return file


def comparison_page(first: str, found: dict[str, RunComparison], language: str = ENGLISH) -> str:
    """Return the page, which needs nothing else.

    Parameters
    ----------
    first : name of the run that the others are held against.
    found : comparisons by the names of the others.
    """
    with speaking(language) as spoken:
        return page_template("comparison.html.j2").render(
            language=spoken.code,
            first=first,
            runs=[
                _section(name, one, f"differences-{k}")
                for k, (name, one) in enumerate(found.items())
            ],
        )


def _section(name: str, one: RunComparison, figure: str) -> dict[str, Any]:
    shares = one.outcomes[one.outcomes["unit"].isin(SHARES)]
    return {
        "name": name,
        "paired": one.paired,
        "sentences": list(comparison_sentences(one)),
        "changes": one.changes.to_dict("records"),
        "origins": one.origins.to_dict("records"),
        "outcomes": outcome_rows(one.outcomes),
        "figure": difference_of_runs(shares, name=figure),
        "caption": f"{figure}-caption",
    }


def comparison_sentences(one: RunComparison) -> Iterator[str]:
    """Yield how the plans of two runs differ in what the first is judged by."""
    table = one.outcomes.query("policy == 'plan' and metric == 'ede'")
    columns = table[["first", "second", "difference", "low", "high"]].to_numpy(float)
    for mean, reached, difference, low, high in columns:
        said = _(
            "The plan of this run reaches {second} of equally distributed coverage, that of the "
            "first {first}: {points} ({interval})."
        )
        yield said.format(
            second=words.percent(reached),
            first=words.percent(mean),
            points=words.in_points(difference),
            interval=words.interval(low, high),
        )
        if low > 0.0 or high < 0.0:
            yield _("The interval leaves out 0.")
        else:
            yield _("That they differ is not shown.")


def outcome_rows(table: pd.DataFrame) -> dict[str, list[dict[str, str]]]:
    """Return outcomes of two runs in words, each in its unit; differences of shares in points."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in table.to_dict("records"):
        said, changed = in_unit(row["unit"])
        low, high = row["low"], row["high"]
        rows.setdefault(_(OUTCOMES.called(row["metric"]).label), []).append(
            {
                "policy": words.label(row["policy"]),
                "first": said(row["first"]),
                "second": said(row["second"]),
                "difference": changed(row["difference"]),
                "interval": words.between(changed(low), changed(high)) if not isnan(low) else "-",
            }
        )
    return rows


def in_unit(unit: str) -> tuple[Callable[[float], str], Callable[[float], str]]:
    """Return how a value of a unit is said, and how a difference of two."""
    if unit in SHARES:
        return words.percent, words.in_points
    if unit == "US dollars":
        return words.dollars, words.dollars

    def said(value: float) -> str:
        return f"{words.number(value)} {_(unit)}"

    return said, said


@styled
def difference_of_runs(table: pd.DataFrame, *, name: str) -> str:
    """Draw what the second run has more than the first, by outcome and policy, as SVG.

    Parameters
    ----------
    table : policy, metric, difference, low and high, shares.
    """
    metrics, policies = (list(dict.fromkeys(table[key])) for key in ("metric", "policy"))
    figure, (axes,) = panel(height=1.1 + 0.16 * len(table) + 0.2 * len(metrics))
    for position, policy in enumerate(policies):
        part = table[table["policy"] == policy]
        lanes = np.array([metrics.index(metric) for metric in part["metric"]])
        y = lanes + 0.7 * ((position + 0.5) / len(policies) - 0.5)
        shade = colour(policy, position)
        axes.hlines(y, 100.0 * part["low"], 100.0 * part["high"], color=shade, linewidth=2.0)
        axes.plot(100.0 * part["difference"], y, "o", color=shade, markersize=5.5,
                  label=words.label(policy))  # fmt: skip
    axes.set_yticks(range(len(metrics)), [_(OUTCOMES.called(one).label) for one in metrics])
    axes.set_ylim(len(metrics) - 0.45, -0.55)
    axes.axvline(0.0, color=QUIET, linewidth=0.9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("This run less the first (points)"))
    figure.legend(loc="outside upper left", ncols=min(len(policies), 4))
    return drawn(figure, name=name)
