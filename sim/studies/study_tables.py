"""The tables of a finished study, and what follows from them alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from sim.equity.coverage import Measured, ede
from sim.errors import AnswerError, nearest
from sim.scenario.schema import Scenario
from sim.studies import comparison
from sim.studies.outcomes import OUTCOMES, by_draw, measured_by_draw
from sim.studies.provenance import Provenance

FLOOR_FACTORS = (0.1, 1.0, 10.0)
"""Multiples of the equity floor at which the ranking of the policies is rerun."""


@dataclass(frozen=True)
class StudyTables:
    """All experiments of one scenario, as tables; every table names its columns and units."""

    scenario: Scenario
    outcomes: pd.DataFrame
    """One row per experiment: policy, draw, replication and the measures of ``OUTCOMES``."""
    cells: pd.DataFrame
    """policy, draw, year, region, group, ec, need, population, income_usd and ``COUNTS``; means
    over the replications of a draw."""
    ledger: pd.DataFrame
    """policy, draw, year, region, account, item, value; means over replications."""
    stations: Mapping[str, pd.DataFrame]
    """Weekly series by station: policy and the columns of ``sim.pipeline.series.Series.table``, of
    replication 0 of draw 0; units in ``attrs["units"]``."""
    events: pd.DataFrame
    """policy and the fields of ``sim.pipeline.facts.Event``, of replication 0 of draw 0."""
    jobs: pd.DataFrame
    """policy and the fields of ``sim.pipeline.facts.Job``, of the same run."""
    releases: pd.DataFrame
    """policy, release, weeks, studies and performance by cell, of the same run."""
    audits: pd.DataFrame
    """policy and the columns of ``sim.pipeline.records.Run.audits``, of the same run."""
    plans: pd.DataFrame
    """policy, year, region, item, stage, units, capex_usd, later_usd: every purchase."""
    optimisation: pd.DataFrame
    """policy, status, gap, predicted, value, best_rule, note: how every plan came about."""
    search: pd.DataFrame
    """How the plan was searched for; see ``sim.studies.search.Found``."""
    marginal_values: pd.DataFrame
    """See ``sim.studies.marginal.marginal_table``."""
    robustness_table: pd.DataFrame
    """The plan's comparisons under variants of the response; see ``Robustness``."""
    ai_quality: pd.DataFrame
    """How good AI is at last under the plan, and what that hangs on; see ``Quality.table``."""
    inputs: pd.DataFrame
    """name, value, low, high, unit, year, status, source, note: what the world is built from."""
    sample: pd.DataFrame
    """draw, parameter, topic, unknown, value: what differs from draw to draw, in every draw."""
    profile: dict[str, object]
    """What was measured, and how; see ``provenance.profile_facts``."""
    provenance: Provenance

    @property
    def policies(self) -> tuple[str, ...]:
        """Policies compared, in the scenario's order."""
        return tuple(map(str, self.optimisation["policy"]))

    @property
    def best_rule(self) -> str:
        """The simple rule that came furthest on search draws; empty where there was no race."""
        best = self.optimisation.loc[self.optimisation["best_rule"], "policy"]
        return "" if best.empty else str(best.iloc[0])

    @cached_property
    def by_draw(self) -> pd.DataFrame:
        """Every measure by policy and draw, over which intervals are taken."""
        return by_draw(self.outcomes, self.cells, self.scenario.equity)

    def compare(self, metric: str = "ede", *, baseline: str = "baseline") -> pd.DataFrame:
        """Return every policy's difference from a baseline; see ``comparison.compare``."""
        return comparison.compare(self.by_draw, metric, baseline=baseline)

    def marginal(self) -> pd.DataFrame:
        """Return equity per million dollars that additions bring, the largest first."""
        table = self.marginal_values
        return table[table["kind"] == "add"].reset_index(drop=True)

    def lead(self, against: str | None = None) -> pd.Series:
        """Return by draw how far the plan is ahead of another policy, by the objective.

        The series bears the name of that policy. Raises ``AnswerError`` where there is none.
        """
        metric = self.scenario.objective
        wide = self.by_draw[metric].unstack("policy")  # noqa: PD010
        plan = "plan" if "plan" in wide else self.policies[-1]
        others = [policy for policy in self.policies if policy != plan]
        if not others:
            raise AnswerError("a lead needs two policies: this study has one.")
        rival = against or (self.best_rule if self.best_rule in others else others[0])
        if rival not in others:
            raise AnswerError(
                f"no policy '{rival}' beside {plan}; there are {', '.join(others)}."
                f"{nearest(rival, others)}"
            )
        sign = -1.0 if OUTCOMES.called(metric).better == "lower" else 1.0
        return (sign * (wide[plan] - wide[rival])).rename(rival)

    def losses_per_musd(self) -> dict[tuple[str, str], float]:
        """Return what a million less of an item takes from equity, by region and item."""
        saved = self.marginal_values.query("kind == 'save'")
        keys = zip(saved["region"], saved["item"], strict=True)
        return dict(zip(keys, saved["ede_gain_per_musd"].astype(float), strict=True))

    def bettered(self) -> pd.DataFrame:
        """Return the exchanges within the budget that were tried at the plan, the best first.

        Columns of ``marginal_table`` and ``better``: whether the interval of the gain lies above
        ``WORTHWHILE`` of the plan's equity, so that the plan could have been bettered.
        """
        table = self.marginal_values
        tried = table[table["kind"] == "exchange"].sort_values("ede_gain", ascending=False)
        judged = "plan" if "plan" in self.policies else self.policies[0]
        value = float(self.by_draw["ede"].xs(judged, level="policy").mean())
        better = tried["gain_low"] > comparison.WORTHWHILE * value
        return tried.assign(better=better).reset_index(drop=True)

    def worse_off(self) -> pd.DataFrame:
        """Return who is covered less than if nothing were bought; see ``comparison.worse_off``."""
        return comparison.worse_off(self.cells, baseline="baseline")

    def values(self, metric: str = "ede") -> pd.DataFrame:
        """Return each policy's mean of a measure over draws: policy, value, low, high, draws."""
        return comparison.values_of(self.by_draw, metric)

    def yearly(self) -> pd.DataFrame:
        """Return equity by policy, draw and year: columns policy, draw, year, ede."""
        years = self.cells["year"].unique().tolist()
        rows = [
            (
                policy,
                draw,
                year,
                ede(replace(found, ec=found.ec[[y]], population=found.population[[y]])),
            )
            for (policy, draw), found in self.coverage.items()
            for y, year in enumerate(years)
        ]
        return pd.DataFrame(rows, columns=["policy", "draw", "year", "ede"])

    @cached_property
    def coverage(self) -> dict[tuple[str, int], Measured]:
        """Coverage of every cell, by policy and draw."""
        return measured_by_draw(self.cells, self.scenario.equity)

    def ranking_by_floor(self) -> pd.DataFrame:
        """Return the policies' equity at a tenth, once and ten times the floor.

        Columns floor, policy, ede (mean over draws) and rank (1 is best). A ranking that changes
        says that cells at the floor decide it.
        """
        tables = []
        for factor in FLOOR_FACTORS:
            floor = min(self.scenario.equity.floor * factor, 0.499)
            equity = self.scenario.equity.model_copy(update={"floor": floor})
            reached = pd.Series(
                {key: ede(replace(found, equity=equity)) for key, found in self.coverage.items()}
            )
            mean = reached.groupby(level=0, sort=False).mean()
            table = pd.DataFrame({"floor": floor, "policy": mean.index, "ede": mean.to_numpy()})
            tables.append(table.assign(rank=table["ede"].rank(ascending=False, method="min")))
        return pd.concat(tables, ignore_index=True)
