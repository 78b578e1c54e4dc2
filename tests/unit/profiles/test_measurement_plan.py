from importlib.resources import files

import pytest

from sim.errors import ProfileError, ScenarioError
from sim.profiles.design import Cell, MeasurementPlan
from sim.profiles.treatment import CONTROL, FACTORS, Treatment

PLANS = files("sim.profiles") / "plans"
SHIPPED = PLANS / "dermoscopy.yaml"


@pytest.fixture
def plan():
    return MeasurementPlan.load(str(SHIPPED))


def test_the_grid_crosses_own_and_other_counts_without_the_empty_run(plan):
    grid = plan.model_copy(update={"contrasts": ()})
    clean = [c.counts for c in grid.cells() if c.seed == 0]
    assert len(clean) == len(plan.counts) ** 2 - 1
    assert (0, max(plan.counts)) in clean
    assert (0, 0) not in clean


def test_run_ids_are_unique_and_more_seeds_only_add_runs(plan):
    ids = [cell.run_id for cell in plan.cells()]
    longer = plan.model_copy(update={"seeds": plan.seeds + 1})
    assert len(set(ids)) == len(ids)
    assert set(ids) < {cell.run_id for cell in longer.cells()}


def test_every_treated_run_has_an_untreated_one_of_its_counts_and_seed(plan):
    cells = set(plan.cells())
    treated = [c for c in cells if c.treatment != CONTROL]
    assert len(treated) > 100
    assert all(Cell(c.counts, c.seed) in cells for c in treated)


def test_run_ids_name_what_was_done_and_older_names_stay():
    assert Cell((60, 0), 2, Treatment(noise=0.1)).run_id == "n60-0_noise0.1_corrupted0_seed2"
    wide = Treatment(width=2, mitigation="balanced")
    assert wide.words == "noise0_corrupted0_mitigation-balanced_width2"


@pytest.mark.parametrize("name", [path.name for path in PLANS.iterdir()])
def test_every_shipped_plan_can_be_read(name):
    assert MeasurementPlan.load(str(PLANS / name)).data == "real"


def test_every_factor_is_varied_by_the_default_plan(plan):
    off = {n for c in plan.cells() for n in c.treatment.model_dump(exclude_defaults=True)}
    assert off == set(FACTORS)


def test_a_plan_without_one_of_its_groups_keeps_what_concerns_the_others(plan):
    one = plan.scoring(("vidir_modern",))
    assert one.not_estimable == ("vienna_dias", "rosendahl")
    assert {len(cell.counts) for cell in one.cells()} == {1}
    before = {(c.counts[1:], c.seed, c.treatment) for c in plan.cells() if c.counts[1]}
    own = Treatment.model_fields["pretraining_own"].default
    after = {(c.counts, c.seed, c.treatment) for c in one.cells()}
    assert after == {c for c in before if c[2].pretraining_own == own}
    assert plan.scoring(plan.groups) is plan
    with pytest.raises(ProfileError, match="no group has enough"):
        plan.scoring(())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("counts: [0,", "counts: [", r"yaml:\d+: counts: must hold 0"),
        ("counts: [0,", "counts: [0, 2,", "at least one positive"),
        ("seeds: ", "sedes: ", r"yaml:\d+: sedes: unknown key. Did you mean 'seeds'"),
        (
            "- counts: [[0, 420]]",
            "- counts: [[420]]",
            r"yaml:\d+: contrasts: 420: name a count of each of rosendahl",
        ),
        ("{noise: 0.1}", "{noise: 0.9}", "less than or equal to 0.5"),
        ("{corrupted: 0.25}", "{reading: consensus}", "second reading changes nothing"),
        ("[vienna_dias]", "[rosendahl]", "both used and left out"),
        ("[rosendahl, vidir_modern]", "[rosendahl", r"yaml:\d+: not readable as YAML"),
    ],
)
def test_an_unusable_plan_says_why(tmp_path, old, new, message):
    text = SHIPPED.read_text()
    assert old in text
    (tmp_path / "plan.yaml").write_text(text.replace(old, new))
    with pytest.raises(ScenarioError, match=message):
        MeasurementPlan.load(tmp_path / "plan.yaml")


def test_a_missing_plan_says_which(tmp_path):
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: there is no such file"):
        MeasurementPlan.load(tmp_path / "nowhere.yaml")
