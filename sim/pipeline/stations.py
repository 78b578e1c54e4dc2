"""The stations of the pipeline, in the order in which an exam and its data pass them."""

from collections.abc import Mapping

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
from sim.pipeline.reading import Reading
from sim.pipeline.station import Station

Stations = Mapping[str, type[Station]]
"""Class of every station by name, in pipeline order."""

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


def with_stations(*classes: type[Station]) -> Stations:
    """Return the stations with some of them replaced by classes of one's own.

    Each class takes the place of the station whose ``name`` it bears; the others and their luck
    stay as they are. Pass the result to ``simulate`` or ``execute``.

    Raises
    ------
    StationError
        For something that is not a ``Station``, a name that no station has, or a name given twice.
    """
    own: dict[str, type[Station]] = {}
    for given in classes:
        if not (isinstance(given, type) and issubclass(given, Station)):
            raise StationError(f"{given!r} is not a subclass of sim.Station.")
        name = getattr(given, "name", "")
        if name not in STATIONS:
            raise StationError(f"no station is called '{name}'.{nearest(name, STATIONS)}")
        if name in own:
            raise StationError(f"station '{name}' is given twice.")
        own[name] = given
    return {**STATIONS, **own}


def replaced(stations: Stations) -> dict[str, str]:
    """Return the stations that are not the shipped ones: name and where the class comes from."""
    return {
        name: f"{station.__module__}.{station.__qualname__}"
        for name, station in stations.items()
        if station is not STATIONS[name]
    }
