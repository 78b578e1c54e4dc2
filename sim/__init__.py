"""Equiscan: find where the next dollar makes medical imaging AI fairer.

The public names load when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.baseline.build import build_world
    from sim.baseline.world import World
    from sim.calibration.calibrate import calibrate
    from sim.domain.plan import Plan
    from sim.errors import SimError
    from sim.learning.response import Profile, draw_response, load_profile
    from sim.pipeline.records import Run
    from sim.pipeline.run import simulate, warm_up
    from sim.pipeline.station import Account, Station
    from sim.pipeline.stations import with_stations
    from sim.scenario.files import scenario_schema
    from sim.scenario.schema import Scenario
    from sim.study.execution import execute
    from sim.study.experiment import prepare
    from sim.study.names import load_scenario
    from sim.study.result import StudyResult, load

__all__ = [
    "Account",
    "Plan",
    "Profile",
    "Run",
    "Scenario",
    "SimError",
    "Station",
    "StudyResult",
    "World",
    "build_world",
    "calibrate",
    "draw_response",
    "execute",
    "load",
    "load_profile",
    "load_scenario",
    "prepare",
    "scenario_schema",
    "simulate",
    "warm_up",
    "with_stations",
]

_HOME = {
    "Account": "sim.pipeline.station",
    "Plan": "sim.domain.plan",
    "Profile": "sim.learning.response",
    "Run": "sim.pipeline.records",
    "Scenario": "sim.scenario.schema",
    "SimError": "sim.errors",
    "Station": "sim.pipeline.station",
    "StudyResult": "sim.study.result",
    "World": "sim.baseline.world",
    "build_world": "sim.baseline.build",
    "calibrate": "sim.calibration.calibrate",
    "draw_response": "sim.learning.response",
    "execute": "sim.study.execution",
    "load": "sim.study.result",
    "load_profile": "sim.learning.response",
    "load_scenario": "sim.study.names",
    "prepare": "sim.study.experiment",
    "scenario_schema": "sim.scenario.files",
    "simulate": "sim.pipeline.run",
    "warm_up": "sim.pipeline.run",
    "with_stations": "sim.pipeline.stations",
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
