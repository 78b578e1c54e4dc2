"""Studies from Python: make plans, simulate them, compare them.

    study = sim.study("scenarios/east_africa.yaml")
    plan = study.plan("by_need")
    study.simulate(plan, draw=0)
    study.compare({"ours": plan, "nothing": "baseline"}, draws=20)

Nothing is simulated before it is asked for. Rules by name, functions, ``Plan`` objects and tables
of purchases all enter alike.
"""

from collections.abc import Sequence
from concurrent import futures
from pathlib import Path

from sim.pipeline.parts import Stations
from sim.pipeline.stations.order import STATIONS
from sim.scenario.schema import Scenario
from sim.studies.execution import Progress, execute, execute_part
from sim.studies.names import load_scenario
from sim.studies.result import StudyResult
from sim.studies.store import Part
from sim.studies.study_questions import StudyQuestions
from sim.studies.workload import Workload, timed_workload


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


class Study(StudyQuestions):
    """One scenario with its tables and its measured profile."""

    __slots__ = ()

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
