"""Make the plans of a scenario, simulate them, compare them."""

import time
from collections.abc import Mapping, Sequence
from concurrent import futures
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial as bind

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.errors import PlanError, nearest
from sim.executors.executor import Executor, executor_of
from sim.pipeline.case import Case
from sim.pipeline.parts import Stations
from sim.pipeline.people import person_log, with_people
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many
from sim.pipeline.stations.order import STATIONS
from sim.planning.moves import Purse
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import PolicyRule
from sim.scenario.schema import Scenario
from sim.studies.ai_quality import Quality, quality_under
from sim.studies.assembly import Gathered, marginal_values
from sim.studies.batch import Design, run_task, starts_of, tasks_of
from sim.studies.comparison import Comparison, compare, reached_by_budget, values_of
from sim.studies.execution import Progress
from sim.studies.experiment import Trial, Variant
from sim.studies.marginal import added, changes_of
from sim.studies.measured_response import response_table
from sim.studies.outcomes import by_draw_of
from sim.studies.plan_making import OPTIMISED, How, candidate_from
from sim.studies.plans import Candidate
from sim.studies.sample import Sample, parameter_sample


@dataclass(frozen=True, slots=True)
class StudyPlans:
    """One scenario with its tables and its measured profile."""

    scenario: Scenario
    stations: Stations = field(default_factory=lambda: STATIONS, repr=False)
    workers: int | None = 1
    cluster: str | None = None
    executor: futures.Executor | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        scenario, world = self.scenario, self.world()
        horizon, uncertainty = scenario.horizon, scenario.uncertainty
        regions, modalities, groups = world.shape
        return (
            f"Study of '{scenario.title}': {regions} regions, {modalities} modalities, "
            f"{groups} groups; {horizon.score_years} years from {horizon.start_year}, "
            f"USD {scenario.budget_usd_per_year:,.0f} a year; policies "
            f"{', '.join(scenario.policies)}; {uncertainty.draws} draws"
        )

    def sample(self, draw: int | None = None) -> Sample:
        """Return the world and the response of one draw; of central values when None."""
        return parameter_sample(self.scenario, draw, "search" if draw is None else "judge")

    def world(self, draw: int | None = None) -> World:
        """Return the world of one draw; of central values when None."""
        return self.sample(draw).world

    def respond(
        self, own: Sequence[float] | float, other: Sequence[float] | float = 0.0
    ) -> pd.DataFrame:
        """Return the measured response: how good a network is after training on so many studies.

        Parameters
        ----------
        own, other : effective labelled studies of one's own and of other places.

        Returns
        -------
        own, other (studies), sensitivity with low and high (95% of ``RESPONSES`` draws) and
        specificity (shares); units in ``attrs["units"]``.
        """
        return response_table(self.scenario, own, other)

    def plan(self, how: How = OPTIMISED) -> Plan:
        """Return a plan; see ``How``.

        Raises
        ------
        RegistryError
            For a rule that there is not.
        PlanError
            For a region, an item or a year that there is not, or where no plan was found.
        """
        return self._candidate(how).plan

    def simulate(
        self,
        plan: How,
        *,
        draw: int | None = None,
        replication: int = 0,
        variant: Variant = "measured",
    ) -> Run:
        """Return what happens under a plan in one draw (None: central values) and replication."""
        sample, design = self.sample(draw), self._design
        start = starts_of(design, [sample], [replication])[0]
        case = Case(start, self.plan(plan), sample.respond(variant))
        return simulate_many([case], scenario=self.scenario, stations=self.stations)[0]

    def people(
        self,
        plan: How,
        *,
        draw: int | None = None,
        replication: int = 0,
        regions: Sequence[str] = (),
        modalities: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Return each person of ``simulate``: who came, was examined and was read when.

        Parameters
        ----------
        regions, modalities : whose people; of all when not given. See ``person_log``.
        """
        made = self.plan(plan)
        scenario, stations = with_people(self.scenario, self.stations)
        run = replace(self, scenario=scenario, stations=stations).simulate(
            made, draw=draw, replication=replication
        )
        return person_log(
            run,
            seed=scenario.uncertainty.seed,
            replication=replication,
            regions=regions,
            modalities=modalities,
        )

    def quality(self, plan: How = OPTIMISED) -> Quality:
        """Return how good AI is at last under a plan, and which parameters that hangs on.

        Raises ``PlanError`` where nothing is trained under the plan.
        """
        if (found := quality_under(self.plan(plan), self._design)) is None:
            raise PlanError("no AI is trained under this plan.")
        return found

    def compare(
        self,
        plans: Mapping[str, How] | Sequence[str],
        *,
        draws: int | None = None,
        replications: int | None = None,
        baseline: str | None = None,
        metric: str | None = None,
        progress: Progress | None = None,
    ) -> Comparison:
        """Return how plans compare with one of them, paired draw by draw.

        Parameters
        ----------
        plans : what is compared, by name; or names of rules.
        draws, replications : the scenario's when not given.
        baseline : what the others are compared with; the last when not given.
        metric : name of a measure in ``sim.studies.outcomes.OUTCOMES``; the scenario's objective
            when not given.
        """
        named = plans if isinstance(plans, Mapping) else {name: name for name in plans}
        made = {name: self.plan(how) for name, how in named.items()}
        scenario = self._with(draws=draws, replications=replications)
        count = scenario.uncertainty.replications
        trials = [Trial(name, p, replications=count, in_full=True) for name, p in made.items()]
        gathered = self._simulated(scenario, trials, progress)
        table = by_draw_of(gathered.totals, gathered.people, scenario.equity)
        reference = baseline or list(made)[-1]
        if reference not in made:
            raise PlanError(
                f"'{reference}' is not among the plans: {', '.join(made)}."
                f"{nearest(reference, made)}"
            )
        metric = metric or scenario.objective
        return Comparison(
            metric, values_of(table, metric), compare(table, metric, baseline=reference), table
        )

    def marginal(
        self, plan: How = OPTIMISED, *, draws: int | None = None, progress: Progress | None = None
    ) -> pd.DataFrame:
        """Return where the next dollar raises equity most; see ``marginal.marginal_table``."""
        scenario, found = self._with(draws=draws), self._candidate(plan)
        tried = changes_of(Purse(self.world(), scenario), found)
        base = Trial(found.plan.name, found.plan)
        gathered = self._simulated(scenario, [base, *added(tried, found.plan)], progress)
        return marginal_values(gathered, tried, base=base.name)

    def by_budget(
        self,
        budget: Sequence[float],
        *,
        plan: str | PolicyRule = OPTIMISED,
        draws: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return what plans of several yearly budgets reach, each simulated.

        Parameters
        ----------
        budget : US dollars a year.
        plan : how each is planned: the optimised one, or a rule.

        Returns
        -------
        budget_usd_per_year, then ede, mean_ec, worst_ec, spend_usd and emissions_t_co2e with their
        95% intervals, ``<measure>_low`` and ``<measure>_high``; units in ``attrs["units"]``.
        """
        made = {}
        for amount in budget:
            changed = self.scenario.model_copy(update={"budget_usd_per_year": float(amount)})
            made[f"USD {amount:,.0f}"] = replace(self, scenario=changed).plan(plan)
        found = self.compare(made, draws=draws, progress=progress)
        return reached_by_budget(budget, found.by_draw)

    def _workers(self) -> AbstractContextManager[Executor]:
        elsewhere = self.cluster is not None or self.executor is not None
        # 1 is what stands there when nothing was asked for: no limit to the workers of others
        workers = None if elsewhere and self.workers == 1 else self.workers
        return executor_of(workers=workers, cluster=self.cluster, given=self.executor)

    @property
    def _design(self) -> Design:
        objective = OBJECTIVES.called(self.scenario.objective)
        return Design(self.scenario, parameter_sample, self.stations, objective)

    def _with(self, *, draws: int | None = None, replications: int | None = None) -> Scenario:
        uncertainty = self.scenario.uncertainty
        changed = uncertainty.model_copy(
            update={
                "draws": draws or uncertainty.draws,
                "replications": replications or uncertainty.replications,
            }
        )
        return self.scenario.model_copy(update={"uncertainty": changed})

    def _candidate(self, how: How) -> Candidate:
        return candidate_from(how, self._design, self._workers)

    def _simulated(
        self, scenario: Scenario, trials: Sequence[Trial], progress: Progress | None
    ) -> Gathered:
        """Simulate trials in every draw of the scenario."""
        quiet = replace(self._design, scenario=scenario)
        world = self.world()
        gathered = Gathered(scenario, world.regions)
        tasks = tasks_of(
            trials, {}, draws=range(scenario.uncertainty.draws), cells=int(np.prod(world.shape))
        )
        total, done = sum(len(task.runs) for task in tasks.values()), 0
        begun = time.monotonic()
        with self._workers() as executor:
            for name, kept in executor.run(bind(run_task, quiet), tasks):
                gathered.add(kept)
                done += len(tasks[name].runs)
                if progress is not None:
                    left_s = (time.monotonic() - begun) / done * (total - done)
                    progress("simulating plans", done, total, left_s)
        return gathered
