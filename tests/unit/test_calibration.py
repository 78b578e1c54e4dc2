"""Calibration: files of targets, outputs of runs, likelihoods, sampling, and overlays."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from reports.calibration_figure import match, overlay_targets
from sim.baseline.build import world_and_inputs
from sim.calibration.calibrate import _stop_if_missed, calibrate
from sim.calibration.emulator import fit_emulator
from sim.calibration.match import figures
from sim.calibration.outputs import OUTPUTS, Scope
from sim.calibration.overlay import HEAD, require_writable, write_overlay
from sim.calibration.posterior import effective_size, prior_points, resample, sample_posterior
from sim.calibration.question import read_question
from sim.calibration.summary import Calibration
from sim.calibration.targets import OutputName, Targets
from sim.calibration.trials import Trials, simulate_points
from sim.cli import app
from sim.domain.plan import empty_plan
from sim.errors import CalibrationError, NoMatchError, ScenarioError
from sim.executors.executor import Serial
from sim.pipeline.records import Run
from sim.pipeline.run import simulate
from sim.scenario.files import resolved_yaml, scenario_hash
from sim.streams import stream
from sim.studies.names import load_scenario
from tests.small_world import fixed_response
from tests.targets_file import TARGETS, write_targets

SHIPPED = Path(__file__).parents[2] / "scenarios" / "calibration"


def problems(folder: Path, old: str, new: str) -> str:
    """Return what is said about a file of targets with some text replaced."""
    assert old in TARGETS
    with pytest.raises(ScenarioError) as caught:
        read_question(write_targets(folder, TARGETS.replace(old, new)))
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "share_arrived",
            "share_arived",
            "targets.yaml:6: targets.0.output: found 'share_arived'; must be 'exams_per_1000', ",
        ),
        ("value: 0.35", "valeu: 0.35", "targets.0.valeu: unknown key. Did you mean 'value'?"),
        ("value: 0.35", "value: 0.55", "targets.yaml:6: targets.0: value 0.55 is not within 0.3 "),
        ("region: KEN", "region: KNE", "targets.1.region: 'KNE' is not in the scenario. Did you "),
        (
            "region: KEN",
            "region: KEN, modality: ct",
            "targets.yaml:7: targets.1.modality: 'ct' is not in the scenario. Allowed: dermoscopy.",
        ),
        ("region: KEN", "region: KEN, among: [KEN]", "among: belongs to dataset_share, not to "),
        (
            "dermoscopy.need_per_1000:",
            "dermoscopy.ned_per_1000:",
            "targets.yaml:3: parameters.dermoscopy.ned_per_1000: no such baseline value in this "
            "scenario. Did you mean 'dermoscopy.need_per_1000'?",
        ),
        (
            "groups.urban.reach: {}",
            "KEN.population: {low: 1, high: 9}",
            "parameters.KEN.population: is published (World Bank",
        ),
        ("groups.urban.reach: {}", "KEN.population: {why: any}", "has no range, as published by "),
        (
            "groups.urban.reach: {}",
            "groups.urban.reach: {high: 0.9}",
            "0.25 to 0.9 is wider than the tables' 0.25 to 0.75; say in 'why' what speaks for it.",
        ),
        (
            "groups.urban.reach: {}",
            "site_network_share: {}",
            "differs by income group: name one of site_network_share.LIC, site_network_share.LMC",
        ),
        (
            "groups.urban.reach: {}",
            "readers_per_million.radiologist: {}",
            "the scenario does not use this value.",
        ),
        ("high: 12", "high: 0.5", "parameters.dermoscopy.need_per_1000: low 1 is not below high "),
        (
            "groups.urban.reach: {}",
            "groups.urban.reach: {low: -1, high: 2, why: any}",
            "parameters.groups.urban.reach: a share runs from 0 to 1, got -1.",
        ),
        (
            "{low: 1, high: 12,",
            "{low: 1, high: 1.0e+300,",
            "parameters.dermoscopy.need_per_1000: must be from 0.001 to 5,000 exams per 1000 ",
        ),
        (
            "value: 0.35, low: 0.3, high: 0.4",
            "value: 35, low: 30, high: 40",
            "targets.yaml:6: targets.0: a share runs from 0 to 1; 30 looks like percent.",
        ),
        ("low: 0.8, high", "low: -0.8, high", "must be from 0 to 5,000 exams per 1000 people and"),
        ("here.yaml", "there.yaml", "there is no file 'there.yaml' in "),
        ("here.yaml", "../here.yaml", "must be the name of a file in the same folder."),
        ("region: KEN, value", "region: KEN, source: x, value", "'source' is already given on"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert expected in problems(tmp_path, old, new)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = TARGETS.replace("region: KEN", "region: XXX").replace("groups.urban", "groups.urbn")
    with pytest.raises(ScenarioError, match="has 2 problems") as caught:
        read_question(write_targets(tmp_path, text))
    assert "Did you mean 'groups.urban.reach'?" in str(caught.value)


def test_a_prior_is_what_a_draw_would_sample(tmp_path: Path) -> None:
    question = read_question(write_targets(tmp_path))
    need, reach = question.unknowns
    assert (need.low, need.high) == (1.0, 12.0)
    assert (reach.low, reach.mode, reach.high, reach.status) == (0.25, 0.5, 0.75, "assumed")
    assert reach.at(np.array([0.0, 0.5, 1.0])).tolist() == pytest.approx([0.25, 0.5, 0.75])
    sampled = [
        world_and_inputs(question.scenario, draw=draw)[0].care.reach[0, 0, 0] for draw in range(200)
    ]
    assert np.mean(sampled) == pytest.approx(reach.at(np.linspace(0, 1, 999)).mean(), abs=0.02)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    scenario = read_question(write_targets(folder)).scenario
    world = world_and_inputs(scenario, draw=None)[0]
    plan = empty_plan("none", world.catalogue, world.regions, years=1, start_year=2027)
    return simulate(world, plan, fixed_response(), scenario=scenario, seed=1, replication=0)


def test_outputs_are_those_of_the_cell_table(run: Run) -> None:
    cells = run.cells()
    sums = cells.groupby("region")[["need", "arrived", "exams", "reneged", "unread"]].sum()
    people = run.world.care.population.sum(axis=1)
    for r, region in enumerate(run.world.regions):
        scope, row = Scope(region), sums.loc[region]
        expected = {
            "exams_per_1000": row["exams"] / people[r] * 1000,
            "share_arrived": row["arrived"] / row["need"],
            "share_reneged": row["reneged"] / row["arrived"],
            "share_unread": row["unread"] / row["exams"],
        }
        for name, value in expected.items():
            assert OUTPUTS[name].of(run, scope) == pytest.approx(value), name
    everywhere = cells[["waiting_weeks", "arrived"]].sum()
    assert OUTPUTS["wait_weeks"].of(run, Scope("all")) == pytest.approx(
        everywhere["waiting_weeks"] / everywhere["arrived"]
    )
    one = OUTPUTS["exams_per_1000"]
    assert one.of(run, Scope("KEN", "dermoscopy")) == one.of(run, Scope("KEN"))


def test_shares_of_data_add_up(run: Run) -> None:
    share = OUTPUTS["dataset_share"].of
    regions = run.world.regions
    among = [share(run, Scope(region, among=regions)) for region in regions]
    assert sum(among) == pytest.approx(1.0)
    assert min(among) > 0.0
    # from outside comes more than these two regions annotate
    assert share(run, Scope("all")) < 0.5
    assert share(run, Scope("KEN")) < among[0]


def one_target(value: float, low: float, high: float, *, discrepancy: float = 0.0) -> Targets:
    return Targets.model_validate(
        {
            "scenario": "x.yaml",
            "parameters": {"a": {}},
            "targets": [
                {"output": "wait_weeks", "region": "KEN", "source": "made up",
                 "value": value, "low": low, "high": high}
            ],
            "discrepancy": discrepancy,
        }
    )  # fmt: skip


def test_a_figure_counts_as_a_normal_between_its_bounds() -> None:
    wanted = figures(one_target(10.0, 10.0 - 1.959964, 10.0 + 1.959964))
    outputs = np.array([[9.0], [10.0], [12.0]])
    log = wanted.log_likelihood(outputs, np.zeros(1))
    assert log == pytest.approx(norm.logpdf([9, 10, 12], 10) + 0.5 * np.log(2 * np.pi), abs=1e-6)
    assert wanted.distance(outputs, np.zeros(1))[:, 0] == pytest.approx([-1.0, 0.0, 2.0], abs=1e-6)
    # replications add to the variance, and so does what the model leaves out
    assert wanted.distance(outputs, np.full(1, 3.0))[0, 0] == pytest.approx(-0.5)
    wider = figures(one_target(10.0, 10.0 - 1.959964, 10.0 + 1.959964, discrepancy=0.1))
    assert wider.distance(outputs, np.zeros(1))[2, 0] == pytest.approx(2 / np.sqrt(2))


def test_a_lopsided_figure_is_a_density_with_its_own_widths() -> None:
    wanted = figures(one_target(10.0, 8.0, 14.0))
    grid = np.linspace(-20, 60, 80_001)[:, None]
    density = np.exp(wanted.log_likelihood(grid, np.zeros(1)))
    total = density.sum() * (grid[1, 0] - grid[0, 0])
    assert total == pytest.approx(np.sqrt(2 * np.pi), rel=1e-3)  # of any shape, the same mass
    assert wanted.distance(np.array([[8.0], [14.0]]), np.zeros(1))[:, 0] == pytest.approx(
        [-1.959964, 1.959964], abs=1e-5
    )


def test_the_sampler_finds_a_normal_and_both_of_two_peaks() -> None:
    def normal(points: np.ndarray) -> np.ndarray:
        return norm.logpdf(points, [0.3, 0.6], [0.02, 0.1]).sum(axis=1)

    points = sample_posterior(normal, 2, stream(3, "normal"))
    assert points.mean(axis=0) == pytest.approx([0.3, 0.6], abs=0.012)
    assert points.std(axis=0) == pytest.approx([0.02, 0.1], rel=0.15)

    def peaks(points: np.ndarray) -> np.ndarray:
        return np.logaddexp(*(norm.logpdf(points, at, 0.03).sum(axis=1) for at in (0.2, 0.8)))

    both = sample_posterior(peaks, 2, stream(3, "peaks"))
    assert np.mean(both[:, 0] < 0.5) == pytest.approx(0.5, abs=0.12)
    assert both.min() >= 0.0
    assert both.max() <= 1.0


def test_weights_become_equal_rows() -> None:
    weights = np.log([0.5, 0.25, 0.125, 0.125])
    rows = resample(weights, 8, stream(1, "rows"))
    assert np.bincount(rows).tolist() == [4, 2, 1, 1]
    assert effective_size(np.zeros(7)) == pytest.approx(7.0)
    assert effective_size(np.array([0.0, -800.0])) == pytest.approx(1.0)


def test_an_emulator_predicts_and_doubts_where_it_has_not_been() -> None:
    points = prior_points(64, 2, stream(1, "emulator"))
    near = points[points[:, 0] < 0.5]
    outputs = np.stack([np.sin(3 * near[:, 0]) + near[:, 1], 100 * near[:, 0] ** 2], axis=1)
    emulator = fit_emulator(Trials(near, outputs, np.zeros(2)))
    mean, variance = emulator(np.array([[0.25, 0.5], [0.95, 0.5]]))
    assert mean[0] == pytest.approx([np.sin(0.75) + 0.5, 6.25], rel=0.01)
    assert (variance[1] > 10 * variance[0]).all()


def test_a_trial_is_the_baseline_at_its_values(tmp_path: Path) -> None:
    question = read_question(write_targets(tmp_path))
    told: list[tuple[int, int]] = []
    points = np.array([[0.1, 0.2], [0.1, 0.9], [0.9, 0.2]])
    trials = simulate_points(question, points, Serial(), lambda done, of: told.append((done, of)))
    assert told[-1] == (3, 3)
    arrived, exams = trials.outputs.T
    assert arrived[1] > 1.2 * arrived[0]  # more reach
    assert arrived[2] == pytest.approx(arrived[0], rel=0.05)  # need changes no share
    assert exams[2] > exams[0]
    assert (trials.noise > 0.0).all()


def test_no_match_says_the_nearest_miss(tmp_path: Path) -> None:
    question = read_question(write_targets(tmp_path))
    wanted = figures(question.targets)
    points, noise = np.full((2, 2), 0.5), np.zeros(2)
    near = Trials(points, np.array([[0.35, 1.0], [0.9, 9.0]]), noise)
    _stop_if_missed(question, wanted, near)
    far = Trials(points, np.array([[0.9, 9.0], [0.35, 2.0]]), noise)
    with pytest.raises(NoMatchError) as caught:
        _stop_if_missed(question, wanted, far)
    text = str(caught.value)
    assert "exams_per_1000 KEN: figure 1, nearest 2 (+7.0 sd)" in text
    assert "groups.urban.reach = 0.5 (from 0.25 to 0.75)" in text
    assert caught.value.exit_code == 3


@pytest.fixture
def found(tmp_path: Path) -> Calibration:
    question = read_question(write_targets(tmp_path))
    points = prior_points(32, 2, stream(5, "rows"))
    points[:, 1] = 0.5 * points[:, 0]  # fitted together
    outputs = points.copy()
    return Calibration(question, points, outputs, outputs, 32.0, 160, 5)


Named = Callable[[str], Path]


@pytest.fixture
def named(tmp_path: Path, found: Calibration) -> Named:
    """Write the overlay, and a scenario that names it with more of its own."""

    def write(more: str = "") -> Path:
        write_overlay(found, tmp_path / "over.yaml", overwrite=True)
        text = f"extends: here.yaml\noverlays: [over.yaml]\n{more}"
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "mine.yaml"

    return write


def test_an_overlay_gives_a_scenario_its_sample(found: Calibration, named: Named) -> None:
    scenario = load_scenario(named(""))
    need = scenario.overrides["dermoscopy.need_per_1000"]
    assert need.status == "calibrated"
    assert need.sample == pytest.approx(found.values[:, 0], rel=1e-5)
    assert need.value == need.sample[found.middle]
    used = world_and_inputs(scenario, draw=None)[1].used["groups.urban.reach"]
    assert (used.status, used.source[:13]) == ("calibrated", "calibrated to")


def test_a_draw_takes_one_row_of_all_samples(found: Calibration, named: Named) -> None:
    scenario = load_scenario(named(""))
    plain = load_scenario(named("").parent / "here.yaml")
    rows = set()
    for draw in range(40):
        care = world_and_inputs(scenario, draw=draw)[0].care
        need = care.need_per_year[0].sum() / care.population[0].sum() * 1000
        row = int(np.abs(found.values[:, 0] - need).argmin())
        assert need == pytest.approx(found.values[row, 0], rel=1e-4)
        assert care.reach[0, 0, 0] == pytest.approx(found.values[row, 1], rel=1e-4)
        rows.add(row)
        # nothing else of a draw changes
        other = world_and_inputs(plain, draw=draw)[0].care
        assert care.reach[0, 0, 1] == other.reach[0, 0, 1]
        assert np.array_equal(care.patience_weeks, other.patience_weeks)
    assert len(rows) > 15


def test_a_resolved_scenario_holds_its_overlays(named: Named) -> None:
    scenario = load_scenario(named(""))
    whole = named("").parent / "whole.yaml"
    whole.write_text(resolved_yaml(scenario), encoding="utf-8")
    assert load_scenario(whole) == scenario
    assert scenario_hash(load_scenario(whole)) == scenario_hash(scenario)


def test_a_calibrated_scenario_can_be_calibrated_again(named: Named) -> None:
    path = named("")
    again = write_targets(path.parent, TARGETS.replace("here.yaml", "mine.yaml"))
    reach = read_question(again).unknowns[1]
    assert reach.status == "calibrated"
    assert 0.25 < reach.low < reach.high < 0.75
    more = "overrides: {dermoscopy.need_per_1000.LIC: {value: 4, source: our own count}}\n"
    named(more)
    with pytest.raises(ScenarioError, match=r"value of its own .* dermoscopy\.need_per_1000\.LIC;"):
        read_question(again)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.calibration.emulator.find_spec", lambda _: None)
    with pytest.raises(CalibrationError, match=r"pip install 'equiscan\[calibrate\]'"):
        calibrate("no matter.yaml")


def test_the_scenarios_own_overrides_win_whole(named: Named) -> None:
    own = "overrides: {groups.urban.reach: {value: 0.6, source: our own count}}\n"
    override = load_scenario(named(own)).overrides["groups.urban.reach"]
    assert (override.value, override.sample, override.low) == (0.6, (), None)


def test_a_value_beside_a_sample_must_be_of_it(named: Named) -> None:
    change = "overrides.groups.urban.reach.value=0.4"
    with pytest.raises(ScenarioError, match="is not one of the sample; set sample to null"):
        load_scenario(named(""), overrides=[change])
    path, null = named(""), "overrides.groups.urban.reach.sample=null"
    with pytest.raises(ScenarioError, match="is not within"):
        load_scenario(path, overrides=["overrides.groups.urban.reach.value=9", null])


@pytest.mark.parametrize(
    ("overlays", "expected"),
    [
        ("[ovr.yaml]", "there is no file 'ovr.yaml' in .*Did you mean 'over.yaml'?"),
        ("[../over.yaml]", "must be the name of a file in the same folder"),
        ("over.yaml", "overlays: must be a list of file names"),
        ("[here.yaml]", "title: unknown key in an overlay. Allowed: overrides, calibration"),
        ("[empty.yaml]", "an overlay is a mapping that holds 'overrides'"),
    ],
)
def test_an_overlay_lies_beside_its_scenario(named: Named, overlays: str, expected: str) -> None:
    path = named("")
    (path.parent / "empty.yaml").write_text("calibration: {}\n", encoding="utf-8")
    path.write_text(f"extends: here.yaml\noverlays: {overlays}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=expected):
        load_scenario(path)


def test_a_mistake_in_an_overlay_is_named_with_its_line(named: Named) -> None:
    path = named("")
    over = path.parent / "over.yaml"
    text = over.read_text(encoding="utf-8").replace("status: calibrated", "status: calibratd", 1)
    over.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"over\.yaml:\d+: overrides\.derm.*status: found 'cal"):
        load_scenario(path)


def test_later_overlays_win_over_earlier_ones(named: Named) -> None:
    path = named("")
    text = "overrides: {groups.urban.reach: {value: 0.7, source: a later count}}\n"
    (path.parent / "later.yaml").write_text(text, encoding="utf-8")
    path.write_text("extends: here.yaml\noverlays: [over.yaml, later.yaml]\n", encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario.overrides["groups.urban.reach"].sample == ()
    assert scenario.overrides["dermoscopy.need_per_1000"].sample
    path.write_text("extends: here.yaml\noverlays: [later.yaml, over.yaml]\n", encoding="utf-8")
    assert load_scenario(path).overrides["groups.urban.reach"].sample


def test_an_overlay_is_not_replaced_unless_told(found: Calibration, tmp_path: Path) -> None:
    out = write_overlay(found, tmp_path / "over.yaml")
    with pytest.raises(CalibrationError, match="exists already; --overwrite replaces it"):
        write_overlay(found, out)


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    path = write_targets(tmp_path, TARGETS.replace("region: KEN", "region: KNE"))
    told = CliRunner().invoke(app, ["calibrate", str(path)])
    assert told.exit_code == 2
    assert "targets.1.region" in told.output
    assert "Traceback" not in told.output
    there = tmp_path / "targets_overlay.yaml"
    there.write_text("mine", encoding="utf-8")
    told = CliRunner().invoke(app, ["calibrate", str(path)])
    assert (told.exit_code, there.read_text(encoding="utf-8")) == (2, "mine")


def test_what_is_shipped_fits_together() -> None:
    question = read_question(SHIPPED / "ct_targets.yaml")
    calibrated = load_scenario(SHIPPED / "ct_calibrated.yaml")
    named = {unknown.name for unknown in question.unknowns}
    plain = load_scenario(SHIPPED / "ct.yaml").overrides
    assert set(calibrated.overrides) == named | set(plain)
    assert {len(calibrated.overrides[name].sample) for name in named} == {128}
    kept = overlay_targets(SHIPPED / "ct_targets_overlay.yaml")
    targets = question.targets.targets
    assert kept["target"].tolist() == [one.name for one in targets]
    assert kept["value"].tolist() == [one.value for one in targets]
    nearer = (kept["after"] / kept["value"] - 1).abs() < (kept["before"] / kept["value"] - 1).abs()
    assert nearer.all()
    assert match(kept).count("<svg ") == 1


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_is_in_the_docs_and_in_the_schema(output: str) -> None:
    text = (SHIPPED.parents[1] / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert f"| `{output}` |" in text
    assert output in get_args(OutputName)


@pytest.mark.parametrize("name", ["targets.yaml", "here.yaml", "used.yaml"])
def test_calibration_replaces_nothing_that_it_reads(tmp_path: Path, name: str) -> None:
    path = write_targets(tmp_path, TARGETS)
    here = tmp_path / "here.yaml"
    here.write_text(f"overlays: [used.yaml]\n{here.read_text()}")
    (tmp_path / "used.yaml").write_text(f"{HEAD}\noverrides: {{}}\n")
    before = (tmp_path / name).read_text()
    (tmp_path / "link").symlink_to(tmp_path)
    place = tmp_path / "link" / name
    assert path == tmp_path / "targets.yaml"
    words = ["calibrate", str(path), "--out", str(place), "--overwrite"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 2
    assert f"error: {place} is what this calibration reads" in told.stderr
    assert (tmp_path / name).read_text() == before


def test_only_an_overlay_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    path, place = write_targets(tmp_path, TARGETS), tmp_path / "thesis.yaml"
    place.write_text("years of work")
    with pytest.raises(CalibrationError, match="was not written by `equiscan calibrate`"):
        require_writable(place, targets=path, overwrite=True)
    place.write_text(f"{HEAD}: overrides: {{}}\n")
    require_writable(place, targets=path, overwrite=True)
    with pytest.raises(CalibrationError, match="exists already; --overwrite replaces it"):
        require_writable(place, targets=path, overwrite=False)
    (tmp_path / "link.yaml").symlink_to(place)
    with pytest.raises(CalibrationError, match="it is left alone"):
        require_writable(tmp_path / "link.yaml", targets=path, overwrite=True)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_simulated(
    tmp_path: Path,
) -> None:
    path = write_targets(tmp_path, TARGETS)
    words = ["calibrate", str(path), "--out", str(tmp_path / "none" / "over.yaml")]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 2
    assert "over.yaml': No such file or directory." in told.stderr
