"""Studies from Python: make plans, simulate them, compare them.

    study = sim.study("scenarios/east_africa.yaml")
    plan = study.plan("by_need")
    study.simulate(plan, draw=0)
    study.compare({"ours": plan, "nothing": "baseline"}, draws=20)

Nothing is simulated before it is asked for. Rules by name, functions, ``Plan`` objects and tables
of purchases all enter alike.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial as bind
from pathlib import Path

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import PlanError, nearest
from sim.executors.executor import Executor, executor_of
from sim.learning.response import load_profile
from sim.pipeline.case import Case
from sim.pipeline.parts import Stations
from sim.pipeline.people import person_log, with_people
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many
from sim.pipeline.stations.order import STATIONS
from sim.planning.moves import Purse
from sim.planning.objectives import OBJECTIVES
from sim.planning.rules import PLAN, RULES, SEARCHED, PolicyRule, Rule, baseline
from sim.scenario.schema import Scenario
from sim.studies.ai_quality import Quality, quality_under
from sim.studies.alternatives import RUNS as NEAR_RUNS
from sim.studies.alternatives import Alternatives, alternatives
from sim.studies.answering import Answering, silent
from sim.studies.assembly import Gathered, marginal_values
from sim.studies.attribution import Attribution, attribution
from sim.studies.batch import Design, run_task, starts_of, tasks_of
from sim.studies.certificate import Certificate, certificate
from sim.studies.claim_evidence import Evidence
from sim.studies.claims import claims_table
from sim.studies.comparison import Comparison, compare, values_of
from sim.studies.execution import Progress, execute, execute_part
from sim.studies.experiment import Trial, Variant
from sim.studies.frontier import RUNS as POINT_RUNS
from sim.studies.frontier import Frontier, frontier
from sim.studies.lots import Lot, simulated
from sim.studies.marginal import added, changes_of
from sim.studies.names import load_scenario
from sim.studies.outcomes import OUTCOMES, by_draw_of
from sim.studies.plan_search import find_plan, proposed
from sim.studies.plans import Candidate
from sim.studies.proposals import Hedge
from sim.studies.recommendation import Recommendation, recommendation
from sim.studies.result import StudyResult
from sim.studies.ring_fence import RUNS as RING_RUNS
from sim.studies.ring_fence import TOP as RING_FENCED
from sim.studies.ring_fence import RingFence, ring_fence
from sim.studies.sample import Sample, parameter_sample, response_of
from sim.studies.sobol import Sobol, sobol
from sim.studies.stage_value import RUNS, SEARCHES, StageValue, stage_value
from sim.studies.store import Part
from sim.studies.sweep import (
    AI_SHARES,
    AVERSIONS,
    BUDGETS,
    SWEEP_RUNS,
    Sweep,
    points_of,
    sweep,
)
from sim.studies.workload import Workload, timed_workload

How = str | Plan | PolicyRule | pd.DataFrame
"""What a plan is made of: the name of a rule or ``optimised``; a function of world and scenario; a
plan; or a table of purchases with the columns region, item, units and, where not the first,
year."""
OPTIMISED = "optimised"
RESPONSES = 200
"""Draws of the response behind an interval of sensitivity."""


def study(
    scenario: Scenario | str | Path,
    *,
    overrides: Sequence[str] = (),
    allow_outside: bool = False,
    stations: Stations = STATIONS,
    workers: int | None = 1,
    cluster: str | None = None,
    executor: futures.Executor | None = None,
) -> "Study":
    """Return the study of a scenario, or of a scenario file.

    Parameters
    ----------
    overrides : changes such as ``budget_usd_per_year=5e6`` to what a file says.
    allow_outside : whether a profile's folder, and a CSV file of numbers, may lie outside that of
        the file.
    stations : classes of stations and control processes of one's own, see ``with_stations``.
    workers, cluster, executor : who does what takes many runs, see ``executor_of``: this process
        alone, unless it is said otherwise.

    Raises
    ------
    ScenarioError
        Where the file cannot be used; every problem is named.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(
            scenario, overrides=overrides, allow_outside=allow_outside, stations=stations
        )
    return Study(scenario, stations, workers, cluster, executor)


@dataclass(frozen=True, slots=True)
class Study:
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
        mine, theirs = np.broadcast_arrays(np.atleast_1d(own), np.atleast_1d(other))
        profile = load_profile(self.scenario.profile)
        laws = [
            response_of(self.scenario, profile, draw=draw, purpose="judge")
            for draw in (None, *range(RESPONSES))
        ]
        found = [1.0 - law.error(mine, theirs) for law in laws]
        low, high = np.quantile(found[1:], [0.025, 0.975], axis=0)
        table = pd.DataFrame(
            {
                "own": mine,
                "other": theirs,
                "sensitivity": found[0],
                "low": low,
                "high": high,
                "specificity": profile.specificity,
            }
        )
        studies, shares = ("own", "other"), ("sensitivity", "low", "high", "specificity")
        units = dict.fromkeys(studies, "studies") | dict.fromkeys(shares, "share")
        table.attrs["units"] = units
        return table

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
        metrics = ("ede", "mean_ec", "worst_ec", "spend_usd", "emissions_t_co2e")
        found = self.compare(made, draws=draws, progress=progress)
        table = pd.DataFrame({"budget_usd_per_year": list(map(float, budget))})
        for metric in metrics:
            values = values_of(found.by_draw, metric)
            table[metric], table[f"{metric}_low"] = values["value"], values["low"]
            table[f"{metric}_high"] = values["high"]
        units = {metric: OUTCOMES[metric].unit for metric in metrics}
        table.attrs["units"] = {
            name: units.get(name.removesuffix("_low").removesuffix("_high"), "US dollars")
            for name in table.columns
        }
        return table

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
        design, plans = replace(self._design, scenario=self._with(draws=draws)), [plan, *beside]
        with self._answering(progress) as answering:
            return frontier(design, answering, self._beside(plans), runs=runs)

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
        design, plans = replace(self._design, scenario=self._with(draws=draws)), [plan, *beside]
        with self._answering(progress) as answering:
            return alternatives(design, answering, self._beside(plans), runs=runs)

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
        design = replace(self._design, scenario=self._with(draws=draws))
        with self._answering(progress) as answering:
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
        with self._answering(progress) as answering:
            return sobol(self._design, answering, made, rival, points=points)

    def gain(
        self, plan: How = OPTIMISED, *, draws: int | None = None, progress: Progress | None = None
    ) -> Attribution:
        """Return which purchases the gain of a plan comes from, and whose it is."""
        design = replace(self._design, scenario=self._with(draws=draws))
        made = self.plan(plan)
        with self._answering(progress) as answering:
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
        design, plans = replace(self._design, scenario=self._with(draws=draws)), [plan, *beside]
        made = self._beside(plans)
        marginal = self.marginal(made["plan"], draws=draws).query("kind == 'add'")
        with self._answering(progress) as answering:
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
        design = replace(self._design, scenario=self._with(draws=draws))
        with self._answering(progress) as answering:
            plans = [self.plan(one) for one in known]
            return stage_value(design, answering, known=plans, searches=searches, runs=runs)

    def recommendation(
        self, value: StageValue, *, progress: Progress | None = None
    ) -> Recommendation:
        """Return what every stage needs and brings, beside the review's ratings.

        Parameters
        ----------
        value : what ``stage_value`` returned, of this study.
        """
        with self._answering(progress) as answering:
            return recommendation(self._design, answering, value)

    def claims(self, value: StageValue, *, progress: Progress | None = None) -> pd.DataFrame:
        """Return the testable claims of the review with their verdicts; see ``claims_table``.

        Parameters
        ----------
        value : what ``stage_value`` returned, of this study with as many draws.
        """
        design = replace(self._design, scenario=self._with(draws=len(value.reached()[0])))
        with self._answering(progress) as answering:
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
        design = replace(self._design, scenario=self._with(draws=draws))
        points = points_of(
            self.scenario, budgets=budgets, aversions=aversions, ai_shares=ai_shares, runs=runs
        )
        with self._workers() as executor:
            return sweep(design, Answering(executor, progress=progress or silent), points)

    def run(
        self,
        out: str | Path,
        *,
        overwrite: bool = False,
        until: float | None = None,
        progress: Progress | None = None,
    ) -> StudyResult:
        """Make and judge the scenario's policies, and write a run folder.

        Parameters
        ----------
        out, overwrite, until, progress : see ``execute``.
        """
        with self._workers() as executor:
            return execute(
                self._design, out, executor, overwrite=overwrite, until=until, progress=progress
            )

    def workload(self) -> Workload:
        """Return how long ``run`` takes and how large it gets; a few runs are timed for it."""
        with self._workers() as executor:
            workers = executor.workers
        return timed_workload(self._design, workers=workers)

    def run_part(self, out: str | Path, part: Part, *, progress: Progress | None = None) -> None:
        """Do one part of ``run`` on a folder that several machines share; see ``execute_part``."""
        with self._workers() as executor:
            execute_part(self._design, out, executor, part, progress=progress)

    def _workers(self) -> AbstractContextManager[Executor]:
        elsewhere = self.cluster is not None or self.executor is not None
        # 1 is what stands there when nothing was asked for: no limit to the workers of others
        workers = None if elsewhere and self.workers == 1 else self.workers
        return executor_of(workers=workers, cluster=self.cluster, given=self.executor)

    @contextmanager
    def _answering(self, progress: Progress | None) -> Iterator[Answering]:
        with self._workers() as executor:
            yield Answering(executor, progress=progress or silent)

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
        if isinstance(how, Plan):
            return Candidate(how)
        if isinstance(how, pd.DataFrame):
            return Candidate(plan_of_table(how, baseline(self.world(), self.scenario)))
        if isinstance(how, str):
            if how == OPTIMISED or how in SEARCHED:
                return self._searched(PLAN if how == OPTIMISED else how)
            how = RULES.called(how)
        rule = how if isinstance(how, Rule) else Rule(how)
        return Candidate(rule(self.world(), self.scenario))

    def _beside(self, plans: Sequence[How]) -> dict[str, Plan]:
        """Return buying nothing, the first as ``plan``, and others by their own names."""
        first, *others = map(self.plan, plans)
        blank = self.plan("baseline")
        return {"baseline": blank, "plan": replace(first, name="plan")} | {
            one.name: one for one in others
        }

    def _searched(self, policy: str) -> Candidate:
        with self._workers() as executor:
            return find_plan(self._design, _Here(self._design, executor), policy).best

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


@dataclass(frozen=True, slots=True)
class _Here:
    """Searches for a plan without a run folder."""

    design: Design
    executor: Executor

    def proposals(
        self, hedges: Mapping[str, Hedge], meanwhile: Mapping[str, Lot]
    ) -> tuple[dict[str, Candidate], dict[str, Floats]]:
        """Return the optimisation model's plans, and outcomes of lots."""
        tasks: dict[str, Hedge | Lot] = {**hedges, **meanwhile}
        found = dict(self.executor.run(bind(proposed, self.design), tasks))
        ordered = {name: found[name] for name in tasks}
        made = {name: one for name, one in ordered.items() if isinstance(one, Candidate)}
        return made, {name: np.asarray(one) for name, one in ordered.items() if name in meanwhile}

    def outcomes(self, lots: Mapping[str, Lot]) -> dict[str, Floats]:
        """Return outcomes of plans in search draws."""
        return dict(self.executor.run(bind(simulated, self.design), lots))


def plan_of_table(table: pd.DataFrame, blank: Plan) -> Plan:
    """Return the plan that a table of purchases describes: region, item, units and year.

    Parameters
    ----------
    blank : a plan that buys nothing, with the regions, items and years there are.
    """
    items = [item.name for item in blank.catalogue.items]
    years = range(blank.start_year, blank.start_year + blank.years)
    if missing := {"region", "item", "units"} - set(table.columns):
        raise PlanError(f"a table of purchases has no column {', '.join(sorted(missing))}.")
    units = blank.units.copy()
    for number, row in enumerate(table.to_dict("records")):
        year = int(row.get("year", blank.start_year))
        for what, value, known in (
            ("region", str(row["region"]), blank.regions),
            ("item", str(row["item"]), items),
        ):
            if value not in known:
                raise PlanError(
                    f"row {number} buys in {what} '{value}', which there is not."
                    f"{nearest(value, known)}"
                )
        if year not in years:
            raise PlanError(
                f"row {number} buys in {year}; money is decided from {years[0]} to {years[-1]}."
            )
        place = blank.regions.index(str(row["region"])), items.index(str(row["item"]))
        units[(year - blank.start_year, *place)] += float(row["units"])
    return replace(blank, name="given", units=units)
