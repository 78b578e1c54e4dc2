"""Calibration finds what it should: hidden values, a closed form, and the same at any speed."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from sim.calibration.calibrate import calibrate
from sim.calibration.match import WITHIN_95
from sim.calibration.outputs import OUTPUTS, Scope
from sim.calibration.overlay import write_overlay
from sim.calibration.question import read_question
from sim.calibration.trials import short, simulate_points
from sim.cli import app
from sim.errors import NoMatchError
from sim.executors.executor import Serial
from sim.streams import stream
from sim.studies.names import load_scenario
from sim.studies.study import study
from tests.targets_file import SCENARIO, write_targets

pytestmark = pytest.mark.slow

UNKNOWN = """\
scenario: here.yaml
parameters:
  dermoscopy.need_per_1000: {low: 1, high: 12, why: made up}
  groups.urban.reach: {}
  dermoscopy.patience_weeks: {}
discrepancy: 0.0
targets:
"""
SPREAD = 0.05
"""Relative error (95 percent) of a made-up published figure."""
HIDDEN = 12
"""Hidden truths that are looked for."""
CALIBRATION = Path(__file__).parents[2] / "scenarios" / "calibration"


def target(output: str, region: str, value: float, spread: float) -> str:
    low, high = value * (1.0 - spread), value * (1.0 + spread)
    return (
        f"  - {{output: {output}, region: {region}, value: {value}, low: {low}, high: {high}, "
        "source: simulated}\n"
    )


def test_hidden_values_are_found_as_often_as_the_intervals_say(tmp_path: Path) -> None:
    """Figures are simulated at values drawn from the prior, and published with their error."""
    asked = [("share_arrived", "all"), ("exams_per_1000", "KEN"), ("exams_per_1000", "RWA")]
    dummy = "".join(target(*one, 0.5, SPREAD) for one in asked)
    blank = read_question(write_targets(tmp_path, UNKNOWN + dummy))
    covered, ranks = 0, []
    for hidden in range(HIDDEN):
        luck = stream(hidden, "hidden truth")
        truth = luck.random((1, len(blank.unknowns)))
        outputs = simulate_points(blank, truth, Serial(), lambda *_: None).outputs[0]
        published = outputs * (1.0 + SPREAD / WITHIN_95 * luck.standard_normal(len(outputs)))
        lines = "".join(
            target(*one, value, SPREAD) for one, value in zip(asked, published, strict=True)
        )
        path = write_targets(tmp_path, UNKNOWN + lines)
        found = calibrate(path, draws=48, seed=hidden, workers=1)
        inside = np.quantile(found.points, [0.05, 0.95], axis=0)
        covered += int(((inside[0] <= truth[0]) & (truth[0] <= inside[1])).sum())
        ranks.append((found.points < truth).mean(axis=0))
    # 86 percent lie between the 5 and 95 percent points of 48 rows; the three intervals of a truth
    # share the error of its figures. Intervals half as wide would hold about 20 of 36
    assert covered >= 25, f"{covered} of {3 * HIDDEN}"
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.2)


def test_without_congestion_need_follows_from_exams_and_reach(tmp_path: Path) -> None:
    """Where there are many more units than needed, exams = need x reach, in closed form."""
    plenty = "overrides: {KEN.scanners_per_million.dermoscopy: {value: 900, source: made up}}\n"
    world = SCENARIO.replace("[KEN, RWA]", "[KEN]") + plenty
    value, spread = 2.0, 0.1
    text = (
        "scenario: here.yaml\nparameters:\n"
        "  dermoscopy.need_per_1000: {low: 1, high: 12, why: made up}\n"
        "discrepancy: 0.0\ntargets:\n" + target("exams_per_1000", "KEN", value, spread)
    )
    path = write_targets(tmp_path, text, scenario=world)
    found = calibrate(path, draws=128, seed=4, workers=1)
    care = study(found.question.scenario).world().care
    reach = float((care.need_per_year * care.reach).sum() / care.need_per_year.sum())
    # the posterior on a grid: likelihood of need x reach, times the triangular prior
    (unknown,) = found.question.unknowns
    quantile = (np.arange(20_000) + 0.5) / 20_000
    need = unknown.at(quantile)
    weight = norm.pdf(need * reach, value, value * spread / WITHIN_95)
    mean = np.average(need, weights=weight)
    sd = np.sqrt(np.average((need - mean) ** 2, weights=weight))
    sample = found.values[:, 0]
    assert sample.mean() == pytest.approx(mean, abs=0.25 * sd)
    assert sample.std() == pytest.approx(sd, rel=0.25)
    assert found.parameters()["verdict"].tolist() == ["constrained"]


def test_what_the_targets_do_not_touch_stays_as_it_was(tmp_path: Path) -> None:
    lines = target("share_arrived", "all", 0.3, 0.1)
    path = write_targets(tmp_path, UNKNOWN + lines)
    found = calibrate(path, draws=128, seed=2, workers=1)
    table = found.parameters().set_index("parameter")
    assert table.loc["dermoscopy.need_per_1000", "verdict"] == "not constrained"
    assert table.loc["dermoscopy.patience_weeks", "verdict"] == "not constrained"
    assert table.loc["groups.urban.reach", "verdict"] == "constrained"


def test_out_of_reach_is_said_and_never_returned(tmp_path: Path) -> None:
    path = write_targets(tmp_path, UNKNOWN + target("exams_per_1000", "KEN", 90.0, 0.1))
    with pytest.raises(NoMatchError, match=r"exams_per_1000 KEN: figure 90, nearest .*\(-"):
        calibrate(path, draws=16, seed=1, workers=1)


def test_the_same_seed_gives_the_same_overlay_whoever_does_the_trials(tmp_path: Path) -> None:
    path = write_targets(tmp_path)
    one = calibrate(path, draws=16, seed=3, workers=1)
    two = calibrate(path, draws=16, seed=3, workers=2)
    cluster = calibrate(path, draws=16, seed=3, cluster="local:2")
    other = calibrate(path, draws=16, seed=4, workers=1)
    written = [
        write_overlay(found, tmp_path / f"{name}.yaml").read_bytes()
        for name, found in (("one", one), ("two", two), ("cluster", cluster), ("other", other))
    ]
    assert written[0] == written[1] == written[2]
    assert written[0] != written[3]


def test_the_command_prints_what_it_found_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = write_targets(tmp_path)
    told = CliRunner().invoke(app, ["calibrate", str(path), "--draws", "16", "--workers", "1"])
    assert told.exit_code == 0, told.output
    assert "groups.urban.reach" in told.output
    assert "exams_per_1000" in told.output
    written = f"Overlay: {tmp_path / 'targets_overlay.yaml'}"
    assert told.output.rstrip().endswith(written)
    assert max(map(len, told.output.removesuffix(f"{written}\n").splitlines())) <= 80
    changed = path.with_name("changed.yaml")
    changed.write_text("extends: here.yaml\noverlays: [targets_overlay.yaml]\n", encoding="utf-8")
    assert len(load_scenario(changed).overrides["groups.urban.reach"].sample) == 16


def test_the_shipped_overlay_brings_the_baseline_nearer_to_what_was_published() -> None:
    """Draws of the scenario with the overlay, beside draws of the one without."""
    question = read_question(CALIBRATION / "ct_targets.yaml")
    figures = question.targets.targets
    value = np.array([one.value for one in figures])
    medians = []
    for name in ("ct.yaml", "ct_calibrated.yaml"):
        scenario = short(load_scenario(CALIBRATION / name), years=1)
        outputs = [
            [OUTPUTS[one.output].of(run, one.scope) for one in figures]
            for run in (study(scenario).simulate("baseline", draw=draw) for draw in range(24))
        ]
        medians.append(np.median(outputs, axis=0))
    before, after = (np.abs(np.log(median / value)) for median in medians)
    assert after.mean() < 0.6 * before.mean()
    assert after.max() < before.max()


def test_the_central_values_of_the_shipped_overlay_fit_together() -> None:
    """The central row is one of the sample, so that correlated inputs stay matched."""
    scenario = short(load_scenario(CALIBRATION / "ct_calibrated.yaml"), years=1)
    run = study(scenario).simulate("baseline")
    for region, low, high in (("CAN", 110, 190), ("USA", 180, 290), ("KEN", 1.5, 6.0)):
        assert low < OUTPUTS["exams_per_1000"].of(run, Scope(region)) < high
