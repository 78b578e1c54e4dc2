"""One self-contained page that says what a profile measured, on what, and how far to trust it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sim.errors import ProfileError
from sim.profiles.figures import curves, gaps, kappas
from sim.profiles.grid import RUNS

TEMPLATE = "card.html.jinja"
CONSTANTS = (
    ("kappa", "kappa: worth of another group's study"),
    ("floor", "d: floor of the error"),
    ("scale", "a: scale"),
    ("power", "p: exponent"),
    ("offset", "n₀: offset, studies"),
)


def write_card(folder: str | Path, *, out: str | Path | None = None) -> Path:
    """Write the card of the runs and the fit in ``folder``, by default beside them.

    Returns the path of the page.
    """
    folder = Path(folder)
    try:
        fit = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
        runs = pd.read_parquet(folder / RUNS)
    except FileNotFoundError as error:
        raise ProfileError(
            f"{error.filename}: not found. Fit first: `equiscan profile fit`."
        ) from None
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = environment.get_template(TEMPLATE).render(
        fit=fit,
        fits=[(name, fit["fits"][name]) for name in ("sensitivity", "auc")],
        sensitivity=fit["fits"]["sensitivity"],
        auc=fit["fits"]["auc"],
        draws=len(fit["fits"]["auc"]["draws"]["kappa"]),
        constants=CONSTANTS,
        best_auc=_best_auc(runs, fit),
        number=_number,
        span=lambda pair: f"{_number(pair[0])} to {_number(pair[1])}",
        # The figures are made here, from numbers only.
        curves=Markup(curves(runs, fit)),
        gaps=Markup(gaps(runs, fit)),
        kappas=Markup(kappas(fit)),
    )
    path = folder / "card.html" if out is None else Path(out)
    path.write_text(page, encoding="utf-8")
    return path


def _best_auc(runs: pd.DataFrame, fit: dict[str, Any]) -> dict[str, float]:
    """Return the mean AUC of each group with all groups at the largest count."""
    most = fit["fits"]["auc"]["measured_max"]["own"]
    undamaged = runs[(runs["noise"] == 0) & (runs["corrupted"] == 0) & runs["error"].isna()]
    full = undamaged[undamaged["n_total"] == most * len(fit["groups"])]
    return {g: float(full.loc[full["group"] == g, "auc"].mean()) for g in fit["groups"]}


def _number(value: float) -> str:
    """Return three significant digits, without an exponent where that is readable."""
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 or value == 0 else f"{value:.2e}"
