"""What a study takes, and when it has drawn enough."""

from math import isnan

import numpy as np
import pandas as pd
import pytest

from sim.errors import ScenarioError
from sim.planning.moves import Purse
from sim.studies.assembly import Gathered
from sim.studies.batch import Design, tasks_of
from sim.studies.execution import MOST_DRAWS, headline_width, more_draws, trials_of
from sim.studies.experiment import Experiment
from sim.studies.marginal import changes_of
from sim.studies.workload import Workload, duration, expected, timed_workload
from tests.small_world import small_world
from tests.unit.studies.small_study import candidates, sample_small, small_scenario

SCENARIO = small_scenario().model_copy(update={"levers": {}, "policies": ("baseline", "plan")})
DESIGN = Design(SCENARIO, sample_small)


def test_the_runs_expected_are_those_that_a_study_has() -> None:
    tried = changes_of(Purse(small_world(), SCENARIO), candidates()["plan"])
    beside = {"baseline": candidates()["baseline"], "rule": candidates()["baseline"]}
    trials = trials_of(SCENARIO, beside | {"plan": candidates()["plan"]}, tried)
    tasks = tasks_of(trials, {}, draws=range(SCENARIO.uncertainty.draws), cells=4)
    known = expected(DESIGN, workers=2)
    runs = sum(len(task.runs) for task in tasks.values())
    assert runs <= known.runs <= 2 * runs  # a plan that buys little leaves little to be saved
    assert known.tasks == len(tasks)
    assert (known.proposals, known.search_runs) == (3, 9_000)
    rules = SCENARIO.model_copy(update={"policies": ("baseline", "by_need")})
    assert expected(Design(rules, sample_small), workers=2).proposals == 0


def test_a_larger_study_takes_longer_and_more_workers_less() -> None:
    small = timed_workload(DESIGN, workers=1)
    assert small.run_s > 0.0
    many = SCENARIO.uncertainty.model_copy(update={"draws": 20})
    large = expected(
        Design(SCENARIO.model_copy(update={"uncertainty": many}), sample_small), workers=1
    )
    assert large.runs == 10 * small.runs
    assert large.disk_mb == pytest.approx(10 * small.disk_mb)
    two = expected(DESIGN, workers=2)
    assert two.simulating_s < expected(DESIGN, workers=1).simulating_s
    assert two.memory_mb > small.memory_mb


def test_it_is_said_in_words() -> None:
    words = Workload(1_560, 20, 3, 10.0, 1_000, 0.01, 0.1, 2, 900.0, 8.2).words()
    assert words["runs"] == "1,560 in 20 tasks, after 1,000 of the search for a plan"
    assert words["time"].startswith("about 39 s with 2 processes: 25 s for the search for a plan")
    assert words["memory"] == "about 900 MB in all processes together"
    assert duration(7_100.0) == "118.3 min"


def gathered(difference: np.ndarray) -> Gathered:
    """Return equity of a plan that is better than a rule by so much in each draw."""
    scenario = small_scenario(draws=len(difference))
    ede = {}
    for draw, gain in enumerate(difference.tolist()):
        ede |= {Experiment("rule", draw, 0): 0.2, Experiment("plan", draw, 0): 0.2 + gain}
        ede[Experiment("baseline", draw, 0)] = 0.1 + draw
    return Gathered(scenario, ("AAA", "BBB"), objective=ede)


POLICIES = ("baseline", "rule", "plan")


def test_draws_are_added_until_the_interval_is_narrow_enough() -> None:
    wide = gathered(np.array([0.0, 0.1] * 10))
    width = headline_width(wide.reached(("rule", "plan")))
    assert width == pytest.approx(2 * 2.093 * 0.0513 / np.sqrt(20), rel=1e-3)
    assert more_draws(wide, ("rule", "plan"), width * 1.01) is None
    # half the width takes four times the draws, and no more are added at once
    assert more_draws(wide, ("rule", "plan"), width / 2) == 80
    assert more_draws(wide, ("rule", "plan"), width / 1.5) == 45
    assert more_draws(wide, ("rule", "plan"), width / 100) == 80


def test_a_few_draws_are_never_enough() -> None:
    few = gathered(np.array([0.01, 0.01]))
    assert isnan(headline_width(few.reached(("rule", "plan"))))
    assert more_draws(few, ("rule", "plan"), 0.005) == 5
    one = gathered(np.array([0.01]))
    assert isnan(headline_width(one.reached(("rule", "plan"))))
    assert more_draws(one, ("rule", "plan"), 0.005) == 4


def test_no_more_are_added_to_very_many() -> None:
    many = gathered(np.tile([0.0, 1.0], MOST_DRAWS // 2))
    assert more_draws(many, ("rule", "plan"), 1e-6) is None


def test_the_headline_is_the_plan_over_the_best_of_the_others() -> None:
    ede = gathered(np.linspace(0.0, 0.1, 8)).reached(POLICIES)
    over_best = ede.drop("rule", level="policy")  # nothing bought is best where draws are late
    assert headline_width(ede) == headline_width(over_best)
    alone = pd.Series(
        [0.1, 0.2],
        index=pd.MultiIndex.from_tuples([("plan", 0), ("plan", 1)], names=["policy", "draw"]),
    )
    with pytest.raises(ScenarioError, match="needs two policies"):
        headline_width(alone)
