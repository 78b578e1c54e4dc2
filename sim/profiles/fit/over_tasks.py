"""What several tasks say together: a draw of the whole is a draw of one of its tasks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.learning.response import PARAMETERS
from sim.profiles.fit.factors import answer
from sim.profiles.fit.forms import POWER_RANGE
from sim.profiles.fit.random_effects import pooled

Floats = NDArray[np.float64]
Fitted = Mapping[str, Any]
"""What is fitted to one task."""

BOUNDS = {"kappa": (0.0, 1.0), "floor": (0.0, 1.0), "power": POWER_RANGE}
"""Constants whose spread over tasks is shown, and the range within which they were fitted."""


def over_tasks(tasks: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return the profile of several tasks: their draws in turn, and what varies between them.

    A mixture with equal weights: its spread is that between tasks and each one's own uncertainty.
    Tasks in which images do not beat guessing from group and covariates are left out of it, as
    what their runs learn is not known to be in the image; all are left out only where all are so.
    """
    told = [name for name, one in tasks.items() if beats_guessing(one)] or list(tasks)
    used = [tasks[name] for name in told]
    within = {
        name: float(np.mean(list(tasks[name]["baseline"]["within"].values()))) for name in told
    }
    return {
        "pooled": told,
        "fits": {
            name: _mixture([one["fits"][name] for one in used]) for name in ("sensitivity", "auc")
        },
        "baseline": {
            "features": used[0]["baseline"]["features"],
            "pooled": float(np.mean([one["baseline"]["pooled"] for one in used])),
            "within": within,
        },
        "factors": _factors([one["factors"] for one in used]),
        "pairs": dict(sum((Counter(one["pairs"]) for one in tasks.values()), Counter())),
    }


def beats_guessing(one: Fitted) -> bool:
    """Return whether AUC with all data is above that without images, beyond its 95% interval."""
    return bool(one["all_data"]["auc_low"] > np.mean(list(one["baseline"]["within"].values())))


def _mixture(fits: Sequence[Fitted]) -> dict[str, Any]:
    draws = {key: _in_turn([one["draws"][key] for one in fits]) for key in PARAMETERS}
    best = Counter(one["comparison"]["best"] for one in fits).most_common(1)[0][0]
    forms = [set(one["comparison"]["rmse"]) for one in fits]
    return {
        "chance": fits[0]["chance"],
        "kappa_identified": 2 * sum(one["kappa_identified"] for one in fits) >= len(fits),
        "mean": {key: float(values.mean()) for key, values in draws.items()},
        "interval": {key: np.quantile(v, (0.025, 0.975)).tolist() for key, v in draws.items()},
        "over_tasks": {
            key: pooled([np.array(one["draws"][key]) for one in fits], bounds=bounds)._asdict()
            for key, bounds in BOUNDS.items()
        },
        "measured_max": {
            key: min(one["measured_max"][key] for one in fits)
            for key in ("own", "other", "effective")
        },
        "comparison": {
            "best": best,
            "rmse": {
                form: float(np.mean([one["comparison"]["rmse"][form]["with_own"] for one in fits]))
                for form in fits[0]["comparison"]["rmse"]
                if all(form in of for of in forms)
            },
        },
        "draws": {key: values.tolist() for key, values in draws.items()},
    }


def _factors(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return each constant of the treatments over the tasks that tried it."""
    result = {}
    for name in dict.fromkeys(name for one in found for name in one):
        some = [one[name] for one in found if name in one]
        size = (sum(one["runs"] for one in some), min(one["seeds"] for one in some))
        draws = _in_turn([one["draws"] for one in some])
        result[name] = answer(draws, size, some[0]["null"], some[0]["unit"])
    return result


def _in_turn(draws: Sequence[Sequence[float]]) -> Floats:
    """Return the draws of all tasks, one of each in turn; all have as many."""
    return np.asarray(np.array(draws, dtype=np.float64).T.ravel())
