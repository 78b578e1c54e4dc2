"""A calibration problem: targets, their scenario, and the inputs that may move."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.baseline.members import members
from sim.calibration.targets import Targets, read_targets, scope_problems
from sim.calibration.unknowns import Unknown, find_unknowns
from sim.domain.levers import Floats
from sim.scenario.merged_files import beside
from sim.scenario.problems import stop_if
from sim.scenario.schema import Scenario
from sim.studies.names import load_scenario, replaceable_in


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that calibration has to know, checked."""

    targets: Targets
    scenario: Scenario
    unknowns: tuple[Unknown, ...]

    def values(self, points: Floats) -> Floats:
        """Return the inputs at points of the unit cube, both of shape (point, unknown)."""
        columns = [one.at(points[:, k]) for k, one in enumerate(self.unknowns)]
        return np.stack(columns, axis=1)


def read_question(path: str | Path) -> Question:
    """Return the question in a file of targets, or raise one error with every problem in it.

    Raises
    ------
    ScenarioError
        Where the file or its scenario cannot be used.
    """
    file = Path(path)
    targets, tree = read_targets(file)
    scenario = load_scenario(beside(file, tree.descend(("scenario",))[0], key="scenario"))
    regions = members(scenario).regions
    unknowns, problems = find_unknowns(targets, scenario, tree, replaceable_in(scenario))
    problems += scope_problems(targets, tree, regions, tuple(scenario.modalities))
    stop_if(problems, file=str(file))
    return Question(targets, scenario, tuple(unknowns))
