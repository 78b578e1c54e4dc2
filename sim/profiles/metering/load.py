"""Energy per image by either rule for the power of a processor of which only a rating is known.

codecarbon 3.0.4 to 3.3.2 takes rated power x (0.1 + 0.9 load^3), codecarbon 3.0.0 took rated power
x load and at least a tenth of it, and codecarbon 2 half of it at any load.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.errors import ProfileError
from sim.units import JOULES_PER_KWH

Floats = NDArray[np.float64]

LEAST = 0.1
"""Of rated power, whatever the load."""
RATED = ("nameplate", "default")
"""Sources of a processor's power that are a rating and a rule."""
CONSTANT = "constant"
"""Word of ``tracking`` where codecarbon takes half of rated power at any load."""


def cubic(load: Floats) -> Floats:
    """Return the share of rated power at a load of 0 to 1, as codecarbon 3.0.4 to 3.3.2 has it.

    >>> cubic(np.array([0.0, 0.5, 1.0])).round(4).tolist()
    [0.1, 0.2125, 1.0]
    """
    return np.asarray(LEAST + (1 - LEAST) * load**3)


def linear(load: Floats) -> Floats:
    """Return the share of rated power at a load of 0 to 1 if it were in proportion to load.

    >>> linear(np.array([0.0, 0.5, 1.0])).tolist()
    [0.1, 0.5, 1.0]
    """
    return np.maximum(load, LEAST)


def joules_by_rule(runs: pd.DataFrame) -> dict[str, Any] | None:
    """Return joules per image by either rule, medians over runs, and the load behind them.

    ``None`` where no run has a rated processor and kept its load. The rule is held to a run's mean
    load; within a run, load is taken for steady.
    """
    if "cpu_load" not in runs:
        return None
    rated = runs["cpu_power_source"].isin(RATED) & ~runs["tracking"].str.contains(CONSTANT)
    known = runs[rated & runs["cpu_load"].notna()]
    if known.empty:
        return None
    return {
        "load": float(known["cpu_load"].median()),
        "training": _joules(known, "", "samples_trained"),
        "inference": _joules(known, "inference_", "inference_images"),
    }


def _joules(runs: pd.DataFrame, block: str, images: str) -> dict[str, float] | None:
    """Return joules per image of a kind of work by either rule; ``None`` without its load."""
    runs = runs[runs[f"{block}cpu_load"].notna()]
    if runs.empty:
        return None
    load = runs[f"{block}cpu_load"].to_numpy(float)
    processor = runs[f"{block}cpu_kwh"].to_numpy(float)
    change = processor * (linear(load) / cubic(load) - 1)
    as_read = runs[f"{block}kwh"].to_numpy(float)
    number = runs[images].to_numpy(float)
    return {
        "cubic": float(np.median(JOULES_PER_KWH * as_read / number)),
        "linear": float(np.median(JOULES_PER_KWH * (as_read + change) / number)),
    }


def require_one_version(runs: pd.DataFrame) -> None:
    """Raise ``ProfileError`` where runs are of several versions of codecarbon.

    Their rules for power differ, so that their joules cannot stand in one table.
    """
    runs_of = runs.groupby("codecarbon")["run_id"].nunique()
    if len(runs_of) > 1:
        counts = ", ".join(f"{name or 'no version'} ({n} runs)" for name, n in runs_of.items())
        raise ProfileError(
            f"the runs are of several versions of codecarbon: {counts}. Their rules for "
            "the power of a processor differ: measure all runs with one, in a new folder."
        )
