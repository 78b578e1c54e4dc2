import json

import numpy as np
import pandas as pd
import pytest

from sim.errors import ProfileError
from sim.learning.response import load_profile
from sim.learning.scaling import effective, power_law
from sim.profiles.design import MeasurementPlan
from sim.profiles.fitting import fit
from sim.streams import stream

PLAN = MeasurementPlan(
    name="known",
    task="known",
    modality="known",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    counts=(0, 60, 180, 420, 810),
    seeds=4,
    noise=(0.2,),
    damage_seeds=4,
    prevalence=1 / 3,
)
KNOWN = {"kappa": 0.3, "power": 0.5, "offset": 60.0}
FLOOR = {"a": 0.10, "b": 0.16}
SCALE = 2.6
TESTED = 50_000
"""Cases of each class: test noise far below the effects to be found."""


def rows():
    for cell in PLAN.cells():
        worth = (1 - 2 * cell.noise) ** 2
        for group, own in zip(PLAN.groups, cell.counts, strict=True):
            other = sum(cell.counts) - own
            studies = worth * effective(own, other, KNOWN["kappa"])
            named = {key: KNOWN[key] for key in ("power", "offset")}
            error = power_law(studies, floor=FLOOR[group], scale=SCALE, **named)
            noise = stream(cell.seed, cell.run_id, group).normal(0, 0.002, 2)
            yield {
                **{"run_id": cell.run_id, "seed": cell.seed, "group": group, "error": None},
                **{f"n_{g}": n for g, n in zip(PLAN.groups, cell.counts, strict=True)},
                **{"n_own": own, "n_other": other, "n_total": own + other, "estimable": True},
                **{"noise": cell.noise, "corrupted": cell.corrupted, "data": "phantom"},
                **{"auc": 1 - error + noise[0], "auc_variance": 1 / TESTED},
                **{"sensitivity": 1 - error + noise[1], "test_positives": TESTED},
                **{"kwh": 1e-4, "emissions_kg": 4e-5, "seconds": 9.0, "samples_trained": 1_000},
                **{"inference_kwh": 1e-6, "inference_emissions_kg": 4e-7},
                **{"inference_seconds": 0.1, "inference_images": 500, "peak_memory_mb": 900.0},
                **{"flops_per_training_sample": 3e6, "flops_per_inference": 1e6},
                **{"power_source": "default", "tracking": "none", "grid_country": "USA"},
                **{"hardware": "none", "python": "", "torch": "", "numpy": "", "codecarbon": ""},
            }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("known")
    pd.DataFrame(rows()).to_parquet(path / "runs.parquet")
    about = {
        "plan": json.loads(PLAN.model_dump_json()),
        "cases": {g: {"positives": TESTED, "negatives": TESTED} for g in PLAN.groups},
        "left_out_images": {},
        "baseline": {"features": ["group"], "pooled": 0.5, "within": {"a": 0.5, "b": 0.5}},
    }
    (path / "measurement.json").write_text(json.dumps(about))
    fit(path, draws=40)
    return path


@pytest.fixture(scope="module")
def fitted(folder):
    return json.loads((folder / "fit.json").read_text())


@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
def test_known_constants_are_found(fitted, measure_of):
    one = fitted["fits"][measure_of]
    assert one["mean"]["kappa"] == pytest.approx(KNOWN["kappa"], abs=0.04)
    assert one["mean"]["power"] == pytest.approx(KNOWN["power"], abs=0.1)
    assert one["mean"]["floor"] == pytest.approx(np.mean(list(FLOOR.values())), abs=0.03)
    assert one["kappa_identified"]
    low, high = one["interval"]["kappa"]
    assert low <= KNOWN["kappa"] + 0.02
    assert high >= KNOWN["kappa"] - 0.02


def test_the_law_predicts_held_out_cells_better_than_own_or_total_data(fitted):
    comparison = fitted["fits"]["auc"]["comparison"]
    miss = {name: one["with_own"] for name, one in comparison["rmse"].items()}
    assert miss["law"] < 0.01
    assert miss["law"] < 0.5 * min(miss["own data only"], miss["total data only"])


def test_label_noise_is_read_back_as_lost_studies(fitted):
    (noisy,) = fitted["damage"]
    assert noisy["assumed"] == pytest.approx(0.36)
    assert noisy["remaining"] == pytest.approx(0.36, abs=0.06)
    assert noisy["interval"][0] < noisy["remaining"] < noisy["interval"][1]


def test_energy_is_per_image(fitted):
    assert fitted["energy"]["joules_per_training_sample"] == pytest.approx(1e-4 * 3.6e6 / 1_000)
    assert fitted["energy"]["joules_per_inference"] == pytest.approx(1e-6 * 3.6e6 / 500)
    assert fitted["energy"]["joules_per_flop"] == pytest.approx(0.36 / 3e6)


def test_a_fitted_folder_is_a_profile_that_says_it_is_a_phantom(folder):
    profile = load_profile(folder)
    assert profile.data == "phantom"
    assert profile.size == 40
    assert profile.measured_max == pytest.approx(810 * (1 + KNOWN["kappa"]), rel=0.05)


def test_fitting_again_gives_the_same_file(folder):
    before = (folder / "fit.json").read_bytes()
    fit(folder, draws=40)
    assert (folder / "fit.json").read_bytes() == before


def test_an_unmeasured_folder_says_what_to_do(tmp_path):
    with pytest.raises(ProfileError, match="Measure first"):
        fit(tmp_path)
