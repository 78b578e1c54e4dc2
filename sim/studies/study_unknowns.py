"""What the findings of a study hang on, and what it would be worth to know more."""

import math
from functools import cached_property

import pandas as pd

from sim.answers.failure import Failure
from sim.answers.sensitivity import METHODS
from sim.errors import AnswerError, nearest
from sim.studies import knowledge
from sim.studies.assumptions import OWN, Basis, bases_of, register_table
from sim.studies.measuring import measuring_table
from sim.studies.outcomes import OUTCOMES
from sim.studies.study_tables import StudyTables


class StudyUnknowns(StudyTables):
    """The tables of a study, and the questions about what differs from draw to draw."""

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
