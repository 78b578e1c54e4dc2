"""Several runs at once: the same table as one at a time, and no energy lost or counted twice."""

from multiprocessing import active_children

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.errors import ProfileError
from sim.profiles import MeasurementPlan, grid, measure
from sim.profiles.design import Cell
from sim.profiles.energy import energy_per_image, told_alone
from sim.profiles.meter import Meter, Reading
from sim.profiles.sharing import Ledger
from sim.profiles.treatment import Treatment
from sim.profiles.workers import chains

PLAN = MeasurementPlan(
    name="beside",
    task="find the stripe",
    modality="none",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    counts=(0, 20),
    seeds=2,
    folds=3,
    contrasts=[
        {
            "counts": [[20, 20]],
            "seeds": 1,
            "levels": [
                {"synthetic": 1},
                {"synthetic": 1, "pretraining_steps": 3},
                {"pretraining_steps": 3},
                {"width": 2},
                {"noise": 0.2},
            ],
        },
        {
            "counts": [[0, 20]],
            "seeds": 1,
            "levels": [{"synthetic": 2}, {"synthetic": 2, "synthetic_for": "all"}],
        },
    ],
    generator_steps=3,
    pretraining_pool=40,
    prevalence=0.5,
    image_px=16,
    widths=(8, 16),
    steps=20,
    batch=16,
    device="cpu",
    threads=1,
)
VARYING = (
    *("seconds", "kwh", "emissions_kg", "peak_memory_mb", "finished", "commit", "energy"),
    *("peak_flops", "utilisation", "other_cores", "idle_watts"),
)
BLOCKS = ("", "inference_", "generation_", "generator_", "pretraining_")


def repeatable(folder):
    table = pd.read_parquet(folder / "runs.parquet")
    return table[[c for c in table if not c.endswith(VARYING)]]


class Steady:
    """A meter of a machine that draws more from interval to interval."""

    counter = None

    def __init__(self):
        self.total, self._next = 0.0, 1.0

    def start(self, name):
        pass

    def stop(self, _):
        drawn, self._next = self._next, 2 * self._next
        self.total += drawn
        return Reading(0.0, drawn, 0.0, 0.0, drawn / 2)


def test_an_interval_is_split_equally_over_the_blocks_that_ran_in_it():
    meter = Steady()
    ledger = Ledger(meter)
    ledger.start(1)
    first = ledger.stop(1)  # 1
    ledger.start(1)
    ledger.start(2)  # 2, the first's alone
    ledger.start(3)  # 4, of two
    second = ledger.stop(2)  # 8, of three
    ledger.stop(1)  # 16, of two
    third = ledger.stop(3)  # 32
    assert (first.cpu_kwh, first.apportioned) == (1.0, False)
    assert second.cpu_kwh == pytest.approx(4 / 2 + 8 / 3)
    assert third.cpu_kwh == pytest.approx(8 / 3 + 16 / 2 + 32)
    assert third.emissions_kg == pytest.approx(third.cpu_kwh / 2)
    assert second.apportioned
    assert third.apportioned


def test_shares_add_up_to_what_was_metered_in_any_order():
    meter = Steady()
    ledger, rng, busy, given = Ledger(meter), np.random.default_rng(0), set(), 0.0
    for who in rng.integers(4, size=40).tolist():
        if who in busy:
            given += ledger.stop(who).kwh
        else:
            ledger.start(who)
        busy ^= {who}
    given += sum(ledger.stop(who).kwh for who in busy)
    assert given == pytest.approx(meter.total)


def test_runs_that_share_something_prepared_go_to_one_worker():
    cells = PLAN.cells()
    together = chains(cells)
    assert [cell.treatment.words for cell in together[0]] == [
        "noise0_corrupted0_synthetic1",
        "noise0_corrupted0_synthetic1_pretraining_steps3",
        "noise0_corrupted0_pretraining_steps3",
    ]
    assert {len({cell.counts for cell in chain}) for chain in together[:2]} == {1}
    assert [len(chain) for chain in together[1:]] == [2, *[1] * (len(cells) - 5)]
    assert sorted(cell.run_id for chain in together for cell in chain) == sorted(
        cell.run_id for cell in cells
    )


def test_what_tells_the_cost_of_an_image_runs_alone():
    varied = {Cell((20, 20), 0), Cell((20, 20), 0, Treatment(width=2))}
    assert told_alone(PLAN.cells()) == varied
    without = PLAN.model_copy(update={"contrasts": ()})
    assert told_alone(without.cells()) == {Cell((20, 20), 0), Cell((20, 20), 1)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return measure(PLAN, data=None, out=tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A measurement with two workers, and what its meter said of intervals that they worked in."""
    metered = []

    def stop(meter, name, original=Meter.stop):
        reading = original(meter, name)
        if " " in name:  # neither the warm-up nor idling, which are no run's
            metered.append(reading)
        return reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Meter, "stop", stop)
        folder = measure(PLAN, data=None, out=tmp_path_factory.mktemp("beside"), workers=2)
    return folder, metered


def test_two_workers_make_the_table_of_one(alone, beside):
    pd.testing.assert_frame_equal(repeatable(beside[0]), repeatable(alone), check_exact=True)


def test_energy_of_runs_beside_each_other_adds_up_to_what_was_metered(beside):
    folder, metered = beside
    runs = pd.read_parquet(folder / "runs.parquet").drop_duplicates("run_id")
    assert runs["error"].isna().all()
    for quantity in ("kwh", "cpu_kwh", "ram_kwh", "emissions_kg"):
        total = sum(getattr(reading, quantity) for reading in metered)
        once = [
            runs.drop_duplicates(block[:-1]) if block in ("generator_", "pretraining_") else runs
            for block in BLOCKS
        ]
        given = sum(
            some[f"{block}{quantity}"].sum() for some, block in zip(once, BLOCKS, strict=True)
        )
        assert given == pytest.approx(total)


def test_apportioned_runs_say_so_and_give_no_joules_per_image(alone, beside):
    runs = pd.read_parquet(beside[0] / "runs.parquet").drop_duplicates("run_id")
    by_itself = {cell.run_id for cell in told_alone(PLAN.cells())}
    assert (runs.loc[runs["run_id"].isin(by_itself), "energy"] == "alone").all()
    assert (runs["energy"] == "apportioned").any()
    assert (pd.read_parquet(alone / "runs.parquet")["energy"] == "alone").all()
    energy = energy_per_image(runs.assign(other_cores=0.0, energy="apportioned", kwh=1e9))
    assert energy["runs_alone"] == 0
    mixed = runs.assign(other_cores=0.0)
    mixed.loc[mixed["energy"] == "apportioned", "kwh"] = 1e9
    assert energy_per_image(mixed)["joules_per_training_sample"] < 1e3
    assert energy_per_image(mixed.assign(other_cores=1.0))["joules_per_training_sample"] < 1e3


def test_a_run_that_tells_the_cost_of_an_image_is_made_again_where_it_was_not_alone(
    alone, tmp_path
):
    table = pd.read_parquet(alone / "runs.parquet")
    (tmp_path / "measurement.json").write_bytes((alone / "measurement.json").read_bytes())
    table.assign(energy="apportioned").to_parquet(tmp_path / "runs.parquet")
    seen = []
    measure(PLAN, data=None, out=tmp_path, progress=lambda *done: seen.append(done[2]))
    assert sorted(seen) == sorted(cell.run_id for cell in told_alone(PLAN.cells()))


def test_what_both_kinds_of_preparing_cost_is_recorded(alone):
    runs = pd.read_parquet(alone / "runs.parquet").drop_duplicates("run_id")
    both = runs[(runs["synthetic"] > 0) & (runs["pretraining_steps"] > 0)]
    assert len(both) == 1
    assert (both[["generator_kwh", "pretraining_kwh", "generation_kwh"]] > 0).all(axis=None)
    energy = energy_per_image(runs)
    given = sum(runs[f"{block}kwh"].sum() for block in ("", "inference_", "generation_"))
    made = runs.drop_duplicates("generator")["generator_kwh"].sum()
    made += runs.drop_duplicates("pretraining")["pretraining_kwh"].sum()
    assert energy["kwh"] == pytest.approx(given + made)


def test_a_row_says_what_was_generated_for_whom(alone):
    runs = pd.read_parquet(alone / "runs.parquet").drop_duplicates("run_id")
    without = runs[(runs["synthetic"] > 0) & (runs["n_a"] == 0)].set_index("synthetic_for")
    assert without.loc["held", ["generated_a", "generated_b"]].tolist() == [0, 40]
    assert without.loc["all", ["generated_a", "generated_b"]].tolist() == [40, 40]
    assert without["studies_trained"].to_dict() == {"held": 60, "all": 100}
    assert without.loc["held", "generator"] == without.loc["all", "generator"]


def test_a_worker_that_dies_is_an_error_and_what_was_finished_is_kept(tmp_path):
    def kill_one(*_):
        for process in active_children()[:1]:
            process.kill()

    with pytest.raises(ProfileError, match="ended with code -9") as error:
        measure(PLAN, data=None, out=tmp_path, workers=2, progress=kill_one)
    assert "Finished runs are kept" in str(error.value)
    assert active_children() == []  # the other one was stopped
    assert not (tmp_path / "runs.parquet").exists()
    assert 2 < len(list((tmp_path / "parts").glob("*.parquet"))) < len(PLAN.cells())


def test_no_workers_is_an_error(tmp_path):
    asked = ["profile", "measure", "--plan", "plan.yaml", "--out", str(tmp_path), "--workers", "0"]
    assert CliRunner().invoke(app, asked).exit_code == 2
    assert grid.measure is measure
