"""Trials: the baseline simulated at given values of the inputs that may move."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim.calibration.outputs import OUTPUTS
from sim.calibration.question import Question
from sim.calibration.unknowns import with_values
from sim.domain.lever import Floats
from sim.domain.plan import empty_plan
from sim.scenario.schema import Horizon, Scenario, Weekly
from sim.study.executor import Executor
from sim.study.experiment import prepare, setting

Told = Callable[[int, int], None]

REPLICATIONS = 2
"""Samples of chance at every point; the fewest that show how much chance there is."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What the baseline gave at some points of the unit cube of the unknowns."""

    points: Floats
    """Shape (point, unknown)."""
    outputs: Floats
    """Mean over replications, shape (point, target)."""
    chance: Floats
    """Variance of one replication, pooled over points, shape (target,)."""

    def plus(self, other: "Trials") -> "Trials":
        """Return both, with chance as seen in the later ones, which lie nearer to the targets."""
        return Trials(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.outputs, other.outputs]),
            other.chance,
        )


def simulate_points(question: Question, points: Floats, executor: Executor, told: Told) -> Trials:
    """Simulate the baseline at points of the unit cube, shape (point, unknown).

    ``told`` hears how many points are done, and of how many.
    """
    tasks = {f"point {at}": row for at, row in enumerate(question.values(points))}
    position = {name: at for at, name in enumerate(tasks)}
    replicated = np.empty((len(points), REPLICATIONS, len(question.targets.targets)))
    told(0, len(points))
    finished = executor.run(partial(_trial, question), tasks)
    for done, (name, outputs) in enumerate(finished, start=1):
        replicated[position[name]] = outputs
        told(done, len(points))
    # an output is undefined where nobody came; such a point can match nothing
    given = np.isfinite(replicated).all(axis=(1, 2))
    chance = replicated[given].var(axis=1, ddof=1).mean(axis=0)
    return Trials(points[given], replicated[given].mean(axis=1), chance)


def short(scenario: Scenario, *, years: int) -> Scenario:
    """Return the scenario with as many scored years as are compared, and no longer series."""
    horizon = scenario.horizon
    brief = Horizon(
        start_year=horizon.start_year,
        decide_years=1,
        score_years=years,
        warm_up_years=horizon.warm_up_years,
    )
    kept = Weekly(stations=("annotation",))
    return scenario.model_copy(update={"horizon": brief, "weekly": kept})


def _trial(question: Question, values: Floats) -> Floats:
    """Return the outputs of every replication at one point, shape (replication, target)."""
    names = [unknown.name for unknown in question.unknowns]
    brief = short(question.scenario, years=question.targets.years)
    scenario = with_values(brief, dict(zip(names, values.tolist(), strict=True)))
    central = prepare(scenario, None, 0, "fit")
    world = central.world
    plan = empty_plan(
        "baseline", world.catalogue, world.regions, years=1, start_year=brief.horizon.start_year
    )
    outputs = []
    for replication in range(REPLICATIONS):
        here = setting(scenario, central.nature, seed=central.seed, replication=replication)
        run = here.run(plan)
        outputs.append([OUTPUTS[one.output].of(run, one.scope) for one in question.targets.targets])
    return np.array(outputs)
