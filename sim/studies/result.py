"""The result of a finished study: its tables, and methods that answer questions."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sim.answers.failure import Failure
from sim.answers.intervals import FEWEST_DRAWS, interval_words
from sim.answers.sensitivity import METHODS
from sim.equity.coverage import Measured, ede
from sim.errors import AnswerError, nearest
from sim.pipeline.parts import recorded, station_names
from sim.scenario.files import read_scenario
from sim.scenario.schema import Scenario
from sim.studies import comparison, knowledge
from sim.studies.assumptions import OWN, Basis, bases_of, register_table
from sim.studies.manifest import PROFILE, PROVENANCE, SCENARIO, TABLES, Finished
from sim.studies.measuring import measuring_table
from sim.studies.outcomes import (
    OUTCOMES,
    by_draw,
    measured_by_draw,
)
from sim.studies.provenance import Provenance
from sim.studies.robustness import Robustness, robustness_of
from sim.studies.store import station_table

FLOOR_FACTORS = (0.1, 1.0, 10.0)
"""Multiples of the equity floor at which the ranking of the policies is rerun."""


@dataclass(frozen=True)
class StudyResult:
    """All experiments of one scenario, as tables; every table names its columns and units.

    Equal scenarios, code and seeds give equal tables, byte by byte, on any number of workers.
    """

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
        """The simple rule that did best on search draws; empty where none was simulated there."""
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

    @cached_property
    def unknowns(self) -> knowledge.Unknowns:
        """What differs from draw to draw."""
        return knowledge.Unknowns.of(self.sample)

    def value_of_information(self, further: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return what knowing more before choosing a plan would be worth, by what is known.

        In the unit of the objective, and in the dollars for which as much could be bought; see
        ``knowledge.information_table``.

        Parameters
        ----------
        further : plans that could be chosen besides the policies: plan, draw and value (the
            objective), as in ``StageValue.by_draw``. Only draws that both have count.
        """
        reached = self._reached(further)
        unknowns = self.unknowns.in_draws(reached.index.unique("draw"))
        return knowledge.information_table(
            reached, unknowns, usd_per_unit=self.usd_per_point() * 100.0
        )

    def value_of_measuring(
        self,
        parameter: str,
        *,
        people: int | None = None,
        error: float | None = None,
        further: pd.DataFrame | None = None,
    ) -> dict[str, float]:
        """Return what measuring a parameter before choosing a plan would be worth.

        Parameters
        ----------
        parameter : what is measured, as ``sample`` spells it.
        people, error : see ``knowledge.measurement``.
        further : as in ``value_of_information``.

        Returns
        -------
        value with low and high (the objective's unit), ``usd`` for which as much could be bought
        (NaN where not known), share (of the value of knowing everything) and draws.
        """
        if parameter not in (known := list(self.sample["parameter"].unique())):
            raise AnswerError(
                f"no '{parameter}' differs from draw to draw.{nearest(parameter, known)}"
            )
        reached = self._reached(further)
        rows = self.sample[self.sample["parameter"] == parameter].set_index("draw")["value"]
        true = rows.loc[list(reached.index.unique("draw"))].rename(parameter)
        seed = self.scenario.uncertainty.seed
        found = knowledge.measurement(reached, true, people=people, error=error, seed=seed)
        return found | {"usd": found["value"] * self.usd_per_point() * 100.0}

    def measurements(self, further: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return what measurements would be worth before choosing; see ``measuring_table``.

        Parameters
        ----------
        further : as in ``value_of_information``.
        """
        reached = self._reached(further)
        countries = self.inputs["name"].str.split(".").str[0]
        return measuring_table(
            reached,
            self.unknowns.in_draws(reached.index.unique("draw")),
            places=set(self.cells["region"]) | set(countries[countries.str.fullmatch("[A-Z]{3}")]),
            profile_runs=int(str(self.profile["runs"])),
            usd_per_unit=self.usd_per_point() * 100.0,
            seed=self.scenario.uncertainty.seed,
        )

    def regret(self, further: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return how far every policy is behind the best of each draw; see ``regret_table``.

        Parameters
        ----------
        further : plans beside the policies, as in ``value_of_information``.
        """
        return knowledge.regret_table(self._reached(further))

    def _reached(self, further: pd.DataFrame | None) -> pd.DataFrame:
        """Return the objective, more is better: draws and replications are rows, plans columns."""
        sign = -1.0 if OUTCOMES.called(self.scenario.objective).better == "lower" else 1.0
        keys = ["draw", "replication", "policy"]
        reached = sign * self.outcomes.set_index(keys)[self.scenario.objective]
        wide = reached.unstack("policy")[list(self.policies)]  # noqa: PD010
        if further is None:
            return wide
        # by draw as the further plans are, and a policy that is among them counts once
        wide = sign * self.by_draw[self.scenario.objective].unstack("policy")[list(self.policies)]  # noqa: PD010
        others = further[~further["plan"].isin(self.policies)]
        more = sign * others.pivot_table(index="draw", columns="plan", values="value")
        wide = wide.join(more, how="inner")
        return pd.concat({0: wide}, names=["replication"]).swaplevel()

    def usd_per_point(self) -> float:
        """Return what a hundredth of the objective costs, US dollars: NaN where that is not known.

        Of the best addition to the plan, where its interval lies above 0 and the objective is the
        EDE; else on average what the best policy spends for each that it gains on buying nothing.
        """
        table, metric = self.marginal(), self.scenario.objective
        if metric == "ede" and len(table) and table["low"].iloc[0] > 0.0:
            return 1e6 / (100.0 * float(table["ede_gain_per_musd"].iloc[0]))
        if "baseline" not in self.policies:
            return math.nan
        means = self.by_draw[[metric, "spend_usd"]].groupby(level="policy").mean()
        gain, spend = (means[name] - float(means[name]["baseline"]) for name in means)
        best = str(gain.idxmax())
        return float(spend[best] / gain[best] / 100.0) if gain[best] > 0.0 else math.nan

    def drivers(self, method: str = "variance", *, against: str | None = None) -> pd.DataFrame:
        """Return what the plan's lead over another policy hangs on, the most important first.

        Parameters
        ----------
        method : ``variance``, or one of ``sim.answers.sensitivity.METHODS``; see
            ``knowledge.driver_table`` and ``given_data``.
        against : the best simple rule when not given, or what else there is.
        """
        if method not in (known := ("variance", *METHODS)):
            raise AnswerError(
                f"no method '{method}'; there are {', '.join(known)}.{nearest(method, known)}"
            )
        lead, seed = self.lead(against), self.scenario.uncertainty.seed
        if method == "variance":
            return knowledge.driver_table(lead, self.unknowns, seed=seed)
        return knowledge.indices(lead, self.unknowns, method=method, seed=seed)

    def assumptions(self) -> pd.DataFrame:
        """Return what the plan's gain on buying nothing rests on; see ``register_table``.

        Against what else there is where buying nothing was not simulated.
        """
        given = self.scenario.response.level
        level = Basis(given.status, OWN, given.source)
        bases = bases_of(
            self.sample, self.inputs, places=set(self.cells["region"].unique()), level=level
        )
        gain = self.lead("baseline" if "baseline" in self.policies else None)
        seed = self.scenario.uncertainty.seed
        return register_table(gain, self.unknowns, bases, seed=seed)

    def fails_when(self, *, against: str | None = None) -> Failure:
        """Return in which draws the plan does worse than another policy; see ``failure``."""
        return knowledge.failing(
            self.lead(against), self.unknowns, seed=self.scenario.uncertainty.seed
        )

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

    @cached_property
    def robustness(self) -> Robustness:
        """Whether the plan's comparisons survive other readings of the measured response."""
        return robustness_of(self.robustness_table, self.comparisons())

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

    def comparisons(self) -> pd.DataFrame:
        """Return the objective of all policies against doing nothing, of the plan against rules.

        Verdicts hold for all of them together; see ``comparison.together``.
        """
        return self._comparisons.copy()

    @cached_property
    def _comparisons(self) -> pd.DataFrame:
        pairs = [
            self.compare(self.scenario.objective, baseline=other).query("policy == @policy")
            for policy, other in self._pairs()
        ]
        columns = ["policy", "baseline", "verdict"]
        if not pairs:
            return pd.DataFrame(columns=columns)
        return comparison.together(pd.concat(pairs, ignore_index=True))

    def verdicts(self) -> list[str]:
        """Return what the study found, in plain words with numbers, intervals and sample sizes."""
        replications = self.scenario.uncertainty.replications
        found = [
            comparison.sentence(row, replications=replications)
            for _, row in self.comparisons().iterrows()
        ]
        cautions = [*self.robustness.warnings, *self._floor_sentences()]
        return [*found, *self._worse_off_sentences(), *self._marginal_sentences(), *cautions]

    def summary(self) -> dict[str, object]:
        """Return the headline numbers with intervals and verdicts, as plain values for JSON."""
        uncertainty = self.scenario.uncertainty
        return {
            "title": self.scenario.title,
            "question": self.scenario.question,
            "draws": uncertainty.draws,
            "replications": uncertainty.replications,
            "seed": uncertainty.seed,
            "objective": self.scenario.objective,
            "ede": _records(self.values("ede")),
            "mean_ec": _records(self.values("mean_ec")),
            "worst_ec": _records(self.values("worst_ec")),
            "spend_usd": _records(self.values("spend_usd")),
            "emissions_t_co2e": _records(self.values("emissions_t_co2e")),
            "comparisons": _records(self.comparisons()),
            "worse_off": _records(self.worse_off()),
            "marginal": _records(self.marginal().head(10)),
            "optimisation": _records(self.optimisation),
            "robustness": _records(self.robustness_table),
            "ai_quality": _records(self.ai_quality),
            "ranking_by_floor": _records(self.ranking_by_floor()),
            "verdicts": self.verdicts(),
        }

    def _pairs(self) -> Iterator[tuple[str, str]]:
        others = [policy for policy in self.policies if policy != "baseline"]
        if "baseline" in self.policies:
            yield from ((policy, "baseline") for policy in others)
        if "plan" in others:
            rules = sorted((one for one in others if one != "plan"), key=self._after_the_best)
            yield from (("plan", rule) for rule in rules)

    def _after_the_best(self, rule: str) -> bool:
        return rule != self.best_rule

    def _worse_off_sentences(self) -> Iterator[str]:
        table = self.worse_off().query("policy == 'plan'")
        if table.empty:
            return
        first = table.iloc[0]
        yield (
            f"Under the plan {len(table)} of {self.cells.groupby(['region', 'group']).ngroups} "
            f"cells are covered less than with nothing bought in some draw; most often "
            f"{first['region']}, {first['group']}: in {first['worse']} of {first['draws']} draws, "
            f"by {first['mean_loss']:.3g} of need on average in these."
        )

    def _marginal_sentences(self) -> Iterator[str]:
        table = self.marginal()
        if table.empty:
            return
        top = table.iloc[0]
        rivals = int((table["high"].iloc[1:] >= top["low"]).sum())
        tried = "possible" if top["chosen"] == "all" else "screened"
        draws, gain = int(top["draws"]), top["ede_gain_per_musd"]
        above = f"above 0 in {round(top['p_positive'] * draws)} of {draws} draws"
        reach = f" The intervals of {rivals} others reach it." if draws >= FEWEST_DRAWS else ""
        yield (
            f"Among {len(table)} {tried} additions, money for {top['item']} ({top['stage']}) in "
            f"{top['region']} raised equity most: {gain:+z.3g} per million US dollars "
            f"({interval_words(top['low'], top['high'])}; {above}).{reach}"
        )

    def _floor_sentences(self) -> Iterator[str]:
        table = self.ranking_by_floor()
        ranks = table.pivot_table(index="policy", columns="floor", values="rank")
        if ranks.max(axis=1).gt(ranks.min(axis=1)).any():
            low, high = ranks.columns.min(), ranks.columns.max()
            yield (
                f"The ranking of the policies changes when the floor of coverage moves between "
                f"{low:g} and {high:g}: cells at the floor decide it."
            )


def load(folder: Path | str) -> StudyResult:
    """Return a finished study from its run folder.

    Raises
    ------
    RunFolderError
        Where the folder holds none, or a file is not as the run wrote it.
    """
    found = Finished.at(folder)
    origin = Provenance.read(found.json(PROVENANCE))
    scenario = read_scenario(found.path(SCENARIO), resolved=True)
    series = map(station_table, recorded(scenario.weekly, station_names(origin.stations)))
    tables = {name: found.table(name) for name in (*TABLES, *series)}
    return of_tables(scenario, tables, found.json(PROFILE), origin)


def of_tables(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    profile: dict[str, object],
    provenance: Provenance,
) -> StudyResult:
    """Return the result that holds the tables of a run folder, by their file names."""
    renamed = {"plan": "plans", "marginal": "marginal_values", "robustness": "robustness_table"}
    fields = {renamed.get(name, name): tables[name] for name in TABLES}
    series = recorded(scenario.weekly, station_names(provenance.stations))
    stations = {name: tables[station_table(name)] for name in series}
    return StudyResult(
        scenario=scenario, profile=profile, provenance=provenance, stations=stations, **fields
    )


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows as plain values, with None for what is not known."""
    rows = table.to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> object:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
