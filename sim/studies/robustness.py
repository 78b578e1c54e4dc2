"""Robustness of findings to variants of the measured response."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from sim.planning.rules import phrase_of
from sim.studies.comparison import compare, together
from sim.studies.experiment import Variant

VARIANTS: dict[Variant, str] = {
    "frozen": "the response stops improving at three times the measured range",
    "kappa_one": "studies from elsewhere are worth as much as one's own",
}
"""Variants of the response, in words that go on after "if instead"."""
COLUMNS = ["variant", "policy", "baseline", "difference", "low", "high", "p_positive", "draws",
           "verdict"]  # fmt: skip
"""Columns of ``robustness_rows``."""


DEPENDENT = (
    "Extrapolation-dependent: {policy} against {baseline} is '{before}', but '{now}' if {variant}."
)
NOT_ROBUST = "Not robust: {policy} against {baseline} is '{before}', but '{now}' if {variant}."
"""How a change is said, of the frozen response and of others."""


class Change(NamedTuple):
    """A verdict of the plan's comparisons that is another under a variant."""

    variant: str
    """In words."""
    policy: str
    baseline: str
    before: str
    now: str

    @property
    def form(self) -> str:
        """How it is said, with its fields in braces."""
        return DEPENDENT if self.variant == VARIANTS["frozen"] else NOT_ROBUST


@dataclass(frozen=True, slots=True)
class Robustness:
    """The comparisons of the plan under every variant, and what does not survive them."""

    table: pd.DataFrame
    """variant (in words), policy, baseline, difference, low, high, p_positive, draws, verdict."""
    changes: tuple[Change, ...]
    """Findings that change with a variant."""

    @property
    def warnings(self) -> list[str]:
        """The changes in words."""
        return [
            change.form.format(
                **change._asdict()
                | {"policy": phrase_of(change.policy), "baseline": phrase_of(change.baseline)}
            )
            for change in self.changes
        ]


def varied_name(policy: str, variant: Variant) -> str:
    """Return the name under which a policy is run with a variant of the response."""
    return f"{policy}@{variant}"


def robustness_rows(reached: pd.Series, variant: Variant, *, metric: str = "ede") -> pd.DataFrame:
    """Return the plan's comparisons under one variant.

    Parameters
    ----------
    reached : outcome indexed by policy and draw, all policies run with the variant.
    metric : name of that outcome.
    """
    policies = list(reached.index.unique("policy"))
    judged = "plan" if "plan" in policies else policies[-1]
    tables = [
        compare(reached.to_frame(metric), metric, baseline=other).query("policy == @judged")
        for other in policies
        if other != judged
    ]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    rows = together(pd.concat(tables, ignore_index=True))
    return rows.assign(variant=VARIANTS[variant])[COLUMNS]


def robustness_of(table: pd.DataFrame, comparisons: pd.DataFrame) -> Robustness:
    """Return the table with a change for every verdict that differs from the main one."""
    main = {
        (str(row["policy"]), str(row["baseline"])): str(row["verdict"])
        for row in comparisons.to_dict("records")
    }
    return Robustness(table, tuple(_changes(table, main)))


def _changes(table: pd.DataFrame, main: dict[tuple[str, str], str]) -> Iterator[Change]:
    for row in table.to_dict("records"):
        policy, baseline = str(row["policy"]), str(row["baseline"])
        before, now = main.get((policy, baseline)), str(row["verdict"])
        if before is not None and before != now:
            yield Change(str(row["variant"]), policy, baseline, before, now)
