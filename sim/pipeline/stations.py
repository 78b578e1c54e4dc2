"""The stations of the pipeline, in the order in which an exam and its data pass them."""

from sim.errors import StationError, nearest
from sim.pipeline.annotation import Annotation
from sim.pipeline.archive import Archive
from sim.pipeline.curation import Curation
from sim.pipeline.deployment import Deployment
from sim.pipeline.documentation import Documentation
from sim.pipeline.evaluation import Evaluation
from sim.pipeline.generation import Generation
from sim.pipeline.governance import Governance
from sim.pipeline.imaging import Imaging
from sim.pipeline.need import Need
from sim.pipeline.processes import PROCESSES
from sim.pipeline.reading import Reading
from sim.pipeline.station import ControlProcess, Station, Stations

STATIONS: Stations = {
    station.name: station
    for station in (
        Need,
        Imaging,
        Deployment,
        Reading,
        Archive,
        Documentation,
        Curation,
        Evaluation,
        Annotation,
        Generation,
        Governance,
    )
}
"""The stations that a run has unless it is given others."""


def with_stations(*own_stations: type[Station], **own_processes: ControlProcess) -> Stations:
    """Return the stations and processes of a run, some replaced by ones of one's own.

    Each class takes the place of the station whose ``name`` it bears, each function that of the
    control process that it is given as, such as ``training_cycle=my_training``; the others and
    their luck stay as they are. Pass the result to ``sim.study``.

    Raises
    ------
    StationError
        For something that is not a ``Station``, a name that no station or process has, or a name
        given twice.
    """
    own: dict[str, type[Station] | ControlProcess] = {}
    for given in own_stations:
        if not (isinstance(given, type) and issubclass(given, Station)):
            raise StationError(f"{given!r} is not a subclass of sim.Station.")
        name = getattr(given, "name", "")
        if name not in STATIONS:
            raise StationError(f"no station is called '{name}'.{nearest(name, STATIONS)}")
        if name in own:
            raise StationError(f"station '{name}' is given twice.")
        own[name] = given
    for name, process in own_processes.items():
        if name not in PROCESSES:
            raise StationError(
                f"no control process is called '{name}'; there are {', '.join(PROCESSES)}."
                f"{nearest(name, PROCESSES)}"
            )
        if isinstance(process, type) or not callable(process):
            raise StationError(f"process '{name}' must be a function of the calendar: {process!r}.")
        own[name] = process
    return {**STATIONS, **own}


def replaced(stations: Stations) -> dict[str, str]:
    """Return the stations and processes that are not the shipped ones, and where they come from."""
    return {
        name: f"{given.__module__}.{given.__qualname__}"
        for name, given in stations.items()
        if given is not STATIONS.get(name)
    }
