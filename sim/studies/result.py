"""The result of a finished study: what it found, in words and numbers, and its run folder."""

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sim.answers.intervals import FEWEST_DRAWS, interval_words
from sim.pipeline.parts import recorded, station_names
from sim.scenario.files import read_scenario
from sim.scenario.schema import Scenario
from sim.studies import comparison
from sim.studies.manifest import PROFILE, PROVENANCE, SCENARIO, TABLES, Finished
from sim.studies.provenance import Provenance
from sim.studies.robustness import Robustness, robustness_of
from sim.studies.store import station_table
from sim.studies.study_unknowns import StudyUnknowns


class StudyResult(StudyUnknowns):
    """All experiments of one scenario, as tables; every table names its columns and units.

    Equal scenarios, code and seeds give equal tables, byte by byte, on any number of workers.
    """

    @cached_property
    def robustness(self) -> Robustness:
        """Whether the plan's comparisons survive other readings of the measured response."""
        return robustness_of(self.robustness_table, self.comparisons())

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
