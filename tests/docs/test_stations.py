"""The worked example of docs/stations.md, and what happens to stations that do not fit."""

import importlib.util
import pickle
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import sim
from sim.errors import StationError
from sim.pipeline.account import Account
from sim.pipeline.parts import flows_of, replaced, state_today, with_stations
from sim.pipeline.processes.calendar import Calendar
from sim.pipeline.processes.schedule import PROCESSES
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.need import Need
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.stations.station import Station
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import small_world

TINY = Path(__file__).parents[2] / "scenarios" / "tiny.yaml"
PAGE = Path(__file__).parents[2] / "docs" / "stations.md"
WORLD = small_world(2)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    """The page's examples as modules, by what they define; ``__main__`` is not run."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = {}
    for name in ("ClosedInJanuary", "one_release", "Transfer"):
        (code,) = [block for block in blocks if re.search(rf"(class|def) {name}\b", block)]
        file = tmp_path_factory.mktemp("example") / f"{name.lower()}.py"
        file.write_text(code, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name.lower(), file)
        assert spec is not None
        assert spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[name])
    return found


@pytest.fixture(scope="module")
def example(examples: dict[str, ModuleType]) -> ModuleType:
    return examples["ClosedInJanuary"]


def test_the_example_trains_once(examples: dict[str, ModuleType]) -> None:
    result = run(WORLD, buying(WORLD, gpu_hours=5), stations=examples["one_release"].stations)
    assert len(result.records.releases) == 1
    assert result.records.releases[0].frozen_week == 52.0


def test_the_example_closes_imaging_and_leaves_need_alone(example: ModuleType) -> None:
    stations = with_stations(example.ClosedInJanuary)
    closed, usual = run(WORLD, stations=stations), run(WORLD)
    imaging = closed.station("imaging")
    january = imaging["week"] % 52 < 4
    assert imaging.loc[january, "done"].sum() == 0
    assert imaging.loc[~january, "done"].sum() > 0
    need, same = closed.station("need"), usual.station("need")
    assert need.equals(same)
    assert replaced(stations) == {"imaging": "closedinjanuary.ClosedInJanuary"}


def test_every_station_is_in_the_table_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, station in STATIONS.items():
        file = Path(station.__module__.replace(".", "/") + ".py")
        assert f"| {name} | `{file.name}` |" in text


def test_a_new_station_takes_its_place_and_is_accounted_for(
    examples: dict[str, ModuleType], tmp_path: Path
) -> None:
    stations = examples["Transfer"].stations
    assert list(stations)[:4] == ["need", "imaging", "transfer", "deployment"]
    changes = [
        "horizon.decide_years=1",
        "horizon.score_years=1",
        "policies=[baseline]",
        "weekly.stations=[imaging, transfer, reading]",
    ]
    study = sim.study(TINY, overrides=changes, stations=stations)
    study.run(tmp_path / "run")
    series = sim.load(tmp_path / "run").stations
    imaging, transfer = series["imaging"], series["transfer"]
    assert transfer["entered"].tolist() == imaging["done"].tolist()
    assert transfer["done"].tolist() == series["reading"]["entered"].tolist()
    assert 0 < transfer["done"].max() <= 2 * 40 < imaging["done"].max()
    # in front of it, and in itself, nothing is lost
    for table in (imaging, transfer):
        change = table.groupby("region")["waiting"].diff().dropna()
        flow = table["entered"] - table["done"] - table["left"] - table["rejected"]
        assert (flow[change.index] == change).all()
    usual = sim.study(TINY, overrides=changes[:-1]).simulate("baseline").station("imaging")
    own = study.simulate("baseline").station("imaging")
    assert own["done"].tolist() == usual["done"].tolist()


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


def test_arrays_that_nobody_declares_cannot_be_written() -> None:
    state, flows = state_today(WORLD), flows_of(WORLD)
    with pytest.raises(AttributeError, match="no attribute 'labeled'"):
        state.labeled = state.labelled
    with pytest.raises(AttributeError, match=r"flows.exams\[...\] = "):
        flows.exams = flows.arrived
    again = pickle.loads(pickle.dumps(state))
    assert list(again) == list(state)
    np.testing.assert_array_equal(again.units_working, state.units_working)


class Misnamed(Need):
    name = "imagin"


class Astray(Misnamed):
    after = "raeding"


class Unnameable(Misnamed):
    name, after = "x-ray", "reading"


class Regionless(Need):
    states = (Array("mine", "m g", "of no region"),)


class Unknown(Need):
    flows = (Array("mine", "r x", "of an axis that there is not"),)


class Otherwise(Need):
    states = (Array("labelled", "r m", "what annotation counts by group"),)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((Misnamed,), "no station is called 'imagin'. Did you mean 'imaging'.* says which one"),
        ((Astray,), "stand behind 'raeding', which there is not. Did you mean 'reading'"),
        ((Unnameable,), "'x-ray' cannot name a new station"),
        ((Loses, Need), "station 'need' is given twice"),
        ((dict,), "is not a subclass of sim.Station"),
        ((Regionless,), "'mine' with axes 'm g': .* those of a state begin with r"),
        ((Unknown,), "'mine' with axes 'r x': there are r, m, g"),
        ((Otherwise,), "'need' declares 'labelled', which another station declares otherwise"),
    ],
)
def test_a_station_must_fit(given: tuple[type[Station], ...], message: str) -> None:
    with pytest.raises(StationError, match=message):
        with_stations(*given)


def never(calendar: Calendar) -> None:
    """Train nothing: a control process of one's own."""


def test_a_control_process_can_be_replaced_and_the_rest_stays() -> None:
    plan = buying(WORLD, **EVERYTHING)
    usual = run(WORLD, plan)
    untrained = run(WORLD, plan, stations=with_stations(training_cycle=never))
    assert len(usual.jobs())
    assert untrained.jobs().empty
    assert untrained.releases().empty
    pd.testing.assert_frame_equal(untrained.station("annotation"), usual.station("annotation"))
    kinds = ["commissioned", "posts vacant", "power lost", "cluster down"]
    with_training, without = (result.events() for result in (usual, untrained))
    with_training = with_training[with_training["kind"].isin(kinds)].reset_index(drop=True)
    assert set(with_training["kind"]) == set(kinds)
    without = without[without["kind"].isin(kinds)].reset_index(drop=True)
    pd.testing.assert_frame_equal(with_training, without)


def test_what_replaces_a_process_is_checked_and_written_down() -> None:
    with pytest.raises(StationError, match="Did you mean 'training_cycle'"):
        with_stations(training_cicle=never)
    with pytest.raises(StationError, match="must be a function"):
        with_stations(audits=Station)
    assert replaced(with_stations(audits=never)) == {"audits": f"{__name__}.never"}
    assert replaced(STATIONS) == {}


def test_the_page_names_every_process_that_can_be_replaced() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in PROCESSES if f"`{name}`" not in page] == []
