"""The stations of the pipeline, in the order in which an exam and its data pass them."""

from collections.abc import Mapping

from sim.pipeline.stations.annotation import Annotation
from sim.pipeline.stations.archive import Archive
from sim.pipeline.stations.curation import Curation
from sim.pipeline.stations.deployment import Deployment
from sim.pipeline.stations.documentation import Documentation
from sim.pipeline.stations.evaluation import Evaluation
from sim.pipeline.stations.generation import Generation
from sim.pipeline.stations.governance import Governance
from sim.pipeline.stations.imaging import Imaging
from sim.pipeline.stations.need import Need
from sim.pipeline.stations.reading import Reading
from sim.pipeline.stations.station import Station

STATIONS: Mapping[str, type[Station]] = {
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
