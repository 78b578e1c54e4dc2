"""What wrong labels and blank images cost, in studies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.streams import stream

Floats = NDArray[np.float64]


def studies_left(runs: pd.DataFrame, fitted: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Return what share of studies damage left over, read back through the fitted AUC law.

    ``remaining`` is the share of undamaged studies with the same mean AUC; ``assumed`` is what
    docs/model.md §4 takes: (1 - 2 noise)^2, and 1 - corrupted for blank images.
    """
    rows = runs[runs["estimable"]]
    damaged = rows[(rows["noise"] > 0) | (rows["corrupted"] > 0)]
    clean = rows[(rows["noise"] == 0) & (rows["corrupted"] == 0)]
    draws = {key: np.array(values) for key, values in fitted.items()}
    result = []
    for key, some in damaged.groupby(["noise", "corrupted"]):
        noise, corrupted = np.asarray(key, dtype=float).tolist()
        pairs = some.merge(clean, on=["seed", "group", "n_own", "n_other"], suffixes=("", "_clean"))
        loss = (pairs["auc_clean"] - pairs["auc"]).groupby(pairs["seed"]).mean().to_numpy()
        sampled = np.array(
            [stream(d, "damage").choice(loss, len(loss)).mean() for d in range(len(draws["kappa"]))]
        )
        remaining = _remaining(sampled, draws, float(pairs["n_own"].iloc[0]))
        result.append(
            {
                "noise": noise,
                "corrupted": corrupted,
                "runs": int(some["run_id"].nunique()),
                "auc_loss": float(loss.mean()),
                "remaining": float(np.median(remaining)),
                "interval": np.quantile(remaining, (0.025, 0.975)).tolist(),
                "assumed": (1 - 2 * noise) ** 2 * (1 - corrupted),
            }
        )
    return result


def _remaining(loss: Floats, draws: dict[str, Floats], count: float) -> Floats:
    """Return the share of studies with which the law loses ``loss``, both groups at ``count``."""
    studies = count * (1 + draws["kappa"])
    before = draws["scale"] * (studies + draws["offset"]) ** -draws["power"]
    after = np.maximum(before + loss, 1e-12)
    needed = (after / draws["scale"]) ** (-1 / draws["power"]) - draws["offset"]
    return np.clip(needed / studies, 0.0, 1.0)
