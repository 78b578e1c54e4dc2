"""What several tasks say together: a draw of the whole is a draw of one of its tasks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.learning.response import PARAMETERS
from sim.profiles.fit.factors import factor_from
from sim.profiles.fit.forms import POWER_RANGE
from sim.profiles.fit.random_effects import one_more, pooled

Floats = NDArray[np.float64]
Fitted = Mapping[str, Any]
"""What is fitted to one task."""

BOUNDS = {"kappa": (0.0, 1.0), "floor": (0.0, 1.0), "power": POWER_RANGE}
"""Constants whose spread over tasks is shown, and the range within which they were fitted."""


def over_tasks(tasks: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return the profile of several tasks: their draws in turn, and what varies between them.

    A mixture with equal weights: its spread is that between tasks and each one's own uncertainty.
    A few tasks reach less far than others like them would: kappa, on which the questions of the
    simulation hang, is spread to what random effects give for one more task (``spread_kappa``).
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
    if len(fits) > 1 and any(one["kappa_identified"] for one in fits):
        draws["kappa"] = spread_kappa([np.array(one["draws"]["kappa"]) for one in fits])
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


def spread_kappa(draws: Sequence[Floats]) -> Floats:
    """Return draws of kappa in one more task, in the order of the tasks' draws taken in turn.

    The lowest of all stands for the lowest quantile, and so on, so that a draw keeps its place
    among the others and what it has in common with their other constants.
    """
    taken = _in_turn(draws)
    shares = (np.argsort(np.argsort(taken, kind="stable"), kind="stable") + 0.5) / len(taken)
    return one_more(draws, shares, bounds=BOUNDS["kappa"])


def _factors(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return each constant of the treatments over the tasks that tried it."""
    result = {}
    for name in dict.fromkeys(name for one in found for name in one):
        some = [one[name] for one in found if name in one]
        size = (sum(one["runs"] for one in some), min(one["seeds"] for one in some))
        draws = _in_turn([one["draws"] for one in some])
        result[name] = factor_from(draws, size, some[0]["null"], some[0]["unit"])
    return result


def _in_turn(draws: Sequence[Sequence[float] | Floats]) -> Floats:
    """Return the draws of all tasks, one of each in turn; all have as many."""
    return np.asarray(np.array(draws, dtype=np.float64).T.ravel())
