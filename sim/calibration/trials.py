"""Simulate the baseline at given values of the inputs that may move."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim.calibration.outputs import OUTPUTS
from sim.calibration.question import Question
from sim.calibration.unknowns import with_values
from sim.domain.levers import Floats
from sim.executors.executor import Executor
from sim.pipeline.case import Case
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.run import simulate_many, warm_up_many
from sim.planning.rules import baseline
from sim.scenario.schema import Horizon, Scenario, Weekly
from sim.studies.sample import parameter_sample

Report = Callable[[int, int], None]
"""Called with how many points are done, and of how many."""
POINTS_AT_ONCE = 16
"""Points that are simulated side by side, on one worker."""
REPLICATIONS = 2
"""Replications at every point; the fewest that show stochastic variability."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What the baseline gave at some points of the unit cube of the unknowns."""

    points: Floats
    """Shape (point, unknown)."""
    outputs: Floats
    """Mean over replications, shape (point, target)."""
    noise: Floats
    """Variance of one replication, pooled over points, shape (target,)."""

    def plus(self, other: "Trials") -> "Trials":
        """Return both, with noise as seen in the later ones, which lie nearer to the targets."""
        return Trials(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.outputs, other.outputs]),
            other.noise,
        )


def simulate_points(
    question: Question, points: Floats, executor: Executor, report: Report
) -> Trials:
    """Simulate the baseline at points of the unit cube, shape (point, unknown)."""
    values = question.values(points)
    replicated = np.empty((len(points), REPLICATIONS, len(question.targets.targets)))
    parts = {
        f"{first:04d}": values[first : first + POINTS_AT_ONCE]
        for first in range(0, len(values), POINTS_AT_ONCE)
    }
    done = 0
    report(done, len(points))
    for name, outputs in executor.run(partial(simulate_values, question), parts):
        replicated[int(name) : int(name) + len(outputs)] = outputs
        done += len(outputs)
        report(done, len(points))
    # an output is undefined where nobody came; such a point can match nothing
    given = np.isfinite(replicated).all(axis=(1, 2))
    noise = replicated[given].var(axis=1, ddof=1).mean(axis=0)
    return Trials(points[given], replicated[given].mean(axis=1), noise)


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


def simulate_values(question: Question, values: Floats) -> Floats:
    """Return the outputs of the baseline at values of the unknowns, shape (point, unknown).

    All points and replications are simulated side by side; shape (point, replication, target).
    """
    names, targets = [unknown.name for unknown in question.unknowns], question.targets.targets
    brief = short(question.scenario, years=question.targets.years)
    scenarios = [with_values(brief, dict(zip(names, row, strict=True))) for row in values.tolist()]
    samples = [parameter_sample(scenario, None, "fit") for scenario in scenarios]
    replicated = [(sample, k) for sample in samples for k in range(REPLICATIONS)]
    random_keys = [RandomKeys(sample.world, sample.seed, k) for sample, k in replicated]
    starts = warm_up_many(random_keys, scenario=brief)
    cases = [
        Case(start, baseline(start.world, brief), sample.respond())
        for start, (sample, _) in zip(starts, replicated, strict=True)
    ]
    runs = simulate_many(cases, scenario=brief)
    outputs = [[OUTPUTS[one.output].of(run, one.scope) for one in targets] for run in runs]
    return np.array(outputs).reshape(len(values), REPLICATIONS, len(targets))
