"""The answer box: what the recommended policy brings, to whom, and what that rests on."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reports import words
from reports.language import gettext as _
from reports.language import ngettext
from reports.retelling import asked_words
from sim.answers.intervals import A_CHANGE_OF_SHARE, t_interval
from sim.planning.limits import spending_asked
from sim.scenario.treasury import OutcomeLimit
from sim.studies.comparison import compare, last_years, years_looked_at
from sim.studies.conditions import words_of_limit
from sim.studies.result import StudyResult


def answer_box(result: StudyResult) -> list[str]:
    """Return what the plan brings, in sentences: gains, the worst-off, the gap, the losers."""
    if "plan" not in result.policies:
        return [words.verdict_words(row) + "." for _at, row in result.comparisons().iterrows()]
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
    for _at, row in result.comparisons().iterrows():
        if row["policy"] == "plan" and row["baseline"] in rivals:
            yield words.verdict_words(row) + "."


def _worst_off(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    for rival in rivals:
        table = compare(result.by_draw, "worst_ec", baseline=rival)
        row = table[table["policy"] == "plan"].iloc[0]
        yield _(
            "The worst-off cell has a coverage of {planned} under the plan, {other} under "
            "{rival}: {points} ({interval})."
        ).format(
            planned=words.percent(row["value"]),
            other=words.percent(row["baseline_value"]),
            rival=words.phrase(rival),
            points=words.in_points(row["difference"]),
            interval=words.interval(row["low"], row["high"]),
        )


def _gap(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    gap = gap_by_draw(result)
    if len(result.scenario.groups) < 2:
        return
    for rival in rivals:
        change = gap.loc["plan"] - gap.loc[rival]
        ends = t_interval(change, within=A_CHANGE_OF_SHARE)
        yield _(
            "The gap between groups in the last {years} years, whoever is ahead, is {planned} "
            "under the plan, {other} under {rival}: {change} ({interval})."
        ).format(
            years=years_looked_at(result.scenario),
            planned=words.percent(float(gap.loc["plan"].mean())),
            other=words.percent(float(gap.loc[rival].mean())),
            rival=words.phrase(rival),
            change=words.in_points(float(change.mean())),
            interval=words.interval(*ends),
        )


def _losers(result: StudyResult) -> Iterator[str]:
    if "baseline" not in result.policies:
        return
    table = result.worse_off().query("policy == 'plan'")
    cells = int(result.cells.groupby(["region", "group"]).ngroups)
    if table.empty:
        yield _("No cell of {cells} is worse off than with nothing bought, in any draw.").format(
            cells=cells
        )
        return
    first = table.iloc[0]
    yield _(
        "{count} of {cells} cells are worse off than with nothing bought in some draw; most "
        "often {region}, {group}, in {worse} of {draws} draws."
    ).format(
        count=len(table),
        cells=cells,
        region=words.region_words(first["region"]),
        group=first["group"],
        worse=first["worse"],
        draws=first["draws"],
    )


def _asked(result: StudyResult, rivals: list[str]) -> Iterator[str]:
    """Yield whether what a treasury asks is kept, in the draws that judge."""
    if spending := spending_asked(result.scenario):
        asked = _("; ").join(asked_words(one) for one in spending)
        yield _("The plan spends as it is asked to: {asked}.").format(asked=asked)
    for name, limit in result.scenario.treasury.outcomes.items():
        values = result.values(name).set_index("policy")
        said = [
            (
                _("{value} ({interval}) under {policy}")
                if _is_within(value, limit)
                else _("{value} ({interval}) under {policy}, which does not keep it")
            ).format(
                value=words.number(value),
                interval=words.amounts(low, high),
                policy=words.phrase(policy),
            )
            for policy in ("plan", *rivals)
            for value, low, high in [map(float, values.loc[policy, ["value", "low", "high"]])]
        ]
        yield _("Asked: {limit}. It is {values}.").format(
            limit=asked_words(words_of_limit(name, limit)), values=_("; ").join(said)
        )
    if (most := result.scenario.treasury.worse_off) is not None and "baseline" in result.policies:
        lost = largest_loss(result)
        kept = _("kept") if float(lost.mean()) <= most else _("not kept")
        yield _(
            "Asked: no cell worse off than with nothing bought by more than {most} of its need, "
            "as a mean over draws. The largest loss under the plan is {loss}: {kept}."
        ).format(most=words.percent(most), loss=words.percent(float(lost.mean())), kept=kept)


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
    warnings = len(result.robustness.changes)
    changed = ngettext("1 of them changes", "{count} of them change", warnings)
    return _(
        "{assumed} of {inputs} inputs are assumptions. Under two other readings of the measured "
        "response {comparisons} comparisons were repeated; {changed}."
    ).format(
        assumed=int((status == "assumed").sum()),
        inputs=len(status),
        comparisons=len(result.robustness.table),
        changed=changed.format(count=warnings),
    )
