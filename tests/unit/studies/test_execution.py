"""Whole studies on a made-up world: same bytes, resumable, honest about what they found."""

import json
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.errors import RunFolderError
from sim.learning.response import MEASURED, load_profile
from sim.pipeline.parts import with_stations
from sim.pipeline.stations.imaging import Imaging
from sim.pipeline.stations.order import STATIONS
from sim.planning.rules import RULES, Rule
from sim.scenario.files import read_scenario, scenario_hash
from sim.scenario.schema import Scenario
from sim.studies import batch
from sim.studies.execution import Execution
from sim.studies.experiment import Purpose
from sim.studies.manifest import MANIFEST, TABLES, is_complete
from sim.studies.provenance import Provenance, provenance
from sim.studies.result import StudyResult, load
from sim.studies.sample import Sample
from sim.studies.store import open_store
from tests.run_folders import differing
from tests.small_world import ITEMS
from tests.unit.studies.small_study import (
    FORBIDDEN,
    candidates,
    execute_small,
    sample_small,
    small_scenario,
)

SCENARIO = small_scenario()


@pytest.fixture(autouse=True)
def _plans_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "candidates", lambda *_: candidates())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StudyResult]]:
    out = tmp_path_factory.mktemp("study") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Execution, "candidates", lambda *_: candidates())
        yield out, execute_small(SCENARIO, out, workers=1)


def test_a_study_has_one_row_per_experiment_and_cell(
    finished: tuple[Path, StudyResult],
) -> None:
    _, result = finished
    design = result.outcomes[["policy", "draw", "replication"]]
    full = product(("baseline", "plan"), range(2), range(2))
    assert list(design.itertuples(index=False, name=None)) == list(full)
    assert len(result.cells) == 2 * 2 * 2 * 2 * 2  # policies, draws, years, regions, groups
    assert set(result.stations) == set(STATIONS)
    imaging = result.stations["imaging"]
    assert set(imaging["policy"]) == {"baseline", "plan"}
    assert imaging.attrs["units"]["capacity"] == "unit-weeks"


def test_policies_face_the_same_need(finished: tuple[Path, StudyResult]) -> None:
    need = finished[1].outcomes.pivot_table(
        index=["draw", "replication"], columns="policy", values="need"
    )
    assert (need["baseline"] == need["plan"]).all()
    assert need["plan"].nunique() == 4


def test_a_loaded_study_is_the_one_that_was_written(finished: tuple[Path, StudyResult]) -> None:
    out, result = finished
    again = load(out)
    assert again.scenario == SCENARIO
    assert again.provenance == result.provenance
    pd.testing.assert_frame_equal(again.compare("ede"), result.compare("ede"))
    pd.testing.assert_frame_equal(again.marginal(), result.marginal())
    assert again.verdicts() == result.verdicts()


def test_two_draws_decide_nothing(finished: tuple[Path, StudyResult]) -> None:
    assert finished[1].compare("ede")["verdict"].tolist() == ["undecided"]
    assert finished[1].verdicts()[0].startswith("Undecided whether the plan beats buying nothing")


def test_forbidden_levers_are_not_valued(finished: tuple[Path, StudyResult]) -> None:
    tried = finished[1].marginal()
    assert len(tried) == 8  # four allowed items in two regions
    assert not set(tried["item"]) & set(FORBIDDEN)
    assert tried.set_index(["region", "item"])["dual"]["BBB", "outreach.group0"] == len(ITEMS) + 1.0


def test_two_workers_write_the_same_bytes(
    finished: tuple[Path, StudyResult], tmp_path: Path
) -> None:
    execute_small(SCENARIO, tmp_path / "run", workers=2)
    assert differing(finished[0], tmp_path / "run") == []


def test_a_table_without_rows_changes_no_type() -> None:
    rows = pd.DataFrame({"policy": ["plan"], "region": ["KEN"], "week": [3], "passed": [True]})
    none = pd.DataFrame(columns=rows.columns)
    for tables in ([rows, none], [none, rows], [none, rows, none]):
        pd.testing.assert_frame_equal(batch.joined(tables), rows)
    pd.testing.assert_frame_equal(batch.joined([none, none]), none, check_index_type=False)


class Interrupted:
    """Samples until the power goes off."""

    def __init__(self, samples: int) -> None:
        self.left = samples

    def __call__(self, scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        if draw is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return sample_small(scenario, draw, purpose)


@pytest.mark.parametrize("cells", [4, 12, 10_000])
def test_an_interrupted_study_goes_on_where_it_stopped(
    finished: tuple[Path, StudyResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cells: int,
) -> None:
    """Whatever the size of the tasks that it was, and is, cut into."""
    out = tmp_path / "run"
    monkeypatch.setattr(batch, "CELLS_PER_TASK", 20)  # five runs, in each draw 38
    with pytest.raises(KeyboardInterrupt):
        execute_small(SCENARIO, out, sampler=Interrupted(samples=2))
    assert not is_complete(out)
    monkeypatch.setattr(batch, "CELLS_PER_TASK", cells)
    seen: list[tuple[str, int, int]] = []
    execute_small(
        SCENARIO,
        out,
        progress=lambda what, done, total, _: seen.append((what, done, total)),
    )
    # per draw: two policies, twice; two variants of each; eight additions, six savings and
    # 20 exchanges
    assert seen[0] == ("simulating plans", 10, 80)
    assert seen[-1] == ("simulating plans", 80, 80)
    assert differing(finished[0], out) == []


def test_a_finished_study_is_kept_before_anything_is_run(
    finished: tuple[Path, StudyResult],
) -> None:
    with pytest.raises(RunFolderError, match="already holds a finished study"):
        execute_small(SCENARIO, finished[0], workers=1, sampler=Interrupted(samples=0))


def test_a_study_of_another_version_is_not_read_and_can_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "run"
    execute_small(SCENARIO, out)
    manifest = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps(manifest | {"format": 1}))
    with pytest.raises(RunFolderError, match=r"of another version, 1\. Run the study again"):
        load(out)
    with pytest.raises(RunFolderError, match="already holds a finished study"):
        execute_small(SCENARIO, out)
    execute_small(SCENARIO, out, overwrite=True)
    assert load(out).policies


def test_the_folder_holds_every_table(finished: tuple[Path, StudyResult]) -> None:
    names = {path.name for path in finished[0].iterdir()}
    tables = [*TABLES, *(f"station_{name}" for name in STATIONS)]
    assert names == {f"{name}.parquet" for name in tables} | {
        "scenario.yaml",
        "profile.json",
        "summary.json",
        "provenance.json",
        "manifest.json",
    }


def test_the_response_is_varied_for_every_policy(finished: tuple[Path, StudyResult]) -> None:
    table = finished[1].robustness.table
    assert table[["policy", "baseline"]].to_numpy().tolist() == [["plan", "baseline"]] * 2
    assert (table["draws"] == 2).all()
    # no release ever reads in these two years, so the response cannot matter; one replication
    first = finished[1].outcomes.query("replication == 0")
    ede = first.pivot_table(index="draw", columns="policy", values="ede")
    assert table["difference"].tolist() == pytest.approx(
        [(ede["plan"] - ede["baseline"]).mean()] * 2
    )


def test_equity_by_year_ends_with_the_last_years(finished: tuple[Path, StudyResult]) -> None:
    result = finished[1]
    yearly = result.yearly().set_index(["policy", "draw", "year"])["ede"]
    assert len(yearly) == 8
    last = result.by_draw["last_ede"]
    assert yearly.xs(2028, level="year")["plan", 1] == pytest.approx(last["plan", 1])


def test_inputs_and_profile_are_kept(finished: tuple[Path, StudyResult]) -> None:
    again = load(finished[0])
    assert again.inputs["name"].tolist() == ["AAA.need"]
    assert again.profile["kappa"] == 0.4
    assert again.profile == finished[1].profile


def own_profile(folder: Path) -> Scenario:
    """Write a profile of one's own, and return the scenario that uses it."""
    (folder / "mine").mkdir(parents=True)
    shipped = MEASURED / SCENARIO.profile / "fit.json"
    (folder / "mine" / "fit.json").write_bytes(shipped.read_bytes())
    return SCENARIO.model_copy(update={"profile": (folder / "mine").as_posix()})


def test_a_run_folder_that_was_mailed_opens_with_a_profile_of_ones_own(tmp_path: Path) -> None:
    scenario = own_profile(tmp_path / "here")
    result = execute_small(scenario, tmp_path / "here" / "run")
    shutil.move(tmp_path / "here" / "run", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    again = load(tmp_path / "there")
    assert again.verdicts() == result.verdicts()
    assert Path(again.scenario.profile) == tmp_path / "there" / "profile" / "mine"
    kept, shipped = load_profile(again.scenario.profile), load_profile(SCENARIO.profile)
    assert kept.draws["kappa"].tolist() == shipped.draws["kappa"].tolist()
    assert scenario_hash(again.scenario) == result.provenance.scenario_sha256
    assert read_scenario(tmp_path / "there" / "scenario.yaml") == again.scenario  # runs again too


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Scenario]:
    """Return a study with a profile of one's own that was interrupted, and its scenario."""
    scenario = own_profile(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        execute_small(scenario, tmp_path / "run", sampler=Interrupted(samples=1))
    return tmp_path / "run", scenario


def test_an_interrupted_study_goes_on_after_changes_that_do_not_matter(
    begun: tuple[Path, Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card, what a file manager leaves, and an edited notebook."""
    out, scenario = begun
    (Path(scenario.profile) / "card.html").write_text("a card")
    (Path(scenario.profile) / ".DS_Store").write_text("seen")
    monkeypatch.setattr("sim.studies.provenance._code_version", lambda: "c580c3b-dirty")
    execute_small(scenario, out)
    assert is_complete(out)


def test_an_interrupted_study_refuses_another_fit_and_says_so(
    begun: tuple[Path, Scenario],
) -> None:
    out, scenario = begun
    fit = Path(scenario.profile) / "fit.json"
    fit.write_bytes(fit.read_bytes() + b"\n")
    with pytest.raises(RunFolderError, match="or version: fit of the profile differs"):
        execute_small(scenario, out)


def test_an_interrupted_study_refuses_other_code_and_says_so(
    begun: tuple[Path, Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, scenario = begun
    monkeypatch.setattr("sim.studies.provenance.study_sha256", lambda: "another")
    with pytest.raises(RunFolderError, match="or version: code differs"):
        execute_small(scenario, out)
    changed = scenario.model_copy(update={"budget_usd_per_year": 1.0})
    with pytest.raises(RunFolderError, match="or version: code, scenario differ"):
        execute_small(changed, out)


def test_a_fit_that_changes_while_the_study_runs_ends_it(tmp_path: Path) -> None:
    scenario = own_profile(tmp_path)
    fit = Path(scenario.profile) / "fit.json"

    def changing(asked: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        fit.write_bytes(fit.read_bytes() + b"\n")
        return sample_small(asked, draw, purpose)

    with pytest.raises(RunFolderError, match=r"mine/fit\.json' has changed since the study began"):
        execute_small(scenario, tmp_path / "run", sampler=changing)
    assert not is_complete(tmp_path / "run")


class Closing(Imaging):
    """A station of one's own."""

    weeks = 2


def test_an_interrupted_study_refuses_another_station_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = with_stations(Closing)

    def stamp() -> dict[str, str]:
        return provenance(SCENARIO, stations=stations).stamp()

    with open_store(tmp_path, stamp()) as store:
        store.put("a", {"x": np.zeros(1)})
    with open_store(tmp_path, stamp()) as store:
        assert store.finished() == {"a"}
    monkeypatch.setattr(Closing, "weeks", 40)
    with (
        pytest.raises(RunFolderError, match="or version: station imaging differs"),
        open_store(tmp_path, stamp()),
    ):
        pass


def test_a_rule_of_ones_own_is_part_of_what_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(world: World, scenario: Scenario, name: str = "by_need") -> Plan:
        return RULES[name].make(world, scenario)

    scenario = SCENARIO.model_copy(update={"policies": ("baseline", "mine")})
    assert provenance(scenario).own_code == {}
    monkeypatch.setitem(RULES, "mine", Rule(mine))
    first = provenance(scenario).own_code
    mine.__defaults__ = ("equal_split",)
    second = provenance(scenario).own_code
    assert list(first) == list(second) == ["rule mine"]
    assert first != second


def test_a_scenario_of_another_run_is_refused(
    finished: tuple[Path, StudyResult], tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "run")
    place = tmp_path / "run" / "scenario.yaml"
    place.write_text(place.read_text().replace("200000.0", "900000.0"))
    with pytest.raises(RunFolderError, match=r"scenario\.yaml' is not as the run wrote it"):
        load(tmp_path / "run")


def test_a_provenance_of_another_version_is_refused(finished: tuple[Path, StudyResult]) -> None:
    said = finished[1].provenance.as_dict()
    assert Provenance.read(said) == finished[1].provenance
    with pytest.raises(RunFolderError, match="of another version of equiscan: it has 'mood'"):
        Provenance.read(said | {"mood": "good"})
    del said["seed"]
    with pytest.raises(RunFolderError, match="of another version of equiscan: it lacks 'seed'"):
        Provenance.read(said)
