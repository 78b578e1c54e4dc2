import json

import numpy as np
import pandas as pd
import pytest

from sim.errors import ProfileError
from sim.learning.response import NOT_MEASURED, load_profile
from sim.learning.scaling import effective, power_law
from sim.profiles.card.page import write_card
from sim.profiles.design import MeasurementPlan
from sim.profiles.fit import fitting
from sim.profiles.fit.fitting import fit
from sim.profiles.images.training_set import wrong_after
from sim.profiles.treatment import treated
from sim.streams import stream
from tests.unit.profiles.costs import COSTS

MIX = {"noise": 0.05, "corrupted": 0.1, "duplicates": 0.1}
CONTRASTS = [
    {"counts": [[810, 810]], "seeds": 4, "levels": [{"noise": 0.1}, {"noise": 0.2}, MIX]},
    {"counts": [[810, 810]], "seeds": 4, "levels": [{"noise": 0.2, "reading": "adjudicated"}]},
    {"counts": [[180, 180]], "seeds": 4, "levels": [{"synthetic": r} for r in (1, 2, 4)]},
    {
        "counts": [[60, 60], [180, 180]],
        "seeds": 4,
        "levels": [{"pretraining_steps": n} for n in (10, 100, 1000)]
        + [{"pretraining_steps": 100, "pretraining_own": u} for u in (0, 1)],
    },
    {"counts": [[60, 810], [810, 60]], "seeds": 4, "levels": [{"mitigation": "balanced"}]},
    {"counts": [[420, 420]], "seeds": 4, "levels": [{"width": 2}]},
]
PLAN = MeasurementPlan(
    name="known",
    task="known",
    modality="known",
    citation="generated",
    source="phantom",
    groups=("a", "b"),
    counts=(0, 60, 180, 420, 810),
    seeds=4,
    contrasts=CONTRASTS,
    prevalence=1 / 3,
)
KNOWN = {"kappa": 0.3, "power": 0.5, "offset": 60.0}
FLOOR = {"a": 0.10, "b": 0.16}
SCALE = 2.6
WORTH, LIMIT, PER_DECADE, OWN_SHARE, MITIGATED = 0.3, 2.0, 1.3, 1.4, 0.05
LOST = 2.0
"""What the larger group loses for what the smaller one gains."""
TESTED = 50_000
"""Cases of each class: test noise far below the effects to be found."""


def worth(treatment, group):
    """Return the known multiple of the studies that a treatment is worth to a group."""
    wrong, kept, _ = wrong_after(treatment.noise, treatment.reading)
    result = kept * (1 - 2 * wrong) ** 2
    result *= (1 - treatment.duplicates) * (1 - treatment.corrupted)
    result += WORTH * min(treatment.synthetic, LIMIT)
    if treatment.pretraining_steps:
        own = treatment.pretraining_own if group == "a" else 1 - treatment.pretraining_own
        result *= PER_DECADE ** np.log10(treatment.pretraining_steps) * OWN_SHARE ** (own - 0.5)
    return result


def rows():
    for cell in PLAN.cells():
        gained = MITIGATED if cell.treatment.mitigation != "none" else 0.0
        for group, own in zip(PLAN.groups, cell.counts, strict=True):
            other = sum(cell.counts) - own
            studies = worth(cell.treatment, group) * effective(own, other, KNOWN["kappa"])
            named = {key: KNOWN[key] for key in ("power", "offset")}
            error = power_law(studies, floor=FLOOR[group], scale=SCALE, **named)
            noise = stream(cell.seed, cell.run_id, group).normal(0, 0.0015, 2)
            joules = 2.0 if cell.treatment.width == 2 else 1.0
            yield {
                **COSTS,
                **{"run_id": cell.run_id, "seed": cell.seed, "group": group, "error": None},
                **{f"n_{g}": n for g, n in zip(PLAN.groups, cell.counts, strict=True)},
                **{"n_own": own, "n_other": other, "n_total": own + other, "estimable": True},
                **cell.treatment.model_dump(),
                **{"data": "phantom", "gap_auc": 0.06, "gap_sensitivity": 0.06 - gained},
                **{"auc": 1 - error + noise[0], "auc_variance": 1 / TESTED},
                **{
                    "sensitivity": 1
                    - error
                    + noise[1]
                    + (gained if own < other else -LOST * gained)
                },
                **{"local_sensitivity": 1 - error + 0.02, "test_positives": TESTED},
                **{"auc_low": 0.7, "auc_high": 0.9, "specificity": 0.9, "calibration_error": 0.1},
                **{"test_negatives": TESTED},
                **{"kwh": joules * 1e-4, "emissions_kg": 4e-5, "seconds": 9.0},
                **{"cpu_kwh": joules * 1e-4, "ram_kwh": 0.0},
                **{"inference_cpu_kwh": 1e-6, "inference_ram_kwh": 0.0},
                **{"samples_trained": 1_000, "utilisation": 0.5, "other_cores": 0.0},
                **{"inference_kwh": 1e-6, "inference_emissions_kg": 4e-7, "idle_watts": 9.0},
                **{"inference_seconds": 0.1, "inference_images": 500, "peak_memory_mb": 900.0},
                **{"flops_per_training_sample": 3e6, "flops_per_inference": 1e6},
                **{"power_source": "default", "tracking": "none", "grid_country": "USA"},
                **{"commit": "a" if cell.seed else "b", "threads": 1 + cell.treatment.duplicates},
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
        "repeated_images": 0,
        "encoder": None,
        "baseline": {"features": ["group"], "pooled": 0.5, "within": {"a": 0.5, "b": 0.5}},
    }
    (path / "measurement.json").write_text(json.dumps(about))
    fit(path, draws=40)
    return path


@pytest.fixture(scope="module")
def page(folder):
    return write_card(folder).read_text()


@pytest.fixture(scope="module")
def fitted(folder):
    return json.loads((folder / "fit.json").read_text())


@pytest.fixture
def compared_twice(monkeypatch):
    """Compare the forms in two draws only, where it is factors that matter."""
    monkeypatch.setattr(fitting, "COMPARED_DRAWS", 2)


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


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("noise_exponent", 2.0, 0.35),
        ("double_reading_gain", (0.792 / 0.6) ** 2, 0.3),
        ("uncurated_quality", 0.81 * 0.9**2, 0.08),
        ("synthetic_worth", WORTH, 0.1),
        ("synthetic_limit", LIMIT, 1.0),
        ("pretraining_efficiency", PER_DECADE**3, 0.4),
        ("pretraining_per_decade", PER_DECADE, 0.1),
        ("pretraining_own_share", OWN_SHARE, 0.2),
        ("mitigation_sensitivity_gain", MITIGATED, 0.006),
        ("mitigation_gap_change", -MITIGATED, 0.006),
        ("local_threshold_gain", 0.02, 0.006),
    ],
)
def test_known_factors_lie_in_their_intervals(folder, name, known, near):
    factor = load_profile(folder).factors[name]
    slack = 0.25 * near  # forty draws know an interval's ends only roughly
    assert factor.low - slack <= known <= factor.high + slack
    assert factor.value == pytest.approx(known, abs=near)
    assert factor.status == "measured"
    assert factor.runs >= 4
    assert np.median(factor.draws) == pytest.approx(factor.value, rel=1e-4)


def test_what_no_run_measured_is_said_to_be_unmeasured(folder):
    factor = load_profile(folder).factors["synthetic_without_own"]
    assert (factor.status, factor.value, factor.runs) == ("not measured", None, 0)


@pytest.mark.usefixtures("compared_twice")
def test_no_effect_is_not_resolved(tmp_path, folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    keys = ["seed", "group", "n_a", "n_b"]
    clean = runs[~treated(runs)].set_index(keys)["auc"]
    same = clean.reindex(pd.MultiIndex.from_frame(runs[keys])).to_numpy()
    chance = stream(0, "no effect").normal(0, 0.01, len(runs))
    synthetic = runs["synthetic"] > 0
    runs.loc[synthetic, "auc"] = (same + chance)[synthetic]
    runs.to_parquet(tmp_path / "runs.parquet")
    (tmp_path / "measurement.json").write_text((folder / "measurement.json").read_text())
    assert fit(tmp_path, draws=40)["factors"]["synthetic_worth"]["status"] == "not resolved"


@pytest.mark.usefixtures("compared_twice")
@pytest.mark.parametrize("per_study", [-0.2, -0.05])
def test_harm_by_synthetic_studies_is_a_finding_and_leaves_no_limit(tmp_path, folder, per_study):
    runs = pd.read_parquet(folder / "runs.parquet")
    for row in runs[runs["synthetic"] > 0].itertuples():
        left = 1 + per_study * min(row.synthetic, LIMIT)
        studies = left * effective(row.n_own, row.n_other, KNOWN["kappa"])
        named = {key: KNOWN[key] for key in ("power", "offset")}
        error = power_law(studies, floor=FLOOR[row.group], scale=SCALE, **named)
        luck = stream(row.seed, row.run_id, row.group).normal(0, 0.0015)
        runs.loc[row.Index, "auc"] = 1 - error + luck
    runs.to_parquet(tmp_path / "runs.parquet")
    (tmp_path / "measurement.json").write_text((folder / "measurement.json").read_text())
    fit(tmp_path, draws=40)
    factors = load_profile(tmp_path).factors
    worth = factors["synthetic_worth"]
    assert worth.status == "measured"
    assert worth.low <= per_study <= worth.high < 0
    assert factors["synthetic_limit"] == NOT_MEASURED


@pytest.mark.slow
@pytest.mark.usefixtures("compared_twice")
def test_one_group_leaves_kappa_open_and_has_no_gap(tmp_path, folder):
    runs = pd.read_parquet(folder / "runs.parquet").query("group == 'a'")
    runs = runs[(runs["n_b"] == 0) | (treated(runs) & (runs["n_a"] == runs["n_b"]))]
    about = json.loads((folder / "measurement.json").read_text())
    about["plan"]["groups"] = ["a"]
    runs.to_parquet(tmp_path / "runs.parquet")
    (tmp_path / "measurement.json").write_text(json.dumps(about))
    fit(tmp_path, draws=20)
    profile = load_profile(tmp_path)
    assert not profile.kappa_identified
    assert profile.kappa_interval[1] - profile.kappa_interval[0] > 0.8
    fitted = json.loads((tmp_path / "fit.json").read_text())
    assert fitted["treatments"]
    assert not fitted["gap_estimable"]
    for record in fitted["treatments"]:
        assert record["gap_auc_change"] is record["gap_sensitivity_change"] is None
    page = write_card(tmp_path).read_text()
    assert "kappa" not in page
    assert page.index("One group:") < page.index("<svg")
    assert f"Not estimable: only a is scored, with {TESTED} positives" in page
    assert '<td class="n">not estimable</td>' in page


@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
def test_the_card_says_plainly_which_measure_leaves_a_constant_open(
    tmp_path, folder, page, measure_of
):
    (tmp_path / "runs.parquet").write_bytes((folder / "runs.parquet").read_bytes())
    fitted = json.loads((folder / "fit.json").read_text())
    assert "is not identified" not in page
    one = fitted["fits"][measure_of]
    one |= {"kappa_identified": False, "floor_identified": False, "floor_p_value": 0.4}
    one["interval"]["floor"] = [0.0, 0.345]
    (tmp_path / "fit.json").write_text(json.dumps(fitted))
    changed = write_card(tmp_path).read_text()
    assert changed.index(f"kappa is not identified from {measure_of}") < changed.index("<svg")
    assert f"A floor is not identified from {measure_of}:</strong> it is at most 0.345" in changed
    assert '<td class="n">at most 0.345</td>' in changed


def test_a_gap_that_closes_by_loss_is_called_levelling_down(page, fitted):
    changed = fitted["mitigated"]
    assert changed["fewest_sensitivity"]["value"] == pytest.approx(MITIGATED, abs=0.006)
    assert changed["most_sensitivity"]["value"] == pytest.approx(-LOST * MITIGATED, abs=0.006)
    assert changed["specificity"]["value"] == 0.0
    assert changed["auc"]["low"] <= 0.0 <= changed["auc"]["high"]
    assert "Mostly levelling down" in page


def test_pairs_of_another_code_or_thread_count_are_counted(folder, page, fitted):
    runs = pd.read_parquet(folder / "runs.parquet").drop_duplicates("run_id")
    copied = runs["duplicates"] > 0
    all_pairs = int(treated(runs).sum())
    assert fitted["pairs"] == {
        "treated": all_pairs,
        "commit": all_pairs,
        "threads": all_pairs - int(copied.sum()),
        "both": all_pairs - int(copied.sum()),
    }
    assert f"Of {all_pairs} treated runs" in page


@pytest.mark.slow
def test_the_form_that_predicts_best_is_kept_and_set_against_the_law(tmp_path, folder):
    runs = pd.read_parquet(folder / "runs.parquet")
    saturated = 0.1 + 0.4 * np.exp(-(runs["n_own"] + 0.3 * runs["n_other"]) / 150)
    runs["sensitivity"] = 1 - saturated
    runs.to_parquet(tmp_path / "runs.parquet")
    (tmp_path / "measurement.json").write_text((folder / "measurement.json").read_text())
    comparison = fit(tmp_path, draws=5)["fits"]["sensitivity"]["comparison"]
    assert load_profile(tmp_path).best_form == "saturating exponential" == comparison["best"]
    assert comparison["beyond"]["saturating exponential"] == pytest.approx(0.1, abs=0.005)
    page = write_card(tmp_path).read_text()
    assert "Another form predicts the largest counts better" in page
    assert "The simulation keeps the law" in page


def test_a_card_without_synthetic_studies_says_nothing_of_them(tmp_path, folder):
    (tmp_path / "runs.parquet").write_bytes((folder / "runs.parquet").read_bytes())
    fitted = json.loads((folder / "fit.json").read_text())
    for name in ("synthetic_worth", "synthetic_limit"):
        del fitted["factors"][name]
    (tmp_path / "fit.json").write_text(json.dumps(fitted))
    assert "Synthetic studies:" not in write_card(tmp_path).read_text()


def test_settings_are_compared_with_runs_of_the_same_session(fitted):
    plain, wide = fitted["settings"]
    assert (plain["width"], wide["width"]) == (1.0, 2.0)
    ratio = [one["joules_per_training_sample"]["value"] for one in (wide, plain)]
    assert ratio[0] / ratio[1] == pytest.approx(2.0)


def test_energy_is_per_image(fitted):
    assert fitted["energy"]["joules_per_training_sample"] == pytest.approx(1e-4 * 3.6e6 / 1_000)
    assert fitted["energy"]["joules_per_inference"] == pytest.approx(1e-6 * 3.6e6 / 500)
    assert fitted["energy"]["joules_per_flop"] == pytest.approx(0.36 / 3e6)


def test_a_fitted_folder_is_a_profile_that_says_it_is_a_phantom(folder):
    profile = load_profile(folder)
    assert profile.data == "phantom"
    assert profile.size == 40
    assert profile.measured_max == pytest.approx(810 * (1 + KNOWN["kappa"]), rel=0.05)


@pytest.mark.slow
def test_fitting_again_gives_the_same_file(tmp_path, folder):
    for name in ("runs.parquet", "measurement.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    fit(tmp_path, draws=4)
    before = (tmp_path / "fit.json").read_bytes()
    fit(tmp_path, draws=4)
    assert (tmp_path / "fit.json").read_bytes() == before


def test_a_fit_that_cannot_be_written_leaves_the_last_one(folder, monkeypatch):
    before = (folder / "fit.json").read_bytes()

    def full(_file):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        fit(folder, draws=2)
    assert (folder / "fit.json").read_bytes() == before


def test_an_unmeasured_folder_says_what_to_do(tmp_path):
    with pytest.raises(ProfileError, match="Measure first"):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["a", "b", "a"], r"groups: 'a' stands 2 times"),
        ([["a"], "b"], r"plan\.groups\.0: input should be a valid string"),
        (["a"], r"scores b, which groups in measurement\.json do not name"),
    ],
)
def test_groups_that_do_not_fit_the_runs_are_refused(folder, tmp_path, groups, said):
    (tmp_path / "runs.parquet").write_bytes((folder / "runs.parquet").read_bytes())
    about = json.loads((folder / "measurement.json").read_text())
    about["plan"]["groups"] = groups
    (tmp_path / "measurement.json").write_text(json.dumps(about))
    with pytest.raises(ProfileError, match=said):
        fit(tmp_path, draws=1)
