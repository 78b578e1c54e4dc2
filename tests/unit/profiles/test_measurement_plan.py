from importlib.resources import files

import pytest

from sim.errors import ProfileError
from sim.profiles.design import MeasurementPlan

SHIPPED = files("sim.profiles") / "plans" / "dermoscopy.yaml"


@pytest.fixture
def plan():
    return MeasurementPlan.load(str(SHIPPED))


def test_the_grid_crosses_own_and_other_counts_without_the_empty_run(plan):
    clean = {c.counts for c in plan.cells() if c.seed == 0 and not c.noise and not c.corrupted}
    assert len(clean) == len(plan.counts) ** 2 - 1
    assert (0, max(plan.counts)) in clean
    assert (0, 0) not in clean


def test_run_ids_are_unique_and_more_seeds_only_add_runs(plan):
    ids = [cell.run_id for cell in plan.cells()]
    longer = plan.model_copy(update={"seeds": plan.seeds + 1})
    assert len(set(ids)) == len(ids)
    assert set(ids) < {cell.run_id for cell in longer.cells()}


def test_damage_is_tried_at_the_largest_counts(plan):
    damaged = [c for c in plan.cells() if c.noise or c.corrupted]
    assert {c.counts for c in damaged} == {(max(plan.counts),) * 2}
    assert len(damaged) == plan.damage_seeds * (len(plan.noise) + len(plan.corrupted))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("counts: [0,", "counts: [", "counts must hold 0"),
        ("counts: [0,", "counts: [0, 2,", "at least one positive"),
        ("seeds: ", "sedes: ", "sedes: Extra inputs"),
        ("[vienna_dias]", "[rosendahl]", "both used and left out"),
        ("[rosendahl, vidir_modern]", "[rosendahl", "not valid YAML"),
    ],
)
def test_an_unusable_plan_says_why(tmp_path, old, new, message):
    text = SHIPPED.read_text()
    assert old in text
    (tmp_path / "plan.yaml").write_text(text.replace(old, new))
    with pytest.raises(ProfileError, match=message):
        MeasurementPlan.load(tmp_path / "plan.yaml")


def test_a_missing_plan_says_which(tmp_path):
    with pytest.raises(ProfileError, match=r"nowhere\.yaml: cannot be read"):
        MeasurementPlan.load(tmp_path / "nowhere.yaml")
