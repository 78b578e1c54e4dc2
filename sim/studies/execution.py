"""Run a study: make its plans, simulate them in every draw, and write its run folder."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from functools import partial as bind
from math import ceil, isfinite, nan
from pathlib import Path

import numpy as np
import pandas as pd

from sim.answers.intervals import FEWEST_DRAWS, t_interval
from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import RunFolderError, ScenarioError
from sim.executors.executor import Executor
from sim.planning.moves import Purse
from sim.planning.rules import PLAN, RULES, SEARCHED
from sim.scenario.files import resolved_yaml, scenario_hash
from sim.scenario.schema import Scenario
from sim.studies.ai_quality import quality_table
from sim.studies.assembly import Gathered, marginal_values, result_tables, robustness_table
from sim.studies.batch import Design, Kept, run_task, tasks_of
from sim.studies.experiment import Trial
from sim.studies.lots import Lot
from sim.studies.manifest import OWN_PROFILE, PROFILE, PROVENANCE, SCENARIO, SUMMARY, TABLES
from sim.studies.marginal import Addition, added, changes_of
from sim.studies.plan_search import find_plan, proposed
from sim.studies.plans import Candidate, about, arrays_of, candidate_of, plan_tables
from sim.studies.proposals import Hedge
from sim.studies.provenance import fit_of, profile_facts, provenance
from sim.studies.result import StudyResult, of_tables
from sim.studies.robustness import VARIANTS, varied_name
from sim.studies.search import Found
from sim.studies.selection import runs_of
from sim.studies.store import Part, Store, open_store, station_table
from sim.studies.workload import Workload, expected

MOST_DRAWS = 2_000
"""Draws at which no more are added, however wide an interval is."""
Progress = Callable[[str, int, int, float], None]
"""What is being done, steps finished, steps in all, and seconds left for all that is still to do;
first called before anything is."""


WHOLE = Part(1, 1)


def execute(
    design: Design,
    out: Path | str,
    executor: Executor,
    *,
    overwrite: bool = False,
    until: float | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """Make the plans, judge them, value additions to them, and write a run folder.

    Every finished task is on disk at once: after an interruption the same call goes on from there.
    Results do not depend on the executor.

    Parameters
    ----------
    design : scenario, how a draw is sampled, and the classes of the stations.
    out : run folder, made here; an interrupted study is kept in it, as ``partial``.
    overwrite : whether a finished study in ``out`` may be replaced.
    until : width of the interval of the headline difference at which no more draws are added to
        those of the scenario; at most ``MOST_DRAWS``.
    progress : called as tasks finish.
    """
    origin = provenance(design.scenario, stations=design.stations)
    with open_store(Path(out), origin.stamp(), overwrite=overwrite) as store:
        study = Execution(design, store, executor, progress or _silent)
        scenario, tables = study.tables(until=until)
        profile = design.sampler(scenario, None, "search").profile
        origin = replace(origin, scenario_sha256=scenario_hash(scenario))
        result = of_tables(scenario, tables, profile_facts(scenario, profile), origin)
        _finish(store, result, tables)
    return result


def execute_part(
    design: Design,
    out: Path | str,
    executor: Executor,
    part: Part,
    *,
    progress: Progress | None = None,
) -> None:
    """Simulate the draws of one part, for ``execute`` to put together in the same folder."""
    origin = provenance(design.scenario, stations=design.stations)
    with open_store(Path(out), origin.stamp(), part=part) as store:
        Execution(design, store, executor, progress or _silent, part).simulate()


@dataclass(frozen=True)
class Execution:
    """One study under way: what it is of, where its finished tasks are, and who does them."""

    design: Design
    store: Store
    executor: Executor
    progress: Progress
    part: Part = WHOLE
    _searched: list[int] = field(default_factory=list, repr=False)
    """Runs of the search, step by step."""

    def tables(self, *, until: float | None) -> tuple[Scenario, dict[str, pd.DataFrame]]:
        """Do all that is not done yet; return the scenario with its draws, and its tables."""
        candidates, tried, gathered = self.simulate()
        policies = tuple(candidates)
        while until is not None and (draws := more_draws(gathered, policies, until)):
            gathered = self.judge(candidates, tried, draws=draws)
        scenario = gathered.scenario
        central = self.design.sampler(scenario, None, "search")
        return scenario, {
            **result_tables(gathered, policies),
            **plan_tables(candidates, years=scenario.horizon.score_years),
            "robustness": robustness_table(gathered, policies),
            "ai_quality": self.quality(candidates[base_of(policies)].plan),
            "marginal": marginal_values(gathered, tried, base=base_of(policies)),
            "inputs": central.inputs_table(),
        }

    def quality(self, plan: Plan) -> pd.DataFrame:
        """Return how good AI is under a plan, from a worker: it has its kernels loaded."""
        work = bind(quality_table, design=self.design)
        return dict(self.executor.run(work, {"AI quality": plan}))["AI quality"]

    def simulate(self) -> tuple[dict[str, Candidate], list[Addition], Gathered]:
        """Make the plans, and simulate them in the draws of the scenario."""
        world = self.design.sampler(self.design.scenario, None, "search").world
        candidates = self.candidates(world)
        tried = self.additions(world, candidates)
        draws = self.design.scenario.uncertainty.draws
        return candidates, tried, self.judge(candidates, tried, draws=draws)

    def candidates(self, world: World) -> dict[str, Candidate]:
        """Return the plan of every policy of the scenario, in its order.

        Rules see the central world; the plan is searched for on draws that no judged run shares.
        The simple rule that was best there stands beside the plan, named by the scenario or not.
        """
        scenario = self.design.scenario
        found = find_plan(self.design, self) if PLAN in scenario.policies else None
        candidates = {}
        for policy in scenario.policies:
            if policy == PLAN and found is not None:
                if found.rule and found.rule not in scenario.policies:
                    candidates[found.rule] = _by_rule(found.rule, scenario, world, found)
                candidates[PLAN] = found.best
            elif policy in SEARCHED:
                candidates[policy] = find_plan(self.design, self, policy).best
            else:
                candidates[policy] = _by_rule(policy, scenario, world, found)
        return candidates

    def proposals(
        self, hedges: Mapping[str, Hedge], meanwhile: Mapping[str, Lot]
    ) -> tuple[dict[str, Candidate], dict[str, Floats]]:
        """Return the optimisation model's plans, and outcomes of lots; each is stored once made."""
        world = self.design.sampler(self.design.scenario, None, "search").world
        start = self.design.scenario.horizon.start_year
        self._tell_search(0)
        self._all_done({**hedges, **meanwhile})
        made = {name: self.store.get(name) for name in hedges}
        return {
            name: candidate_of(arrays, tables["about"], world, start_year=start)
            for name, (arrays, tables) in made.items()
        }, self.outcomes(meanwhile)

    def outcomes(self, lots: Mapping[str, Lot]) -> dict[str, Floats]:
        """Return outcomes of plans in search draws; each lot is stored once simulated."""
        self._all_done(lots)
        self._searched.append(sum(len(lot.plans) * len(lot.draws) for lot in lots.values()))
        self._tell_search(sum(self._searched))
        return {name: np.asarray(self.store.get(name).arrays["reached"]) for name in lots}

    def _all_done(self, tasks: Mapping[str, Hedge | Lot]) -> None:
        """Do and store the tasks that are not done yet, with others that do so in this folder."""
        work = bind(proposed, self.design)
        while missing := [name for name in tasks if name not in self.store.finished()]:
            # of several parts, each begins with another one, and looks again what others have made
            first = (self.part.number - 1) % len(missing)
            some = missing if self.part.of == 1 else [missing[first]]
            for name, found in self.executor.run(work, {name: tasks[name] for name in some}):
                if isinstance(found, Candidate):
                    self.store.put(name, arrays_of(found), {"about": about(found)})
                else:
                    self.store.put(name, {"reached": found})

    def additions(self, world: World, candidates: Mapping[str, Candidate]) -> list[Addition]:
        """Return the changes of the plan that are valued."""
        scenario, base = self.design.scenario, candidates[base_of(candidates)]
        return changes_of(Purse(world, scenario), base)

    def judge(
        self, candidates: Mapping[str, Candidate], tried: Sequence[Addition], *, draws: int
    ) -> Gathered:
        """Simulate all plans in so many draws, as far as they are this part's."""
        scenario = with_draws(self.design.scenario, draws)
        world = self.design.sampler(scenario, None, "search").world
        gathered = Gathered(scenario, world.regions)
        for name in sorted(self.store.finished()):
            if name.startswith("draw"):
                gathered.add(Kept(*self.store.get(name)))
        trials = trials_of(scenario, candidates, tried)
        mine = range(self.part.number - 1, draws, self.part.of)
        cells = world.shape[0] * world.shape[1] * world.shape[2]
        tasks = tasks_of(trials, gathered.ede, draws=mine, cells=cells)
        total = sum(trial.replications for trial in trials) * len(mine)
        done = total - sum(len(task.runs) for task in tasks.values())
        begun, before, what = time.monotonic(), done, "simulating plans"
        expected_s = self._expected.simulating_s * (total - done) / max(total, 1)
        self.progress(what, done, total, expected_s)
        for name, kept in self.executor.run(bind(run_task, self.design), tasks):
            self.store.put(name, kept.arrays, kept.tables)
            gathered.add(kept)
            done += len(tasks[name].runs)
            pace = (time.monotonic() - begun) / (done - before)
            self.progress(what, done, total, pace * (total - done))
        return gathered

    def _tell_search(self, done: int) -> None:
        """Tell how many runs of the search are done, and what is left with those after it."""
        known, runs = self._expected, runs_of(self.design.scenario.search.effort)
        left = max(runs - done, 0)
        left_s = known.searching_s * left / runs + known.simulating_s
        self.progress("searching for a plan", min(done, runs), runs, left_s)

    @cached_property
    def _expected(self) -> Workload:
        return expected(self.design, workers=self.executor.workers)


def _finish(store: Store, result: StudyResult, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the finished study to its place."""
    for name in (*TABLES, *map(station_table, result.stations)):
        store.write_table(name, tables[name])
    fit = result.provenance.fit_sha256
    kept = _with_its_profile(store, result.scenario, fit_sha256=fit)
    store.write_bytes(SCENARIO, resolved_yaml(kept).encode())
    store.write_json(PROFILE, result.profile)
    store.write_json(SUMMARY, result.summary())
    store.write_json(PROVENANCE, result.provenance.as_dict())
    store.finish()


def _with_its_profile(store: Store, scenario: Scenario, *, fit_sha256: str) -> Scenario:
    """Return the scenario as the run folder has it, which keeps a profile of one's own.

    A run folder that is moved, or mailed, can so be opened and run again.
    """
    if "/" not in scenario.profile:
        return scenario
    folder = f"{OWN_PROFILE}/{Path(scenario.profile).name}"
    fit = fit_of(scenario)
    if hashlib.sha256(fit).hexdigest() != fit_sha256:
        raise RunFolderError(
            f"'{scenario.profile}/fit.json' has changed since the study began, so that its results "
            "are of two fits. Run it again, and overwrite it."
        )
    store.write_bytes(f"{folder}/fit.json", fit)
    return scenario.model_copy(update={"profile": f"./{folder}"})


def with_draws(scenario: Scenario, draws: int) -> Scenario:
    """Return the scenario with so many draws."""
    uncertainty = scenario.uncertainty.model_copy(update={"draws": draws})
    return scenario.model_copy(update={"uncertainty": uncertainty})


def more_draws(gathered: Gathered, policies: Sequence[str], until: float) -> int | None:
    """Return how many draws it may take until the headline difference is known that well.

    The interval narrows with the root of the draws. At most four times as many are added at a
    time, because that is guessed from an interval which is itself uncertain.

    Parameters
    ----------
    until : width of the interval that is enough, share of need.

    Returns
    -------
    None where it is, or where there are ``MOST_DRAWS``.
    """
    draws, ede = gathered.scenario.uncertainty.draws, gathered.reached(policies)
    width = headline_width(ede)
    if draws >= MOST_DRAWS or (draws >= FEWEST_DRAWS and width <= until):
        return None
    wanted = draws * (width / until) ** 2 if isfinite(width) else 0.0
    return int(min(max(ceil(wanted), draws + 1, FEWEST_DRAWS), 4 * draws, MOST_DRAWS))


def headline_width(ede: pd.Series) -> float:
    """Return the width of the interval of the headline difference, share of need.

    That is the difference between the plan (or the last policy) and the best of the others.
    """
    wide = ede.unstack("policy")  # noqa: PD010
    judged = "plan" if "plan" in wide else str(list(ede.index.unique("policy"))[-1])
    others = wide.drop(columns=judged)
    if others.empty:
        raise ScenarioError("a difference needs two policies: this scenario has one.")
    low, high = t_interval(wide[judged] - others[others.mean().idxmax()])
    return high - low


def _by_rule(policy: str, scenario: Scenario, world: World, found: Found | None) -> Candidate:
    reached = {} if found is None else found.reached
    return Candidate(
        RULES.called(policy)(world, scenario),
        value=reached.get(policy, nan) if policy != "baseline" else nan,
        is_best_rule=found is not None and policy == found.rule,
    )


def trials_of(
    scenario: Scenario, candidates: Mapping[str, Candidate], tried: Sequence[Addition]
) -> list[Trial]:
    """Return all plans that a study simulates: policies, variants of the response, additions."""
    replications = scenario.uncertainty.replications
    plans = {policy: one.plan for policy, one in candidates.items()}
    return [
        *(
            Trial(policy, plan, replications=replications, in_full=True)
            for policy, plan in plans.items()
        ),
        *(
            Trial(varied_name(policy, variant), plan, variant)
            for variant in VARIANTS
            for policy, plan in plans.items()
        ),
        *added(tried, plans[base_of(plans)]),
    ]


def base_of(policies: Sequence[str] | Mapping[str, object]) -> str:
    """Return the policy to which additions are valued: the plan, else the first."""
    return "plan" if "plan" in policies else next(iter(policies))


def _silent(what: str, done: int, total: int, left_s: float) -> None:
    """Report nothing."""
