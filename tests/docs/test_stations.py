"""The worked example of docs/stations.md, and what happens to stations that do not fit."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from sim.errors import StationError
from sim.pipeline.need import Need
from sim.pipeline.state import Flows, State
from sim.pipeline.station import Account, Station
from sim.pipeline.stations import STATIONS, replaced, with_stations
from tests.small_runs import run
from tests.small_world import small_world

PAGE = Path(__file__).parents[2] / "docs" / "stations.md"
WORLD = small_world(2)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The page's example as a module; what stands under ``__main__`` is not run."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "ClosedInJanuary" in block]
    file = tmp_path_factory.mktemp("example") / "closed.py"
    file.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("closed", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_closes_imaging_and_leaves_need_alone(example: ModuleType) -> None:
    stations = with_stations(example.ClosedInJanuary)
    closed, usual = run(WORLD, stations=stations), run(WORLD)
    imaging = closed.station("imaging")
    january = imaging["week"] % 52 < 4
    assert imaging.loc[january, "done"].sum() == 0
    assert imaging.loc[~january, "done"].sum() > 0
    need, same = closed.station("need"), usual.station("need")
    assert need.equals(same)
    assert replaced(stations) == {"imaging": "closed.ClosedInJanuary"}


def test_every_station_is_in_the_table_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, station in STATIONS.items():
        file = Path(station.__module__.replace(".", "/") + ".py")
        assert f"| {name} | `{file.name}` |" in text


class Loses(Need):
    """Forgets one person a week."""

    def account(self, state: State, flows: Flows) -> Account:
        fair = super().account(state, flows)
        done = fair.done.copy()
        done[0, 0, 0] += 1
        return Account(fair.entered, done, rejected=fair.rejected)


def test_a_station_that_loses_count_stops_the_run() -> None:
    with pytest.raises(StationError, match="'need' does not conserve people: 1 are lost or made"):
        run(WORLD, stations=with_stations(Loses))


class Misnamed(Need):
    name = "imagin"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((Misnamed,), "no station is called 'imagin'. Did you mean 'imaging'"),
        ((Loses, Need), "station 'need' is given twice"),
        ((dict,), "is not a subclass of sim.Station"),
    ],
)
def test_a_station_must_fit(given: tuple[type[Station], ...], message: str) -> None:
    with pytest.raises(StationError, match=message):
        with_stations(*given)
