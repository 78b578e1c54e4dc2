"""Equiscan: find where the next dollar makes medical imaging AI fairer.

The public names load when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.baseline.world import World
    from sim.calibration.calibrate import calibrate
    from sim.domain.plan import Plan
    from sim.errors import SimError
    from sim.learning.response import Profile, draw_response, load_profile
    from sim.pipeline.account import Account
    from sim.pipeline.parts import with_stations
    from sim.pipeline.records import Run
    from sim.pipeline.state import Array
    from sim.pipeline.stations.station import Station
    from sim.planning.objectives import OBJECTIVES, Objective
    from sim.planning.rules import RULES, Rule
    from sim.scenario.schema import Scenario
    from sim.studies.difference import why_different
    from sim.studies.names import load_scenario, scenario_schema
    from sim.studies.outcomes import OUTCOMES, Outcome
    from sim.studies.result import StudyResult, load
    from sim.studies.run_comparison import compare_runs
    from sim.studies.study import Study, study

__all__ = [
    "OBJECTIVES",
    "OUTCOMES",
    "RULES",
    "Account",
    "Array",
    "Objective",
    "Outcome",
    "Plan",
    "Profile",
    "Rule",
    "Run",
    "Scenario",
    "SimError",
    "Station",
    "Study",
    "StudyResult",
    "World",
    "calibrate",
    "compare_runs",
    "draw_response",
    "load",
    "load_profile",
    "load_scenario",
    "scenario_schema",
    "study",
    "why_different",
    "with_stations",
]

_HOME = {
    "Account": "sim.pipeline.account",
    "Array": "sim.pipeline.state",
    "OBJECTIVES": "sim.planning.objectives",
    "OUTCOMES": "sim.studies.outcomes",
    "Objective": "sim.planning.objectives",
    "Outcome": "sim.studies.outcomes",
    "Plan": "sim.domain.plan",
    "Profile": "sim.learning.response",
    "RULES": "sim.planning.rules",
    "Rule": "sim.planning.rules",
    "Run": "sim.pipeline.records",
    "Scenario": "sim.scenario.schema",
    "SimError": "sim.errors",
    "Station": "sim.pipeline.stations.station",
    "Study": "sim.studies.study",
    "StudyResult": "sim.studies.result",
    "World": "sim.baseline.world",
    "calibrate": "sim.calibration.calibrate",
    "compare_runs": "sim.studies.run_comparison",
    "draw_response": "sim.learning.response",
    "load": "sim.studies.result",
    "load_profile": "sim.learning.response",
    "load_scenario": "sim.studies.names",
    "scenario_schema": "sim.studies.names",
    "study": "sim.studies.study",
    "why_different": "sim.studies.difference",
    "with_stations": "sim.pipeline.parts",
}
"""Module of every public name."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute '{name}'")
    found: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
