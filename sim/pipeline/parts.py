"""The parts of a run: its stations and control processes, the shipped ones or some of one's own."""

from collections.abc import Iterable, Mapping
from typing import Literal

from sim.baseline.world import World
from sim.errors import StationError, nearest
from sim.pipeline.processes.calendar import ControlProcess
from sim.pipeline.processes.schedule import PROCESSES
from sim.pipeline.state import AXES, Array, Flows, State
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.stations.station import UNITS, Station
from sim.scenario.schema import Weekly

Stations = Mapping[str, type[Station] | ControlProcess]
"""Class of every station in pipeline order, and control processes that replace shipped ones."""


def with_stations(*own_stations: type[Station], **own_processes: ControlProcess) -> Stations:
    """Return the stations and processes of a run, with some of one's own.

    A class takes the place of the station whose ``name`` it bears, or stands behind the one that
    it names as ``after``; a function takes the place of the control process that it is given as,
    such as ``training_cycle=my_training``. The others and their random numbers stay. Pass the
    result to ``sim.study``.

    Raises
    ------
    StationError
        For something that is not a ``Station``, a name that no station or process has, a new one
        without a place, a name given twice, or arrays that cannot be kept.
    """
    stations: dict[str, type[Station] | ControlProcess] = {**STATIONS}
    given: set[str] = set()
    for own in own_stations:
        if not (isinstance(own, type) and issubclass(own, Station)):
            raise StationError(f"{own!r} is not a subclass of sim.Station.")
        name = getattr(own, "name", "")
        if name in given:
            raise StationError(f"station '{name}' is given twice.")
        given.add(name)
        stations = {**stations, name: own} if name in STATIONS else _placed(own, stations)
    for name, process in own_processes.items():
        if name not in PROCESSES:
            raise StationError(
                f"no control process is called '{name}'; there are {', '.join(PROCESSES)}."
                f"{nearest(name, PROCESSES)}"
            )
        if isinstance(process, type) or not callable(process):
            raise StationError(f"process '{name}' must be a function of the calendar: {process!r}.")
        stations[name] = process
    _declared(stations, "states"), _declared(stations, "flows")
    return stations


def _placed(own: type[Station], stations: Stations) -> dict[str, type[Station] | ControlProcess]:
    """Return the stations with a new one directly behind that which it names."""
    name = getattr(own, "name", "")
    if not own.after:
        raise StationError(
            f"no station is called '{name}'.{nearest(name, STATIONS)} A new station says which "
            "one it stands behind: after = 'imaging', say."
        )
    if not name.isidentifier() or name in PROCESSES:
        raise StationError(f"'{name}' cannot name a new station: write letters, digits and _ only.")
    if own.after not in stations:
        raise StationError(
            f"station '{name}' is to stand behind '{own.after}', which there is not."
            f"{nearest(own.after, stations)}"
        )
    order = list(stations)
    place = order.index(own.after) + 1
    order.insert(place, name)
    return {one: own if one == name else stations[one] for one in order}


def state_today(world: World, stations: Stations = STATIONS) -> State:
    """Return the state of today's world: ``State.today`` with what the stations declare."""
    return State.today(world, _declared(stations, "states"))


def flows_of(world: World, stations: Stations = STATIONS) -> Flows:
    """Return empty flows for a world, with what the stations declare."""
    return Flows.of(world, _declared(stations, "flows"))


def _declared(stations: Stations, kind: Literal["states", "flows"]) -> Iterable[Array]:
    """Return what shipped stations declare and what one's own do, each name once.

    Raises
    ------
    StationError
        For a name that two stations give to different arrays, and for axes that there are not.
    """
    found = {array.name: array for array in UNITS if kind == "states"}
    for station in (*STATIONS.values(), *classes(stations).values()):
        for array in getattr(station, kind):
            axes = array.axes.split()
            if not set(axes) <= set(AXES) or (kind == "states" and axes[:1] != ["r"]):
                raise StationError(
                    f"station '{station.name}' declares '{array.name}' with axes '{array.axes}': "
                    f"there are {', '.join(AXES)}, and those of a state begin with r."
                )
            if found.setdefault(array.name, array) != array:
                raise StationError(
                    f"station '{station.name}' declares '{array.name}', which another station "
                    "declares otherwise: choose a name of its own."
                )
    return found.values()


def classes(stations: Stations) -> dict[str, type[Station]]:
    """Return the classes among stations and processes, in pipeline order."""
    return {name: given for name, given in stations.items() if isinstance(given, type)}


def processes(stations: Stations) -> dict[str, ControlProcess]:
    """Return the control processes of a run by name, shipped or in the place of a shipped one."""
    return {
        name: shipped if isinstance(own := stations.get(name, shipped), type) else own
        for name, shipped in PROCESSES.items()
    }


def recorded(weekly: Weekly, stations: Iterable[str]) -> tuple[str, ...]:
    """Return which of the stations have their weekly series kept, in their order.

    Raises
    ------
    StationError
        For one that is to be kept and is not among them.
    """
    known = tuple(stations)
    for name in weekly.stations:
        if name not in known:
            raise StationError(f"no station is called '{name}'.{nearest(name, known)}")
    wanted = weekly.stations or known
    return tuple(name for name in known if name in wanted and weekly.detail != "none")


def replaced(stations: Stations) -> dict[str, str]:
    """Return the stations and processes that are not the shipped ones, and where they come from."""
    return {
        name: f"{given.__module__}.{given.__qualname__}"
        for name, given in stations.items()
        if given is not STATIONS.get(name)
    }


def station_names(own: Iterable[str]) -> tuple[str, ...]:
    """Return the stations of a run in which some were replaced or added, as ``replaced`` says."""
    return (*STATIONS, *(name for name in own if name not in (*STATIONS, *PROCESSES)))
