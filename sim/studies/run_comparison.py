"""What differs between two finished runs: their scenarios and code, and what came out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from sim.answers.intervals import LEVEL, t_interval, welch_interval
from sim.scenario.schema import Scenario
from sim.studies.outcomes import OUTCOMES
from sim.studies.result import StudyResult

METRICS = ("ede", "mean_ec", "worst_ec", "spend_usd", "emissions_t_co2e")
TOLD = ("capacity_calendar", "supplies")
"""Lists of a scenario whose entries are told in words."""
LONGEST = 300
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A second run against a first one."""

    changes: pd.DataFrame
    """key, first, second: what their scenarios say differently, ``-`` where one says nothing."""
    origins: pd.DataFrame
    """The same of code, tables and profile."""
    paired: bool
    """Whether draws are compared one by one: same seed, design of draws, code, tables and profile,
    so that a draw of one is the same world in the other but for what the scenarios change."""
    outcomes: pd.DataFrame
    """policy, metric, unit, first, second (means over draws), difference, low, high, draws."""

    def __str__(self) -> str:
        how = "draw by draw" if self.paired else "not draw by draw: seed or code differ"
        tables = [
            f"{title}\n{table.to_string(index=False, na_rep='-')}"
            for title, table in (
                ("Scenarios differ in", self.changes),
                ("Code and tables differ in", self.origins),
                (f"Outcomes, compared {how}; {LEVEL:.0%} intervals", self.outcomes),
            )
            if not table.empty
        ]
        return "\n\n".join(tables) or "The runs are equal."


def compare_runs(
    first: StudyResult, second: StudyResult, metrics: tuple[str, ...] = METRICS
) -> RunComparison:
    """Return how a run differs from another, in what was asked and in what came out.

    Where draws are not the same worlds the interval is Welch's (1947, doi:10.2307/2332510) of two
    independent means.

    Parameters
    ----------
    metrics : names in ``OUTCOMES``.
    """
    origins = _table(_origin(first), _origin(second))
    one, other = (
        (run.provenance.seed, run.scenario.uncertainty.latin_hypercube) for run in (first, second)
    )
    paired = one == other and origins.empty
    rows = [
        _row(first.by_draw[metric], second.by_draw[metric], policy, metric, paired=paired)
        for policy in first.policies
        if policy in second.policies
        for metric in metrics
    ]
    return RunComparison(
        changes=_table(_said(first.scenario), _said(second.scenario)),
        origins=origins,
        paired=paired,
        outcomes=pd.DataFrame(rows),
    )


def _row(
    first: pd.Series, second: pd.Series, policy: str, metric: str, *, paired: bool
) -> dict[str, object]:
    one, other = (values.xs(policy, level="policy").dropna() for values in (first, second))
    outcome = OUTCOMES.called(metric)
    if paired:
        one, other = one.align(other, join="inner")
        low, high = t_interval(other - one, within=outcome.bounds_of_change)
    else:
        low, high = welch_interval(
            one.to_numpy(float), other.to_numpy(float), within=outcome.bounds_of_change
        )
    mean, reached = float(one.mean()), float(other.mean())
    return {
        "policy": policy,
        "metric": metric,
        "unit": outcome.unit,
        "first": mean,
        "second": reached,
        "difference": reached - mean,
        "low": low,
        "high": high,
        "draws": min(len(one), len(other)),
    }


def _said(scenario: Scenario) -> dict[str, str]:
    told = {key: dict(enumerate(map(str, getattr(scenario, key)))) for key in TOLD}
    return dict(_leaves(scenario.model_dump(mode="json", exclude_none=True) | told, ""))


def _leaves(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Yield every dotted key of a tree with its value as text.

    A list is one value, if not empty; of a list of entries every entry is a branch.
    """
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif value not in ([], ()):
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield key, text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _origin(result: StudyResult) -> dict[str, str]:
    """Return what results depend on besides the scenario."""
    known = result.provenance
    tables = {f"table {name}": sha256[:12] for name, sha256 in known.tables_sha256.items()}
    code = {"code": known.code_sha256[:12], "profile": known.fit_sha256[:12]}
    return code | tables | known.stations | known.own_code


def _table(first: Mapping[str, str], second: Mapping[str, str]) -> pd.DataFrame:
    """Return the keys that differ, in the order of the second, then those of the first alone."""
    keys = dict.fromkeys([*second, *first])
    rows = [
        (key, first.get(key, "-"), second.get(key, "-"))
        for key in keys
        if first.get(key) != second.get(key)
    ]
    return pd.DataFrame(rows, columns=["key", "first", "second"])
