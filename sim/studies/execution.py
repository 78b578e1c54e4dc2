"""Make the plans of a scenario, simulate them in every draw, and write its run folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as bind
from pathlib import Path

import pandas as pd

from sim.baseline.world import World
from sim.pipeline.station import Stations
from sim.pipeline.stations import STATIONS
from sim.planning.purchases import most_per_year
from sim.planning.rules import RULES
from sim.scenario.files import resolved_yaml
from sim.scenario.schema import Scenario
from sim.studies.assembly import Gathered, marginal_values, result_tables, robustness_table
from sim.studies.batch import Design, Kept, run_task, tasks_of
from sim.studies.design import Trial
from sim.studies.executor import Executor, executor_of
from sim.studies.marginal import Addition, additions
from sim.studies.plans import Candidate, about, arrays_of, candidate_of, plan_tables
from sim.studies.provenance import profile_facts, provenance
from sim.studies.result import StudyResult, of_tables
from sim.studies.robustness import VARIANTS, varied_name
from sim.studies.sample import Sampler, parameter_sample
from sim.studies.search import HEDGES, best_of, candidate
from sim.studies.store import Store

Progress = Callable[[str, int, int], None]
"""What is being done, steps finished, steps in all; first called before any is."""


def execute(
    scenario: Scenario,
    out: Path | str,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    sampler: Sampler = parameter_sample,
    stations: Stations = STATIONS,
) -> StudyResult:
    """Make the plans, judge them, value additions to them, and write a run folder.

    Every finished task is on disk at once: after an interruption the same call goes on from there.
    Results do not depend on the number of workers. Workers are fresh processes, so a script that
    calls this needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    out : run folder, made here; an interrupted study is kept beside it as ``<out>.partial``.
    workers : processes, one thread each; all CPU cores when not given. With 1 no process starts.
    overwrite : whether a finished study in ``out`` may be replaced.
    progress : called as tasks finish.
    sampler : how the world and the response of a draw are made.
    stations : classes of the stations, see ``with_stations``. Workers import them, so they must
        stand in a module.
    """
    design = Design(scenario, sampler, stations)
    origin = provenance(scenario, stations=stations)
    with Store.open(Path(out), origin.stamp(), overwrite=overwrite) as store:
        with executor_of(workers=workers) as executor:
            tables = Execution(design, store, executor, progress or _silent).tables()
        profile = profile_facts(scenario, sampler(scenario, None, "search").profile)
        result = of_tables(scenario, tables, profile, origin)
        store.finish(tables, resolved_yaml(scenario), result)
    return result


@dataclass(frozen=True, slots=True)
class Execution:
    """One study under way: what it is of, where its finished tasks are, and who does them."""

    design: Design
    store: Store
    executor: Executor
    progress: Progress

    def tables(self) -> dict[str, pd.DataFrame]:
        """Do all that is not done yet, and return the tables of the study."""
        scenario = self.design.scenario
        central = self.design.sampler(scenario, None, "search")
        candidates = self.candidates(central.world)
        tried = self.additions(central.world, candidates)
        gathered = self.judge(trials_of(scenario, candidates, tried), central.world)
        policies = tuple(candidates)
        base = base_of(policies)
        return {
            **result_tables(gathered, policies),
            **plan_tables(candidates),
            "robustness": robustness_table(gathered, policies),
            "marginal": marginal_values(gathered, tried, base=base),
            "inputs": central.inputs_table(),
        }

    def candidates(self, world: World) -> dict[str, Candidate]:
        """Return the plan of every policy of the scenario, in its order.

        Rules see the central world; the plan is searched for on draws that no judged run shares.
        """
        scenario = self.design.scenario
        return {
            policy: Candidate(RULES[policy](world, scenario))
            if policy in RULES
            else best_of(self._searched(world))
            for policy in scenario.policies
        }

    def _searched(self, world: World) -> dict[float, Candidate]:
        """Return the candidates of the search, by the share hedged; each is stored once made."""
        names = {f"candidate--{hedge:g}": hedge for hedge in HEDGES}
        missing = {n: hedge for n, hedge in names.items() if n not in self.store.finished()}
        done = len(names) - len(missing)
        self.progress("searching for a plan", done, len(names))
        for name, found in self.executor.run(bind(candidate, self.design), missing):
            self.store.put(name, arrays_of(found), {"about": about(found)})
            done += 1
            self.progress("searching for a plan", done, len(names))
        start = self.design.scenario.horizon.start_year
        made = {}
        for name, hedge in names.items():
            arrays, tables = self.store.get(name)
            made[hedge] = candidate_of(arrays, tables["about"], world, start_year=start)
        return made

    def additions(self, world: World, candidates: Mapping[str, Candidate]) -> list[Addition]:
        """Return the additions to the plan that are valued."""
        scenario, base = self.design.scenario, candidates[base_of(candidates)]
        most = most_per_year(world, scenario)
        return additions(scenario, base.plan, most=most, duals=base.duals)

    def judge(self, trials: Sequence[Trial], world: World) -> Gathered:
        """Simulate every trial in every draw, and return what was kept."""
        scenario = self.design.scenario
        gathered = Gathered(scenario, world.regions)
        for name in sorted(self.store.finished()):
            if name.startswith("draw"):
                gathered.add(Kept(*self.store.get(name)))
        tasks = tasks_of(
            trials,
            gathered.ede,
            draws=range(scenario.uncertainty.draws),
            cells=world.shape[0] * world.shape[1] * world.shape[2],
        )
        total = sum(trial.replications for trial in trials) * scenario.uncertainty.draws
        done = total - sum(len(task.runs) for task in tasks.values())
        self.progress("simulating plans", done, total)
        for name, kept in self.executor.run(bind(run_task, self.design), tasks):
            self.store.put(name, kept.arrays, kept.tables)
            gathered.add(kept)
            done += len(tasks[name].runs)
            self.progress("simulating plans", done, total)
        return gathered


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
        *(Trial(extra.plan.name, extra.plan) for extra in tried),
    ]


def base_of(policies: Sequence[str] | Mapping[str, object]) -> str:
    """Return the policy to which additions are valued: the plan, else the first."""
    return "plan" if "plan" in policies else next(iter(policies))


def _silent(what: str, done: int, total: int) -> None:
    """Report nothing."""
