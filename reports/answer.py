"""The answer box: what the recommended policy brings, to whom, and what that rests on."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reports import words
from sim.answers.intervals import A_CHANGE_OF_SHARE, t_interval
from sim.planning.limits import spending_asked
from sim.planning.rules import phrase_of
from sim.scenario.treasury import OutcomeLimit
from sim.studies.comparison import LAST_YEARS, compare, last_years
from sim.studies.conditions import words_of_limit
from sim.studies.result import StudyResult


def answer_box(result: StudyResult) -> list[str]:
    """Return what the plan brings, in sentences: gains, the worst-off, the gap, the losers."""
    if "plan" not in result.policies:
        return [words.verdict_words(row) + "." for _, row in result.comparisons().iterrows()]
    rivals = [name for name in ("baseline", result.best_rule) if name in result.policies]
    return [
        *_gains(result, rivals),
        *_worst_off(result, rivals),
        *_gap(result, rivals),
        *_losers(result),
        *_asked(result, rivals),
        _assumed(result),
    ]


def gap_by_draw(result: StudyResult) -> pd.Series:
    """Return the gap between the best and the worst covered group, by policy and draw."""
    cells = last_years(result.cells)
    covered = cells.assign(covered=cells["ec"] * cells["population"])
    keys = ["policy", "draw", "group"]
    sums = covered.groupby(keys, sort=False)[["covered", "population"]].sum()
    by_group = (sums["covered"] / sums["population"]).groupby(["policy", "draw"], sort=False)
    return by_group.max() - by_group.min()


def _gains(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    for _, row in result.comparisons().iterrows():
        if row["policy"] == "plan" and row["baseline"] in rivals:
            yield words.verdict_words(row) + "."


def _worst_off(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    for rival in rivals:
        table = compare(result.by_draw, "worst_ec", baseline=rival)
        row = table[table["policy"] == "plan"].iloc[0]
        yield (
            f"The worst-off cell has a coverage of {words.percent(row['value'])} under the plan, "
            f"{words.percent(row['baseline_value'])} under {phrase_of(rival)}: "
            f"{words.points(row['difference'])} points "
            f"({words.interval(row['low'], row['high'])})."
        )


def _gap(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    gap = gap_by_draw(result)
    if len(result.scenario.groups) < 2:
        return
    for rival in rivals:
        change = gap.loc["plan"] - gap.loc[rival]
        ends = t_interval(change, within=A_CHANGE_OF_SHARE)
        yield (
            f"The gap between groups in the last {LAST_YEARS} years, whoever is ahead, is "
            f"{words.points(float(gap.loc['plan'].mean()))} points under the plan, "
            f"{words.points(float(gap.loc[rival].mean()))} under {phrase_of(rival)}: "
            f"{words.points(float(change.mean()))} ({words.interval(*ends)})."
        )


def _losers(result: StudyResult) -> Iterator[str]:
    if "baseline" not in result.policies:
        return
    table = result.worse_off().query("policy == 'plan'")
    cells = int(result.cells.groupby(["region", "group"]).ngroups)
    if table.empty:
        yield f"No cell of {cells} is worse off than with nothing bought, in any draw."
        return
    first = table.iloc[0]
    yield (
        f"{len(table)} of {cells} cells are worse off than with nothing bought in some draw; most "
        f"often {first['region']}, {first['group']}, in {first['worse']} of {first['draws']} draws."
    )


def _asked(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    """Yield whether what a treasury asks is kept, in the draws that judge."""
    if spending := spending_asked(result.scenario):
        yield f"The plan spends as it is asked to: {'; '.join(spending)}."
    for name, limit in result.scenario.treasury.outcomes.items():
        values = result.values(name).set_index("policy")
        said = [
            f"{words.number(value)} ({words.amounts(low, high)}) under "
            f"{phrase_of(policy)}"
            + ("" if _is_within(value, limit) else ", which does not keep it")
            for policy in ("plan", *rivals)
            for value, low, high in [map(float, values.loc[policy, ["value", "low", "high"]])]
        ]
        yield f"Asked: {words_of_limit(name, limit)}. It is {'; '.join(said)}."
    if (most := result.scenario.treasury.worse_off) is not None and "baseline" in result.policies:
        lost = largest_loss(result)
        kept = "kept" if float(lost.mean()) <= most else "not kept"
        yield (
            f"Asked: no cell worse off than with nothing bought by more than {most:.1%} of its "
            f"need, as a mean over draws. The largest loss under the plan is "
            f"{words.percent(float(lost.mean()))}: {kept}."
        )


def largest_loss(result: StudyResult) -> pd.Series:
    """Return how much the cell that loses most under the plan loses, by draw: share of need."""
    seen = result.coverage
    draws = sorted({draw for _, draw in seen})
    lost = {draw: seen["baseline", draw].mean - seen["plan", draw].mean for draw in draws}
    return pd.Series({draw: float(np.nanmax(loss)) for draw, loss in lost.items()})


def _is_within(value: float, limit: OutcomeLimit) -> bool:
    above = limit.at_least is None or value >= limit.at_least
    return above and (limit.at_most is None or value <= limit.at_most)


def _assumed(result: StudyResult) -> str:
    status = result.inputs["status"]
    warnings = len(result.robustness.warnings)
    changed = f"{warnings} of them change" if warnings != 1 else "1 of them changes"
    return (
        f"{int((status == 'assumed').sum())} of {len(status)} inputs are assumptions. Under two "
        f"other readings of the measured response {len(result.robustness.table)} comparisons were "
        f"repeated; {changed}."
    )
