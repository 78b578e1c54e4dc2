"""What may be asked of a scenario: trade-offs, other plans, what a gain rests on, what is sure."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from sim.domain.plan import Plan
from sim.studies.alternatives import RUNS as NEAR_RUNS
from sim.studies.alternatives import Alternatives, alternatives
from sim.studies.answering import Answering, silent
from sim.studies.attribution import Attribution, attribution
from sim.studies.batch import Design
from sim.studies.certificate import Certificate, certificate
from sim.studies.claim_evidence import Evidence
from sim.studies.claims import claims_table
from sim.studies.execution import Progress
from sim.studies.frontier import RUNS as POINT_RUNS
from sim.studies.frontier import Frontier, frontier
from sim.studies.plan_making import OPTIMISED, How
from sim.studies.recommendation import Recommendation, recommendation
from sim.studies.ring_fence import RUNS as RING_RUNS
from sim.studies.ring_fence import TOP as RING_FENCED
from sim.studies.ring_fence import RingFence, ring_fence
from sim.studies.sobol import Sobol, sobol
from sim.studies.stage_value import RUNS, SEARCHES, StageValue, stage_value
from sim.studies.study_plans import StudyPlans
from sim.studies.sweep import AI_SHARES, AVERSIONS, BUDGETS, SWEEP_RUNS, Sweep, points_of, sweep


class StudyQuestions(StudyPlans):
    """One scenario, and the questions that many runs of it answer."""

    __slots__ = ()

    def frontier(
        self,
        plan: How = OPTIMISED,
        *,
        beside: Sequence[str] = (),
        draws: int | None = None,
        runs: int = POINT_RUNS,
        progress: Progress | None = None,
    ) -> Frontier:
        """Return what the objective costs in other outcomes; see ``sim.studies.frontier``.

        Parameters
        ----------
        plan : from which searches begin, and between which and the best that is found points lie.
        beside : rules that are points too.
        runs : of the search for each point.
        """
        plans = self._beside([plan, *beside])
        with self._asking(draws, progress) as (design, answering):
            return frontier(design, answering, plans, runs=runs)

    def alternatives(
        self,
        plan: How = OPTIMISED,
        *,
        beside: Sequence[str] = (),
        draws: int | None = None,
        runs: int = NEAR_RUNS,
        progress: Progress | None = None,
    ) -> Alternatives:
        """Return other plans that are nearly as good; see ``sim.studies.alternatives``.

        Parameters
        ----------
        plan : what they are other than.
        beside : rules from which the search may begin.
        runs : of the search within each part of the plan's objective.
        """
        plans = self._beside([plan, *beside])
        with self._asking(draws, progress) as (design, answering):
            return alternatives(design, answering, plans, runs=runs)

    def ring_fence(
        self,
        plan: How = OPTIMISED,
        *,
        draws: int | None = None,
        top: int = RING_FENCED,
        runs: int = RING_RUNS,
        progress: Progress | None = None,
    ) -> RingFence:
        """Return what more money is worth, the plan made anew; see ``sim.studies.ring_fence``.

        Parameters
        ----------
        top : regions, and stages, that the money is kept for: those of the best single additions.
        runs : of the search for each plan.
        """
        made, marginal = self.plan(plan), self.marginal(plan, draws=draws)
        with self._asking(draws, progress) as (design, answering):
            return ring_fence(design, answering, made, marginal, top=top, runs=runs)

    def sobol(
        self,
        plan: How = OPTIMISED,
        *,
        against: How = "baseline",
        points: int = 64,
        progress: Progress | None = None,
    ) -> Sobol:
        """Return what share of the variance of a plan's lead every topic makes; see ``sobol``.

        Parameters
        ----------
        against : what it leads.
        points : of the Sobol sequence, a power of two; as many times topics + 2 are simulated.
        """
        made, rival = self.plan(plan), self.plan(against)
        with self._asking(None, progress) as (design, answering):
            return sobol(design, answering, made, rival, points=points)

    def gain(
        self, plan: How = OPTIMISED, *, draws: int | None = None, progress: Progress | None = None
    ) -> Attribution:
        """Return which purchases the gain of a plan comes from, and whose it is."""
        made = self.plan(plan)
        with self._asking(draws, progress) as (design, answering):
            return attribution(design, answering, made)

    def certificate(
        self,
        plan: How = OPTIMISED,
        *,
        beside: Sequence[str] = (),
        draws: int | None = None,
        progress: Progress | None = None,
    ) -> Certificate:
        """Return how stable the top additions to a plan, and the best policy, are.

        Parameters
        ----------
        beside : rules that it is compared with, besides buying nothing.
        """
        made = self._beside([plan, *beside])
        marginal = self.marginal(made["plan"], draws=draws).query("kind == 'add'")
        with self._asking(draws, progress) as (design, answering):
            return certificate(design, answering, made, marginal)

    def stage_value(
        self,
        *known: How,
        draws: int | None = None,
        searches: int = SEARCHES,
        runs: int = RUNS,
        progress: Progress | None = None,
    ) -> StageValue:
        """Return what every stage is worth at the scenario's budget; see ``stage_value``.

        Parameters
        ----------
        known : plans that are there already, such as the one that was found.
        draws : on which the plans of coalitions are judged; the scenario's when not given.
        searches, runs : coalitions of stages whose plan is searched for, and runs of each search.
        """
        plans = [self.plan(one) for one in known]
        with self._asking(draws, progress) as (design, answering):
            return stage_value(design, answering, known=plans, searches=searches, runs=runs)

    def recommendation(
        self, value: StageValue, *, progress: Progress | None = None
    ) -> Recommendation:
        """Return what every stage needs and brings, beside the review's ratings.

        Parameters
        ----------
        value : what ``stage_value`` returned, of this study.
        """
        with self._asking(None, progress) as (design, answering):
            return recommendation(design, answering, value)

    def claims(self, value: StageValue, *, progress: Progress | None = None) -> pd.DataFrame:
        """Return the testable claims of the review with their verdicts; see ``claims_table``.

        Parameters
        ----------
        value : what ``stage_value`` returned, of this study with as many draws.
        """
        draws = len(value.reached()[0])
        with self._asking(draws, progress) as (design, answering):
            return claims_table(Evidence(design, answering, value))

    def sweep(
        self,
        *,
        budgets: Sequence[float] = BUDGETS,
        aversions: Sequence[float] = AVERSIONS,
        ai_shares: Sequence[float] = AI_SHARES,
        runs: int = SWEEP_RUNS,
        draws: int | None = None,
        progress: Progress | None = None,
    ) -> Sweep:
        """Return what plans for other budgets, aversions and shares of AI would bring.

        Parameters
        ----------
        budgets : times the scenario's.
        aversions : to inequality, besides the scenario's.
        ai_shares : largest share of spending for what serves AI only; 1 is no limit.
        runs : of each search.
        draws : on which plans are judged; the scenario's when not given.
        """
        points = points_of(
            self.scenario, budgets=budgets, aversions=aversions, ai_shares=ai_shares, runs=runs
        )
        with self._asking(draws, progress) as (design, answering):
            return sweep(design, answering, points)

    @contextmanager
    def _asking(
        self, draws: int | None, progress: Progress | None
    ) -> Iterator[tuple[Design, Answering]]:
        design = replace(self._design, scenario=self._with(draws=draws))
        with self._workers() as executor:
            yield design, Answering(executor, progress=progress or silent)

    def _beside(self, plans: Sequence[How]) -> dict[str, Plan]:
        """Return buying nothing, the first as ``plan``, and others by their own names."""
        first, *others = map(self.plan, plans)
        blank = self.plan("baseline")
        return {"baseline": blank, "plan": replace(first, name="plan")} | {
            one.name: one for one in others
        }
