"""A finding that changes with the response is said to."""

import pandas as pd

from sim.studies.comparison import compare
from sim.studies.robustness import VARIANTS, robustness_of, robustness_rows


def equity(**by_policy: list[float]) -> pd.Series:
    columns = {name: pd.Series(draws) for name, draws in by_policy.items()}
    return pd.concat(columns, names=["policy", "draw"])


BASE = [0.10, 0.50, 0.20, 0.40, 0.30, 0.60]
BETTER = [value + 0.02 for value in BASE]
NO_BETTER = [value - 0.02 for value in BASE]


def test_a_verdict_that_changes_is_warned_of() -> None:
    main = compare(equity(baseline=BASE, plan=BETTER).to_frame("ede"), "ede", baseline="baseline")
    frozen = robustness_rows(equity(baseline=BASE, plan=NO_BETTER), "frozen")
    shared = robustness_rows(equity(baseline=BASE, plan=BETTER), "kappa_one")
    found = robustness_of(pd.concat([frozen, shared], ignore_index=True), main)
    assert found.table["verdict"].tolist() == ["does not beat", "beats"]
    assert found.table["variant"].tolist() == list(VARIANTS.values())
    (warning,) = found.warnings
    assert warning.startswith(
        "Extrapolation-dependent: the plan against buying nothing is 'beats', but"
    )


def test_one_policy_has_nothing_to_compare_with() -> None:
    assert robustness_rows(equity(plan=BASE), "frozen").empty
